"""One colour for each kind of operation, the same in every style, table and legend; told apart by the colour-blind too.

A fill is light enough for black text on it. On a dark screen pages recolour by the class ``ca-k-conv``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from generator.diagrams.architecture import OpKind

FILLS: Mapping[OpKind, str] = {
    "input": "#e9ecf3",
    "conv": "#ffd28a",
    "norm": "#cfe0f7",
    "act": "#f6b7a0",
    "pool": "#b6d7a8",
    "linear": "#c9b8ec",
    "attention": "#f3b4d0",
    "merge": "#a9dde0",
    "softmax": "#e3a5a5",
    "resample": "#9fd6bb",
    "reshape": "#eceef2",
    "copy": "#eceef2",
    "block": "#f4f1e6",
    "other": "#dfe3ea",
    "output": "#e9ecf3",
}
EDGES: Mapping[OpKind, str] = {
    "input": "#69738a",
    "conv": "#a86a00",
    "norm": "#3d6aa8",
    "act": "#b04a26",
    "pool": "#4a7d35",
    "linear": "#6644b0",
    "attention": "#a83b72",
    "merge": "#1f7d84",
    "softmax": "#9c3a3a",
    "resample": "#22785a",
    "reshape": "#7c8494",
    "copy": "#7c8494",
    "block": "#85795a",
    "other": "#69738a",
    "output": "#69738a",
}
INK, DIM, LINE = "#12151c", "#596174", "#8a91a3"
"""Text, lesser text, lines between boxes."""
TINTS = ("#a83b72", "#2f62b3", "#22785a", "#8a5600", "#6644b0", "#9c3a3a")
"""Of the numbers on what shares weights, by turns; dark enough for white text."""
DASHES = "4 3"
"""Of lines that could lead elsewhere for another input."""
SHARED = "shared weights"
"""What such a number means, in a legend."""


def tint(number: int) -> str:
    """The colour of a number, which counts from 1."""
    return TINTS[(number - 1) % len(TINTS)]


def mixed(colour: str, other: str, share: float) -> str:
    """`share` of another colour in a colour."""
    found = []
    for k in (1, 3, 5):
        a, b = int(colour[k : k + 2], 16), int(other[k : k + 2], 16)
        found.append(f"{math.floor(a + (b - a) * share + 0.5):02x}")
    return "#" + "".join(found)
