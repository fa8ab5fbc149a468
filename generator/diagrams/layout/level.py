"""One level: what stands in one frame, or in none, each thing as a box with its ports.

entry ─┐ layer 0        The longest way is the trunk, at x = 0. Every other chain of things is a strip, packed next to it:
┌───┐  │      1         what runs before the trunk's part on the left, what runs after it on the right. A line that only
└───┘  │ ┌───┐ 2         shortens a way that exists is a skip: it runs in a lane outside all that it passes.
( + ) ◀┘ └───┘ 3
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generator.diagrams.layout.reduce import redundant
from generator.diagrams.layout.shapes import Command, Spacing

LINE = 2.0
"""How far a line reaches on either side."""


@dataclass(frozen=True)
class Thing:
    """A box, a frame with all that is in it, or the place where a line enters or leaves the level."""

    left: float
    """Of its axis, on which lines arrive and leave."""
    right: float
    height: float
    weight: float = 1
    """How many boxes it holds."""
    role: str = "item"
    """``entry``, ``item`` or ``exit``."""
    plain: bool = True
    """Whether lines may end at its side: a box, not a frame."""
    ins: Mapping[int, float] = field(default_factory=dict)
    """source -> how far from the axis its line arrives."""
    outs: Mapping[int, float] = field(default_factory=dict)
    reach: float = 0
    """As in `Box`."""


@dataclass(frozen=True)
class Link:
    """From thing `a` to thing `b`, carrying what box `source` gives."""

    a: int
    b: int
    source: int


@dataclass(frozen=True)
class Placed:
    """Axes and tops of the things, and the lines, around the trunk at x = 0, from y = 0 down."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    left: float
    right: float
    height: float
    paths: tuple[tuple[Command, ...], ...]
    ends: tuple[str, ...]
    """``along`` or ``back``, as in `Wire.tip`."""
    skips: frozenset[int]
    """Numbers of the links that are."""


@dataclass
class _Strip:
    """Things and lines that stand in one column, over the layers `low` to `high`."""

    order: float
    low: int
    high: int
    left: float
    right: float
    side: int = 1
    """-1 left of the trunk, 1 right of it."""
    x: float = 0
    at: dict[int, tuple[float, float]] = field(default_factory=dict)
    """layer -> how far what stands there reaches; beside lines alone there is more room."""

    def reaches(self, low: int, high: int) -> tuple[float, float]:
        """How far it reaches to the left and to the right, over some of its layers."""
        if not self.at:
            return self.left, self.right
        found = [self.at.get(layer, (LINE, LINE)) for layer in range(max(low, self.low), min(high, self.high) + 1)]
        return max(left for left, _ in found), max(right for _, right in found)


def place(
    things: Sequence[Thing], links: Sequence[Link], spacing: Spacing, *, framed: bool, least: float = 0
) -> Placed:
    """Place the `things` of a level; links lead from lower to higher numbers."""
    skips = redundant(len(things), [(link.a, link.b) for link in links])
    spine = [k for k in range(len(links)) if k not in skips]
    layers = _layers(things, links)
    trunk = _trunk(things, links, spine)
    strips, of, runs = _strips(things, links, spine, layers, trunk)
    _sides(strips, layers, trunk)
    lanes, sided = _lanes(things, links, sorted(skips), layers, strips, trunk, spacing)
    _pack(strips, list(lanes.values()), spacing)
    tops, bottoms = _heights(things, layers, spacing, framed, least)
    x = tuple(of[k].x for k in range(len(things)))
    y = tuple((tops[layers[k]] + bottoms[layers[k]] - thing.height) / 2 for k, thing in enumerate(things))
    paths, ends = [], []
    for k, link in enumerate(links):
        a, b = things[link.a], things[link.b]
        start = (x[link.a] + a.outs.get(link.source, 0), y[link.a] + a.height)
        stop = (x[link.b] + b.ins.get(link.source, 0), y[link.b])
        low, high = layers[link.a], layers[link.b]
        if k in skips:
            side = (x[link.b] + b.right, y[link.b] + b.height / 2) if k in sided else None
            paths.append(_around(start, stop, side, lanes[k].x, tops, low, high, spacing.radius))
        else:
            paths.append(_down(start, stop, runs[k].x if k in runs else None, tops, bottoms, low, high))
        ends.append("back" if k in sided else "along")
    everything = [*strips, *lanes.values()]
    left = max([0.0, *(strip.left - strip.x for strip in everything)])
    right = max([0.0, *(strip.right + strip.x for strip in everything)])
    return Placed(x, y, left, right, bottoms[-1] if bottoms else 0, tuple(paths), tuple(ends), frozenset(skips))


