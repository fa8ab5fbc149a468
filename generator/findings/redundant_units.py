r"""Redundant units: units that say the same as another one of their layer.

By *answers*: two units of an activation layer are one where their values correlate above 0.995 over the sample, that is, are
the same but for a factor and a constant. Both must be on, and below any cap, at 16 places of the sample or more: of units
that fire once or twice, any two that fire together correlate.

By *weights*: two units of a convolution are one where their kernels point the same way (cosine above 0.98), and where their
thresholds are the same: behind a rectifier, units of one kernel and of different thresholds are a coarse scale of the same
quantity, and none of them is superfluous. A threshold is $\beta / \gamma$ of the batch normalisation behind, in standard
deviations of what the kernel answers, or, without one, the bias by the kernel's length; they are the same where they differ
by less than 0.05. Opposite kernels are never redundant.

Where the answers of the activation behind a convolution are known, they decide and the weights only explain; of a pair of which
one is on at fewer than 16 places, though not never, they decide nothing, and the weights do. Of $k$ units
that are one, $k - 1$ are counted as units that could go. On the page of all units, and in the filter of a layer's page,
`redundant` means all $k$ of them, and no others.

Limits: correlation keeps the six most alike units of each, so that large groups are joined through their members. Units may
be alike on these images and differ on others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.dataset.answers import Answers
from generator.dataset.health import ENOUGH, SAME, moving, same
from generator.findings import check
from generator.findings.evidence import Evidence
from generator.findings.finding import Dot, Drawing, Finding, Place, graded
from generator.findings.words import be, counted, of, percent
from generator.names import Layer, LayerName, Paper
from generator.wiring.neighbours import REDUNDANT

MARK = "redundant"
"""What such units are called in filters and searches: those that are named here, and no others."""
LEVEL = 0.05
"""Difference of thresholds below which they are the same."""
Pairs = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class _Row:
    layer: Layer
    pairs: Pairs
    """Units (o, p), o < p, that are one."""
    groups: tuple[tuple[int, ...], ...]
    """The units that are one, as sets."""
    answered: bool
    """Whether by answers; else by weights alone."""

    @property
    def excess(self) -> int:
        """How many units could go."""
        return sum(len(group) - 1 for group in self.groups)


@check
@dataclass(frozen=True)
class RedundantUnits:
    """Looks for pairs of units whose answers, or else whose kernels and thresholds, are the same."""

    warning: float = 0.1
    serious: float = 0.5

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper("srinivas2015", "Suraj Srinivas and R. Venkatesh Babu", 2015, "Data-free Parameter Pruning for Deep Neural Networks", venue="BMVC", arxiv="1507.06149"),
    )  # fmt: skip
    advice: ClassVar[str] = (
        "Prune one of each pair and add its outgoing weights to the other's; many of them say that the layer is wider than "
        "its task, or that weights started alike."
    )

    def judge(self, evidence: Evidence) -> Finding | NotApplicable:
        likely = {name: _like_kernels(evidence, name) for name in evidence.alike}
        rows, told = [], set[LayerName]()
        for layer in evidence.layers:
            found = evidence.sound.get(layer.name)
            if layer.kind == "act" and found is not None and found.sampled >= ENOUGH:
                source = evidence.behind(layer)[1]
                kernels = likely.get(source.name, frozenset()) if source is not None else frozenset()
                rows.append(_row(layer, _like_answers(found) | _undecided(found, kernels), answered=True))
                told.update((source.name,) if source is not None else ())
        rows += [
            _row(layer, likely[layer.name], answered=False)
            for layer in evidence.layers
            if layer.name in likely and layer.name not in told
        ]
        if not rows:
            return NotApplicable(
                "no answers of activation layers are known, and no convolution has kernels to compare: kernels of one number "
                "always point the same way."
            )
        worst = max(rows, key=_share)
        return Finding(
            graded(_share(worst), 1e-9, self.warning, self.serious),
            _said(evidence, rows, worst, told),
            f"A note from the first pair on, a warning where {percent(self.warning)} of a layer could go, serious from "
            f"{percent(self.serious)} on. Answers count above a correlation of {SAME}, kernels above a cosine of {REDUNDANT}: "
            "what is left of the difference is below the noise of pruning.",
            tuple(
                _place(row)
                for row in sorted(rows, key=lambda row: -_share(row))
                if row.excess
            ),
            Drawing(
                "Units that another one stands for, as a share of each layer",
                "bars",
                tuple(
                    Dot(row.layer.name, _share(row), f"{of(row.excess, row.layer.units)} could go", raised=_share(row) >= self.warning)
                    for row in sorted(rows, key=lambda row: row.layer.depth)
                ),
                share=True,
                lines=((self.warning, "warning"),),
            ),
            MARK if evidence.images and any(row.excess for row in rows) else "",
        )  # fmt: skip


def _share(row: _Row) -> float:
    return row.excess / row.layer.units


def _place(row: _Row) -> Place:
    said = {unit: _twins(group, unit, row.answered) for group in row.groups for unit in group}
    units = tuple(sorted(said))
    return Place(row.layer.name, _pairs_text(row), units, MARK, MARK, tuple(said[unit] for unit in units))


def _twins(group: tuple[int, ...], unit: int, answered: bool) -> str:
    """What is said of one unit of those that are one: with which."""
    others = [str(other) for other in group if other != unit]
    more = [f"{len(others) - 3} more"] if len(others) > 3 else []
    named = [*others[:3], *more]
    one = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    units = f"{'unit' if len(others) == 1 else 'units'} {one}"
    said = (
        f"it gives the same values as {units}, but for a factor"
        if answered
        else f"it has the kernel and the threshold of {units}"
    )
    return f"Redundant: {said}."


def _pairs_text(row: _Row) -> str:
    shown = "; ".join(_equal(group) for group in row.groups[:3])
    more = f"; {len(row.groups) - 3} more" if len(row.groups) > 3 else ""
    return f"{of(row.excess, row.layer.units)}: {shown}{more}"


def _equal(group: tuple[int, ...]) -> str:
    """0 = 4 = 9; of many, how many more there are"""
    return " = ".join(map(str, group[:3])) + (f" = {len(group) - 3} more" if len(group) > 3 else "")


def _said(evidence: Evidence, rows: list[_Row], worst: _Row, told: Iterable[LayerName]) -> str:
    excess, answered = sum(row.excess for row in rows), [row for row in rows if row.answered]
    seen = "answer" if answered else "are wired"
    named = sum(len(group) for row in rows for group in row.groups)
    said = (
        f"{counted(named, 'unit')} say the same as another one of the same layer, so that {excess:,} of them could go, most in "
        f"`{worst.layer.name}`: {of(worst.excess, worst.layer.units)} ({percent(_share(worst))})."
        if excess
        else f"No two units of the {counted(len(rows), 'layer')} looked at {seen} the same."
    )
    apart = sum(len(evidence.alike[name].pairs) for name in told if name in evidence.alike)
    if apart:
        said += (
            f" {counted(apart, 'pair')} of kernels {be(apart)} alike (cosine above {REDUNDANT}); where their units answer "
            "differently, behind other thresholds, they are not counted."
        )
    return said


def _row(layer: Layer, pairs: Pairs, *, answered: bool) -> _Row:
    return _Row(layer, pairs, tuple(_groups(pairs)), answered)


def _groups(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Sets of units that pairs join, by their first unit."""
    of_unit: dict[int, set[int]] = {}
    for o, p in pairs:
        joined = of_unit.get(o, {o}) | of_unit.get(p, {p})
        of_unit.update(dict.fromkeys(joined, joined))
    for unit in sorted(of_unit):
        if unit == min(of_unit[unit]):
            yield tuple(sorted(of_unit[unit]))


