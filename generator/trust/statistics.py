"""Means over images, with intervals that say how far another set of images could be from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
BLOCK = 1_000_000
"""Numbers that are drawn at once."""


class Estimate(NamedTuple):
    """A mean over `n` images with its 95 % interval; NaN where there is none: both ends for one image, all for none."""

    mean: float
    low: float
    high: float
    n: int


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean of the numbers among `values` and its percentile bootstrap interval; NaN stands for an image without one.

    The same seed draws the same images for every list of one length, so that intervals can be compared. With few images
    the interval is too narrow (docs/trust.md says by how much); for one image there is none.
    """
    known = np.array([value for value in values if not math.isnan(value)], dtype=np.float64)
    n = len(known)
    if n < 2:
        return Estimate(float(known[0]) if n else math.nan, math.nan, math.nan, n)
    low, high = np.quantile(_resampled(known, seed), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(known.mean()), float(low), float(high), n)


def share(values: Sequence[float]) -> Estimate:
    """The share of ones among noughts and ones, with Wilson's interval: a bootstrap of eight hits out of eight would
    claim that there can be no miss. NaN stands for an image without a number."""
    known = [value for value in values if not math.isnan(value)]
    n = len(known)
    if n < 2:
        return Estimate(known[0] if n else math.nan, math.nan, math.nan, n)
    z = 1.959963984540054  # of the normal distribution, 2.5 % lie above it
    p = sum(known) / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)), n)


def difference(a: Sequence[float], b: Sequence[float], seed: int = 0) -> Estimate:
    """The mean of a - b, image by image, over the images that have both numbers.

    Raises:
        ValueError: the lists differ in length, and so are not of the same images.
    """
    if len(a) != len(b):
        raise ValueError(f"expected numbers of the same images, received {len(a)} and {len(b)}")
    return mean([one - other for one, other in zip(a, b, strict=True)], seed)


def _resampled(known: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Means of as many images, drawn again and again with replacement."""
    rng = np.random.default_rng(seed)
    rows = max(1, BLOCK // len(known))
    parts = [
        known[rng.integers(0, len(known), (min(rows, RESAMPLES - at), len(known)))].mean(axis=1)
        for at in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(parts)
