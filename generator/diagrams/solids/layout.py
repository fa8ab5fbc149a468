"""Where each box stands: groups of boxes face to face, in rows that a page is wide enough for.

A group is a run of boxes that touch: each alone reads the one before, and its map is no larger. Between groups there is an
arrow. Rows break between groups, and inside a repeated block only where it is wider than a row. Branches are stacked, each a
row of its own about the axis of what they leave and join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from generator.diagrams.architecture import Architecture, Block, Op
from generator.diagrams.solids.captions import LABEL, LEADING, Caption, caption, levels, side_label
from generator.diagrams.solids.forks import Fork, forks
from generator.diagrams.solids.sizes import THIN, Solid
from generator.diagrams.svg import text_width

MARGIN, FRAME, TRACK = 10.0, 8.0, 9.0
"""Around the picture; around a repeated block; between lines that run side by side."""
SPLIT, BELOW = 12.0, 12.0
"""Before the first boxes of branches, where lines part; between a branch and the next."""


@dataclass
class Placed:
    """An op, its size, and where it stands: x of its front's left edge, y of the axis through its middle."""

    op: Op
    index: int
    solid: Solid
    times: int
    """How often it repeats by itself, outside frames."""
    x: float = 0
    axis: float = 0
    side: str = ""
    """Its spatial size, where it is written."""
    arch: float | None = None
    """How far above the axis of its row the line runs that goes around it, where one does."""

    @property
    def right(self) -> float:
        return self.x + self.solid.w + self.solid.dx

    @property
    def top(self) -> float:
        return self.axis - self.solid.h / 2 - self.solid.dy / 2

    @property
    def bottom(self) -> float:
        return self.axis + self.solid.h / 2 + self.solid.dy / 2


@dataclass
class Group:
    """Boxes that touch, and their labels. `left` and `right` are how far it reaches from its first box's x."""

    items: list[Placed]
    caption: Caption
    labels: list[tuple[float, str, int]] = field(default_factory=list)
    """Channels: (middle from the first box's x, text, level)."""
    pools: list[tuple[float, str, int]] = field(default_factory=list)
    """The same of the sizes of pools that touch what they read: below the channels."""
    left: float = 0
    right: float = 0
    middle: float = 0
    """Where its caption stands, from its first box's x."""
    row: int = 0
    forks: tuple[Fork, ...] = ()
    """Whose branch it is in, or which it joins: the outermost first."""

    def fork(self, level: int = 0) -> Fork | None:
        """That with so many others around it."""
        return self.forks[level] if level < len(self.forks) else None

    def lane_of(self, level: int = 0) -> int:
        """The number of its branch; -1 where it is in none."""
        found = self.fork(level)
        return next((k for k, (a, b) in enumerate(found.lanes if found else ()) if a <= self.items[0].index < b), -1)

    @property
    def lane(self) -> int:
        """The number of the outermost branch that it is in; -1 where it is in none."""
        return self.lane_of()

    @property
    def low(self) -> float:
        """Below its labels and, in a branch, its caption, which stands there and not below the row."""
        return self.bottom + (6 + self.caption.lines * LEADING if self.lane >= 0 and self.caption.lines else 0)

    @property
    def x(self) -> float:
        return self.items[0].x

    @property
    def bottom(self) -> float:
        """Below its labels."""
        below = max(item.bottom for item in self.items)
        return below + 3 + LEADING * max([level + 1 for _, _, level in (*self.labels, *self.pools)], default=0)


@dataclass
class Layout:
    """Everything, placed along the axes; `rows` are not yet stacked."""

    placed: list[Placed]
    groups: list[Group]
    rows: int
    frames: list[Block]
    """Repeated blocks that are open."""
    forks: list[Fork]

    def part(self, fork: Fork) -> float:
        """The x at which the lines to the branches of `fork` part: clear of the labels below their first boxes."""
        starts = {start for start, _ in fork.lanes}
        return min(group.x + group.left for group in self.groups if group.items[0].index in starts) - 8


