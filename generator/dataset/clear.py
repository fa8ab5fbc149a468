"""Clear units: those whose strongest photographs are of one kind to the network itself (`generator.dataset.kin`).

The first page shows some such units (`generator.pages.home_units`), and a search draws them and makes more of them
(`generator.report.units`). Where the network takes unlike things for alike, so does this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generator.dataset.answers import Answers
from generator.dataset.kin import FEWEST, STRONGEST, Kin

MOST = 6
"""Units that the first page shows."""
RAISE = FEWEST
"""Photographs of each unit."""
OUT = 0.01
"""By how much more alike its photographs are."""


def clearest(layers: Sequence[tuple[Answers, Sequence[int]]], kin: Kin) -> Mapping[int, int]:
    """Number of a layer -> its clearest unit, of at most `MOST` layers; no two units for the same photographs. Of layers
    the deeper half is asked, but for the last eighth, whose units look for more than a small picture holds.

    Args:
        layers: from shallow to deep, of each what its units answer to and the units to choose from, each with `RAISE` photographs.
        kin: what images are to the last layer.
    """
    found: list[tuple[float, int, int, frozenset[int]]] = []
    for k in range(len(layers) // 2, len(layers) - len(layers) // 8):
        answers, units = layers[k]
        out = standing(answers, kin)
        found += [(float(out[unit]), k, unit, frozenset(answers.images[unit, :STRONGEST].tolist())) for unit in units]
    found.sort(key=lambda one: -one[0])  # of equals the shallow one, as they come
    chosen: dict[int, int] = {}
    taken: list[frozenset[int]] = []
    for _, k, unit, images in found:
        if len(chosen) < MOST and k not in chosen and all(len(other & images) < 2 for other in taken):
            chosen[k] = unit
            taken.append(images)
    return {k: chosen[k] for k in sorted(chosen)}


def standing(answers: Answers, kin: Kin) -> NDArray[np.float32]:
    """How far each unit's kinship stands from the others of its layer, (c,), in standard deviations from their median: the last
    layers' photographs are more alike throughout, though what their units look for shows less in a picture."""
    kinship = kin.kinship(answers)
    return np.asarray((kinship - np.median(kinship)) / max(float(kinship.std()), OUT), np.float32)


def strongest(answers: Answers, unit: int) -> tuple[int, ...]:
    """A unit's `RAISE` strongest photographs by number; none where its list is shorter."""
    images = answers.images[unit, :RAISE].tolist()
    return tuple(images) if len(images) == RAISE and min(images) >= 0 else ()


def clear_unit(answers: Answers, kin: Kin) -> tuple[int, ...]:
    """A layer's clearest unit; none where it does not stand `OUT` from half of the others, as in a set that is one kind as a whole."""
    kinship = kin.kinship(answers)
    best = int(np.argmax(kinship))
    return (best,) if kinship[best] > np.median(kinship) + OUT else ()