def _layers(things: Sequence[Thing], links: Sequence[Link]) -> list[int]:
    """How many steps lead to each thing at most; exits stand last, what reads nothing in front of its first reader."""
    entered = any(thing.role == "entry" for thing in things)
    into: list[list[int]] = [[] for _ in things]
    out: list[list[int]] = [[] for _ in things]
    for link in links:
        into[link.b].append(link.a)
        out[link.a].append(link.b)
    layers: list[int] = []
    for k, thing in enumerate(things):
        first = 0 if thing.role == "entry" or not entered else 1
        layers.append(max([first, *(layers[a] + 1 for a in into[k])]))
    for k in range(len(things) - 1, -1, -1):
        if not into[k] and out[k] and things[k].role == "item":
            layers[k] = max(layers[k], min(layers[b] for b in out[k]) - 1)
    last = max([0, *(layer for layer, thing in zip(layers, things, strict=True) if thing.role != "exit")]) + 1
    return [last if thing.role == "exit" else layer for layer, thing in zip(layers, things, strict=True)]


def _trunk(things: Sequence[Thing], links: Sequence[Link], spine: Sequence[int]) -> list[int]:
    """The way on which the most boxes stand; of equals, the one that ran first."""
    best = [thing.weight for thing in things]
    before = [-1 for _ in things]
    into: list[list[int]] = [[] for _ in things]
    for k in spine:
        into[links[k].b].append(links[k].a)
    for b, thing in enumerate(things):
        for a in into[b]:
            if best[a] + thing.weight > best[b]:
                best[b], before[b] = best[a] + thing.weight, a
    at = -1
    for k in range(len(things)):
        if at < 0 or best[k] > best[at]:
            at = k
    found = []
    while at >= 0:
        found.append(at)
        at = before[at]
    return found[::-1]


def _strips(
    things: Sequence[Thing], links: Sequence[Link], spine: Sequence[int], layers: Sequence[int], trunk: Sequence[int]
) -> tuple[list[_Strip], list[_Strip], dict[int, _Strip]]:
    """All strips, the trunk's first; the strip of each thing; and of each link that passes layers, the one it runs in."""
    out = [0 for _ in things]
    into = [0 for _ in things]
    for k in spine:
        out[links[k].a] += 1
        into[links[k].b] += 1
    on_trunk = set(trunk)
    main = _Strip(-1, layers[trunk[0]], layers[trunk[-1]], 0, 0)
    strips, of = [main], [main for _ in things]
    feeds = {links[k].b: links[k].a for k in spine}
    for k, thing in enumerate(things):
        if k not in on_trunk:
            a = feeds.get(k, -1)
            if into[k] == 1 and out[a] == 1 and a not in on_trunk:
                of[k] = of[a]
            else:
                # what enters or leaves beside the trunk does so on the right
                order = k if thing.role == "item" else len(things) + k
                of[k] = _Strip(order, layers[k], layers[k], 0, 0)
                strips.append(of[k])
        strip = of[k]
        strip.low, strip.high = min(strip.low, layers[k]), max(strip.high, layers[k])
        left, right = strip.at.get(layers[k], (0.0, 0.0))
        strip.at[layers[k]] = max(left, thing.left), max(right, thing.right, thing.reach)
        strip.left, strip.right = max(strip.left, thing.left), max(strip.right, thing.right, thing.reach)
    runs: dict[int, _Strip] = {}
    for k in spine:
        a, b = links[k].a, links[k].b
        low, high = layers[a] + 1, layers[b] - 1
        if low > high:
            continue
        if a in on_trunk and b in on_trunk and trunk.index(b) == trunk.index(a) + 1:
            strip = main
        elif out[a] == 1 and a not in on_trunk:
            strip = of[a]
        elif into[b] == 1 and b not in on_trunk:
            strip = of[b]
        else:
            strip = _Strip(a + 0.5, low, high, 2, 2)
            strips.append(strip)
        strip.low, strip.high = min(strip.low, low), max(strip.high, high)
        runs[k] = strip
    return strips, of, runs


def _sides(strips: Sequence[_Strip], layers: Sequence[int], trunk: Sequence[int]) -> None:
    """What ran before the part of the trunk beside it goes to the left."""
    for strip in strips[1:]:
        beside = [n for n in trunk if strip.low <= layers[n] <= strip.high]
        if beside and strip.order < beside[0]:
            strip.side = -1


def _lanes(
    things: Sequence[Thing],
    links: Sequence[Link],
    skips: Sequence[int],
    layers: Sequence[int],
    strips: Sequence[_Strip],
    trunk: Sequence[int],
    spacing: Spacing,
) -> tuple[dict[int, _Strip], set[int]]:
    """A lane for each skip; and those that end at the side of their box, which is where nothing stands right of it."""
    lanes, sided = {}, set()
    half = spacing.lane / 2
    for k in skips:
        b = links[k].b
        free = all(strip.side < 0 or not strip.low <= layers[b] <= strip.high for strip in strips[1:])
        if b in trunk and things[b].plain and things[b].role == "item" and free:
            sided.add(k)
        low, high = layers[links[k].a] + 1, layers[b] - (0 if k in sided else 1)
        lanes[k] = _Strip(high - low, low, high, half, half)
    return lanes, sided


