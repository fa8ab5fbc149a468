r"""Pixels taken away are filled in from what is left, so that their place does not tell which they were (Rong 2022).

    known pixels ─▶ each missing one is the weighted mean of its eight neighbours ─▶ a linear system ─▶ plus noise

$$ x_i = \sum_{j \in N(i)} w_{ij} x_j, \quad w_{ij} = \tfrac{1}{6} \text{ beside, above and below,} \quad
\tfrac{1}{12} \text{ across a corner} $$

At the picture's edge the weights that are left are scaled to a sum of one. The system is solved by conjugate gradients,
preconditioned with a multigrid cycle: a hole of any size takes about five steps, where conjugate gradients alone take
hundreds, and a sparse factorisation of the whole takes ten to thirty times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

Grid = NDArray[Any]
"""(c, h, w), or (h, w) where it holds for every channel."""
WEIGHTS = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12
DAMPING = 0.8
SWEEPS = 2
"""Of the damped Jacobi smoother, before and after the coarser grid: as many on either side, or conjugate gradients fail."""
LAST = 10
"""Sweeps on the coarsest grid."""
STEPS = 500
"""More than any hole needs: then rounding is all that is left to gain."""


def imputed(
    x: Float[Tensor, "c h w"], missing: Bool[Tensor, "h w"], *, tolerance: float = 1e-2
) -> Float[Tensor, "c h w"]:
    """`x` with the pixels `missing` filled in, without noise. Values there are not read.

    `tolerance` bounds the last correction anywhere, in units of the known pixels' standard deviation: 0.01 is below one
    of 256 gray levels in an ordinary photograph. On the CPU, in float64 where `x` is, else in float32.

    Raises:
        ValueError: no pixel is left to fill in from.
    """
    if bool(missing.all()):
        raise ValueError("expected at least one pixel to fill in from: all are missing")
    if not bool(missing.any()):
        return x.clone()
    dtype = np.float64 if x.dtype == torch.float64 else np.float32
    hole = missing.cpu().numpy()
    known = np.where(hole, 0, x.detach().cpu().numpy()).astype(dtype, order="C")
    spread = float(known[:, ~hole].std()) or 1.0
    levels = _levels(hole.astype(dtype))
    filled = known + _solve(levels, levels[0].hole * _neighbours(known), tolerance * spread)
    return torch.from_numpy(filled).to(x)


@dataclass(frozen=True)
class Level:
    """The system on one grid, for its missing pixels alone: degree * u - neighbours(u)."""

    hole: Grid
    degree: Grid
    """The weights of a missing pixel's neighbours together: 1 but at the picture's edge; 0 elsewhere."""
    damped: Grid
    """The smoother's step, DAMPING / degree; 0 elsewhere."""

    def apply(self, u: Grid) -> Grid:
        found = self.degree * u
        found -= self.hole * _neighbours(u)
        return found

    def smoothed(self, u: Grid, b: Grid, sweeps: int) -> Grid:
        for _ in range(sweeps):
            u = u + (b - self.apply(u)) * self.damped
        return u


def _levels(hole: Grid) -> list[Level]:
    """From fine to coarse. A coarse pixel is missing where all it stands for are: there the equation is the same again."""
    levels = []
    while hole.any():
        degree = _neighbours(np.ones_like(hole))
        levels.append(Level(hole, hole * degree, hole * (DAMPING / degree)))
        if min(hole.shape) <= 2:
            break
        hole = np.minimum.reduce(_quarters(hole))
    return levels


def _solve(levels: list[Level], b: Grid, tolerance: float) -> Grid:
    """Conjugate gradients for all channels side by side; stops where the next correction is below `tolerance`."""
    u, r = np.zeros_like(b), b
    z = p = _cycle(levels, r)
    rz = _dot(r, z)
    for _ in range(STEPS):
        if np.abs(z).max() < tolerance:
            break
        Ap = levels[0].apply(p)
        alpha = _ratio(rz, _dot(p, Ap))
        u, r = u + alpha * p, r - alpha * Ap
        z = _cycle(levels, r)
        before, rz = rz, _dot(r, z)
        p = z + _ratio(rz, before) * p
    return u


def _cycle(levels: list[Level], b: Grid) -> Grid:
    """One V-cycle from zero: an approximate solution for right-hand side `b`."""
    level, coarser = levels[0], levels[1:]
    u = level.smoothed(b * level.damped, b, (SWEEPS if coarser else LAST) - 1)
    if not coarser:
        return u
    rest = coarser[0].hole * sum(_quarters(b - level.apply(u)))
    e = _cycle(coarser, rest)
    u += e.repeat(2, axis=-2).repeat(2, axis=-1)[..., : b.shape[-2], : b.shape[-1]]
    return level.smoothed(u, b, SWEEPS)


def _neighbours(u: Grid) -> Grid:
    """The weighted sum of each pixel's neighbours; beyond the picture there are none."""
    found = np.empty(u.shape, u.dtype)
    for plane, made in zip(u.reshape(-1, *u.shape[-2:]), found.reshape(-1, *u.shape[-2:]), strict=True):
        cv2.filter2D(plane, -1, WEIGHTS, dst=made, borderType=cv2.BORDER_CONSTANT)
    return found


def _quarters(u: Grid) -> list[Grid]:
    """The four pixels that each coarser one stands for, (..., rows, columns) each; behind an odd edge there are zeros,
    which for a hole means known."""
    h, w = u.shape[-2:]
    if h % 2 or w % 2:
        u = np.pad(u, ((0, 0),) * (u.ndim - 2) + ((0, h % 2), (0, w % 2)))
    return [u[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]


def _dot(a: Grid, b: Grid) -> Grid:
    return np.einsum("chw,chw->c", a, b)[:, None, None]


def _ratio(a: Grid, b: Grid) -> Grid:
    """a / b, and 0 for a channel that is done: there both are 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)