def laid_out(
    it: Architecture,
    solids: Sequence[Solid],
    *,
    width: float,
    spacing: float,
    labels: bool,
    sizes: bool,
    captions: str,
    angle: tuple[float, float],
) -> Layout:
    """Groups and rows of an architecture whose ops have these sizes, no row wider than `width`; `angle` is (cos, sin)."""
    frames = [b for b in it.blocks if b.times > 1 and b.stop - b.start > 1]
    placed = []
    for index, op in enumerate(it.ops):
        times = op.times
        for block in it.blocks:
            if block.times > 1 and block.start == index and block.stop == index + 1:
                times *= block.times
        placed.append(Placed(op, index, solids[index], times))
    split = forks(it, solids, [(b.start, b.stop) for b in frames])
    runs = _runs(it, placed, frames, split)
    _sides(placed, runs, sizes)
    groups = [_group(run, labels, captions, _prefix(run[0].index, frames), angle, sizes) for run in runs]
    split = _stacked(groups, frames, split, spacing, 0.75 * (width - 2 * MARGIN))
    most, gap = width - 2 * MARGIN, spacing
    rows = _rows(groups, frames, most, gap, True)
    for share in (0.6, 0.5):  # of the spacing, where it makes one row of two
        if rows > 1 and _rows(groups, frames, most, share * spacing, True) == 1:
            rows, gap = 1, share * spacing
    # the lines that go around take room too, and fewer boxes a row make more of them
    for _ in range(4 if rows > 1 else 0):
        most = min(most, width - 2 * (MARGIN + 10 + TRACK * max(2, _crossing(it, groups, split) - 1)))
        rows = _rows(groups, frames, most, gap, True)
    lower = _rows(groups, frames, most, gap, False) > rows
    while rows > 1 and (narrower := most - 20) > 200 and _rows(groups, frames, narrower, gap, lower) == rows:
        most = narrower
    _rows(groups, frames, most, gap, lower)
    return Layout(placed, groups, rows, frames, split)


def _crossing(it: Architecture, groups: list[Group], split: list[Fork]) -> int:
    """How many edges lead from one row to another; all that part there are one."""
    row = {item.op.id: group.row for group in groups for item in group.items}
    others = {it.ops[start].id for fork in split for start, _ in fork.lanes[1:]}
    return sum(1 for edge in it.edges if row[edge.source] != row[edge.target] and edge.target not in others)


def _stacked(groups: list[Group], frames: list[Block], found: list[Fork], spacing: float, most: float) -> list[Fork]:
    """The forks that are no wider than `most`. Their branches stand about the axis, one below the other, in order."""
    kept = []
    for fork in found:
        start = fork.lanes[0][0]
        held = [group for group in groups if start <= group.items[0].index <= fork.join]
        middles = [group.middle for group in held]
        for group in held:
            group.forks = (fork, *group.forks)
            if group.lane >= 0:  # its caption stays clear of the lines in front of it
                group.middle = max(group.middle, group.left + group.caption.width / 2)
        if _put_unit(_units(held)[0], None, frames, spacing, False).items[0].right > most:
            for group, middle in zip(held, middles, strict=True):
                group.forks, group.middle = group.forks[1:], middle
            continue
        kept.append(fork)
        lanes = [[group for group in held if group.lane == k] for k in range(len(fork.lanes))]
        tops = [min(i.top - (15 if i.times > 1 else 0) for g in lane for i in g.items) for lane in lanes]
        highs = [max(group.low for group in lane) - top for lane, top in zip(lanes, tops, strict=True)]
        y = -(sum(highs) + BELOW * (len(highs) - 1)) / 2
        for lane, top, high in zip(lanes, tops, highs, strict=True):
            for group in lane:
                for item in group.items:
                    item.axis += y - top
            y += high + BELOW
    return kept


def _prefix(index: int, frames: list[Block]) -> str:
    """The path of the innermost frame around an op: its name need not be said again."""
    return next((b.path for b in reversed(frames) if b.start <= index < b.stop), "")


def _around(index: int, frames: list[Block]) -> list[Block]:
    return [b for b in frames if b.start <= index < b.stop]


