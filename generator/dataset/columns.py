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
from numpy.typing import NDArray

OFFERED = 64
"""Places that an image offers."""


def offers(image: int, places: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The places of an image of this number that may be taken, and their priorities; `places` is height times width."""
    draw = np.random.Generator(np.random.Philox(key=np.array([seed, image], np.uint64)))
    chosen = np.arange(places) if places <= OFFERED else draw.choice(places, OFFERED, replace=False)
    return chosen, draw.random(len(chosen))


@dataclass(frozen=True)
class Accepted:
    """Of one batch: where in the sample columns go, from which image of the batch, at which place. No slot twice."""

    slots: NDArray[np.int64]
    rows: NDArray[np.int64]
    places: NDArray[np.int64]


@dataclass
class Draw:
    """Which columns of maps of `places` places have been taken: of slot i the priority, negative as a heap has it."""

    places: int
    size: int
    seed: int
    _heap: list[tuple[float, int]] = field(default_factory=list)
    """(-priority, slot): the worst is first."""

    @property
    def filled(self) -> int:
        """Slots in use."""
        return len(self._heap)

    def priorities(self) -> NDArray[np.float64]:
        """Of each filled slot."""
        found = np.empty(len(self._heap))
        for negative, slot in self._heap:
            found[slot] = -negative
        return found

    def accept(self, images: Sequence[int]) -> Accepted:
        """What of a batch of images is taken."""
        taken: dict[int, tuple[int, int]] = {}
        for row, image in enumerate(images):
            chosen, priorities = offers(image, self.places, self.seed)
            if len(self._heap) == self.size:
                few = priorities < -self._heap[0][0]
                chosen, priorities = chosen[few], priorities[few]
            for place, priority in zip(chosen.tolist(), priorities.tolist(), strict=True):
                if len(self._heap) < self.size:
                    slot = len(self._heap)
                    heapq.heappush(self._heap, (-priority, slot))
                elif priority < -self._heap[0][0]:
                    slot = self._heap[0][1]
                    heapq.heapreplace(self._heap, (-priority, slot))
                else:
                    continue
                taken[slot] = (row, place)
        found = np.array([(slot, *at) for slot, at in taken.items()], np.int64).reshape(-1, 3)
        return Accepted(found[:, 0], found[:, 1], found[:, 2])
