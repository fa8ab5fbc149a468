"""What the rules of receptive fields share: a change done to height and width alike, and what has no rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from generator.model.graph import Node
from generator.model.reach import NCHW, WHOLE, Axes, Reach


def both(reach: Reach, change: Any, y: tuple[Any, ...], x: tuple[Any, ...], axes: Axes = NCHW) -> Reach:
    """`change` done to both spans, with these arguments; what sees everything goes on doing so."""
    return Reach(
        change(reach.y, *y) if reach.y is not None else None, change(reach.x, *x) if reach.x is not None else None, axes
    )


def unknown(node: Node, reads: list[Reach]) -> Reach:
    """Of what has no rule: everything, in maps where it reads maps."""
    kept = node.outputs and len(node.outputs[0].shape) == 4 and any(reach.axes == NCHW for reach in reads)
    return replace(WHOLE, axes=NCHW if kept else None)