def _pack(strips: Sequence[_Strip], lanes: Sequence[_Strip], spacing: Spacing) -> None:
    """Give each strip its x, from the trunk outwards, as near to it as what stands there lets it."""
    left = sorted((strip for strip in strips[1:] if strip.side < 0), key=lambda strip: -strip.order)
    right = sorted((strip for strip in strips[1:] if strip.side > 0), key=lambda strip: strip.order)
    for side, group in ((-1, left), (1, [*right, *sorted(lanes, key=lambda lane: (lane.order, lane.low))])):
        placed = [strips[0]]
        for strip in group:
            far = 0.0
            for other in placed:
                if other.low <= strip.high and strip.low <= other.high:
                    there, here = other.reaches(strip.low, strip.high), strip.reaches(other.low, other.high)
                    reach = side * other.x + (there[1] if side > 0 else there[0])
                    far = max(far, reach + _room(other, strip, spacing) + (here[0] if side > 0 else here[1]))
            strip.x = far * side
            placed.append(strip)


def _room(one: _Strip, other: _Strip, spacing: Spacing) -> float:
    """What lies between two strips: less where one is but a line."""
    lines = (one.left + one.right <= spacing.lane) + (other.left + other.right <= spacing.lane)
    return (spacing.side, spacing.lane / 2, 0)[lines]


def _heights(
    things: Sequence[Thing], layers: Sequence[int], spacing: Spacing, framed: bool, least: float
) -> tuple[list[float], list[float]]:
    """Top and bottom of each layer."""
    count = max([-1, *layers]) + 1
    high = [0.0] * count
    exits = 0
    for layer, thing in zip(layers, things, strict=True):
        high[layer] = max(high[layer], thing.height)
        exits += thing.role == "exit"
    entered = any(thing.role == "entry" for thing in things)
    tops: list[float] = []
    bottoms: list[float] = []
    at = spacing.head + spacing.pad if framed and not entered else 0.0
    for layer in range(count):
        tops.append(at)
        bottoms.append(at + high[layer])
        at += high[layer] + spacing.gap
        if layer == 0 and framed and entered:
            at += spacing.head - spacing.gap / 4
        if exits and layer == count - 2:
            at -= spacing.gap / 2 if exits == 1 else spacing.gap / 4
    if count and bottoms[-1] < least:  # what leaves does so at the end
        tops[-1], bottoms[-1] = least - high[-1], least
    return tops, bottoms


def _down(
    start: tuple[float, float],
    stop: tuple[float, float],
    run: float | None,
    tops: Sequence[float],
    bottoms: Sequence[float],
    low: int,
    high: int,
) -> tuple[Command, ...]:
    """Straight along its column, and over to the next one in the second half between two layers: in the first stand texts."""
    found: list[Command] = [("M", start)]
    x, y = start
    for layer in range(low, high):
        to = stop[0] if layer == high - 1 else x if run is None else run
        if to != x:
            top, bottom = (bottoms[layer] + tops[layer + 1]) / 2, tops[layer + 1]
            middle = (top + bottom) / 2
            found.append(("L", (x, top)))
            found.append(("C", (x, middle, to, middle, to, bottom)))
            x, y = to, bottom
    if y != stop[1]:
        found.append(("L", stop))
    return tuple(found)


def _around(
    start: tuple[float, float],
    stop: tuple[float, float],
    side: tuple[float, float] | None,
    lane: float,
    tops: Sequence[float],
    low: int,
    high: int,
    radius: float,
) -> tuple[Command, ...]:
    """Out to the lane below the layer that it leaves, and in again at the side of its box or above it."""
    found: tuple[Command, ...] = (("M", start), *_over(start[0], lane, tops[low + 1] - 16, radius))
    if side is not None:
        x, y = side
        return (*found, ("L", (lane, y - radius)), ("Q", (lane, y, lane - radius, y)), ("L", (x, y)))
    return (*found, *_over(lane, stop[0], tops[high] - 16, radius), ("L", stop))


def _over(x: float, to: float, y: float, radius: float) -> tuple[Command, ...]:
    """From a line down at `x` to one down at `to`, whichever is on the left, at height `y`; as round as there is room for."""
    r = min(radius, abs(to - x) / 2)
    on = r if to > x else -r
    return ("L", (x, y - r)), ("Q", (x, y, x + on, y)), ("L", (to - on, y)), ("Q", (to, y, to, y + r))