def _like_answers(found: Answers) -> Pairs:
    """The pairs whose values are the same but for a factor, of units that move at enough places."""
    units, ranks = np.nonzero(same(found))
    pairs = zip(units.tolist(), found.alike[units, ranks].tolist(), strict=True)
    return frozenset((min(o, p), max(o, p)) for o, p in pairs)


def _undecided(found: Answers, pairs: Pairs) -> Pairs:
    """Those of the pairs of which a unit is on at too few places to say whether it is the same as the other; none that is dead."""
    moves, on = moving(found), found.highest > 0
    return frozenset((o, p) for o, p in pairs if on[o] and on[p] and not (moves[o] and moves[p]))


def _like_kernels(evidence: Evidence, name: LayerName) -> Pairs:
    """The pairs of a convolution's units with the same kernel and the same threshold."""
    o, p = evidence.alike[name].pairs.T
    if not len(o):
        return frozenset()
    level, way = _thresholds(evidence, name)
    one = (np.abs(level[o] - level[p]) < LEVEL) & (way[o] == way[p])
    return frozenset(zip(o[one].tolist(), p[one].tolist(), strict=True))


def _thresholds(evidence: Evidence, name: LayerName) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The threshold of each unit (NaN where its scale is zero), and which way its normalisation turns it, 1 or -1."""
    scaling = next(
        (evidence.scalings[one.name] for one in evidence.readers(name) if one.name in evidence.scalings), None
    )
    if scaling is not None:
        size = np.where(scaling.gamma == 0, np.nan, np.abs(scaling.gamma))
        return scaling.beta / size, np.sign(scaling.gamma)
    length = evidence.kernels[name].weight.flatten(1).norm(dim=1).cpu().double().numpy()
    bias = getattr(evidence.module.get_submodule(evidence.nodes[name].path), "bias", None)
    values = np.zeros(len(length)) if bias is None else bias.detach().cpu().double().numpy()
    return values / np.where(length == 0, np.nan, length), np.ones(len(length))
