"""Rank correlations between maps as the cells of a table, families of maps beside each other.

The order comes from average linkage: the two groups that agree most on average are joined again and again, each turned so
that the ends that meet are the most alike. It is the same for every image of a report, so that matrices compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from generator.pages.context import Site
from generator.pages.numbers import MINUS
from generator.pages.trust_table import Name, judged, name
from generator.pages.trust_views import Agreement, MapId


@dataclass(frozen=True)
class Matrix:
    """Cells row by row: (text, shade), and the numbers themselves, None where a map has no ranking."""

    of: tuple[Name, ...]
    cells: tuple[tuple[tuple[str, str], ...], ...]
    values: tuple[tuple[float | None, ...], ...]


def matrix(site: Site, slug: str = "") -> Matrix | None:
    """The agreement of one image's maps, or of the set without `slug`; None where it was not computed."""
    trust = judged(site)
    found = trust.agreement.get(slug) if slug else trust.agreement_of_set
    if found is None or not found.of:
        return None
    places = [found.of.index(of) for of in _ordered(found, trust.agreement_of_set)]
    values = tuple(tuple(_value(found.matrix[i][j]) for j in places) for i in places)
    return Matrix(
        tuple(name(site, found.of[k]) for k in places),
        tuple(tuple((text(v), shade(v)) for v in row) for row in values),
        values,
    )


def text(value: float | None) -> str:
    """0.834 -> .83, 1 -> 1, None -> –"""
    if value is None:
        return "–"
    made = f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)
    return made.removesuffix(".00") if abs(round(value, 2)) == 1 else made.replace("0.", ".", 1)


def shade(value: float | None) -> str:
    """p0 … p10 above zero, n1 … n10 below, x where there is no number: steps of a tenth."""
    if value is None:
        return "x"
    step = min(10, round(abs(value) * 10))
    return f"n{step}" if value < 0 and step else f"p{step}"


def _value(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _ordered(found: Agreement, of_set: Agreement | None) -> list[MapId]:
    """The maps of `found` in the order of the set, those that the set does not have last."""
    whole = of_set or found
    known = set(found.of)
    return list(dict.fromkeys([*(whole.of[k] for k in order(whole.matrix) if whole.of[k] in known), *found.of]))


@lru_cache(maxsize=16)
def order(matrix: tuple[tuple[float, ...], ...]) -> tuple[int, ...]:
    """The places 0 … n-1 so that those which agree stand together. NaN counts as no agreement."""
    close = [[v if math.isfinite(v) else 0.0 for v in row] for row in matrix]
    groups = [[k] for k in range(len(close))]
    while len(groups) > 1:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
        a, b = max(pairs, key=lambda pair: _mean(close, groups[pair[0]], groups[pair[1]]))
        left, right = groups[a], groups[b]
        turns = [(one, other) for one in (left, left[::-1]) for other in (right, right[::-1])]
        best = max(turns, key=lambda turn: close[turn[0][-1]][turn[1][0]])
        groups[a] = [*best[0], *best[1]]
        del groups[b]
    return tuple(groups[0]) if groups else ()


def _mean(close: Sequence[Sequence[float]], one: Sequence[int], other: Sequence[int]) -> float:
    return sum(close[i][j] for i in one for j in other) / (len(one) * len(other))
