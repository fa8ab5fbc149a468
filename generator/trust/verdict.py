"""The verdict: from numbers beside the baselines', and the sanity check, to what a reader should take away.

paired differences ─▶ better, worse or undecided than each baseline ─▶ sentences
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from generator.trust.metrics import DECIDING, Metric, metric
from generator.trust.sanity import KEPT, Finding
from generator.trust.statistics import difference

FEWEST = 6
"""Images from which a difference can be told from chance: were there none, all of five would still agree in direction
once in 16 times (2 / 2^5), of six once in 32, which is below 5 %."""

Standing = Literal["better", "worse", "undecided"]
"""Beside a baseline, by the interval of the paired difference: to the good side of zero, to the bad side, or around it."""


@dataclass(frozen=True)
class Row:
    """What is known of one method's maps."""

    title: str
    n: int
    """Images that it was judged on, beside the baselines."""
    beside: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    """Baseline, as in BASELINES -> metric -> standing."""
    sanity: Finding | None = None
    """None where the check was not made, or could not say."""
    kept: float | None = None
    """The rank correlation of its maps with the trained model's when the classifier alone is random."""


RANDOM, EDGES = BASELINES = ("random_map", "sobel_edges")


def standing(of: Metric, mine: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Standing:
    """How a method's numbers stand beside a baseline's, image by image (NaN where an image has none).

    Undecided on fewer than `FEWEST` images, however much they agree.
    """
    gap = difference(mine, theirs, seed)
    if gap.n < FEWEST or gap.low <= 0 <= gap.high:
        return "undecided"
    return "better" if (gap.mean > 0) == (of.better == "higher") else "worse"


def won(row: Row, baseline: str) -> tuple[str, ...]:
    """The deciding metrics by which it does better than a baseline."""
    return tuple(name for name in DECIDING if row.beside.get(baseline, {}).get(name) == "better")


def sentences(rows: Sequence[Row], checked: int = 0) -> tuple[str, ...]:
    """What to take away of the methods in `rows`, baselines left out. `checked` is of how many images the sanity check
    was made, 0 where it was not."""
    if not rows:
        return ()
    compared = _compared(rows)
    first, *more = _faithful(rows, compared)
    return (first, *_sane(rows, checked), *more, *_left(rows, compared, checked))  # a page may show the first few alone


def _compared(rows: Sequence[Row]) -> tuple[str, ...]:
    """The deciding metrics by which some row stands beside both baselines."""
    return tuple(
        name for name in DECIDING if all(any(name in row.beside.get(base, {}) for row in rows) for base in BASELINES)
    )


def _faithful(rows: Sequence[Row], compared: tuple[str, ...]) -> list[str]:
    if not compared:
        needed = _joined([metric(name).title for name in DECIDING], "or")
        return [
            f"No map stands beside a random map and the picture's edges by {needed}: nothing says whether one is better than "
            "these. Add the methods random_map and sobel_edges, and one of these numbers under trust.metrics, where they are missing."
        ]
    n = max(row.n for row in rows)
    if n < FEWEST:
        images = "no image" if n == 0 else "one image" if n == 1 else f"{n} images"
        return [
            f"Judged on {images}: too few to tell any difference between maps from chance, which takes {FEWEST} at least. "
            "The numbers describe these images alone."
        ]
    judged = [row for row in rows if row.n >= FEWEST]
    by: dict[tuple[str, ...], list[Row]] = {}
    over_random: list[Row] = []
    none: list[Row] = []
    for row in judged:
        over_edges = set(won(row, EDGES))
        over_both = tuple(name for name in won(row, RANDOM) if name in over_edges)
        if over_both:
            by.setdefault(over_both, []).append(row)
        else:
            (over_random if won(row, RANDOM) else none).append(row)
    said = []
    for names in sorted(by, key=len, reverse=True):
        only = "" if len(names) == len(compared) else " only"
        said.append(
            f"{_titles(by[names])} {_verb(by[names], 'does', 'do')} better than both a random map and the picture's edges "
            f"by {_joined([metric(name).title for name in names])}{only}: over {_range(by[names])} images the 95 % intervals of the paired "
            "differences leave out zero."
        )
    if not by:
        said.append(
            f"Over {_range(judged)} images no map can be shown to do better than both a random map and the picture's edges, by "
            f"{_joined([metric(name).title for name in compared], 'or')}."
        )
    if over_random:
        said.append(
            f"{_titles(over_random)} {_verb(over_random, 'does', 'do')} better than a random map, but cannot be shown to do "
            "better than the picture's edges, which know nothing of the model."
        )
    if none:
        said.append(f"{_titles(none)} cannot be shown to do better than a random map.")
    few = [row for row in rows if row.n < FEWEST]
    if few:
        said.append(f"{_titles(few)} {_verb(few, 'was', 'were')} judged on too few images to tell.")
    return said


def _sane(rows: Sequence[Row], checked: int) -> list[str]:
    if not checked:
        return []
    on = "one image" if checked == 1 else f"{checked} images"
    said = []
    for kind, why in (
        ("insensitive", "with the upper half of the layers random, the classifier among them, the maps are still largely "
         "the same, so they do not explain what was decided, whatever they score"),
        ("picture", "with every weight random the maps are still largely the same, so they show the picture rather than "
         "what the model learnt"),
    ):  # fmt: skip
        failed = [row for row in rows if row.sanity == kind]
        if failed:
            said.append(f"{_titles(failed)} failed the sanity check on {on}: {why}.")
    blind = [row for row in rows if row.sanity == "passed" and row.kept is not None and row.kept > KEPT]
    if blind:
        said.append(
            f"{_titles(blind)} {_verb(blind, 'keeps its map', 'keep their maps')} when the classifier alone is random: they "
            "show what the layer finds, hardly which class."
        )
    unknown = [row for row in rows if row.sanity is None]
    if unknown and len(unknown) < len(rows):
        said.append(f"The sanity check says nothing of {_titles(unknown)}: there was no map to compare.")
    if not any(row.sanity in ("insensitive", "picture") for row in rows) and not unknown:
        said.append(f"No map failed the sanity check on {on}.")
    return said


def _left(rows: Sequence[Row], compared: tuple[str, ...], checked: int) -> list[str]:
    """The methods that nothing speaks against."""
    if not compared or max(row.n for row in rows) < FEWEST:
        return []
    whole = [
        row
        for row in rows
        if row.n >= FEWEST and row.sanity == "passed" and won(row, RANDOM) == compared == won(row, EDGES)
    ]
    if not checked:
        return ["No sanity check was made, so none of this says that a map depends on what the model learnt."]
    if not whole:
        return ["No method passes all of these tests."]
    return [
        f"{_titles(whole)} {_verb(whole, 'passes', 'pass')} all of these tests. That does not prove a map right; it is what "
        "these images can show."
    ]


def _range(rows: Sequence[Row]) -> str:
    """The images that the rows were judged on: ``8``, or ``6 to 8``."""
    few, many = min(row.n for row in rows), max(row.n for row in rows)
    return str(many) if few == many else f"{few} to {many}"


def _titles(rows: Sequence[Row]) -> str:
    return _joined([row.title for row in rows])


def _verb(rows: Sequence[Row], one: str, many: str) -> str:
    return one if len(rows) == 1 else many


def _joined(names: Sequence[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
