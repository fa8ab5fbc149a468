"""What a tensor's places see of the input, along height and width, and where these two stand in it.

Height and width stand in a tensor as two dimensions of it, or folded into one, as tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from generator.model.span import Span

Axes = tuple[int, int] | None
NCHW: Axes = (-2, -1)
NHWC: Axes = (-3, -2)


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
