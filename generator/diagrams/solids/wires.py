"""The lines between boxes: an arrow to the next, an arc over the top to a later one, and around to another row.

Arcs are right-angled. One inside another lies lower; none runs through a box, a label or a frame that it passes.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.diagrams.architecture import Architecture, Block, Edge
from generator.diagrams.solids.layout import FRAME, TRACK, Layout, Placed
from generator.diagrams.svg import Point

CLEAR, STEP, OFF = 9.0, TRACK, 4.0
"""From a box's top to the arc over it; between arcs; from a ball's middle to where an arc meets it."""


@dataclass
class Arrow:
    """A line with a head: in its `middle` or at its end."""

    points: list[Point]
    middle: bool
    dashed: bool
    after: int
    """It is painted before the box with this number, which may hide its end."""


@dataclass
class Frame:
    """What is drawn around a repeated block, in one row."""

    block: Block
    x: float
    y: float
    width: float
    height: float
    row: int


@dataclass
class Routed:
    """All lines and frames of a layout whose axes were set, and how large the picture is."""

    arrows: list[Arrow]
    frames: list[Frame]
    tops: list[float]
    """The highest point of each row, with its arcs."""


def leaves(item: Placed) -> Point:
    """Where an arc leaves: the middle of the face's upper edge."""
    s = item.solid
    if s.form == "ball":
        return item.x + s.w / 2 + OFF, item.axis - 6.93
    return item.x + s.w + s.dx / 2, item.axis - s.h / 2


def enters(item: Placed) -> Point:
    """Where an arc comes in."""
    s = item.solid
    if s.form == "ball":
        return item.x + s.w / 2 - OFF, item.axis - 6.93
    return item.x + s.dx / 2, item.axis - s.h / 2


def lands(item: Placed, share: float) -> Point:
    """A point of the face's upper edge, at a share of its length: where a line around a block ends, and the next begins."""
    s = item.solid
    if s.form == "ball":
        return leaves(item)
    return item.x + s.w + share * s.dx, item.axis - s.h / 2 + s.dy * (0.5 - share)


def out(item: Placed) -> Point:
    """Where an arrow to the next box starts: the middle of the face."""
    return item.x + item.solid.w + item.solid.dx / 2, item.axis


def over(item: Placed) -> float:
    """The highest that belongs to a box."""
    around = CLEAR if item.op.residual else 0
    return item.top - around - (15 if item.times > 1 or item.op.shared else 0)


def branches(layout: Layout) -> tuple[list[Arrow], list[Point]]:
    """The lines that part in front of branches and meet in the ball behind them, and where they part; axes are set."""
    row = {item.index: group.row for group in layout.groups for item in group.items}
    arrows, dots = [], []
    for fork in layout.forks:
        source, join = layout.placed[fork.source], layout.placed[fork.join]
        x, axis = layout.part(fork), join.axis
        dots.append((x, axis))
        near = row[fork.source] == row[fork.join]
        middle = join.x + join.solid.w / 2
        for start, stop in fork.lanes:
            first, last = layout.placed[start], layout.placed[stop - 1]
            way: list[Point] = [out(source)] if near else []
            way += [(x, axis), (x, first.axis), (first.x, first.axis)]
            arrows.append(Arrow(way, False, False, start))
            end = join.axis - join.solid.w / 2 if last.axis < join.axis else join.axis + join.solid.w / 2
            way = [out(last), (middle, last.axis), (middle, end)]
            if abs(last.axis - join.axis) < join.solid.w / 2:
                way = [out(last), (join.x, last.axis)]
            arrows.append(Arrow(way, False, False, fork.join))
    return arrows, dots


