"""Curves of the sanity check as small drawings on one scale: what is left of a map as the weights become random.

1 ●╮            ●──────●   an edge detector, which never saw the model
  │ ╰─╮
0 ┴───●──●──●   trained ▶ all random
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from generator.pages.context import Site
from generator.pages.numbers import MINUS
from generator.pages.trust_table import Name, judged, name
from generator.pages.trust_views import MapId, SanityCurve

WIDTH, HEIGHT = 200.0, 84.0
"""Of a drawing, in its own units; the curve runs edge to edge."""
VERDICTS = (("failed", False), ("undecided", None), ("passed", True))


@dataclass(frozen=True)
class Drawing:
    """One method's curve."""

    of: MapId
    name: Name
    verdict: str
    """passed, failed or undecided"""
    path: str
    """An SVG path; it breaks where a map was flat."""
    points: tuple[tuple[float, float], ...]
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    last: str
    n: int
    why: str = ""
    """few, near, split or "": what leaves it undecided."""


@dataclass(frozen=True)
class Sanity:
    """All curves, those that failed first."""

    stages: tuple[str, ...]
    drawings: tuple[Drawing, ...]
    faint: tuple[Drawing, ...]
    """The baselines' own curves, drawn behind each of the others."""
    floor: float
    """The lowest value of the scale; its highest is 1."""
    zero: float
    """Where zero lies, from the top."""

    def with_verdict(self, verdict: str) -> list[Drawing]:
        """Those with one verdict."""
        return [d for d in self.drawings if d.verdict == verdict]


def sanity(site: Site) -> Sanity | None:
    """The curves of the report, or None where there are none."""
    trust = judged(site)
    if not trust.sanity:
        return None
    known = [v for curve in trust.sanity for v in curve.correlations if math.isfinite(v)]
    lowest = min(known, default=0.0)
    floor = next(f for f in (0.0, -0.2, -0.5, -1.0) if lowest > f - 0.02 or f == -1.0)
    drawn = [_drawing(site, curve, floor) for curve in trust.sanity]
    faint = [
        next((d for c, d in zip(trust.sanity, drawn, strict=True) if c.of.method == b), None) for b in trust.baselines
    ]
    ranked = sorted((d for d in drawn if not d.name.baseline), key=lambda d: [v for v, _ in VERDICTS].index(d.verdict))
    return Sanity(
        trust.stages, tuple(ranked), tuple(d for d in faint if d is not None), floor, round(HEIGHT / (1 - floor), 2)
    )


def _drawing(site: Site, curve: SanityCurve, floor: float) -> Drawing:
    values = tuple(float(v) if math.isfinite(v) else None for v in curve.correlations)
    texts = tuple("–" if v is None else f"{round(v, 2) + 0.0:.2f}".replace("-", MINUS) for v in values)
    places = [None if v is None else _place(k, v, len(values), floor) for k, v in enumerate(values)]
    return Drawing(
        curve.of,
        name(site, curve.of),
        next(word for word, passed in VERDICTS if passed is curve.passed),
        _path(places),
        tuple(p for p in places if p is not None),
        values,
        texts,
        next((t for t in reversed(texts) if t != "–"), "–"),
        curve.n,
        curve.why,
    )


def _place(k: int, value: float, count: int, floor: float) -> tuple[float, float]:
    x = WIDTH * k / max(1, count - 1)
    y = HEIGHT * (1 - (min(1.0, max(floor, value)) - floor) / (1 - floor))
    return round(x, 1), round(y, 1)


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    """M and L commands; a gap where a place is missing."""
    parts = [f"M{p[0]:g} {p[1]:g}" for p in places[:1] if p]
    for before, here in pairwise(places):
        if here:
            parts.append(f"{'L' if before else 'M'}{here[0]:g} {here[1]:g}")
    return "".join(parts)
