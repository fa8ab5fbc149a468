"""What the units of a layer answer to, over a whole set of images: plain arrays, one row a unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NONE = -1
"""Stands where there is no image, no unit, no class."""


@dataclass(frozen=True)
class Answers:
    """What each of a layer's c units answers to, over all images of a set."""

    values: NDArray[np.float32]
    """(c, k), strongest first."""
    images: NDArray[np.int32]
    """(c, k): numbers of images; -1 where there are no more that the unit answers to: from the first on whose highest value is
    zero, which is what is off gives; nowhere of a unit that gives one value everywhere."""
    places: NDArray[np.int32]
    """(c, k): place in the map, row by row."""
    mean: NDArray[np.float32]
    """(c,) over all places of all images that gave a number; NaN where none did."""
    highest: NDArray[np.float32]
    """(c,) over all places of all images."""
    sparsity: NDArray[np.float32]
    """(c,) the share of places at which the unit is not above zero, of those of the sample where it gave a number; NaN where no image
    gave one."""
    histogram_lo: NDArray[np.float32]
    """(c,) where the first bin begins: the lowest number of the sample."""
    histogram_hi: NDArray[np.float32]
    """(c,) where the last one ends."""
    histogram: NDArray[np.uint16]
    """(c, BINS) places of the sample at which the unit gave a finite number."""
    alike: NDArray[np.int32]
    """(c, ALIKE) units whose values go most with this one's over the sample; -1 where there are no more."""
    correlation: NDArray[np.float32]
    """(c, ALIKE) Pearson's r."""
    chosen: NDArray[np.int32]
    """(c,) the class for whose images the unit is strongest in the mean, -1 where no class stands out beyond chance."""
    selectivity: NDArray[np.float32]
    """(c,) Morcos et al. 2018: (the mean of that class - the mean of the others) / their sum, of means above zero; 0 without a
    class."""
    at_top: NDArray[np.float32]
    """(c,) the share of places at which the unit has its highest value, of those of the sample where it gave a number."""
    scale: float
    """Root mean square of all units' values, of the finite numbers of the sample; NaN where there are none."""
    rank: float
    """Effective rank of the sample (Roy and Vetterli 2007): how many directions its units' values use."""
    sampled: int
    """Columns of the sample."""
    seen: int
    """Images."""
    broken: int
    """Images for which a unit gave a value that is no finite number."""
