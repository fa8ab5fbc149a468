"""What units answer to the images of each class: sums over a stream, a row a class, in O(units x classes seen) memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE


@dataclass
class ByClass:
    """Of each class seen its images, and the sums of the means of their maps."""

    sums: Float[Tensor, "m c"]
    """float32, a row a class; there may be more rows than classes, of zeros."""
    rows: dict[int, int] = field(default_factory=dict)
    """Class -> row."""
    images: dict[int, int] = field(default_factory=dict)
    """Class -> its images."""
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
            self.sums.index_add_(0, torch.tensor(into, device=means.device), means[known].to(self.sums))
        if into and bad is not None:
            for image in bad.any(dim=1).nonzero()[:, 0].tolist():
                if (index := classes[image]) is not None:
                    self._lose(index, bad[image].long())

    def _lose(self, index: int, images: Tensor) -> None:
        """(c,) so many more images of a class count for nothing."""
        self.lost[index] = images + self.lost[index] if index in self.lost else images

    def _row(self, index: int, images: int = 1) -> int:
        """The row of a class, which `images` more images belong to."""
        row = self.rows.setdefault(index, len(self.rows))
        self.images[index] = self.images.get(index, 0) + images
        if row == len(self.sums):  # half as many rows again, so that the table is seldom moved
            more = self.sums.new_zeros(4 + len(self.sums) // 2, self.sums.shape[1])
            self.sums = torch.cat([self.sums, more])
        return row

    def merged(self, other: ByClass) -> ByClass:
        """The sums of both streams together."""
        found = ByClass(self.sums.clone(), dict(self.rows), dict(self.images), dict(self.lost))
        for index, row in other.rows.items():
            mine = found._row(index, other.images[index])  # the table may move
            found.sums[mine] += other.sums[row]
        for index, images in other.lost.items():
            found._lose(index, images)
        return found

    def finish(self) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The class of the strongest mean, and how selective for it, of each unit."""
        sums = self.sums.cpu().numpy().astype(np.float64)
        lost = {index: images.cpu().numpy() for index, images in self.lost.items()}
        counted = {index: (self.images[index] - lost.get(index, 0), sums[row]) for index, row in self.rows.items()}
        return selective(counted, sums.shape[1])


def selective(
    by_class: Mapping[int, tuple[int | NDArray[np.int64], NDArray[np.float64]]], units: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The class of the strongest mean, and Morcos' index, of each unit; nothing is chosen of fewer than two classes.

    `by_class`: class -> its images, or of each unit (c,) those that count, and the sums of the means of their maps (c,). A
    class of which no image counts for a unit is none for it.
    Morcos, Barrett, Rabinowitz and Botvinick, "On the importance of single directions for generalization", ICLR 2018.
    """
    if len(by_class) < 2:
        return np.full(units, NONE, np.int32), np.zeros(units, np.float32)
    names = sorted(by_class)
    images = np.stack([np.broadcast_to(by_class[name][0], units) for name in names])  # (classes, c)
    known = (images > 0).sum(axis=0)
    sums = np.where(known < 2, 0, np.stack([by_class[name][1] for name in names]))
    means = np.maximum(sums / np.maximum(images, 1), 0)
    best = means.argmax(axis=0)
    top = means.max(axis=0)
    rest = (means.sum(axis=0) - top) / np.maximum(known - 1, 1)
    total = top + rest
    index = np.divide(top - rest, total, out=np.zeros_like(total), where=total > 0)
    chosen = np.where(top > 0, np.array(names)[best], NONE)
    return chosen.astype(np.int32), index.astype(np.float32)
