r"""Where in a patch the evidence of a unit lies, as far as a reconstruction $R$ (channels, height, width) says.

$$ m = G_\sigma * \sum_c |R_c|, \qquad \mathrm{lit} = \min(1,\; m / q_{0.98}(m)) $$

$G_\sigma$ smooths over a fortieth of the patch, so that a mask keeps what lies between two edges as well. It says where, not
what: signs and colours are lost, and that a place is lit does not say that the unit needs it. With a photograph under it, it
says what a gray picture of gradients leaves to be guessed: that these edges are an eye.

Measured on EfficientNet-Lite0 and the eight photographs of the default report (bench/lit.py): the photograph as far as it is
lit, the rest gray, keeps of a unit's answer 1.02 (_blocks.5._project_conv), 1.07 (_blocks.10._expand_conv), 1.01
(_blocks.13._expand_conv) and 0.85 (_conv_head); under the same mask moved elsewhere 0.01, 0.01, 0.10 and 0.40; what the mask
leaves out 0.26, 0.33, 0.58 and 0.60 (medians over the four first patches of the eight strongest units).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SIDE = 48
"""Cells of a mask's longer side, at most: it is smooth, and is drawn larger."""
SMOOTHED = 1 / 40
"""Standard deviation of the smoothing, as a share of the longer side."""
FULL = 0.98
"""Quantile of the smoothed map from which a place is lit in full."""


def cells(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the mask of a patch that is so large."""
    scale = min(1.0, SIDE / max(height, width))
    return max(1, math.ceil(height * scale)), max(1, math.ceil(width * scale))


def smoothed(back: Float[Tensor, "c h w"]) -> Float[Tensor, "p q"]:
    """m, on the CPU: how much came back to each place, all channels together; what is no finite number counts as nothing."""
    much = torch.nan_to_num(back.float().cpu(), 0, 0, 0).abs().sum(dim=0)[None, None]
    much = F.adaptive_avg_pool2d(much, cells(*back.shape[1:]))
    sigma = max(0.5, SMOOTHED * max(much.shape[2:]))
    reach = math.ceil(3 * sigma)
    bell = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    bell = bell / bell.sum()
    much = F.conv2d(much, bell[None, None, :, None], padding=(reach, 0))
    return F.conv2d(much, bell[None, None, None, :], padding=(0, reach))[0, 0]


def lit(m: Float[Tensor, "p q"]) -> Float[Tensor, "p q"]:
    """From 0 to 1; 0 everywhere where nothing came back."""
    full = float(torch.quantile(m, FULL)) or float(m.max())
    return (m / full).clamp(0, 1) if full > 0 else torch.zeros_like(m)


def half(m: Float[Tensor, "p q"]) -> float:
    """The share of the patch, at least, that holds half of what came back: 0.5 where it is spread evenly, NaN where there is
    nothing."""
    ordered = m.flatten().double().sort(descending=True).values.cumsum(0)
    if not float(ordered[-1]) > 0:
        return math.nan
    return (int((ordered < 0.5 * ordered[-1] * (1 - 1e-9)).sum()) + 1) / len(ordered)
