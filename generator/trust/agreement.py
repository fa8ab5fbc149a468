r"""Agreement: do two methods rank the places of a picture alike?

    maps of any size ─▶ the coarsest grid among them ─▶ ranks, ties averaged ─▶ Pearson's correlation of the ranks

$$ \rho = \frac{\sum_i (r_i - \bar r)(s_i - \bar s)}{\sqrt{\sum_i (r_i - \bar r)^2 \sum_i (s_i - \bar s)^2}} $$

Maps of different size meet on the coarsest grid, each averaged over its cells. The other way, up to the pixels, a map of
7 x 7 would be given 50,000 values that it never had, and a gradient's grain would decide over the correlation; on the
coarse grid the question is the one that both maps can answer: how much of each lies in this part of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from generator.trust.maps import averaged, coarsest

FLAT = 1e-9
"""Averaging leaves rounding in a flat map: differences below this share of the largest value are none."""


def spearman(a: Float[Tensor, "h w"], b: Float[Tensor, "h w"]) -> float:
    """The rank correlation of two maps of one size, -1 to 1; NaN where one of them is flat, and ranks nothing.

    Raises:
        ValueError: the maps differ in size.
    """
    if a.shape != b.shape:
        raise ValueError(f"expected two maps of one size, received {tuple(a.shape)} and {tuple(b.shape)}")
    return float(_correlations(np.stack([_ranks(_flat(a)), _ranks(_flat(b))]))[0, 1])


def matrix(maps: Sequence[Float[Tensor, "h w"]], grid: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """(k, k) the rank correlation of every map of an image with every other, on `grid`, else on the coarsest of them."""
    if not maps:
        return np.empty((0, 0))
    grid = grid or coarsest(maps)
    return _correlations(np.stack([_ranks(_snapped(_flat(averaged(map_.double(), grid)))) for map_ in maps]))


def mean(matrices: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The mean of the images' matrices, and of how many images each entry is: those in which neither map was flat.

    Correlations are averaged as they are, as Adebayo 2018 does. NaN where there is no image.
    """
    stacked = np.stack(matrices)
    n = np.isfinite(stacked).sum(axis=0)
    total = np.nansum(stacked, axis=0)
    return np.divide(total, n, out=np.full(total.shape, math.nan), where=n > 0), n


def _flat(map_: Tensor) -> NDArray[Any]:
    return map_.detach().flatten().double().cpu().numpy()


def _snapped(values: NDArray[Any]) -> NDArray[Any]:
    """Values that differ by rounding alone, made equal."""
    top = np.abs(values).max()
    return np.round(values / (top * FLAT)) if top > 0 else values


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """1 for the lowest; equal values share the mean of their ranks."""
    _, which, times = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(times) - (times - 1) / 2)[which]


def _correlations(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, k) Pearson's correlations of k rows; NaN for a constant row."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    products = centred @ centred.T
    size = np.sqrt(np.diag(products))
    scale = np.outer(size, size)
    found = np.divide(products, scale, out=np.full(products.shape, math.nan), where=scale > 0)
    return np.clip(found, -1, 1)
