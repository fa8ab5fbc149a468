"""A tall layout as columns side by side: cut where one line alone runs, which leads on at the top of the next column.

 │        ╭──▶ │        A cut lies on a line between whose ends no box stands, no other line runs and no frame begins or ends.
┌┴┐       │   ┌▼┐       It goes through frames, and then through as few as can be, only where the tallest column gets
└┬┘       │   └┬┘       lower by a quarter: each is then drawn in pieces, with its name on each.
 ╰────────╯    ▼
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from generator.diagrams.layout.shapes import Box, Command, Layout, Rect, Wire

LEAD, TAIL = 26.0, 26.0
"""From the top of a column to what the line leads to, and from where it leaves to its turn."""
NAMED, RIM = 22.0, 6.0
"""How much more of both for each frame that is cut: its name, its rim."""
EDGE = 10.0
"""Between a frame that is cut and the line that leads on."""
GUTTER, ROUND = 34.0, 8.0
"""Between two columns, with the line in its middle; radius of the line's corners."""
NEAR = 0.01
"""What two sums of the same numbers may differ by."""
LOWER = 0.75
"""How high the columns are, at most, for which frames are cut: a share of how high they are without."""


@dataclass(frozen=True)
class Cut:
    """A place where the layout may be cut."""

    wire: int
    top: float
    """Where the line begins; what is above it stands in the column before."""
    bottom: float
    frames: tuple[int, ...]
    """Those that are cut through, the outer ones first."""
    tail: float

    @property
    def lead(self) -> float:
        """From the top of the column behind it to the end of the line."""
        return LEAD + NAMED * len(self.frames)


def in_columns(
    laid: Layout, boxes: Sequence[Box], most: int, ahead: Sequence[float], *, through: bool = True
) -> Layout:
    """The layout in `most` columns, fewer where it cannot be cut so often; `ahead` is how far a label reaches behind each box
    along the flow, `through` whether frames may be cut."""
    cuts = _places(laid, ahead)
    chosen: tuple[Cut, ...] = ()
    for deep in sorted({0, *(len(cut.frames) for cut in cuts)} if through else {0}):
        freely = _chosen([cut for cut in cuts if len(cut.frames) <= deep], most, laid.height)
        if not deep or _tallest(freely, laid.height) < LOWER * _tallest(chosen, laid.height):
            chosen = freely
    return _apart(laid, boxes, chosen) if chosen else laid


# ---- where


def _places(laid: Layout, ahead: Sequence[float]) -> list[Cut]:
    """All places where it may be cut, from the top down."""
    spans = [(box.y, box.y + box.height) for box in laid.boxes]
    runs = [_span(wire) for wire in laid.wires]
    found = []
    for k, wire in enumerate(laid.wires):
        top, bottom = runs[k]
        others = (*spans, *runs[:k], *runs[k + 1 :])
        if wire.kind != "trunk" or bottom <= top or any(a < bottom - NEAR and b > top + NEAR for a, b in others):
            continue
        around = [n for n, at in enumerate(laid.frames) if at.y < bottom - NEAR and at.y + at.height > top + NEAR]
        whole = [laid.frames[n] for n in around]
        if not all(_holds(laid, at, top, bottom) for at in whole):
            continue
        tail = max(TAIL, ahead[wire.source] + 4) + RIM * len(around)
        found.append(Cut(k, top, bottom, tuple(around), tail))
    return sorted(found, key=lambda cut: cut.top)


def _span(wire: Wire) -> tuple[float, float]:
    ys = [numbers[n] for _, numbers in wire.path for n in range(1, len(numbers), 2)]
    return min(ys), max(ys)


def _holds(laid: Layout, at: Rect, top: float, bottom: float) -> bool:
    """Whether a frame holds boxes on either side of a line, and all of the line."""
    middles = [box.y + box.height / 2 for box in laid.boxes]
    return any(at.y < y < top for y in middles) and any(bottom < y < at.y + at.height for y in middles)


def _high(first: Cut | None, last: Cut | None, height: float) -> float:
    """Of a column between two cuts."""
    top = 0.0 if first is None else first.bottom - first.lead
    return (height if last is None else last.top + last.tail) - top


def _tallest(cuts: Sequence[Cut], height: float) -> float:
    ends = [None, *cuts, None]
    return max(_high(a, b, height) for a, b in itertools.pairwise(ends))


def _chosen(cuts: Sequence[Cut], most: int, height: float) -> tuple[Cut, ...]:
    """As many cuts as give `most` columns, so that the tallest is as low as can be; of equals the first."""
    ends = [None, *cuts, None]
    count = min(most, len(cuts) + 1)
    best = [_high(None, end, height) for end in ends]  # the tallest column up to each end
    ways: list[list[int]] = []
    for _ in range(count - 1):
        before, now, came = best, [float("inf")] * len(ends), [0] * len(ends)
        for b in range(1, len(ends)):
            for a in range(1, b):
                tall = max(before[a], _high(ends[a], ends[b], height))
                if tall < now[b]:
                    now[b], came[b] = tall, a
        best = now
        ways.append(came)
    found: list[Cut] = []
    at = len(ends) - 1
    for came in reversed(ways):
        at = came[at]
        found.append(cuts[at - 1])
    return tuple(reversed(found))


