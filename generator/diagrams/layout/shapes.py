"""What a layout is asked for, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

Command = tuple[str, tuple[float, ...]]
"""``("M", (x, y))``, ``("L", (x, y))``, ``("Q", (x1, y1, x, y))`` or ``("C", (x1, y1, x2, y2, x, y))``."""


Words = tuple[tuple[float, float], ...]
"""(gap before it, its width) of each word at a frame's head."""

ENTRY = 0.5
"""Weight of a line that enters a frame: the longest way begins with it, and not with what joins it inside, where that weighs less."""

EXIT = 0.25
"""Weight of a line that leaves a frame: the longest way goes on in it, so that it need not go around what stands beside."""


@dataclass(frozen=True)
class Box:
    """A thing to place: `width` across the flow, `height` along it."""

    width: float
    height: float
    reach: float = 0
    """How far to the right of its middle something stands below it, such as a label."""
    weight: float = 1
    """How much it counts where the longest way is looked for; see `ENTRY`."""


@dataclass(frozen=True)
class Frame:
    """What is around boxes number `start` up to, not including, `stop`; `width` and `height` are its least sizes."""

    start: int
    stop: int
    width: float = 0
    height: float = 0
    words: Words = ()
    """At its head, which the lines that enter run between; see `heads`."""


@dataclass(frozen=True)
class Spacing:
    """Distances, in pixels."""

    gap: float = 36
    """Along the flow, between layers."""
    side: float = 22
    """Across the flow, between boxes."""
    lane: float = 12
    """Across the flow, between lines."""
    pad: float = 12
    """Inside a frame, on its sides."""
    head: float = 20
    """Inside a frame, at its beginning, where its name stands."""
    before: float = 0
    """Inside a frame, on its left, where its name stands in a drawing from left to right."""
    radius: float = 8
    """Of a lane's corners."""


@dataclass(frozen=True)
class Rect:
    """An upright rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Wire:
    """A piece of line. A tensor that crosses a frame is a wire outside it and one inside."""

    source: int
    """The box whose tensor it carries."""
    edges: tuple[int, ...]
    """Numbers of the edges that run along it."""
    path: tuple[Command, ...]
    tip: tuple[float, float, str] | None = None
    """Where an arrow ends on a box and whither it points: ``along`` the flow or ``back`` across it; None at a frame."""
    kind: str = "trunk"
    """``trunk``, ``skip`` (in a lane: there is a longer way, too) or ``arc`` (there are many of them)."""
    start: tuple[float, float] = (0, 0)


@dataclass(frozen=True)
class Layout:
    """Places from (0, 0) to (`width`, `height`)."""

    boxes: tuple[Rect, ...]
    frames: tuple[Rect, ...]
    wires: tuple[Wire, ...]
    width: float
    height: float
    rests: tuple[tuple[int, Rect], ...] = ()
    """(number, place) of the further pieces of frames that stand in several columns; see `columns`."""