def split(it: Architecture, layout: Layout) -> tuple[list[Edge], list[Edge], list[Edge]]:
    """The edges to the next box, those over others in a row, and those to another row. Boxes that touch need none; those of
    branches are lines of their own, of which one leads to another row where their source is in it."""
    row = {item.op.id: group.row for group in layout.groups for item in group.items}
    number = {item.op.id: item.index for item in layout.placed}
    touching = {b.op.id for group in layout.groups for b in group.items[1:]}
    parted = {(fork.source, start) for fork in layout.forks for start, _ in fork.lanes}
    joined = {(stop - 1, fork.join) for fork in layout.forks for _, stop in fork.lanes}
    first = {fork.lanes[0][0] for fork in layout.forks}
    near, far, across = [], [], []
    for edge in it.edges:
        ends = number[edge.source], number[edge.target]
        if ends in parted and row[edge.source] != row[edge.target] and ends[1] in first:
            across.append(edge)
        elif ends in parted or ends in joined:
            continue
        elif row[edge.source] != row[edge.target]:
            across.append(edge)
        elif number[edge.target] != number[edge.source] + 1:
            far.append(edge)
        elif edge.target not in touching:
            near.append(edge)
    return near, far, across


def arcs(it: Architecture, layout: Layout, edges: list[Edge]) -> Routed:
    """The arcs of all rows, those around blocks that add what they read, and the frames, inner ones first, each over what it passes; axes are as they are set."""
    at = {item.op.id: item for item in layout.placed}
    reads: dict[str, set[str]] = {}
    for edge in it.edges:
        reads.setdefault(edge.target, set()).add(edge.source)
    rows = [[item for g in layout.groups if g.row == row for item in g.items] for row in range(layout.rows)]
    groups = [[group for group in layout.groups if group.row == row] for row in range(layout.rows)]
    before = {item.index + 1: item.op.id for item in layout.placed}
    parted = {start for fork in layout.forks for start, _ in fork.lanes}
    wanted: list[tuple[int, int, int, object]] = []
    for edge in edges:
        a, b = at[edge.source].index, at[edge.target].index
        wanted.append((b - a, a, b, edge))
    wanted += [(1, item.index - 1, item.index, item) for item in layout.placed if item.op.residual]
    wanted += [(b.stop - b.start - 1, b.start, b.stop - 1, b) for b in layout.frames]
    wanted.sort(key=lambda one: one[:3])
    routed = Routed([], [], [min(over(item) for item in row) for row in rows])
    taken: list[tuple[int, float, float, float]] = []  # row, from x, to x, y
    for _, a, b, what in wanted:
        for number, row in enumerate(rows):
            inside = [item for item in row if a <= item.index <= b]
            if not inside:
                continue
            if isinstance(what, Block):
                held = [g for g in groups[number] if a <= g.items[0].index <= b]
                x0, x1 = min(g.x + g.left for g in held) - FRAME + 3, max(g.x + g.right for g in held) + FRAME - 3
                y = _free(number, x0, x1, min(over(item) for item in inside), taken)
                low = max(g.low for g in held)
                routed.frames.append(Frame(what, x0, y, x1 - x0, low + 4 - y, number))
                taken.append((number, x0, x1, y - 14))
                y -= 14
            elif isinstance(what, Placed):
                if what not in inside:
                    continue
                x1, y1 = lands(what, 0.25)
                near = [item for item in inside if item is not what and reads[what.op.id] == {item.op.id}]
                beside = what is row[0] or what.index in parted or before[what.index] in reads[what.op.id]
                if not beside:  # it parts from the line that comes down
                    (x0, _), (x1, y1) = enters(what), lands(what, _beyond(what))
                else:
                    x0, y0 = lands(near[0], 0.75) if near else (what.x - 7, what.axis)
                y = _free(number, x0, x1, min(item.top for item in (*near, what)), taken)
                way = [*([(x0, y0)] if beside else []), (x0, y), (x1, y), (x1, y1)]
                routed.arrows.append(Arrow(way, False, False, b))
                high = y - (
                    15 if what.times > 1 or what.op.shared else 0
                )  # how often it stands there is written over it
                what.arch = y
                taken.append((number, x0 - (not beside), x1, high))
                y = high
            else:
                (x0, y0), (x1, y1) = leaves(inside[0]), enters(inside[-1])
                passed = [over(item) for item in inside[1:-1]] + [inside[0].top, inside[-1].top]
                passed += [over(end) for end in (inside[0], inside[-1]) if end.times > 1]
                y = _free(number, x0, x1, min(passed), taken)
                assert isinstance(what, Edge)
                routed.arrows.append(Arrow([(x0, y0), (x0, y), (x1, y), (x1, y1)], False, what.dashed, b))
                taken.append((number, x0, x1, y))
            routed.tops[number] = min(routed.tops[number], y)
    return routed