def _runs(it: Architecture, placed: list[Placed], frames: list[Block], split: list[Fork]) -> list[list[Placed]]:
    runs: list[list[Placed]] = []
    first = {start for fork in split for start, _ in fork.lanes}
    for item in placed:
        before = runs[-1][-1] if runs else None
        if (
            before is not None
            and item.index not in first
            and _touch(it, placed, before, item)
            and _around(before.index, frames) == _around(item.index, frames)
        ):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _touch(it: Architecture, placed: list[Placed], a: Placed, b: Placed) -> bool:
    """Whether `b` stands at the face of `a`."""
    if any(one.solid.form != "map" or one.op.kind in ("input", "block") for one in (a, b)):
        return False
    if [edge.source for edge in it.inputs_of[b.op.id]] != [a.op.id]:
        return False
    if a.op.kind in ("pool", "resample"):
        return False
    if (a.solid.h, a.solid.dx) == (b.solid.h, b.solid.dx):
        return True
    after = next((item for item in placed[b.index + 1 :] if item.solid.form != "ball"), None)
    told = after is not None and after.solid.side == b.solid.side  # its own size would have no room
    return told and b.op.kind in THIN and a.solid.h / 2 <= b.solid.h <= a.solid.h and b.solid.dx <= a.solid.dx


def _sides(placed: list[Placed], runs: list[list[Placed]], sizes: bool) -> None:
    """Write a spatial size where a run of equal ones ends in its group, that of a pool in the next; of tokens where it starts."""
    last = {run[-1].index for run in runs}
    shown = [item for item in placed if item.solid.form != "ball"]
    for k, item in enumerate(shown):
        before, after = shown[k - 1] if k else None, shown[k + 1] if k + 1 < len(shown) else None
        if item.solid.form == "tokens":
            told = before is None or before.solid.side != item.solid.side
        else:
            told = after is None or after.solid.side != item.solid.side
            told = told or (item.index in last and item.op.kind not in THIN)
        item.side = item.solid.side if sizes and told else ""


def _group(
    run: list[Placed], labels: bool, captions: str, prefix: str, angle: tuple[float, float], sizes: bool
) -> Group:
    x, right = 0.0, 0.0
    for item in run:
        item.x = x
        reach = item.solid.dx
        if item.side:
            reach = max(reach, side_label(item, angle)[3] - item.x - item.solid.w)
        right = max(right, x + item.solid.w + reach)
        x += item.solid.w
    first = run[0]
    ball = first.solid.form == "ball"
    group = Group(run, caption([] if ball else [i.op for i in run], prefix, "none" if ball else captions))
    if labels and not ball:
        group.labels = _channels(run)
    if sizes:
        group.pools = _pools(run, max([level + 1 for _, _, level in group.labels], default=1))
    halves = [(middle, text_width(text, LABEL) / 2) for middle, text, _ in (*group.labels, *group.pools)]
    group.left = min([middle - half for middle, half in halves], default=0)
    group.left = min(group.left, 0)
    group.right = max([right, *(middle + half for middle, half in halves)])
    group.middle = x / 2
    return group


def _channels(run: list[Placed]) -> list[tuple[float, str, int]]:
    """One label under each run of equal channels; where they are too near, on levels."""
    parts: list[list[Placed]] = []
    for item in run:
        if parts and parts[-1][0].solid.deep == item.solid.deep:
            parts[-1].append(item)
        else:
            parts.append([item])
    middles = [((part[0].x + part[-1].x + part[-1].solid.w) / 2, part[0].solid.deep) for part in parts]
    halves = [text_width(text, LABEL) / 2 for _, text in middles]
    at = levels([(m - half, m + half) for (m, _), half in zip(middles, halves, strict=True)], 2)
    return [(m, text, level) for (m, text), level in zip(middles, at, strict=True)]


def _pools(run: list[Placed], first: int) -> list[tuple[float, str, int]]:
    """The size of each map that is smaller than the one it touches, from level `first` down."""
    found = [b for a, b in pairwise(run) if b.solid.side != a.solid.side]
    middles = [(item.x + item.solid.w / 2, f"{item.op.kind} {item.solid.side}") for item in found]
    halves = [text_width(text, LABEL) / 2 for _, text in middles]
    at = levels([(m - half, m + half) for (m, _), half in zip(middles, halves, strict=True)], 2)
    return [(m, text, first + level) for (m, text), level in zip(middles, at, strict=True)]


