"""What is wrong with a unit, as far as its answers tell: marks that pages filter by and findings count.

dead         never answers: of a rectified layer it is never above zero, elsewhere it has one value everywhere
always on    of a rectified layer, above zero at every place of the sample: the rectifier does nothing
saturated    of a rectified layer with a cap, at that cap at half of all places or more
redundant    another unit gives the same but for a factor: correlation above SAME over the sample, at which both move
             at MOVES places or more
"""

from __future__ import annotations

import math
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from generator.dataset.answers import NONE, Answers
from generator.names import Layer

SAME = 0.995
"""Correlation beyond which two units are one."""
MOVES = 16
"""Places of the sample at which a unit must be between zero and its highest value, to be the same as another one: of units
that fire once or twice, any two that fire together correlate."""
ENOUGH = 64
"""Columns of the sample at which a unit gave a number, below which no mark is given: too few places to say "never" or "always"."""
CAPPED = 0.5
"""Share of places at the highest value beyond which a unit is saturated, where the sample leaves no doubt."""
SURE = 3.0
"""Standard errors of the sample by which a share must be beyond its line: thousands of units are looked at, and of those that
stand at the line some would else count by the luck of the draw."""


class Mark(IntFlag):
    """What is wrong with a unit; 0 where nothing is."""

    DEAD = 1
    ALWAYS_ON = 2
    SATURATED = 4
    REDUNDANT = 8


def marks(answers: Answers, layer: Layer) -> NDArray[np.uint8]:
    """(c,) the marks of each unit, as bits."""
    found = np.zeros(len(answers.highest), np.uint8)
    if answers.sampled < ENOUGH:
        return found
    rectified = rectifies(layer)
    constant = (answers.histogram_hi <= answers.histogram_lo) & (answers.highest <= answers.histogram_hi)
    # a unit that gave none, or too few, is none of these
    numbers = (answers.highest > -np.inf) & (_numbers(answers) >= ENOUGH)
    dead = numbers & (answers.highest <= 0 if rectified else constant)
    found[dead] |= np.uint8(Mark.DEAD)
    if rectified:
        found[numbers & ~dead & (answers.sparsity == 0)] |= np.uint8(Mark.ALWAYS_ON)
    if has_cap(layer):
        found[numbers & ~dead & at_cap(answers, layer)] |= np.uint8(Mark.SATURATED)
    found[numbers & ~dead & same(answers).any(axis=1)] |= np.uint8(Mark.REDUNDANT)
    return found


def same(answers: Answers) -> NDArray[np.bool_]:
    """(c, ALIKE) whether each of the units that go most with a unit gives the same but for a factor."""
    moves = moving(answers)
    known = (answers.alike != NONE) & (answers.correlation > SAME)
    return known & moves[:, None] & moves[answers.alike]


def moving(answers: Answers) -> NDArray[np.bool_]:
    """(c,) whether each unit is between zero and its highest value at MOVES places of the sample or more."""
    resting = np.where(answers.histogram_lo < 0, 0, answers.sparsity) + np.where(answers.highest > 0, answers.at_top, 0)
    found: NDArray[np.bool_] = (1 - resting) * _numbers(answers) >= MOVES
    return found


def _numbers(answers: Answers) -> NDArray[np.int64]:
    """(c,) columns of the sample at which each unit gave a finite number."""
    return answers.histogram.sum(axis=1, dtype=np.int64)


def at_cap(answers: Answers, layer: Layer) -> NDArray[np.bool_]:
    """(c,) whether each unit is at the layer's cap, the highest value of all its units, at CAPPED of all places or more, beyond
    the error of the sample."""
    cap = float(answers.highest.max(initial=0))
    line = CAPPED + SURE * error(CAPPED, answers.sampled, answers.seen * math.prod(layer.shape[1:]))
    return (answers.highest == cap) & (cap > 0) & (answers.at_top >= line)


def error(share: float, sampled: int, places: int) -> float:
    """The standard error of a share that is told by `sampled` out of `places`, drawn without putting back: none where all are."""
    left = max(0, places - sampled) / max(1, places - 1)
    return math.sqrt(share * (1 - share) / max(1, sampled) * left)


def rectifies(layer: Layer) -> bool:
    """Whether the layer is a rectifier, with a cap or without: what is below zero it gives as zero. A call that clamps is one where
    its lower limit is 0."""
    return layer.kind == "act" and (
        _name(layer) in ("relu", "relu6") or (layer.limits is not None and layer.limits[0] == 0)
    )


def cap_of(layer: Layer) -> float:
    """The most that a rectifier gives, as far as its kind says it."""
    return 6.0 if layer.op.rpartition(".")[2].lower().strip("_") == "relu6" else math.inf


def has_cap(layer: Layer) -> bool:
    """Whether the layer is a rectifier with a cap: of a call that clamps, an upper limit."""
    return rectifies(layer) and (_name(layer) == "relu6" or (layer.limits is not None and layer.limits[1] < math.inf))


def _name(layer: Layer) -> str:
    return layer.op.rpartition(".")[2].lower().strip("_")
