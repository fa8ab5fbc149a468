"""What the places of one axis see of the input: equal intervals, one `jump` apart.

input  . . . . . . . . . . .      place 0 sees lo..hi (pixel k has its centre at k)
        └──0──┘                   place i sees lo + i jump .. hi + i jump
            └──1──┘               size = hi - lo + 1, offset = (lo + hi) / 2

Where a map was enlarged, neighbours share what they are made from: places see intervals that are equal only every so many of
them. Then lo..hi holds what each of them sees, and `phases` tells how much less that is, in turn:

coarse   └──0──┘ └──1──┘          enlarged twice, place 0 and 1 see 0..4, place 2 and 3 see 4..8; the jump is 2:
fine     └──0──┘ └──2──┘          lo = -2, hi = 4, phases = ((2, 0), (0, -2))
         └──1──┘ └──3──┘
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from generator.names import Phases, pixel

MOST = 1024
"""Phases of a span, at most: where there would be more, all places are told the interval that holds what any of them sees."""
_NEAR = 1e-6


@dataclass(frozen=True)
class Span:
    """What place 0 of an axis sees at most, in input pixels, and the distance to what place 1 sees: negative in a mirrored map."""

    lo: float
    hi: float
    jump: float
    phases: Phases = ()

    @property
    def size(self) -> int:
        """Pixels that a place sees, of those that see most, rounded up."""
        most = max((end - start for start, end in self.phases), default=0)
        return math.ceil(self.hi - self.lo + most + 1 - _NEAR)

    @property
    def offset(self) -> float:
        """The centre of what place 0 sees, where all see as much as any."""
        return (self.lo + self.hi) / 2

    @property
    def uneven(self) -> Phases:
        """How far what each place in turn sees begins and ends from `size` pixels about `offset` + place x `jump`."""
        more = (self.size - 1 - (self.hi - self.lo)) / 2
        return tuple((_clean(start + more), _clean(end - more)) for start, end in self.phases)

    def at(self, place: int) -> tuple[float, float]:
        """The first and the last pixel that a place sees."""
        start, end = self.phases[place % len(self.phases)] if self.phases else (0.0, 0.0)
        return pixel(self.lo + place * self.jump + start), pixel(self.hi + place * self.jump + end)

    def over(self, first: int, last: int) -> tuple[float, float]:
        """The first and the last pixel that any of these places sees."""
        turn = max(1, len(self.phases))  # what lies a turn or more from both ends lies within what the ends see
        places = range(first, last + 1)
        found = [self.at(place) for place in {*places[:turn], *places[-turn:]}]
        return min(lo for lo, _ in found), max(hi for _, hi in found)

    def window(self, reach: int, stride: int, before: int) -> Span:
        """Read through a sliding window of `reach` places, the first of them `before` places ahead of place 0."""
        if self.phases:
            return self.read([(-before, reach - 1 - before)], stride)
        ends = (-before * self.jump, (reach - 1 - before) * self.jump)
        return Span(self.lo + min(ends), self.hi + max(ends), self.jump * stride)

    def read(self, windows: Sequence[tuple[int, int]], step: int | Fraction) -> Span:
        """Place i reads the old places windows[i][0]..windows[i][1], and is `step` of them on from place i - 1.

        Place i + len(windows) reads those len(windows) x `step` further on; where that is no whole number, the windows are those of
        all the places there are.
        """
        old, many, turns, moved = self, len(windows), 1, 0
        if (len(windows) * step).denominator == 1:
            moved = int(len(windows) * step)
            turns = len(old.phases) // math.gcd(len(old.phases), moved) if old.phases else 1
            if many * turns > MOST:
                old, turns = Span(self.lo, self.hi, self.jump), 1
        seen = [old.over(first + turn * moved, last + turn * moved) for turn in range(turns) for first, last in windows]
        return told(seen, self.jump * float(step))

    def repeated(self, times: int) -> Span:
        """Each place as so many that see the same."""
        return self.read([(0, 0)] * times, Fraction(1, times))

    def spread(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> Span:
        """Each place lays a kernel over places that are `stride` times as many, as a transposed convolution does.

        Place o is made from the old places i with o = stride i - padding + dilation t, of t from 0 to kernel - 1; where the
        kernel leaves gaps, one that nothing is laid over is told what lies nearest before it.
        """
        windows = []
        for place in range(stride):
            laid = [place + padding - dilation * tap for tap in range(kernel)]
            old = [at // stride for at in laid if at % stride == 0] or [(place + padding) // stride]
            windows.append((min(old), max(old)))
        return self.read(windows, Fraction(1, stride))

    def between(self, scale: Fraction, start: Fraction, places: int, taps: int = 2) -> Span:
        """Place i, of so many, lies at `start` + i x `scale` among the old ones and reads the nearest `taps` (an even number)
        about it; just that one where it lies on one."""
        many = min(scale.denominator, places)
        windows = []
        for place in range(many):
            where = start + place * scale
            before, more = math.floor(where), taps // 2 - 1
            windows.append((before, before) if where == before else (before - more, before + 1 + more))
        return self.read(windows, scale)

    def pooled(self, places: int, out: int) -> Span:
        """So many places read in `out` windows, as adaptive pooling has them: as even as whole places allow."""
        common = math.gcd(places, out)
        windows = [(k * places // out, -(-(k + 1) * places // out) - 1) for k in range(out // common)]
        return self.read(windows, Fraction(places, out))

    def flipped(self, places: int) -> Span:
        """Counted from the other end: the jump changes its sign."""
        if self.phases:
            return told([self.at(places - 1 - place) for place in range(len(self.phases))], -self.jump)
        far = (places - 1) * self.jump
        return Span(self.lo + far, self.hi + far, -self.jump)


def told(seen: Sequence[tuple[float, float]], jump: float) -> Span:
    """The span whose first places see these intervals, those after them the same in turn."""
    starts, ends = [lo - k * jump for k, (lo, _) in enumerate(seen)], [hi - k * jump for k, (_, hi) in enumerate(seen)]
    lo, hi = min(starts), max(ends)
    phases = [(_clean(start - lo), _clean(end - hi)) for start, end in zip(starts, ends, strict=True)]
    turn = next(
        n for n in range(1, len(phases) + 1) if len(phases) % n == 0 and phases == phases[:n] * (len(phases) // n)
    )
    kept = () if phases[:turn] == [(0, 0)] or turn > MOST else tuple(phases[:turn])
    return Span(_clean(lo), _clean(hi), jump, kept)


def _clean(value: float) -> float:
    """Without what rounding left behind: what is seen begins and ends at pixels, or at simple parts of them."""
    return round(value, 9) + 0.0


def union(spans: Sequence[tuple[Span | None, int]]) -> Span | None:
    """All that any of the spans sees, at the first place and at the last of `places`."""
    known = [span for span, _ in spans if span is not None]
    if len(known) < len(spans):
        return None
    lo, hi, jump = min(s.lo for s in known), max(s.hi for s in known), known[0].jump
    if all(math.isclose(span.jump, jump) for span in known):
        turn = math.lcm(*(max(1, len(span.phases)) for span in known))
        if turn == 1 or turn > MOST:
            return Span(lo, hi, jump)
        both = [[span.at(place) for span in known] for place in range(turn)]
        return told([(min(a for a, _ in each), max(b for _, b in each)) for each in both], jump)
    last = max(places for _, places in spans) - 1
    if last < 1 or len({span.jump < 0 for span in known}) > 1:
        return None
    end_lo, end_hi = min(s.lo + last * s.jump for s in known), max(s.hi + last * s.jump for s in known)
    half, start, end = max(hi - lo, end_hi - end_lo) / 2, (lo + hi) / 2, (end_lo + end_hi) / 2
    return Span(start - half, start + half, (end - start) / last)
