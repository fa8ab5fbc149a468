"""Maps of any kind and size, brought to what is compared: one number a place, on one grid."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate


def per_place(values: Float[Tensor, "*c h w"], *, adds_up: bool = False) -> Float[Tensor, "h w"]:
    """One number a place of a map (h, w), which is given back, or of one with the input's channels (c, h, w).

    Channels are summed as they are where the values are contributions that `adds_up` to the score (input x gradient,
    integrated gradients, LRP): what speaks against the target then ranks last. Of gradients the absolute values are
    summed: their sign says in which direction a pixel would have to change, not whether it matters.
    """
    if values.dim() == 2:
        return values
    return values.sum(dim=0) if adds_up else values.abs().sum(dim=0)


def at_size(map_: Float[Tensor, "h w"], size: tuple[int, int]) -> Float[Tensor, "h2 w2"]:
    """The map as it is drawn over the picture: bilinear, with pixel centres aligned as areas (`align_corners=False`)."""
    if tuple(map_.shape) == size:
        return map_
    return interpolate(map_[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]


def averaged(map_: Float[Tensor, "h w"], grid: tuple[int, int]) -> Float[Tensor, "h2 w2"]:
    """The mean over each cell of a coarser grid; a place on a border between cells counts in each by the part inside.

    Along an axis on which `grid` has more places than the map, a cell takes the value of the place that it lies in, or
    the mean of those that it straddles.
    """
    rows, columns = (_overlaps(have, want).to(map_) for have, want in zip(map_.shape, grid, strict=True))
    return rows @ map_ @ columns.T


def coarsest(maps: Iterable[Float[Tensor, "h w"]]) -> tuple[int, int]:
    """The fewest rows and the fewest columns that any of the maps has."""
    shapes = [tuple(map_.shape) for map_ in maps]
    return min(h for h, _ in shapes), min(w for _, w in shapes)


def _overlaps(have: int, want: int) -> Float[Tensor, "want have"]:
    """Of each wanted cell, the shares that the places there are take of it: rows sum to one."""
    ends = np.arange(want + 1) * (have / want)
    places = np.arange(have)
    inside = np.minimum(ends[1:, None], places + 1) - np.maximum(ends[:-1, None], places)
    return torch.from_numpy(np.clip(inside, 0, None) * (want / have))
