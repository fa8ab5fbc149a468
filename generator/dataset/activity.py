"""How much a unit is on over a whole set: the mean of what of it lies above zero, E[max(A, 0)].

Of a unit that is never below zero that is its mean, over all places of all images; of others it is told from the histogram of a
sample of places, each place of a bin counting as the bin's middle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.dataset.answers import Answers


def positive(answers: Answers) -> NDArray[np.float32]:
    """(c,) 0 for a unit that is never above zero."""
    counts = answers.histogram.astype(np.float64)  # (c, bins)
    bins = counts.shape[1]
    lo, hi = answers.histogram_lo[:, None].astype(np.float64), answers.histogram_hi[:, None].astype(np.float64)
    middle = lo + (hi - lo) * (np.arange(bins) + 0.5) / bins
    sampled = (counts * middle.clip(min=0)).sum(axis=1) / counts.sum(axis=1).clip(min=1)
    found = np.where(answers.histogram_lo >= 0, answers.mean, sampled)
    return np.where(answers.highest > 0, np.nan_to_num(found).clip(min=0), 0).astype(np.float32)
