"""The verdict: from numbers beside the baselines', and the sanity check, to what a reader should take away.

paired differences ─▶ better, worse or undecided than each baseline ─▶ sentences
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from generator.trust.effect import SLIGHT, Reach, amount, span
from generator.trust.metrics import DECIDING, Metric, metric
from generator.trust.sanity import KEPT, NEAR, Doubt, Finding
from generator.trust.statistics import difference

FEWEST = 6
"""Images from which a difference can be told from chance: were there none, all of five would still agree in direction
once in 16 times (2 / 2^5), of six once in 32, which is below 5 %."""
HINT = 20
"""Below so many images a percentile interval holds the true mean in clearly fewer cases than it says (docs/trust.md): what
follows from it is a hint."""

Standing = Literal["better", "worse", "undecided"]
"""Beside a baseline, by the interval of the paired difference: to the good side of zero, to the bad side, or around it."""


class OwnCheck(NamedTuple):
    """``completeness error`` of up to 0.63, where 0.05 is allowed, on 6 of 8 images."""

    fact: str
    worst: float
    limit: float
    images: int
    of: int


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
    doubt: Doubt | None = None
    """Why the finding is none yet; None where it is one."""
    kept: float | None = None
    """The rank correlation of its maps with the trained model's when the classifier alone is random."""
    own: OwnCheck | None = None
    """What its maps' own check says against them; None where nothing."""
    means: Mapping[str, float] = field(default_factory=dict)
    """Of the deciding metrics."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """By how much it is better in each deciding metric than the better of the baselines, image by image, in the mean."""


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


def weighty(row: Row, reach: Reach | None) -> tuple[str, ...]:
    """The deciding metrics by which it does better than both baselines, and by more than a trace."""
    both = _over_both(row)
    return both if reach is None else tuple(name for name in both if not reach.slight(row.gains.get(name, 0.0)))


def _over_both(row: Row) -> tuple[str, ...]:
    return tuple(name for name in won(row, RANDOM) if name in won(row, EDGES))


def sentences(rows: Sequence[Row], checked: int = 0, reach: Reach | None = None) -> tuple[str, ...]:
    """What to take away of the methods in `rows`, baselines left out. `checked` is of how many images the sanity check
    was made, 0 where it was not; `reach` is how far the score moves, None where nobody knows."""
    if reach is not None and reach.still:
        return (
            f"The score does not depend on the picture: whatever is done to the images, it stays at {amount(reach.size)}. So "
            "nothing can be judged, and no map of it means anything. Is the model trained, and are its weights the ones meant?",
        )
    if not rows:
        return () if reach is None else ("No map has a value that stands above the others, so none could be judged.",)
    compared = _compared(rows)
    first, *more = [*_moves(reach), *_faithful(rows, compared, reach)]
    # a page may show the first few alone
    return (first, *_sane(rows, checked), *_broken(rows), *more, *_left(rows, compared, checked, reach))


def _moves(reach: Reach | None) -> list[str]:
    """A warning where the score hardly moves."""
    if reach is None or not reach.barely:
        return []
    return [
        f"The score hardly moves: whatever is done to the images, it changes by {amount(reach.way)} in the mean, and is "
        f"{amount(reach.size)} at most. Every difference between maps is a small part of that."
    ]


def _compared(rows: Sequence[Row]) -> tuple[str, ...]:
    """The deciding metrics by which some row stands beside both baselines."""
    return tuple(
        name for name in DECIDING if all(any(name in row.beside.get(base, {}) for row in rows) for base in BASELINES)
    )


def _faithful(rows: Sequence[Row], compared: tuple[str, ...], reach: Reach | None) -> list[str]:
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
    slight: list[Row] = []
    over_random: list[Row] = []
    none: list[Row] = []
    for row in judged:
        if names := weighty(row, reach):
            by.setdefault(names, []).append(row)
        else:
            (slight if _over_both(row) else over_random if won(row, RANDOM) else none).append(row)
    said = _better(by, judged, compared, " by more than a trace" if slight else "")
    if slight:
        assert reach is not None
        gains = [row.gains[name] for row in slight for name in _over_both(row)]
        said.append(
            f"{_titles(slight)} {_verb(slight, 'is', 'are')} better than both by {span(gains)} only, where the score moves by "
            f"{amount(reach.way)}: below {100 * SLIGHT:g} % of that a difference has no weight, though its interval leaves out zero."
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


def _better(
    by: Mapping[tuple[str, ...], list[Row]], judged: Sequence[Row], compared: tuple[str, ...], much: str
) -> list[str]:
    """Who does better than both baselines, by which numbers and by how much; or that nobody does, by so `much`."""
    said: list[str] = []
    for names in sorted(by, key=len, reverse=True):
        group = by[names]
        only = "" if len(names) == len(compared) else " only"
        hint = ", which on so few is a hint" if max(row.n for row in group) < HINT else ""
        said.append(
            f"{_titles(group)} {_verb(group, 'does', 'do')} better than both a random map and the picture's edges by "
            f"{_joined(_gained(group, names))}{only}: over {_range(group)} images the 95 % intervals of the paired "
            f"differences leave out zero{hint}.{_elsewhere(group, judged, names) if not said else ''}"
        )
    if not by:
        said.append(
            f"Over {_range(judged)} images no map can be shown to do better than both a random map and the picture's edges{much}, by "
            f"{_joined([metric(name).title for name in compared], 'or')}."
        )
    return said


def _gained(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """``Insertion (0.08 to 0.18 more than the better of the two)``, ``ROAD (0.05 more)``."""
    said = []
    for name in names:
        gains = [row.gains[name] for row in rows if name in row.gains]
        than = " than the better of the two" if name == names[0] else ""
        said.append(metric(name).title + (f" ({span(gains)} more{than})" if gains else ""))
    return said


def _elsewhere(group: Sequence[Row], judged: Sequence[Row], names: Sequence[str]) -> str:
    """Whose mean is higher than any of the group's: to be the only one shown to be better is not to be the best."""
    said = ""
    for name in names:
        best = max((row for row in judged if name in row.means), key=lambda row: row.means[name], default=None)
        mine = max((row.means[name] for row in group if name in row.means), default=None)
        if best is not None and mine is not None and best.means[name] > mine:
            said += (
                f" The highest mean {metric(name).title} is that of {best.title}: "
                f"{best.means[name]:.3g} against {mine:.3g}."
            )
    return said


