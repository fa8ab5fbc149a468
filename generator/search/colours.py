"""What stands between the searched values and a picture: colours mixed as in photographs, contrast, and the sigmoid."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

COLOUR_MIX = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Square root of the colour correlation of ImageNet's pixels, published with Olah, Mordvintsev and Schubert, "Feature
Visualization", Distill 2017: one row a channel (R, G, B)."""

FAINT = 0.02
"""Distance from black and white that `logits` keeps, where the sigmoid's inverse is infinite."""

TINY = 1e-12


def _mix(like: Tensor) -> Float[Tensor, "3 3"]:
    mix = torch.tensor(COLOUR_MIX, dtype=like.dtype, device=like.device)
    return mix / mix.norm(dim=0).max()


def mixed(z: Float[Tensor, "*b c h w"]) -> Float[Tensor, "*b c h w"]:
    """Three independent channels as red, green and blue; any other number of channels as it is."""
    return _mixed_by(_mix(z), z) if z.shape[-3] == 3 else z


def unmixed(z: Float[Tensor, "*b c h w"]) -> Float[Tensor, "*b c h w"]:
    """What `mixed` makes `z` of."""
    return _mixed_by(torch.linalg.inv(_mix(z)), z) if z.shape[-3] == 3 else z


def _mixed_by(mix: Float[Tensor, "3 3"], z: Float[Tensor, "*b 3 h w"]) -> Float[Tensor, "*b 3 h w"]:
    each = mix.expand(*z.shape[:-3], 3, 3)  # a product each picture: nothing is copied to bring channels to the end
    return (each @ z.flatten(-2)).view(z.shape)


def held(z: Float[Tensor, "b c h w"], contrast: float) -> Float[Tensor, "b c h w"]:
    """Each picture scaled to the root mean square `contrast`; as it is where that is 0."""
    if not contrast:
        return z
    row = z.flatten(1)
    square = (
        torch.linalg.vecdot(row, row) / row.shape[1]
    )  # whose backward is three times as fast as a norm's or a power's
    return z * (contrast / square.clamp(min=TINY**2).sqrt()).view(-1, 1, 1, 1)


def logits(picture: Float[Tensor, "*b c h w"]) -> Float[Tensor, "*b c h w"]:
    """What the sigmoid makes a picture in [0, 1] of; black and white count as nearly so."""
    return picture.clamp(FAINT, 1 - FAINT).logit()
