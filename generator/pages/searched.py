"""What the search knows of a layer's units, as arrays: what they fire for and feed, marks, numbers, the strongest patch.

fires for   the classes that raise a unit beyond chance: the one that stands out in the mean of all images (`generator.dataset.classes`),
            and those whose images stand in its list more often, or more strongly, than chance puts them there
feeds       the classes for which a linear head reads the unit; and of each class the units that it reads most
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from generator.dataset.answers import NONE, Answers
from generator.dataset.classes import BEYOND
from generator.model.labels import label
from generator.pages import escape
from generator.pages.views import Example, LayerView
from generator.wiring.wires import Wires

FIRES = 3
"""Classes kept that a unit fires for."""
FEEDS = 2
"""Classes kept that it feeds."""
CHANCE = 2e-4
"""The share of units for which some class would be named by chance: a class counts where so many of its images, or more, are in
the list of a unit that does not look at classes with a probability below this, divided by the number of classes."""
ABOVE = 1.5
"""Of fewer than OTHERS other images no spread can be told: a class then counts with so many times its share of the set."""
OTHERS = 3
STRONG = 4
"""Of so many times its layer's scale a unit's highest value counts half: one that hardly moves fires for nothing much, even
where all of its answers are to one image."""
NOTHING = 65535
"""Stands in 16 bits where there is no class, image or number."""
KINDS = {
    "fires": "u", "share": "b", "strength": "b", "marks": "b", "on": "u", "selectivity": "u", "colour": "u", "image": "u",
    "place": "i", "lead": "b", "feeds": "u", "speaks": "b",
}  # fmt: skip
"""The arrays, and how they are packed."""
KNOWN = {
    "fires": "fires", "share": "fires", "strength": "fires", "on": "on", "marks": "on", "selectivity": "selectivity",
    "colour": "colour", "image": "image", "place": "image", "lead": "image", "feeds": "feeds", "speaks": "feeds",
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
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """The model's or the dataset's class -> class."""
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    """Class -> its images in the whole set."""

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Images:
        """Those of a report; their classes are still to be named."""
        numbers = [example.number for example in examples]
        row = np.full(max(numbers, default=0) + 1, NONE)
        row[numbers] = np.arange(len(numbers))
        return cls(row, np.array([NONE]))

    def stands(self, answers: Answers) -> NDArray[np.int64]:
        """(c,) the class that stands out for each unit in the mean of all images, NONE where none does."""
        if not len(self.labels):
            return np.full(len(answers.chosen), NONE)
        return np.where(answers.chosen >= 0, self.labels[answers.chosen.clip(0, len(self.labels) - 1)], NONE)

    def class_of(self) -> NDArray[np.int64]:
        """Number -> class."""
        return np.where(self.row == NONE, NONE, self.classes[self.row])


def layer_arrays(view: LayerView, labels: Sequence[str], images: Images, names: Names) -> dict[str, NDArray[Any]]:
    """The arrays of one layer but for its marks, one row a unit, NOTHING where something is not known; feeds and speaks have no
    rows where the layer feeds no class. `names` learns the classes."""
    units = view.layer.units
    nothing = np.full(units, NOTHING)
    made: dict[str, NDArray[Any]] = {
        "fires": np.full((units, FIRES), NOTHING), "share": np.zeros((units, FIRES)), "strength": np.zeros(units),
        "on": nothing, "selectivity": nothing, "colour": nothing, "image": nothing,
        "place": np.zeros(units), "lead": np.zeros(units), "feeds": np.zeros((0, FEEDS), np.int64), "speaks": np.zeros((0, FEEDS)),
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
    index, share = fires(answers, class_of, images.counts, images.stands(answers))
    first = answers.images[:, 0]
    chosen = np.where(first == NONE, NONE, images.row[first])
    high = answers.highest.clip(min=0)
    against = high + STRONG * answers.scale
    return {
        "fires": np.where(index == NONE, NOTHING, index),
        "share": np.rint(share * 255),
        "strength": np.rint(255 * np.divide(high, against, out=np.zeros_like(high), where=against > 0)),
        "on": sixteen(1 - answers.sparsity, 0.0),
        "selectivity": sixteen(np.where(answers.chosen >= 0, answers.selectivity, np.nan), 0.0),
        "image": np.where((chosen >= 0) & (chosen < NOTHING), chosen, NOTHING),
        "place": answers.places[:, 0],
        "lead": np.rint(255 * lead(answers)),
    }


def lead(answers: Answers) -> NDArray[np.float64]:
    """(units,) by which part of its highest value the strongest image of a unit leads the next one: 1 where no other raises it above
    zero, 0 where none does or two raise it alike."""
    top = answers.values[:, 0].astype(np.float64)
    second = answers.values[:, 1].clip(min=0) if answers.values.shape[1] > 1 else np.zeros(len(top))
    return np.divide(top - second, top, out=np.zeros(len(top)), where=top > 0)


def fires(
    answers: Answers, class_of: NDArray[np.int64], counts: NDArray[np.int64], stands: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(units, FIRES) classes that raise units beyond chance and their shares of a unit's strength, largest first; NONE and 0 where
    there are no more.

    `class_of` is the class of each image by its number, NONE where it has none; `counts` the images of each class in the whole
    set; `stands` the class that stands out in the mean, named last where the list has no image of it. A unit's strength is the
    sum of the values above zero in its list.
    """
    shown = np.where(answers.images == NONE, NONE, class_of[answers.images])  # (c, k)
    strength = np.where(answers.images == NONE, 0, answers.values.clip(min=0)).astype(np.float64)
    total = strength.sum(axis=1, keepdims=True)
    weight = np.divide(strength, total, out=np.zeros_like(strength), where=total > 0)
    same = shown[:, :, None] == shown[:, None, :]  # (c, k, k)
    share = (same * weight[:, None, :]).sum(axis=2)
    again = np.tril(same, -1).any(axis=2)  # a class that stands further up already
    clear = beyond(answers, strength, same, counts[shown.clip(min=0)], int((counts > 0).sum()))
    named = (shown != NONE) & (stands[:, None] == shown)
    share = np.where((shown != NONE) & ~again & (clear | named), share, 0)
    order = np.argsort(-share, axis=1, kind="stable")[:, :FIRES]
    share = np.take_along_axis(share, order, axis=1)
    index = np.where(share > 0, np.take_along_axis(shown, order, axis=1), NONE)
    missing = ((0, 0), (0, FIRES - index.shape[1]))
    index, share = np.pad(index, missing, constant_values=NONE), np.pad(share, missing)
    alone = ((stands != NONE) & ~(index == stands[:, None]).any(axis=1)).nonzero()[0]
    free = np.minimum((index[alone] != NONE).sum(axis=1), FIRES - 1)
    index[alone, free], share[alone, free] = stands[alone], 0
    return index, share