def _sane(rows: Sequence[Row], checked: int) -> list[str]:
    if not checked:
        return []
    on = "one image" if checked == 1 else f"{checked} images"
    said = []
    for kind, why in (
        ("insensitive", "with the upper layers random, the classifier among them, the maps are still largely "
         "the same, so they do not explain what was decided, whatever they score"),
        ("picture", "with every weight random the maps are still largely the same, so they show the picture rather than "
         "what the model learnt"),
    ):  # fmt: skip
        failed = [row for row in rows if row.sanity == kind and row.doubt is None]
        if failed:
            said.append(f"{_titles(failed)} failed the sanity check on {on}: {why}.")
    said += _doubtful(rows)
    sure = [row for row in rows if row.sanity == "passed" and row.doubt != "few"]
    blind = [row for row in sure if row.kept is not None and row.kept > KEPT]
    if blind:
        said.append(
            f"{_titles(blind)} {_verb(blind, 'keeps its map', 'keep their maps')} when the classifier alone is random: "
            f"{_verb(blind, 'it shows', 'they show')} what the layer finds, hardly which class."
        )
    unknown = [row for row in rows if row.sanity is None]
    if unknown and len(unknown) < len(rows):
        said.append(f"The sanity check says nothing of {_titles(unknown)}: there was no map to compare.")
    if all(row.sanity == "passed" and row.doubt is None for row in rows):
        said.append(f"No map failed the sanity check on {on}.")
    return said


def _doubtful(rows: Sequence[Row]) -> list[str]:
    """What the sanity check leaves undecided, and why."""
    said = []
    few = [row for row in rows if row.doubt == "few"]
    if few:
        whom = "" if len(few) == len([row for row in rows if row.sanity]) else f" for {_titles(few)}"
        kept = [row for row in few if row.sanity != "passed"]
        hint = (
            f"on that one {_titles(kept)} kept {_verb(kept, 'its map', 'their maps')}, as a map does that fails"
            if kept
            else "on that one no map was kept"
        )
        said.append(f"The sanity check rests on one image{whom}, which leaves it undecided. As a hint: {hint}.")
    near = [row for row in rows if row.doubt == "near"]
    if near:
        said.append(
            f"The sanity check leaves {_titles(near)} undecided: within {NEAR:g} of its limit, a correlation of {KEPT:.2f}, "
            "other random weights could turn it round."
        )
    split = [row for row in rows if row.doubt == "split"]
    if split:
        said.append(
            f"The sanity check leaves {_titles(split)} undecided: on one image {_verb(split, 'its map', 'their maps')} clearly "
            "passed, on another clearly not."
        )
    return said


def _broken(rows: Sequence[Row]) -> list[str]:
    """The methods whose maps do not hold by their own check."""
    return [
        f"{row.title}: on {row.own.images} of {row.own.of} images the map is not what its definition promises, by its own check "
        f"({row.own.fact} of up to {100 * row.own.worst:.0f} %, where {100 * row.own.limit:g} % is allowed). What is judged is that map, "
        "not the method."
        for row in rows
        if row.own is not None
    ]


def _doubtful_itself(row: Row) -> bool:
    return row.own is not None and 2 * row.own.images > row.own.of


def _left(rows: Sequence[Row], compared: tuple[str, ...], checked: int, reach: Reach | None) -> list[str]:
    """The methods that nothing speaks against."""
    if not compared or max(row.n for row in rows) < FEWEST:
        return []
    whole = [
        row
        for row in rows
        if row.n >= FEWEST
        and row.sanity == "passed"
        and row.doubt is None
        and not _doubtful_itself(row)
        and weighty(row, reach) == compared
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
