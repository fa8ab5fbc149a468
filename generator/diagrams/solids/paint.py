"""A layout as shapes: rows are stacked, boxes get their faces, lines their heads, and everything its words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from generator.diagrams.architecture import Architecture, Op, OpKind, shape_words
from generator.diagrams.palette import DIM, EDGES, FILLS, INK, LINE, SHARED, mixed, tint
from generator.diagrams.scene import Area, Close, Disc, Open, Photo, Scene, Wire, Words
from generator.diagrams.solids.captions import CLASS, LABEL, LEADING, NAME, levels, side_label, tail
from generator.diagrams.solids.layout import MARGIN, Group, Layout, Placed
from generator.diagrams.solids.sizes import BAND, rounded
from generator.diagrams.solids.wires import (
    STEP,
    Arrow,
    Frame,
    arcs,
    around,
    branches,
    lanes_of,
    split,
    straight,
    upright,
)
from generator.diagrams.svg import Point, text_width
from generator.diagrams.words import span

HEAD, BETWEEN, ASIDE = 7.0, 16.0, 4.0
"""Length of an arrow's head; room between rows; from a line to what is written beside it."""
WORDS: Mapping[OpKind, str] = {
    "input": "input",
    "conv": "convolution",
    "norm": "normalisation",
    "act": "activation",
    "pool": "pooling",
    "linear": "linear",
    "attention": "attention",
    "merge": "sum or join",
    "softmax": "softmax",
    "resample": "resampling",
    "block": "block",
    "other": "other",
}


@dataclass(frozen=True)
class Look:
    """How it is to look."""

    fills: Mapping[OpKind, str]
    edges: Mapping[OpKind, str]
    opacity: float
    angle: float
    legend: bool
    picture: str


def painted(it: Architecture, layout: Layout, look: Look) -> Scene:
    """The scene of a layout, whose axes are set here."""
    near, far, across = split(it, layout)
    routed = arcs(it, layout, far)
    lanes = lanes_of(layout, across)
    track = STEP * max(0, len(across) - 1)
    left = MARGIN + (track + 10 if across else 0)
    for item in layout.placed:
        item.x += left
    aside = upright(layout, far, across)
    for arrow in routed.arrows:
        arrow.points = [(x + left, y) for x, y in arrow.points]
    for frame in routed.frames:
        frame.x += left
    edge = max(
        [max(g.x + g.right, g.x + g.middle + g.caption.width / 2) for g in layout.groups]
        + [frame.x + frame.width for frame in routed.frames]
    )
    scene = Scene(edge + MARGIN + (track + 10 if across else 0))
    y = MARGIN
    notes: list[Words | Wire] = []
    tops: list[float] = []
    axes: list[float] = []
    for row in range(layout.rows):
        groups = [group for group in layout.groups if group.row == row]
        frames = [frame for frame in routed.frames if frame.row == row]
        axis = y + STEP * lanes[row] + (6 if lanes[row] else 0) - routed.tops[row]
        axes.append(axis)
        tops.append(axis + routed.tops[row])
        for group in groups:
            for item in group.items:
                item.axis += axis
        for frame in frames:
            frame.y += axis
        base = max([g.bottom for g in groups if g.lane < 0] + [f.y + f.height for f in frames]) + 6
        words, y = _captions([g for g in groups if g.lane < 0], base)
        notes += words
        for group in groups:
            if group.lane >= 0:
                said, low = _captions([group], group.bottom)
                notes += said
                y = max(y, low)
        y += BETWEEN
    for arrow in routed.arrows:
        axis = axes[_row_of(layout, arrow.after)]
        arrow.points = [(x, at + axis) for x, at in arrow.points]
    wrapped = around(layout, across, tops, left - 4, edge + 6)
    for frame in routed.frames:
        _frame(scene, frame, layout, [*routed.arrows, *wrapped])
    inner = straight(layout, near)
    parted, dots = branches(layout)
    for item in layout.placed:
        for arrow in inner + wrapped + parted:
            if arrow.after == item.index:
                _arrow(scene, arrow, layout, look)
        _box(scene, item, look, axes[_row_of(layout, item.index)], aside.get(item.index, math.inf))
    for arrow in routed.arrows:
        _arrow(scene, arrow, layout, look)
    for dot in dots:
        scene.add(Disc(dot, 3, LINE, LINE, "ca-head"))
    for group in layout.groups:
        _labels(scene, group, look)
    scene.add(*notes)
    scene.height = y - BETWEEN + MARGIN
    if look.legend:
        _legend(scene, layout, look)
    return scene