def limit(classes: int) -> float:
    """Standard errors by which a class must raise a unit, where its list is the whole set."""
    return BEYOND + math.sqrt(2 * math.log(max(classes, 1)))


def beyond(
    answers: Answers,
    strength: Float[NDArray[np.float64], "c k"],
    same: Bool[NDArray[np.bool_], "c k k"],
    images: Int[NDArray[np.int64], "c k"],
    classes: int,
) -> Bool[NDArray[np.bool_], "c k"]:
    """Whether the class of each image of a list raises the unit more than chance would. `images` are those of the class in the set.

    Where the set is larger than a list, by how many of them the list has: a hypergeometric draw. Where all images are in the
    list, by how far their mean lies above that of the others.
    """
    k, seen = strength.shape[1], answers.seen
    many = same.sum(axis=2)
    if seen > k:
        pairs, where = np.unique(np.stack([images.ravel(), many.ravel()]), axis=1, return_inverse=True)
        likely = np.array([chance(seen, int(n), k, int(m)) for n, m in pairs.T])
        return (likely[where.ravel()] * classes < CHANCE).reshape(images.shape)
    others = seen - images  # those that are off are in no list, and count 0
    mean = np.einsum("ukl,ul->uk", same, strength) / images.clip(min=1)
    rest = (strength.sum(axis=1, keepdims=True) - mean * images) / others.clip(min=1)
    squares = (strength**2).sum(axis=1, keepdims=True) - np.einsum("ukl,ul->uk", same, strength**2)
    spread = np.sqrt((squares / others.clip(min=1) - rest**2).clip(min=0) * others / (others - 1).clip(min=1))
    error = spread * np.sqrt(1 / images.clip(min=1) + 1 / others.clip(min=1))
    total = strength.sum(axis=1, keepdims=True)
    plain = mean * images * seen > ABOVE * images * total
    return np.where(others < OTHERS, plain, mean - rest > limit(classes) * error) & (mean > 0)


@lru_cache(maxsize=10_000)
def chance(seen: int, images: int, k: int, many: int) -> float:
    """The probability that of k images drawn from `seen` so `many` or more are among `images` of these."""
    most = min(k, images)
    return sum(math.comb(images, m) * math.comb(seen - images, k - m) for m in range(many, most + 1)) / math.comb(
        seen, k
    )


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


def feeders(wires: Wires, labels: Sequence[str], names: Names) -> dict[str, NDArray[Any]]:
    """Of each class of the head that has units the ones that speak for it most: "fedClass" (m,), "fedUnit" (m, few) and "fedShare"
    (m, few) in 255ths, as panels have it, NOTHING and 0 where there are fewer. `names` learns the classes."""
    rows = np.flatnonzero((wires.class_units >= 0).any(axis=1))
    given = tuple(labels) or None
    number = np.array([names.number(escape.clean(label(given, int(row)))) for row in rows], np.int64)
    rows, number = rows[number != NONE], number[number != NONE]
    units = wires.class_units[rows]
    return {
        "fedClass": number,
        "fedUnit": np.where((units >= 0) & (units < NOTHING), units, NOTHING),
        "fedShare": np.rint(np.where(units >= 0, wires.class_units_share[rows], 0).clip(0, 1) * 255),
    }


def sixteen(values: NDArray[Any], lo: float) -> NDArray[np.int64]:
    """Numbers from `lo` to 1 as 0..65534, NaN as NOTHING."""
    scaled = np.rint((values.astype(np.float64).clip(lo, 1) - lo) / (1 - lo) * (NOTHING - 1))
    return np.where(np.isnan(scaled), NOTHING, np.nan_to_num(scaled)).astype(np.int64)
