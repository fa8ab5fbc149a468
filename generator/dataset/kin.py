"""Which units are raised by images of one kind, whatever the kind: told by the network itself.

Two images are of one kind as far as they raise the same units of the last layer that was asked:

    likeness(i, j) = r_i · r_j        r_i[u] = value of unit u on image i / its highest value, where i is among its strongest; |r_i| = 1

and a unit is raised by one kind as far as its strongest images are alike: the mean of their pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from generator.dataset.answers import Answers

STRONGEST = 6
"""Images of a unit that are held against each other, at most."""
FEWEST = 3
"""Below so many nothing is said of a unit."""
CHUNK = 256
"""Units at a time: what their images are to the last layer is held in memory."""


@dataclass(frozen=True)
class Kin:
    """What images are to the `last` layer that was asked."""

    last: Answers

    @cached_property
    def numbers(self) -> NDArray[np.int32]:
        """(n,) the images that are among the strongest of any unit, in order."""
        return np.unique(self.last.images[self._counts])

    @cached_property
    def portraits(self) -> NDArray[np.float32]:
        """(n + 1, c): each image's r, of length one; the row behind them, for any other image, is zero."""
        rows = np.zeros((len(self.numbers) + 1, len(self.last.images)), np.float32)
        units, ranks = np.nonzero(self._counts)
        at = np.searchsorted(self.numbers, self.last.images[units, ranks])
        rows[at, units] = self.last.values[units, ranks] / self.last.values[units, 0]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=rows, where=lengths > 0)

    def kinship(self, answers: Answers) -> NDArray[np.float32]:
        """How much the `STRONGEST` images of each unit are of one kind, (c,), 0 to 1; 0 of a unit that answers to fewer than
        `FEWEST`."""
        images = answers.images[:, :STRONGEST]
        have = (images >= 0).sum(axis=1)
        at = np.minimum(np.searchsorted(self.numbers, images), max(len(self.numbers) - 1, 0))
        known = np.isin(images, self.numbers)
        at[~known] = len(self.numbers)
        found = np.zeros(len(images), np.float32)
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            total = self.portraits[at[part]].sum(axis=1)
            # The sum of all pairs, each twice, is that of all products less the images' own, which are one each.
            twice = (total * total).sum(axis=1) - known[part].sum(axis=1)
            found[part] = twice / np.maximum(have[part] * (have[part] - 1), 1)
        # Four digits: the sums of two builds differ behind them, and equals are to stay equal.
        return np.where(have >= FEWEST, np.clip(found, 0, 1).round(4), 0).astype(np.float32)

    @cached_property
    def _counts(self) -> NDArray[np.bool_]:
        return np.asarray((self.last.images >= 0) & (self.last.values > 0))
