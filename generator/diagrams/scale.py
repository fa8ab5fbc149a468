"""How long a side is drawn: compressive, since a network's sizes lie between 1 and thousands."""

from __future__ import annotations

import math
from typing import Literal

Scale = Literal["log", "sqrt", "linear"]


def grown(value: float, scale: Scale) -> float:
    """The value on the scale; the logarithm is of one more, so that one is still something."""
    if scale == "log":
        return math.log(1 + value)
    return math.sqrt(value) if scale == "sqrt" else value


def sized(value: float, top: float, scale: Scale, largest: float, least: float) -> float:
    """Pixels of a side of `value`, where `top` is `largest` pixels long and none is shorter than `least`."""
    share = grown(value, scale) / grown(top, scale) if top > 0 else 1.0
    return max(least, min(largest, largest * share))
