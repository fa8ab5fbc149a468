"""What the search knows of a layer's units, as arrays: what they fire for and feed, marks, numbers, the strongest patch.

fires for   the classes of the images in a unit's list, each weighted by how strongly its images raised the unit
feeds       the classes for which a linear head reads the unit
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.dataset.answers import NONE, Answers
from generator.dataset.health import marks
from generator.model.labels import label
from generator.pages import escape
from generator.pages.views import Example, LayerView
from generator.wiring.wires import Wires

FIRES = 3
"""Classes kept that a unit fires for."""
FEEDS = 2
"""Classes kept that it feeds."""
ABOVE = 1.5
"""A class is kept where its share of a unit's list is so many times its share of the set: of eight images of eight classes,
each of which stands in every list, most units fire for none."""
STRONG = 4
"""Of so many times its layer's scale a unit's highest value counts half: one that hardly moves fires for nothing much, even
where all of its answers are to one image."""
NOTHING = 65535
"""Stands in 16 bits where there is no class, image or number."""
KINDS = {
    "fires": "u", "share": "b", "strength": "b", "marks": "b", "on": "u", "selectivity": "u", "colour": "u", "image": "u",
    "place": "i", "feeds": "u", "speaks": "b",
}  # fmt: skip
"""The arrays, and how they are packed."""
KNOWN = {
    "fires": "fires", "share": "fires", "strength": "fires", "on": "on", "marks": "on", "selectivity": "selectivity",
    "colour": "colour", "image": "image", "place": "image", "feeds": "feeds", "speaks": "feeds",
}  # fmt: skip
"""An array is written where any unit has what this one says."""


@dataclass
class Names:
    """Words to numbers, in the order they come in; at most NOTHING of them."""

    found: dict[str, int] = field(default_factory=dict)

    def number(self, text: str) -> int:
        """The word's number; NONE for no word, or where there is no more room."""
        if not text or (text not in self.found and len(self.found) == NOTHING):
            return NONE
        return self.found.setdefault(text, len(self.found))


@dataclass
class Images:
    """The images that lists name by number."""

    row: NDArray[np.int64]
    """Number -> row of data/examples.js, NONE where no list names it."""
    classes: NDArray[np.int64]
    """Row -> class."""

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Images:
        """Those of a report; their classes are still to be named."""
        numbers = [example.number for example in examples]
        row = np.full(max(numbers, default=0) + 1, NONE)
        row[numbers] = np.arange(len(numbers))
        return cls(row, np.array([NONE]))

    def class_of(self) -> NDArray[np.int64]:
        """Number -> class."""
        return np.where(self.row == NONE, NONE, self.classes[self.row])


def layer_arrays(view: LayerView, labels: Sequence[str], images: Images, names: Names) -> dict[str, NDArray[Any]]:
    """The arrays of one layer, one row a unit, NOTHING where something is not known; feeds and speaks have no rows where
    the layer feeds no class. `names` learns the classes."""
    units = view.layer.units
    nothing = np.full(units, NOTHING)
    made: dict[str, NDArray[Any]] = {
        "fires": np.full((units, FIRES), NOTHING), "share": np.zeros((units, FIRES)), "strength": np.zeros(units),
        "marks": np.zeros(units, np.uint8), "on": nothing, "selectivity": nothing, "colour": nothing, "image": nothing,
        "place": np.zeros(units), "feeds": np.zeros((0, FEEDS), np.int64), "speaks": np.zeros((0, FEEDS)),
    }  # fmt: skip
    if view.answers is not None:
        made |= _answered(view, view.answers, images)
    if view.colour is not None:
        made["colour"] = sixteen(view.colour, -1.0)
    if view.wires is not None and view.wires.class_index.size:
        made["feeds"], made["speaks"] = _feeds(view.wires, labels, names)
    return made


def _answered(view: LayerView, answers: Answers, images: Images) -> dict[str, NDArray[Any]]:
    class_of = images.class_of()
    known = class_of[class_of != NONE]
    counts = np.bincount(known, minlength=1)
    index, share = fires(answers, class_of, counts / max(1, answers.seen))
    first = answers.images[:, 0]
    chosen = np.where(first == NONE, NONE, images.row[first])
    high = answers.highest.clip(min=0)
    against = high + STRONG * answers.scale
    return {
        "fires": np.where(index == NONE, NOTHING, index),
        "share": np.rint(share * 255),
        "strength": np.rint(255 * np.divide(high, against, out=np.zeros_like(high), where=against > 0)),
        "marks": marks(answers, view.layer),
        "on": sixteen(1 - answers.sparsity, 0.0),
        "selectivity": sixteen(np.where(answers.chosen >= 0, answers.selectivity, np.nan), 0.0),
        "image": np.where((chosen >= 0) & (chosen < NOTHING), chosen, NOTHING),
        "place": answers.places[:, 0],
    }


def fires(
    answers: Answers, class_of: NDArray[np.int64], share_of: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(units, FIRES) classes and their shares of a unit's strength, largest first; NONE and 0 where there are no more.

    `class_of` is the class of each image by its number, NONE where it has none; `share_of` the share of the set that shows a
    class. A unit's strength is the sum of the values above zero in its list.
    """
    shown = np.where(answers.images == NONE, NONE, class_of[answers.images])  # (c, k)
    strength = np.where(answers.images == NONE, 0, answers.values.clip(min=0)).astype(np.float64)
    total = strength.sum(axis=1, keepdims=True)
    weight = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0)
    same = shown[:, :, None] == shown[:, None, :]  # (c, k, k)
    share = (same * weight[:, None, :]).sum(axis=2)
    again = np.tril(same, -1).any(axis=2)  # a class that stands further up already
    share = np.where((shown != NONE) & ~again & (share > ABOVE * share_of[shown]), share, 0)
    order = np.argsort(-share, axis=1, kind="stable")[:, :FIRES]
    share = np.take_along_axis(share, order, axis=1)
    index = np.where(share > 0, np.take_along_axis(shown, order, axis=1), NONE)
    missing = ((0, 0), (0, FIRES - index.shape[1]))
    return np.pad(index, missing, constant_values=NONE), np.pad(share, missing)


def _feeds(wires: Wires, labels: Sequence[str], names: Names) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(units, FEEDS) the classes that units speak for most, and 255 times their shares."""
    speaks = (wires.class_sign > 0) & (wires.class_index >= 0)
    best = np.argsort(~speaks, axis=1, kind="stable")[:, :FEEDS]  # strongest first already
    speaks = np.take_along_axis(speaks, best, axis=1)
    which = np.where(speaks, np.take_along_axis(wires.class_index, best, axis=1), NONE)
    given = tuple(labels) or None
    number = {int(one): names.number(escape.clean(label(given, int(one)))) for one in np.unique(which) if one != NONE}
    found = np.array([number.get(int(one), NONE) for one in which.ravel()]).reshape(which.shape)
    share = np.rint(255 * np.where(found == NONE, 0, np.take_along_axis(wires.class_share, best, axis=1)))
    missing = ((0, 0), (0, FEEDS - best.shape[1]))
    return np.pad(np.where(found == NONE, NOTHING, found), missing, constant_values=NOTHING), np.pad(share, missing)


def sixteen(values: NDArray[Any], lo: float) -> NDArray[np.int64]:
    """Numbers from `lo` to 1 as 0..65534, NaN as NOTHING."""
    scaled = np.rint((values.astype(np.float64).clip(lo, 1) - lo) / (1 - lo) * (NOTHING - 1))
    return np.where(np.isnan(scaled), NOTHING, np.nan_to_num(scaled)).astype(np.int64)
