"""What units answer to the images of each class: sums over a stream, a row a class, in O(units x classes seen) memory.

A class is named for a unit only where chance would not name it: of many classes some have a few images that happen to raise
the unit, and a unit that is seldom on is on for few classes whatever it looks for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE

BEYOND = 2.0
"""Standard errors by which a class's mean must stand above that of all images, beyond what the highest of as many classes of
images drawn at random has: under 2 of 10,000 units have such a class by chance."""

Counted = Mapping[int, tuple[int | NDArray[np.int64], NDArray[np.float64]]]
"""Class -> its images, or of each unit (c,) those that count, and the sums of the means of their maps (c,)."""


@dataclass
class ByClass:
    """Of each class seen its images, and the sums of the means of their maps."""

    sums: Float[Tensor, "m c"]
    """float32, a row a class; there may be more rows than classes, of zeros."""
    rows: dict[int, int] = field(default_factory=dict)
    """Class -> row."""
    images: dict[int, int] = field(default_factory=dict)
    """Class -> its images."""
    squares: Float[Tensor, " c"] | None = None
    """Of the squared means of all images of a class, float64; None before the first."""
    largest: Float[Tensor, " c"] | None = None
    """The largest mean of an image of a class."""
    lost: dict[int, Tensor] = field(default_factory=dict)
    """Class -> (c,) how many of its images gave a unit what is no finite number; of classes that have such images."""

    @classmethod
    def empty(cls, units: int, device: torch.device | str = "cpu") -> ByClass:
        """Before the first image."""
        return cls(torch.zeros(0, units, device=device))

    def add(
        self, means: Float[Tensor, "n c"], classes: Sequence[int | None], bad: Bool[Tensor, "n c"] | None = None
    ) -> None:
        """Take in what the units answer to n images in the mean; images without a class are passed over. `bad` says what
        does not count, and is 0 in `means`."""
        known = [row for row, index in enumerate(classes) if index is not None]
        into = [self._row(index) for index in classes if index is not None]
        if into:
            # of a row that stands twice every mean is added, one after the other
            of_class = means[known].to(self.sums)
            self.sums.index_add_(0, torch.tensor(into, device=means.device), of_class)
            squares, largest = of_class.double().square().sum(dim=0), of_class.amax(dim=0)
            self.squares = squares if self.squares is None else self.squares + squares
            self.largest = largest if self.largest is None else torch.maximum(self.largest, largest)
        if into and bad is not None:
            for image in bad.any(dim=1).nonzero()[:, 0].tolist():
                if (index := classes[image]) is not None:
                    self._lose(index, bad[image].long())

    def _lose(self, index: int, images: Tensor) -> None:
        """(c,) so many more images of a class count for nothing."""
        self.lost[index] = images + self.lost[index] if index in self.lost else images

    def _row(self, index: int) -> int:
        """The row of a class, which one more image belongs to."""
        row = self.rows.setdefault(index, len(self.rows))
        self.images[index] = self.images.get(index, 0) + 1
        if row == len(self.sums):  # half as many rows again, so that the table is seldom moved
            more = self.sums.new_zeros(4 + len(self.sums) // 2, self.sums.shape[1])
            self.sums = torch.cat([self.sums, more])
        return row

    @property
    def counted(self) -> Counted:
        """Of each class the images that count, and their sums."""
        sums = self.sums.cpu().numpy().astype(np.float64)
        lost = {index: images.cpu().numpy() for index, images in self.lost.items()}
        return {index: (self.images[index] - lost.get(index, 0), sums[row]) for index, row in self.rows.items()}

    def finish(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The class of the strongest mean, and how selective for it, of each unit for which a class stands out beyond chance;
        of others no class, and 0."""
        units = self.sums.shape[1]
        counted = self.counted
        chosen, index = selective(counted, units)
        if self.squares is None or self.largest is None or len(counted) < 2:
            return chosen, index
        clear = stands_out(counted, chosen, self.squares.cpu().numpy(), self.largest.double().cpu().numpy())
        return np.where(clear, chosen, NONE).astype(np.int32), np.where(clear, index, 0).astype(np.float32)


def stands_out(
    counted: Counted, chosen: NDArray[np.int32], squares: NDArray[np.float64], largest: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(c,) whether each unit's chosen class would stand out even without the strongest image of all.

    Were classes given to images at random, a class's mean would have the standard error s / sqrt(n) sqrt((N - n) / (N - 1)), n
    its images of N, and the highest of K classes would lie sqrt(2 ln K) of these above the mean of all. Without the strongest
    image one alone makes no class. `squares`: sums of squared means over all images; `largest`: the strongest image's mean.
    """
    names = sorted(counted)
    images = np.stack([np.broadcast_to(counted[name][0], chosen.shape) for name in names]).astype(np.float64)
    sums = np.stack([counted[name][1] for name in names])
    at = np.searchsorted(names, chosen).clip(max=len(names) - 1), np.arange(len(chosen))
    every, n = images.sum(axis=0).clip(min=1), images[at].clip(min=1)
    mean = sums.sum(axis=0) / every
    spread = np.sqrt((squares / every - mean**2).clip(min=0))
    error = spread / np.sqrt(n) * np.sqrt((every - n) / (every - 1).clip(min=1))
    limit = BEYOND + math.sqrt(2 * math.log(len(names)))
    return (chosen != NONE) & ((sums[at] - largest) / n - mean > limit * error)


def selective(counted: Counted, units: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The class of the strongest mean, and Morcos' index, of each unit; nothing is chosen of fewer than two classes.

    A class of which no image counts for a unit is none for it.
    Morcos, Barrett, Rabinowitz and Botvinick, "On the importance of single directions for generalization", ICLR 2018.
    """
    if len(counted) < 2:
        return np.full(units, NONE, np.int32), np.zeros(units, np.float32)
    names = sorted(counted)
    images = np.stack([np.broadcast_to(counted[name][0], units) for name in names])  # (classes, c)
    known = (images > 0).sum(axis=0)
    sums = np.where(known < 2, 0, np.stack([counted[name][1] for name in names]))
    means = np.maximum(sums / np.maximum(images, 1), 0)
    best = means.argmax(axis=0)
    top = means.max(axis=0)
    rest = (means.sum(axis=0) - top) / np.maximum(known - 1, 1)
    total = top + rest
    index = np.divide(top - rest, total, out=np.zeros_like(total), where=total > 0)
    chosen = np.where(top > 0, np.array(names)[best], NONE)
    return chosen.astype(np.int32), index.astype(np.float32)