def _row_of(layout: Layout, index: int) -> int:
    return next(g.row for g in layout.groups if any(item.index == index for item in g.items))


def _captions(groups: list[Group], base: float) -> tuple[list[Words | Wire], float]:
    """The captions of a row from y = `base` down, on as many levels as they need, and the y below them."""
    said = [group for group in groups if group.caption.lines]
    middles = [group.x + group.middle for group in said]
    at = levels([(m - g.caption.width / 2, m + g.caption.width / 2) for m, g in zip(middles, said, strict=True)], 5)
    tops = [base]
    for level in range(max(at, default=-1) + 1):
        lines = max(g.caption.lines for g, where in zip(said, at, strict=True) if where == level)
        tops.append(tops[-1] + lines * LEADING + 4)
    found: list[Words | Wire] = []
    for group, middle, level in zip(said, middles, at, strict=True):
        if level:
            found.append(Wire(((middle, group.bottom + 3), (middle, tops[level] + 1)), LINE, "ca-line", 0.5))
        y = tops[level] + LEADING - 2
        for line in group.caption.names:
            found.append(Words((middle, y), line, NAME, INK, "ca-ink"))
            y += LEADING
        for line in group.caption.classes:
            found.append(Words((middle, y), line, CLASS, DIM, "ca-dim"))
            y += LEADING
    return found, tops[-1]


def _box(scene: Scene, item: Placed, look: Look, axis: float, line: float) -> None:
    """A box with what stands over it: left of the `line` there."""
    s, op = item.solid, item.op
    kind = op.kind if s.form != "ball" else "merge"
    fill, edge = look.fills[kind], look.edges[kind]
    scene.add(Open(said_of(item), "ca-op", op.id))
    if s.form == "ball":
        centre = (item.x + s.w / 2, item.axis)
        ring = s.bands[-1] if s.bands else None
        if ring:
            scene.add(Disc(centre, s.w / 2 + 2, look.fills[ring], look.edges[ring], f"ca-k-{ring}"))
        scene.add(Disc(centre, s.w / 2, fill, edge, f"ca-k-{kind}"))
        _sign(scene, s.sign, centre)
    else:
        top = item.axis + s.dy / 2 - s.h / 2
        cuts = [0.0, *(s.w - BAND * k for k in range(len(s.bands), -1, -1))]
        for k, (x0, x1) in enumerate(pairwise(cuts)):
            kind = (op.kind, *s.bands)[k]
            _slab(scene, item, (item.x + x0, item.x + x1, top), kind, look, k == len(cuts) - 2)
        if op.kind == "input" and look.picture and not op.learned:
            x = item.x + s.w
            scene.add(Photo((x, top), s.dx, s.h, -look.angle, s.dy, look.picture))
            face = ((x, top), (x + s.dx, top - s.dy), (x + s.dx, top - s.dy + s.h), (x, top + s.h))
            scene.add(Area(face, "none", edge, "ca-line"))
    top = item.top if item.arch is None else axis + item.arch
    middle = item.x + (s.w + s.dx) / 2
    if item.times > 1:
        times = f"×{item.times}"
        middle = min(middle, line - ASIDE - text_width(times, 11, bold=True) / 2)
        scene.add(Words((middle, top - 4), times, 11, INK, "ca-ink", bold=True))
    if op.shared and s.form != "ball":
        at = middle - 22 if item.times > 1 else min(middle, line - ASIDE - 6.5)
        _share(scene, (at, top - 8), op.shared)
    scene.add(Close())