def _beyond(item: Placed) -> float:
    """Where on the upper edge of a box's face a line ends that parts from one that comes in from above: not too near to it."""
    s = item.solid
    return min(0.9, max(0.25, 0.5 + (8 - s.w) / s.dx)) if s.dx else 0.25


def upright(layout: Layout, far: list[Edge], across: list[Edge]) -> dict[int, float]:
    """The x of the leftmost line that leaves a box's upper edge or comes down to it, over others or from another row."""
    at = {item.op.id: item for item in layout.placed}
    row = {item.op.id: group.row for group in layout.groups for item in group.items}
    last = {group.row: group.items[-1].index for group in layout.groups}
    first = {group.row: group.items[0].index for group in reversed(layout.groups)}
    found: dict[int, float] = {}
    for edge in (*far, *across):
        a, b, near = at[edge.source], at[edge.target], row[edge.source] == row[edge.target]
        if near or b.index != first[row[edge.target]]:
            found[b.index] = min(found.get(b.index, enters(b)[0]), enters(b)[0])
        if near or a.index != last[row[edge.source]]:
            found[a.index] = min(found.get(a.index, leaves(a)[0]), leaves(a)[0])
    return found


def _free(row: int, x0: float, x1: float, over: float, taken: list[tuple[int, float, float, float]]) -> float:
    y = over - CLEAR
    for number, a, b, height in taken:
        if number == row and a < x1 and x0 < b:
            y = min(y, height - STEP)
    return y


def straight(layout: Layout, edges: list[Edge]) -> list[Arrow]:
    """The arrows to the next box."""
    at = {item.op.id: item for item in layout.placed}
    return [
        Arrow([out(at[e.source]), (at[e.target].x, at[e.target].axis)], True, e.dashed, at[e.target].index)
        for e in edges
    ]


def around(layout: Layout, edges: list[Edge], tops: list[float], left: float, right: float) -> list[Arrow]:
    """The arrows to other rows: out to the right margin, back between the rows, and in from the left or from above.

    Args:
        tops: of each row the y above which nothing is drawn yet.
    """
    at = {item.op.id: item for item in layout.placed}
    parted = {fork.lanes[0][0]: (layout.part(fork), layout.placed[fork.join].axis) for fork in layout.forks}
    row = {item.op.id: g.row for g in layout.groups for item in g.items}
    rows = [[item.index for g in layout.groups if g.row == number for item in g.items] for number in range(layout.rows)]
    free = [top - STEP for top in tops]
    lanes: list[float] = []
    for edge in edges:  # those that leave a row in its middle stay nearer to it than those that come in
        lanes.append(free[row[edge.source]])
        if at[edge.source].index != max(rows[row[edge.source]]):
            free[row[edge.source]] -= STEP
    found = []
    for k, edge in enumerate(edges):
        a, b = at[edge.source], at[edge.target]
        x0, x1, y = left - STEP * k, right + STEP * k, free[row[edge.target]]
        free[row[edge.target]] -= STEP
        if a.index == max(rows[row[edge.source]]):
            way = [out(a), (x1, a.axis)]
        else:
            way = [leaves(a), (leaves(a)[0], lanes[k]), (x1, lanes[k])]
        way.append((x1, y))
        if b.index == min(rows[row[edge.target]]):
            to = parted.get(b.index, (b.x, b.axis))
            way += [(x0, y), (x0, to[1]), to]
        else:
            way += [(enters(b)[0], y), enters(b)]
        found.append(Arrow(way, False, edge.dashed, b.index))
    return found


def lanes_of(layout: Layout, edges: list[Edge]) -> list[int]:
    """How many lines run above each row: those that come in from another, and those that leave its middle."""
    row = {item.op.id: g.row for g in layout.groups for item in g.items}
    last = {g.row: g.items[-1].op.id for g in layout.groups}
    found = [0] * layout.rows
    for edge in edges:
        found[row[edge.target]] += 1
        found[row[edge.source]] += 1 if edge.source != last[row[edge.source]] else 0
    return found