# ---- apart


def _apart(laid: Layout, boxes: Sequence[Box], cuts: Sequence[Cut]) -> Layout:
    """The columns side by side, and the lines that were cut, led on."""
    tops = [cut.top for cut in cuts]
    columns = [bisect_left(tops, at.y + at.height / 2) for at in laid.boxes]
    runs = [bisect_left(tops, sum(_span(wire)) / 2) for wire in laid.wires]
    pieces = [_pieces(k, at, cuts) for k, at in enumerate(laid.frames)]
    sides = [(float("inf"), 0.0) for _ in (*cuts, None)]

    def cover(column: int, left: float, right: float) -> None:
        sides[column] = min(sides[column][0], left), max(sides[column][1], right)

    for at, box, column in zip(laid.boxes, boxes, columns, strict=True):
        cover(column, at.x, max(at.x + at.width, at.x + at.width / 2 + box.reach))
    for column, rim in (piece for some in pieces for piece in some):
        cover(column, rim.x, rim.x + rim.width)
    for wire, column in zip(laid.wires, runs, strict=True):
        for x in (numbers[n] for _, numbers in wire.path for n in range(0, len(numbers), 2)):
            cover(column, x, x)
    moves, gutters, width = [], [], 0.0
    for cut, (left, right) in zip((None, *cuts), sides, strict=True):
        gutters.append(width + GUTTER / 2)
        width += GUTTER if cut else 0.0
        moves.append((width - left, cut.lead - cut.bottom if cut else 0.0))
        width += right - left
    lines = {cut.wire: n for n, cut in enumerate(cuts)}
    wires = []
    for k, wire in enumerate(laid.wires):
        if k in lines:
            n = lines[k]
            wires.append(_led(wire, cuts[n], moves[n], moves[n + 1], gutters[n + 1]))
        else:
            wires.append(_moved_wire(wire, moves[runs[k]]))
    shifted = [[_moved(rim, moves[column]) for column, rim in some] for some in pieces]
    return Layout(
        tuple(_moved(at, moves[column]) for at, column in zip(laid.boxes, columns, strict=True)),
        tuple(some[0] for some in shifted),
        tuple(wires),
        width,
        _tallest(cuts, laid.height),
        tuple((k, rim) for k, some in enumerate(shifted) for rim in some[1:]),
    )


def _pieces(k: int, at: Rect, cuts: Sequence[Cut]) -> list[tuple[int, Rect]]:
    """(column, rectangle) of what is left of a frame in each column that it reaches into."""
    column = bisect_left([cut.top for cut in cuts], at.y)
    found, top = [], at.y
    while column < len(cuts) and k in cuts[column].frames:
        cut = cuts[column]
        deep = cut.frames.index(k)
        end = cut.top + cut.tail - EDGE - RIM * deep
        found.append((column, Rect(at.x, top, at.width, end - top)))
        top = cut.bottom - cut.lead + EDGE + NAMED * deep
        column += 1
    return [*found, (column, Rect(at.x, top, at.width, at.y + at.height - top))]


def _moved(at: Rect, by: tuple[float, float]) -> Rect:
    return Rect(at.x + by[0], at.y + by[1], at.width, at.height)


def _moved_wire(wire: Wire, by: tuple[float, float]) -> Wire:
    path = tuple(
        (letter, tuple(number + by[n % 2] for n, number in enumerate(numbers))) for letter, numbers in wire.path
    )
    tip = None if wire.tip is None else (wire.tip[0] + by[0], wire.tip[1] + by[1], wire.tip[2])
    return replace(wire, path=path, tip=tip, start=(wire.start[0] + by[0], wire.start[1] + by[1]))


def _led(wire: Wire, cut: Cut, out: tuple[float, float], into: tuple[float, float], gutter: float) -> Wire:
    """Down out of its column, up between the two, and down into the next one."""
    whole = wire.path[-1][1]
    start, stop = (wire.start[0] + out[0], wire.start[1] + out[1]), (whole[-2] + into[0], whole[-1] + into[1])
    low, r = start[1] + cut.tail, ROUND
    path: tuple[Command, ...] = (
        ("M", start),
        ("L", (start[0], low - r)),
        ("Q", (start[0], low, start[0] + r, low)),
        ("L", (gutter - r, low)),
        ("Q", (gutter, low, gutter, low - r)),
        ("L", (gutter, r)),
        ("Q", (gutter, 0.0, gutter + r, 0.0)),
        ("L", (stop[0] - r, 0.0)),
        ("Q", (stop[0], 0.0, stop[0], r)),
        ("L", stop),
    )
    return replace(wire, path=path, tip=None if wire.tip is None else (*stop, wire.tip[2]), start=start)