def _share(scene: Scene, at: Point, number: int) -> None:
    """The number of those that share weights."""
    scene.add(Disc(at, 6.5, tint(number), tint(number), "ca-share"))
    scene.add(Words((at[0], at[1] + 3.2), str(number), 9, "#ffffff", "ca-share-n", bold=True))


def _slab(scene: Scene, item: Placed, at: tuple[float, float, float], kind: OpKind, look: Look, last: bool) -> None:
    """The front, the top and, of the last, the right face of a part of a box from x0 to x1."""
    x0, x1, top = at
    s, fill, edge = item.solid, look.fills[kind], look.edges[kind]
    low, up = top + s.h, top - s.dy

    def face(corners: tuple[Point, ...], colour: str, name: str) -> None:
        scene.add(Area(corners, colour, edge, f"ca-k-{kind} ca-{name}", look.opacity, dashed=item.op.missing))

    face(((x0, top), (x1, top), (x1, low), (x0, low)), fill, "front")
    face(((x0, top), (x0 + s.dx, up), (x1 + s.dx, up), (x1, top)), mixed(fill, "#ffffff", 0.45), "top")
    if last:
        face(((x1, top), (x1 + s.dx, up), (x1 + s.dx, low - s.dy), (x1, low)), mixed(fill, "#000000", 0.09), "side")


def _sign(scene: Scene, sign: str, centre: Point) -> None:
    (x, y), r = centre, 4.5
    strokes: dict[str, tuple[tuple[float, float, float, float], ...]] = {
        "+": ((-r, 0, r, 0), (0, -r, 0, r)),
        "−": ((-r, 0, r, 0),),
        "×": ((-3.2, -3.2, 3.2, 3.2), (-3.2, 3.2, 3.2, -3.2)),
        "∥": ((-2, -r, -2, r), (2, -r, 2, r)),
        "÷": ((-r, 0, r, 0), (0, -3.9, 0, -2.5), (0, 2.5, 0, 3.9)),
        "max": ((-r, 2.5, 0, -2.5), (0, -2.5, r, 2.5)),
    }
    for a, b, c, d in strokes[sign]:
        scene.add(Wire(((x + a, y + b), (x + c, y + d)), INK, "ca-ink-line", 1.25))


def _labels(scene: Scene, group: Group, look: Look) -> None:
    below = max(item.bottom for item in group.items)
    for middle, text, level in group.labels:
        own = max(
            (i.bottom for i in group.items if i.x - group.x <= middle <= i.x - group.x + i.solid.w), default=below
        )
        y = (own if len(group.labels) == 1 else below) + LABEL + 1 + level * LEADING
        scene.add(Words((group.x + middle, y), text, LABEL, INK, "ca-ink"))
    for middle, text, level in group.pools:
        y = below + LABEL + 1 + level * LEADING
        scene.add(Words((group.x + middle, y), text, LABEL, DIM, "ca-dim"))
    angle = (rounded(math.cos(math.radians(look.angle))), rounded(math.sin(math.radians(look.angle))))
    for item in group.items:
        if item.side:
            x, y, slanted, _ = side_label(item, angle)
            scene.add(Words((x, y), item.side, LABEL, DIM, "ca-dim", "start", -look.angle if slanted else 0))


def _arrow(scene: Scene, arrow: Arrow, layout: Layout, look: Look) -> None:
    points = arrow.points
    scene.add(Wire(tuple(points), LINE, "ca-line", 1.75, arrow.dashed))
    (x0, y0), (x1, y1) = points[-2:]
    tip: Point = (x1, y1)
    if arrow.middle:
        before = layout.placed[arrow.after - 1]
        tip = ((min(before.right, x1 - HEAD) + x1 + HEAD) / 2, y1)
    dx, dy = (1 if x1 > x0 else 0), (1 if y1 > y0 else -1 if y1 < y0 else 0)
    (x, y), wide = tip, 3.5
    corners = (
        (x, y),
        (x - HEAD * dx + wide * dy, y - HEAD * dy + wide * dx),
        (x - HEAD * dx - wide * dy, y - HEAD * dy - wide * dx),
    )
    scene.add(Area(corners, LINE, "", "ca-head"))


