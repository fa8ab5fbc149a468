"""Means of a layer's maps, told from its input where that is smaller: of a convolution of one pixel, they are its own of means.

    x (n, i, h, w) ──▶ mean (n, i) ──▶ weight, bias ──▶ (n, o)        the mean over places of weight x + bias, to rounding

A network's widest maps come of such convolutions, six times as wide as what they read in many, and to read those once more for
their means takes longer than anything else that is asked of them.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from generator.model.calls import Call

WIDER = 2
"""How many times as wide as its input an output is at least: else as much is read either way."""
CLOSE = 1e-4
"""Of the values' own length: what the two ways may differ by and be the same to rounding."""


def mixes(call: Call, A: Float[Tensor, "n o h w"]) -> bool:
    """Whether the call that gave `A` was that of such a convolution, so much wider than what it read."""
    module: Any = call.module
    x = call.args[0] if call.args else None
    if not isinstance(module, nn.Conv2d) or not isinstance(x, Tensor) or x.dim() != 4:
        return False
    plain = module.groups == 1 and module.kernel_size == (1, 1) and module.stride == (1, 1)
    fits = len(x) == len(A) and x.shape[2:] == A.shape[2:] and A.shape[1] == module.out_channels
    return plain and fits and A.shape[1] >= WIDER * x.shape[1]


def told(call: Call) -> Float[Tensor, "n o"]:
    """The means of what this call gave, from its input."""
    module: Any = call.module
    return F.linear(call.args[0].mean(dim=(2, 3)), module.weight.flatten(1), module.bias).float()


def follows(means: Float[Tensor, "n o"], A: Float[Tensor, "n o h w"]) -> bool:
    """Whether `means` are those of `A` to rounding. A subclass of a convolution may do more than one does."""
    own = A.mean(dim=(2, 3))
    strength = A.abs().mean(dim=(2, 3))  # a mean of values that cancel is rounded as they are
    return bool(((means - own).abs() <= CLOSE * (strength + own.abs().mean())).all())