def _rows(groups: list[Group], frames: list[Block], most: float, spacing: float, lower: bool) -> int:
    """Place the groups in rows of at most `most`, from x = 0; how many rows these are. With `lower`, a caption may have to
    stand lower than the one beside it."""
    row, end = 0, None
    before: Group | None = None
    for chunk in _chunks(groups, frames):
        if before is not None and len(chunk) > 1 and _end(chunk, before, frames, spacing, lower) > most:
            row, before = row + 1, None
        for unit in _units(chunk):
            last = _put_unit(unit, before, frames, spacing, lower)
            end = last.x + _reach(last)
            if before is not None and end > most:
                row += 1
                last = _put_unit(unit, None, frames, spacing, lower)
            for lane in unit:
                for group in lane:
                    group.row = row
            before = last
    return row + 1


def _units(chunk: list[Group], level: int = 0) -> list[list[list[Group]]]:
    """What is placed at once: a group by itself, or all branches of a fork and the ball that joins them."""
    found: list[list[list[Group]]] = []
    for group in chunk:
        if group.fork(level) is None or not found or found[-1][-1][-1].fork(level) is not group.fork(level):
            found.append([[group]])
        elif found[-1][-1][-1].lane_of(level) == group.lane_of(level):
            found[-1][-1].append(group)
        else:
            found[-1].append([group])
    return found


def _put_unit(
    unit: list[list[Group]], before: Group | None, frames: list[Block], spacing: float, lower: bool, level: int = 0
) -> Group:
    """Place it behind another group, or at the row's start; returns its last group."""
    if len(unit) == 1:
        _put(unit[0][0], before, frames, spacing, lower and (before is None or not before.forks))
        return unit[0][0]
    *lanes, [join] = unit
    for lane in lanes:
        _put(lane[0], before, frames, spacing, False)
    x = max(lane[0].x for lane in lanes) + SPLIT
    far = 0.0
    for lane in lanes:
        _move(lane[0], x)
        last = lane[0]
        for inner in _units(lane[1:], level + 1):
            last = _put_unit(inner, last, frames, spacing, False, level + 1)
        _put(join, last, frames, spacing, False)
        far = max(far, join.x)
    _move(join, far)
    return join


def _chunks(groups: list[Group], frames: list[Block]) -> list[list[Group]]:
    """Groups that stand together: those of an outermost frame."""
    found: list[list[Group]] = []
    for group in groups:
        around = _around(group.items[0].index, frames)[:1]
        last = found[-1][-1] if found else None
        if (last and around and _around(last.items[0].index, frames)[:1] == around) or (
            last and group.forks and last.fork() is group.fork() and not around
        ):
            found[-1].append(group)
        else:
            found.append([group])
    return found


def _end(chunk: list[Group], before: Group, frames: list[Block], spacing: float, lower: bool) -> float:
    for unit in _units(chunk):
        before = _put_unit(unit, before, frames, spacing, lower)
    return before.x + _reach(before)


def _reach(group: Group) -> float:
    return max(group.right, group.middle + group.caption.width / 2) + FRAME


def _put(group: Group, before: Group | None, frames: list[Block], spacing: float, lower: bool) -> None:
    """Place a group behind another one of its row, or at the row's start."""
    half = group.caption.width / 2
    if before is None:
        x = max(-group.left, half - group.middle) + FRAME
    else:
        x = before.x + before.right + spacing - group.left
        a, b = (_around(one.items[0].index, frames) for one in (before, group))
        x += FRAME * sum(1 for block in (*a, *b) if (block in a) != (block in b))
        other = before.caption.width / 2
        apart = (max(half, other) if lower else half + other) + 5
        x = max(x, before.x + before.middle + apart - group.middle)
    _move(group, x)


def _move(group: Group, x: float) -> None:
    by = x - group.x
    for item in group.items:
        item.x += by