def _frame(scene: Scene, frame: Frame, layout: Layout, lines: Sequence[Arrow]) -> None:
    """Dashed, with how many there are and their names above, up to the first of the `lines` that comes down through these."""
    x, y, x1, y1 = frame.x, frame.y, frame.x + frame.width, frame.y + frame.height
    scene.add(Wire(((x, y), (x1, y), (x1, y1), (x, y1), (x, y)), LINE, "ca-frame", 1, True))
    times = f"×{frame.block.times}"
    block = frame.block
    name = span(
        [block.id if block.op else layout.placed[block.start].op.id, block.last], block.times + 1 - bool(block.op)
    )
    start = x + 8 + text_width(times, 11, bold=True)
    scene.add(Words((x + 2, y - 4), times, 11, INK, "ca-ink", "start", 0, True))
    ends = [x1]
    for line in lines:
        for (a, high), (b, low) in pairwise(line.points):
            if a == b and start < a < x1 and min(high, low) < y - 2 and max(high, low) > y - 13:
                ends.append(a - 3)
    room = max(0, min(ends) - start)
    both = f"{name} · {block.op}"
    words = both if block.op and text_width(both, NAME) <= room else tail(name, room)
    if words:
        scene.add(Words((start, y - 4), words, NAME, DIM, "ca-dim", "start"))


def _legend(scene: Scene, layout: Layout, look: Look) -> None:
    """One line, or several, of the kinds that there are."""
    kinds = {"merge" if item.solid.form == "ball" else item.op.kind for item in layout.placed}
    kinds |= {kind for item in layout.placed for kind in item.solid.bands}
    x, y = MARGIN, scene.height + 6
    for kind in FILLS:
        if kind not in kinds or kind not in WORDS or kind == "input":
            continue
        wide = 14 + text_width(WORDS[kind], LABEL) + 14
        if x > MARGIN and x + wide > scene.width:
            x, y = MARGIN, y + LEADING + 2
        corners = ((x, y - 8), (x + 9, y - 8), (x + 9, y + 1), (x, y + 1))
        scene.add(Area(corners, look.fills[kind], look.edges[kind], f"ca-k-{kind}"))
        scene.add(Words((x + 14, y), WORDS[kind], LABEL, DIM, "ca-dim", "start"))
        x += wide
    if shared := [item.op.shared for item in layout.placed if item.op.shared]:
        if x > MARGIN and x + 28 + text_width(SHARED, LABEL) > scene.width:
            x, y = MARGIN, y + LEADING + 2
        _share(scene, (x + 4.5, y - 3.5), min(shared))
        scene.add(Words((x + 14, y), SHARED, LABEL, DIM, "ca-dim", "start"))
    scene.height = y + MARGIN


def said_of(item: Placed) -> str:
    """A box's tooltip."""
    op: Op = item.op
    said = [op.id if not op.last else f"{op.id} … {op.last}", op.op, shape_words(op.shape)]
    said += [part.op for part in op.parts[1:]] if op.kind != "block" else []
    said += [f"×{item.times}"] if item.times > 1 else []
    said += [f"{name} {value}" for name, value in op.attributes if name in ("kernel", "stride")]
    said += [f"{op.parameters:,} parameters"] if op.parameters else []
    said += [op.note] if op.note else []
    return " · ".join(said)


def colours(words: str) -> tuple[Mapping[OpKind, str], Mapping[OpKind, str]]:
    """Fills and edges, with those of `words` instead: ``conv=#ffd28a pool=#b6d7a8``; an edge is its fill, darker."""
    fills, edges = dict(FILLS), dict(EDGES)
    for word in words.replace(",", " ").split():
        kind, _, colour = word.partition("=")
        good = len(colour) == 7 and colour[0] == "#" and all(c in "0123456789abcdef" for c in colour[1:].lower())
        if kind not in FILLS or not good:
            raise ValueError(f"colours: `{word}` is no KIND=#rrggbb; kinds are {', '.join(FILLS)}")
        fills[kind] = colour.lower()  # type: ignore[index]
        edges[kind] = mixed(colour.lower(), "#000000", 0.5)  # type: ignore[index]
    return fills, edges
