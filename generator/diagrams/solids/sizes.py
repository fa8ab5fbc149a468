"""How large each op is drawn: compressive and automatic, from the shapes that were traced.

map (c, h, w)     a box: height from h, depth from w, width from c
tokens (n, f)     a slab: height from n, width from f
vector (f,)       a thin tall bar: height from f
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from generator.diagrams.architecture import Op, OpKind, Shape
from generator.diagrams.solids.captions import WIDEST, shortened

Scale = Literal["log", "sqrt", "linear"]
Form = Literal["map", "tokens", "vector", "unknown", "ball"]
THIN: tuple[OpKind, ...] = ("pool", "resample", "norm", "act", "softmax")
"""Their channels are those of what they read: a thin box says what happens, not how many."""
BAND, BALL, SMALLEST = 3.0, 8.0, 5.0


@dataclass(frozen=True)
class Solid:
    """An op's size in pixels. A box is `w` wide, `h` high, and goes `dx` to the right and `dy` up into the depth."""

    form: Form
    w: float
    h: float
    dx: float
    dy: float
    bands: tuple[OpKind, ...] = ()
    """Kinds of the bands at its right end, from left to right, each `BAND` wide."""
    sign: str = ""
    """In a ball: ``+``, ``×``, ``−``, ``÷``, ``max`` or ``∥``."""
    side: str = ""
    """Its spatial size in words: ``56×56``, ``197 tokens``."""
    deep: str = ""
    """Its channels or features in words; where its shape is not known, what it does."""


@dataclass(frozen=True)
class Scales:
    """What sizes are measured with."""

    height: float
    """Of the largest map, in pixels."""
    thickness: float
    """Of the box with the most channels."""
    slant: float
    """How long depth is drawn, of its length."""
    angle: float
    """Of depth, in degrees above the horizontal."""
    scale: Scale
    channels: Scale
    side: int
    """The largest side of a map or number of tokens."""
    most: int
    """The most channels of a map or features of a token."""
    longest: int
    """The most features of a vector."""
    square: bool
    """Whether the input is square, so that maps are."""


def measured(ops: Sequence[Op]) -> tuple[int, int, int, bool]:
    """The largest side, the most channels, the most features of a vector, and whether the input is square."""
    side = most = longest = 1
    square = all(op.shape[-2:-1] == op.shape[-1:] for op in ops if op.kind == "input" and not op.learned)
    for op in ops:
        form, c, h, w = extent(op.shape, square)
        if form == "vector":
            longest = max(longest, c)
        elif form != "unknown":
            side, most = max(side, h, w if form == "map" else 1), max(most, c)
    return side, most, longest, square


def extent(shape: Shape, square: bool) -> tuple[Form, int, int, int]:
    """Its form and (channels, height, width). Where maps are `square`, it is told where channels stand: (56, 56, 96) has 96."""
    if len(shape) == 1:
        return "vector", shape[0], 1, 1
    if len(shape) == 2:
        return "tokens", shape[1], shape[0], 1
    if len(shape) >= 3:
        c, h, w = shape[-3:]
        return ("map", w, c, h) if square and c == h != w and len(shape) == 3 else ("map", c, h, w)
    return "unknown", 1, 1, 1


def solid(op: Op, by: Scales) -> Solid:
    """How large `op` is drawn."""
    sign = sign_of(op)
    form, c, h, w = extent(op.shape, by.square)
    side = f"{h}×{w}" if form == "map" else f"{h:,} token{'' if h == 1 else 's'}" if form == "tokens" else ""
    deep = f"{c:,}" if form != "unknown" else shortened(op.op.removeprefix("F."), WIDEST)
    if sign:
        return Solid("ball", 2 * BALL, 2 * BALL, 0, 0, bands(op), sign, side, deep)
    cos, sin = rounded(math.cos(math.radians(by.angle))), rounded(math.sin(math.radians(by.angle)))
    more = BAND * len(bands(op))
    if form == "vector":
        tall, wide, far = by.height * share(c, by.longest, by.scale), 9 + more, 8.0
    elif form == "unknown":
        tall, wide, far = 0.25 * by.height, 10 + more, 0.25 * by.height * by.slant
    else:
        tall = by.height * share(h, by.side, by.scale)
        wide = (6 if op.kind in THIN else max(SMALLEST, by.thickness * share(c, by.most, by.channels))) + more
        far = by.slant * by.height * share(w, by.side, by.scale) if form == "map" else 8.0
        wide = 4 if op.kind == "input" else wide
    far = rounded(max(4, far))
    return Solid(
        form, rounded(wide), rounded(max(8, tall)), rounded(far * cos), rounded(far * sin), bands(op), "", side, deep
    )


def bands(op: Op) -> tuple[OpKind, ...]:
    """The normalisation and activation that are drawn with it."""
    return tuple(part.kind for part in op.parts[1:] if part.kind in ("norm", "act")) if op.kind != "block" else ()


def share(value: int, largest: int, scale: Scale) -> float:
    """How much of the largest a value is drawn as; ln(1 + x), for ln(1) would vanish."""
    if scale == "log":
        return math.log(1 + value) / math.log(1 + largest)
    return math.sqrt(value / largest) if scale == "sqrt" else value / largest


def sign_of(op: Op) -> str:
    """What stands in its ball, where it joins tensors; empty for what is a box."""
    said = op.op.lower().removeprefix("f.").lstrip("_")
    if op.kind != "merge":
        said = said.removeprefix("i") if said in ("iadd", "imul", "isub", "idiv") else said
        return {"add": "+", "mul": "×", "sub": "−", "div": "÷"}.get(said, "") if op.kind == "other" else ""
    how = dict(op.attributes).get("operation", "").lower()
    for words, sign in (("cat stack", "∥"), ("mul prod", "×"), ("max", "max"), ("sub", "−"), ("div", "÷")):
        if any(word in said or word in how for word in words.split()):
            return sign
    return "+"


def rounded(value: float) -> float:
    """To hundredths, as `num` writes it: so that a logarithm that differs in its last bit moves nothing."""
    return math.floor(value * 100 + 0.5) / 100
