"""A whole layout: frames into levels, the innermost first, and their places into one plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from generator.diagrams.layout.heads import CLEAR as CLOSE
from generator.diagrams.layout.heads import EDGE, INDENT, beside
from generator.diagrams.layout.level import Link, Placed, Thing, place
from generator.diagrams.layout.reduce import redundant
from generator.diagrams.layout.shapes import ENTRY, EXIT, Box, Command, Frame, Layout, Rect, Spacing, Wire

DENSE = 1.5
"""Edges for each box from which on those that shorten a way are drawn as arcs: lanes would be wider than the network."""
CLEAR = 4.0
"""Pixels between an arc and what it goes around."""
WIDER = 60.0
"""Pixels that a frame gets wider, at most, so that no line runs through its words: where many enter, they run behind."""


@dataclass(eq=False)
class _Level:
    """What stands in one frame."""

    frame: int
    """Its number, -1 for the whole."""
    start: int
    stop: int
    items: list[int | _Level] = field(default_factory=list)
    """Boxes and levels, in order."""
    entries: list[int] = field(default_factory=list)
    """The sources whose lines enter, in order."""
    exits: list[int] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    carried: dict[Link, list[int]] = field(default_factory=dict)
    placed: Placed | None = None


def arrange(
    boxes: Sequence[Box], edges: Sequence[tuple[int, int]], frames: Sequence[Frame] = (), spacing: Spacing | None = None
) -> Layout:
    """Place `boxes`, given in an order in which every edge (a, b) has a < b; outer frames before those they hold."""
    spacing = spacing or Spacing()
    dense = len(edges) > DENSE * len(boxes)
    arcs = redundant(len(boxes), edges) if dense else set()
    root = _nested(len(boxes), frames)
    _carry(root, edges, [k for k in range(len(edges)) if k not in arcs])
    _settle(root, boxes, frames, spacing)
    found: list[Rect] = [Rect(0, 0, 0, 0)] * len(boxes)
    around: list[Rect] = [Rect(0, 0, 0, 0)] * len(frames)
    wires: list[Wire] = []
    placed = root.placed
    assert placed is not None
    _spread(root, placed.left, 0, found, around, wires, boxes)
    width = placed.left + placed.right
    for k in sorted(arcs):
        wire, reach = _arc(k, edges[k], found)
        wires.append(wire)
        width = max(width, reach)
    return Layout(tuple(found), tuple(around), tuple(wires), width, placed.height)


def _nested(count: int, frames: Sequence[Frame]) -> _Level:
    root = _Level(-1, 0, count)
    stack, at = [root], 0
    for k, frame in enumerate(frames):
        at = _fill(stack, at, frame.start)
        level = _Level(k, frame.start, frame.stop)
        stack[-1].items.append(level)
        stack.append(level)
    _fill(stack, at, count)
    return root


def _fill(stack: list[_Level], at: int, upto: int) -> int:
    """Put boxes from `at` on into the innermost open level, closing those that end, until `upto`."""
    while True:
        while len(stack) > 1 and stack[-1].stop <= at:
            stack.pop()
        if at >= upto:
            return at
        stack[-1].items.append(at)
        at += 1


def _carry(root: _Level, edges: Sequence[tuple[int, int]], kept: Sequence[int]) -> None:
    """Note where the edges enter and leave, and which thing of each level they join."""
    way: dict[int, list[tuple[_Level, int]]] = {}

    def walk(level: _Level, above: list[tuple[_Level, int]]) -> None:
        for n, item in enumerate(level.items):
            here = [*above, (level, n)]
            if isinstance(item, _Level):
                walk(item, here)
            else:
                way[item] = here

    walk(root, [])
    inside: list[tuple[_Level, str, int, int, int, int]] = []  # (level, what, item, item, source, edge)
    for k in kept:
        a, b = edges[k]
        common = 0
        while way[a][common] == way[b][common]:
            common += 1
        for level, n in way[a][common + 1 :]:
            if a not in level.exits:
                level.exits.append(a)
            inside.append((level, "exit", n, -1, a, k))
        inside.append((way[a][common][0], "inner", way[a][common][1], way[b][common][1], a, k))
        for level, n in way[b][common + 1 :]:
            if a not in level.entries:
                level.entries.append(a)
            inside.append((level, "entry", -1, n, a, k))
    _sort(root)
    for level, what, one, other, source, k in inside:
        first = len(level.entries)
        a = level.entries.index(source) if what == "entry" else first + one
        b = first + len(level.items) + level.exits.index(source) if what == "exit" else first + other
        link = Link(a, b, source)
        if link not in level.carried:
            level.carried[link] = []
            level.links.append(link)
        level.carried[link].append(k)


def _sort(level: _Level) -> None:
    level.entries.sort()
    level.exits.sort()
    for item in level.items:
        if isinstance(item, _Level):
            _sort(item)


def _settle(level: _Level, boxes: Sequence[Box], frames: Sequence[Frame], spacing: Spacing) -> None:
    """Place what is in a level, after what is in the levels that it holds."""
    for source in level.entries:
        level.things.append(Thing(2, 2, 0, ENTRY, "entry", True, {}, {source: 0}))
    for item in level.items:
        if isinstance(item, _Level):
            _settle(item, boxes, frames, spacing)
            level.things.append(_frame(item, frames[item.frame], spacing))
        else:
            half = boxes[item].width / 2
            level.things.append(Thing(half, half, boxes[item].height, boxes[item].weight, reach=boxes[item].reach))
    for source in level.exits:
        level.things.append(Thing(2, 2, 0, EXIT, "exit", True, {source: 0}, {}))
    level.placed = place(
        level.things,
        level.links,
        spacing,
        framed=level.frame >= 0,
        least=frames[level.frame].height if level.frame >= 0 else 0,
    )


def _frame(level: _Level, frame: Frame, spacing: Spacing) -> Thing:
    """A level as a thing of the one above."""
    placed = level.placed
    assert placed is not None
    left = placed.left + spacing.pad + spacing.before
    right = placed.right + spacing.pad
    more = max(0.0, frame.width - left - right) / 2
    left, right = left + more, right + more
    height = placed.height + (0 if level.exits else spacing.pad)
    first = len(level.entries)
    ins = {source: placed.x[k] for k, source in enumerate(level.entries)}
    if frame.words and ins:
        before, behind = _lacks(frame, left, right, sorted(ins.values()))
        if before + behind <= WIDER:
            left, right = left + before, right + behind
    outs = {source: placed.x[first + len(level.items) + k] for k, source in enumerate(level.exits)}
    weight = sum(thing.weight for thing in level.things if thing.role == "item")
    return Thing(left, right, height, weight, "item", False, ins, outs)


def _lacks(frame: Frame, left: float, right: float, lines: Sequence[float]) -> tuple[float, float]:
    """How much wider a frame must be on its left and on its right for its words to stand between lines at these places: as they
    come, or with the first of them in front of the first line."""
    spans = [(x, x) for x in lines]
    plain = max(0.0, beside(frame.words, INDENT - left, spans)[-1] + EDGE - right)
    before = max(0.0, INDENT + frame.words[0][1] + CLOSE - left - lines[0])
    behind = max(0.0, beside(frame.words, INDENT - left - before, spans)[-1] + EDGE - right)
    return (0.0, plain) if plain <= before + behind else (before, behind)


def _spread(
    level: _Level,
    x: float,
    y: float,
    found: list[Rect],
    around: list[Rect],
    wires: list[Wire],
    boxes: Sequence[Box],
) -> None:
    """Write down where all of a level is, its trunk at `x`, its top at `y`."""
    placed = level.placed
    assert placed is not None
    first = len(level.entries)
    for n, item in enumerate(level.items):
        thing = level.things[first + n]
        at, top = x + placed.x[first + n], y + placed.y[first + n]
        if isinstance(item, _Level):
            around[item.frame] = Rect(at - thing.left, top, thing.left + thing.right, thing.height)
            _spread(item, at, top, found, around, wires, boxes)
        else:
            found[item] = Rect(at - thing.left, top, boxes[item].width, boxes[item].height)
    for k, link in enumerate(level.links):
        path = tuple((letter, _moved(numbers, x, y)) for letter, numbers in placed.paths[k])
        target = level.things[link.b]
        tip = (path[-1][1][-2], path[-1][1][-1], placed.ends[k]) if target.plain and target.role == "item" else None
        kind = "skip" if k in placed.skips else "trunk"
        start = (path[0][1][0], path[0][1][1])
        wires.append(Wire(link.source, tuple(level.carried[link]), path, tip, kind, start))


def _moved(numbers: tuple[float, ...], x: float, y: float) -> tuple[float, ...]:
    return tuple(number + (y if k % 2 else x) for k, number in enumerate(numbers))


def _arc(k: int, edge: tuple[int, int], found: Sequence[Rect]) -> tuple[Wire, float]:
    """From side to side, the further the wider, around what is wide between them; and how far to the right it reaches."""
    a, b = found[edge[0]], found[edge[1]]
    start = (a.x + a.width, a.y + a.height / 2)
    stop = (b.x + b.width, b.y + b.height / 2)
    span = stop[1] - start[1]
    bulge = max(start[0], stop[0]) + 20 + 220 * span / (span + 900)
    path: tuple[Command, ...] = (("M", start), ("C", (bulge, start[1], bulge, stop[1], *stop)))
    least = min(start[0], stop[0])
    beside = [box for box in found[edge[0] + 1 : edge[1]] if box.x + box.width + CLEAR > least]
    if any(_crossed(box, start, stop, bulge) for box in beside):
        bulge = max(box.x + box.width for box in beside) + 20 + 60 * span / (span + 900)
        top = max(start[1], min(box.y for box in beside))
        bottom = min(stop[1], max(box.y + box.height for box in beside))
        out, back = (bulge, start[1], bulge, top), (bulge, stop[1], *stop)
        path = (("M", start), ("Q", out), ("L", (bulge, bottom)), ("Q", back))
    return Wire(edge[0], (k,), path, (*stop, "back"), "arc", start), bulge


def _crossed(box: Rect, start: tuple[float, float], stop: tuple[float, float], bulge: float) -> bool:
    """Whether the curve from `start` to `stop` by way of `bulge` comes too near to a box: it does so at one of its corners."""
    for y in (box.y, box.y + box.height):
        share = min(1.0, max(0.0, (y - start[1]) / (stop[1] - start[1])))
        t = 0.5 - math.sin(math.asin(1 - 2 * share) / 3)  # where 3t² - 2t³ is that share
        x = (1 - t) ** 3 * start[0] + 3 * t * (1 - t) * bulge + t**3 * stop[0]
        if x < box.x + box.width + CLEAR:
            return True
    return False
