"""Priors R(x) that a search subtracts from its objective: what a picture pays for being rough, or far from gray.

total variation   mean square of the differences of neighbouring pixels, down and across
L-p               mean of |x - 1/2|^p
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def total_variation(picture: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Squared differences of neighbours, their mean down plus their mean across (Mahendran and Vedaldi 2015, beta = 2)."""
    down, across = picture.diff(dim=2), picture.diff(dim=3)
    return down.square().mean(dim=(1, 2, 3)) + across.square().mean(dim=(1, 2, 3))


def distance_to_gray(picture: Float[Tensor, "b c h w"], p: float) -> Float[Tensor, " b"]:
    """Mean of |x - 1/2|^p, p from 1: the p-th power of the L-p norm over the number of pixels. A large p spares what is
    pale and forbids what burns out."""
    return (picture - 0.5).abs().pow(p).mean(dim=(1, 2, 3))
