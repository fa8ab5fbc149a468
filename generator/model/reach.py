"""What the places of one axis see of the input: equal intervals, one `jump` apart.

input  . . . . . . . . . . .      place 0 sees lo..hi (pixel k has its centre at k)
        └──0──┘                   place i sees lo + i jump .. hi + i jump
            └──1──┘               size = hi - lo + 1, offset = (lo + hi) / 2

Where height and width stand in a tensor travels along: as two dimensions of it, or folded into one, as tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

Axes = tuple[int, int] | None
NCHW: Axes = (-2, -1)
NHWC: Axes = (-3, -2)


@dataclass(frozen=True)
class Span:
    """What place 0 of an axis sees, in input pixels, and the distance to what place 1 sees: negative in a mirrored map."""

    lo: float
    hi: float
    jump: float

    @property
    def size(self) -> int:
        """Pixels seen, rounded up."""
        return math.ceil(self.hi - self.lo + 1 - 1e-6)

    @property
    def offset(self) -> float:
        """The centre of what place 0 sees."""
        return (self.lo + self.hi) / 2

    def window(self, reach: float, stride: float, before: float) -> Span:
        """Read through a sliding window of `reach` places, the first of them `before` places ahead of place 0."""
        ends = (-before * self.jump, (reach - 1 - before) * self.jump)
        return Span(self.lo + min(ends), self.hi + max(ends), self.jump * stride)

    def flipped(self, places: int) -> Span:
        """Counted from the other end: the jump changes its sign."""
        far = (places - 1) * self.jump
        return Span(self.lo + far, self.hi + far, -self.jump)

    def finer(self, factor: float, taps: int, shift: float | None = None) -> Span:
        """Enlarged `factor` times, each place from `taps` neighbours; `shift` moves place 0, in old places."""
        centre = self.offset + (0.5 / factor - 0.5 if shift is None else shift) * self.jump
        half = (self.hi - self.lo + (taps - 1) * abs(self.jump)) / 2
        return Span(centre - half, centre + half, self.jump / factor)


@dataclass(frozen=True)
class Tokens:
    """Height and width folded into the dimension `axis`, counted from the end: `prefix` tokens without a place (a class
    token), then the grid row by row, then what else there may be."""

    axis: int
    height: int
    width: int
    prefix: int = 0

    @property
    def stop(self) -> int:
        """The number of the first token after the grid."""
        return self.prefix + self.height * self.width


@dataclass(frozen=True)
class Reach:
    """A tensor's spans along height and width (None: the whole input) and where these stand in it: the dimensions,
    counted from the end, or tokens; neither where that is not known."""

    y: Span | None
    x: Span | None
    axes: Axes
    tokens: Tokens | None = None

    @property
    def dims(self) -> tuple[int, ...]:
        """The dimensions that hold places: two, the one of the tokens, or none."""
        return self.axes or (() if self.tokens is None else (self.tokens.axis,))

    def at(self, dims: tuple[int, ...]) -> Reach:
        """The same, its places moved to the dimensions `dims`."""
        if self.tokens is not None:
            return replace(self, tokens=replace(self.tokens, axis=dims[0]))
        return replace(self, axes=(dims[0], dims[1]))

    def mixed(self, dims: tuple[int, ...]) -> Reach:
        """After an operation in which the values along `dims` see each other."""
        if self.tokens is not None:
            return replace(self, y=None, x=None) if self.tokens.axis in dims else self
        if self.axes is None:
            return self
        y, x = (None if axis in dims else span for axis, span in zip(self.axes, (self.y, self.x), strict=True))
        return replace(self, y=y, x=x)

    def blind(self) -> Reach:
        """In the same layout, where every place may see everything."""
        return Reach(None, None, self.axes, self.tokens)


WHOLE = Reach(None, None, None)


def union(spans: list[tuple[Span | None, int]]) -> Span | None:
    """All that any of the spans sees, at the first place and at the last of `places`."""
    known = [span for span, _ in spans if span is not None]
    if len(known) < len(spans):
        return None
    lo, hi, jump = min(s.lo for s in known), max(s.hi for s in known), known[0].jump
    if all(math.isclose(span.jump, jump) for span in known):
        return Span(lo, hi, jump)
    last = max(places for _, places in spans) - 1
    if last < 1 or len({span.jump < 0 for span in known}) > 1:
        return None
    end_lo, end_hi = min(s.lo + last * s.jump for s in known), max(s.hi + last * s.jump for s in known)
    half, start, end = max(hi - lo, end_hi - end_lo) / 2, (lo + hi) / 2, (end_lo + end_hi) / 2
    return Span(start - half, start + half, (end - start) / last)
