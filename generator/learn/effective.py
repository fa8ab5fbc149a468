r"""The effective receptive field: how much each pixel weighs in one unit, measured (Luo et al. 2016, arXiv 1701.04128).

$$ E_{ij} = \frac{1}{n} \sum_x \sum_c \left| \frac{\partial y}{\partial x_{cij}} \right| $$

y is the sum over all channels of a layer at its middle place, as in the paper, which sets the gradient there to 1 and
elsewhere to 0. The paper averages over random weights; here weights are the model's, and x its images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from generator.names import LayerName

SHARE = 0.95
"""Of the whole weight: what the square of the effective field holds."""
SIDE = 48
"""Places of a longer side that are kept, at most."""

Box = tuple[int, int, int, int]
"""top, left, bottom, right in input pixels; the last two are not in it."""


@dataclass(frozen=True)
class Measured:
    """What was found of a layer."""

    box: Box
    """The theoretical field of the unit, as far as it lies in the input; the whole input where it sees all."""
    inner: Box
    """The smallest square about the middle of the weight that holds `SHARE` of it, as far as it lies in the input."""
    values: Float[Tensor, "rows columns"]
    """The weights within `box`, means of areas where it is larger than `SIDE`; their largest is 1."""


@dataclass(frozen=True)
class Effective:
    """Of a model."""

    images: int
    """Over which the weights are means."""
    fields: tuple[tuple[LayerName, Measured], ...]
    """In order of execution."""


def middle(output: Float[Tensor, "n c h w"]) -> Float[Tensor, ""]:
    """y, summed over images as well: none has to do with another."""
    h, w = output.shape[-2:]
    return output[:, :, h // 2, w // 2].sum()


def weights(gradient: Float[Tensor, "n c h w"]) -> Float[Tensor, "h w"]:
    """E."""
    return gradient.detach().double().abs().sum(dim=1).mean(dim=0).cpu()


def measured(field: Float[Tensor, "h w"], box: Box) -> Measured | None:
    """What is kept of the weights of all pixels; None where nothing weighs anything."""
    top, left, bottom, right = box
    part = field[top:bottom, left:right]
    if not float(part.sum()) > 0:
        return None
    share = SIDE / max(part.shape)
    if share < 1:
        rows, columns = (max(1, round(side * share)) for side in part.shape)
        part = F.adaptive_avg_pool2d(part[None], (rows, columns))[0]
    return Measured(box, inner(field), (part / part.max()).float())


def inner(field: Float[Tensor, "h w"], share: float = SHARE) -> Box:
    """The smallest square box about the middle of the weight that holds `share` of it; the input cuts it."""
    h, w = field.shape
    total = float(field.sum())
    y = round(float((field.sum(dim=1) * torch.arange(h, dtype=field.dtype)).sum()) / total)
    x = round(float((field.sum(dim=0) * torch.arange(w, dtype=field.dtype)).sum()) / total)
    far = torch.maximum((torch.arange(h) - y).abs()[:, None], (torch.arange(w) - x).abs()[None, :])
    rings = torch.zeros(max(h, w) + 1, dtype=field.dtype).index_add_(0, far.flatten(), field.flatten())
    reach = int((rings.cumsum(0) >= share * total * (1 - 1e-9)).nonzero()[0])
    return max(0, y - reach), max(0, x - reach), min(h, y + reach + 1), min(w, x + reach + 1)


def seen(size: tuple[int, int], *sides: tuple[float, float] | None) -> Box:
    """What of an input of `size` a unit may see that sees these pixels, first and last, of its rows and of its columns (see
    `Layer.sees`): all of it where that is not known."""
    rows, columns = (
        (0, end) if side is None else (max(0, math.ceil(side[0])), min(end, math.floor(side[1]) + 1))
        for side, end in zip(sides, size, strict=True)
    )
    return rows[0], columns[0], rows[1], columns[1]
