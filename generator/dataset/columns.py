"""A uniform sample of (image, place) pairs of a stream, the same for all layers of one size.

    column   what all units of a layer give at one place of one image: (c,)

Histograms, sparsity and correlations of units are read from columns. Every image offers up to `OFFERED` places, each with
a random priority that follows from the image's number; the `size` lowest priorities of the stream are kept. So the sample
depends on neither batches nor order, two parts of a stream merge into that of the whole, and the longer the stream, the
fewer columns of an image are looked at at all.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

OFFERED = 64
"""Places that an image offers."""


def priorities(image: int, seed: int) -> NDArray[np.float64]:
    """(OFFERED,) those of the places that an image of this number offers, whatever the size of its maps."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, image], np.uint64))).random(OFFERED)


def offers(image: int, places: int, seed: int) -> NDArray[np.int64]:
    """The places that it offers, at most OFFERED, no place twice; `places` is height times width."""
    if places <= OFFERED:
        return np.arange(places)
    draw = np.random.Generator(np.random.Philox(key=np.array([seed, image], np.uint64), counter=places))
    return draw.choice(places, OFFERED, replace=False)


@dataclass(frozen=True)
class Accepted:
    """Of one batch: where in the sample columns go, from which image of the batch, at which place. No slot twice."""

    slots: Int[Tensor, " m"]
    rows: Int[Tensor, " m"]
    at_row: Int[Tensor, " m"]
    at_column: Int[Tensor, " m"]


@dataclass
class Draw:
    """Which columns of maps of one size have been taken."""

    height: int
    width: int
    size: int
    seed: int
    _heap: list[tuple[float, int]] = field(default_factory=list)
    """(-priority, slot): the worst is first, as a heap has its least first."""

    @property
    def slots(self) -> NDArray[np.int64]:
        """Those in use, the lowest priority first: the first few are a uniform sample as all of them are, and neither depends
        on the order in which images came."""
        worst_first = sorted(self._heap)
        return np.array([slot for _, slot in reversed(worst_first)], np.int64)

    def accept(
        self,
        images: Sequence[int],
        offered: Sequence[NDArray[np.float64]] | None = None,
        device: torch.device | str = "cpu",
    ) -> Accepted:
        """What of a batch of images is taken; `offered` are their priorities, where they are at hand."""
        taken: dict[int, tuple[int, int]] = {}
        places = self.height * self.width
        for row, image in enumerate(images):
            found = (priorities(image, self.seed) if offered is None else offered[row])[:places]
            if len(self._heap) == self.size and not (found < -self._heap[0][0]).any():
                continue  # as of most images of a long stream: their places are not drawn at all
            for place, priority in zip(offers(image, places, self.seed).tolist(), found.tolist(), strict=True):
                if len(self._heap) < self.size:
                    slot = len(self._heap)
                    heapq.heappush(self._heap, (-priority, slot))
                elif priority < -self._heap[0][0]:
                    slot = self._heap[0][1]
                    heapq.heapreplace(self._heap, (-priority, slot))
                else:
                    continue
                taken[slot] = (row, place)
        table = torch.tensor([(slot, *at) for slot, at in taken.items()], device=device).reshape(-1, 3).long()
        slots, rows, where = table.unbind(dim=1)
        return Accepted(slots, rows, where // self.width, where % self.width)
