r"""Neighbours: which units of a layer have nearly the same weights.

$$ \cos(o, p) = \frac{\langle W^o, W^p \rangle}{\lVert W^o \rVert \, \lVert W^p \rVert} $$

Kernels are flattened and their biases left out: units that differ only in size or threshold count as alike. Two units
are redundant where the cosine is above a threshold and they read the same channels; below minus the threshold they are
opposites, which a rectifier keeps apart. In a grouped or depthwise convolution, units of different groups may be alike
in form, yet look at different channels: they are neighbours, never redundant.

The products are made in blocks of units, each pair's once: memory is O(units x block), never O(units x units).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.wiring.kernels import Kernels
from generator.wiring.strengths import ABSENT

REDUNDANT = 0.98
"""Cosine above which two units say nearly the same."""
BLOCK = 256
"""Units whose cosines with all others are held at a time."""


@dataclass(frozen=True)
class Alike:
    """Of each unit the others with the largest cosine, largest first, and the redundant pairs."""

    unit: Int[NDArray[np.int32], "u k"]
    """Or `ABSENT`: there are fewer others, or a kernel is all zeros and points nowhere."""
    cosine: Float[NDArray[np.float32], "u k"]
    pairs: Int[NDArray[np.int32], "m 2"]
    """Units (o, p), o < p, of the same input channels and a cosine above the threshold, in order."""
    pair_cosine: Float[NDArray[np.float32], " m"]


def alike(kernels: Kernels, k: int, threshold: float = REDUNDANT, block: int = BLOCK) -> Alike | NotApplicable:
    """The `k` nearest of each unit."""
    W = kernels.shaped.flatten(1)  # (o, i t)
    units, group = kernels.units, kernels.units // kernels.groups
    if W.shape[1] == 1:
        return NotApplicable("each of its kernels is a single number, and of two numbers there is no angle.")
    if units == 1:
        return NotApplicable("it has one unit only.")
    nearest = _Nearest(units, min(k, units - 1), W.device)
    size = torch.linalg.vector_norm(W, dim=1)
    empty = size == 0
    pairs, cosines = [], []
    for start in range(0, units, block):
        stop = min(start + block, units)
        cos = (W[start:stop] @ W[start:].T / (size[start:stop, None] * size[start:])).clamp(-1, 1)  # (b, o - start)
        cos[empty[start:stop]] = -torch.inf
        cos[:, empty[start:]] = -torch.inf
        cos.fill_diagonal_(-torch.inf)
        nearest.see(slice(start, stop), cos, start)
        nearest.see(slice(stop, units), cos[:, stop - start :].T, start)  # the same cosines, from the other side
        o, p = _redundant(cos, start, group, threshold)
        pairs.append(torch.stack([o, p], dim=1))
        cosines.append(cos[o - start, p - start])
    known = nearest.cosine > -torch.inf
    return Alike(
        torch.where(known, nearest.unit, ABSENT).int().cpu().numpy(),
        torch.where(known, nearest.cosine, 0).cpu().numpy(),
        torch.cat(pairs).int().cpu().numpy(),
        torch.cat(cosines).cpu().numpy(),
    )


class _Nearest:
    """The nearest of each unit among those seen so far."""

    def __init__(self, units: int, k: int, device: torch.device) -> None:
        self.cosine = torch.full((units, k), -torch.inf, device=device)
        self.unit = torch.full((units, k), ABSENT, device=device)

    def see(self, units: slice, cos: Tensor, first: int) -> None:
        """Take in the cosines (units, others) of `units` with others, of which the first has the number `first`."""
        k = self.cosine.shape[1]
        top, where = cos.topk(min(k, cos.shape[1]), dim=1)
        cosine = torch.cat([self.cosine[units], top], dim=1)
        unit = torch.cat([self.unit[units], where + first], dim=1)
        self.cosine[units], kept = cosine.topk(k, dim=1)
        self.unit[units] = unit.gather(1, kept)


def _redundant(cos: Tensor, start: int, group: int, threshold: float) -> tuple[Tensor, Tensor]:
    """The pairs above the threshold among the cosines of units from `start` on."""
    o, p = ((cos > threshold).nonzero() + start).T
    kept = (o < p) & (o // group == p // group)
    return o[kept], p[kept]
