"""A twin of a model for forward passes alone: batch normalisations are merged into the convolutions before them.

    conv ─▶ batch norm        one convolution with other weights, and an Identity: the same function to rounding

A batch normalisation in evaluation mode is a multiplication and an addition for each unit, and reading and writing its
maps takes as long as many a convolution does: without it a forward is up to a fifth faster. Which may be merged is read
in the graph of the describing pass (`ModelFacts.mergeable`): a convolution called once, whose output one batch
normalisation reads, and nothing else. A twin that cannot be made, or that then gives another output, is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from generator.engine.invoke import Invocation
from generator.model.calls import tensors
from generator.model.twin import twin
from generator.room import no_room

CLOSE = 1e-4
"""Of a value, and of the median of all: what two outputs may differ by and be the same to rounding."""


def merged(module: nn.Module, pairs: Sequence[tuple[str, str]], x: Tensor, invocation: Invocation) -> nn.Module:
    """The twin with these pairs (convolution, batch normalisation) merged, or `module` itself.

    `module` is in evaluation mode; `x` (n, c, h, w) is the input that the two are compared on. What the twin takes beyond the
    model's own memory is the merged weights.
    """
    if not pairs:
        return module
    try:
        with torch.no_grad():
            found = twin(module)
            for conv, norm in pairs:
                _merge(found, conv, norm)
            same = alike(invocation(found, x + 0), invocation(module, x + 0))
    except (
        Exception
    ) as error:  # a module that cannot be copied, or whose code reads a batch normalisation's own numbers
        if no_room(error):
            raise
        return module
    return found if same else module


def alike(output: Any, expected: Any) -> bool:
    """Whether two outputs hold the same tensors to rounding, infinities at the same places. Nothing to compare is not alike."""
    mine, own = list(tensors(output)), list(tensors(expected))
    return (
        len(mine) == len(own)
        and any(b.numel() for b in own)
        and all(_close(a, b) for a, b in zip(mine, own, strict=True))
    )


def identical(output: Any, expected: Any) -> bool:
    """Whether two outputs hold the same tensors to the last bit, and something to compare."""
    mine, own = list(tensors(output)), list(tensors(expected))
    return len(mine) == len(own) and any(b.numel() for b in own) and all(map(torch.equal, mine, own))


def _close(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or not b.numel():
        return a.shape == b.shape
    a, b = a.float(), b.float()
    finite = b.isfinite()
    if not torch.equal(a[~finite], b[~finite]):  # NaN is not alike
        return False
    if not bool(finite.any()):
        return True
    usual = float(b[finite].abs().median())  # not the largest: a masked class may have -1e9
    return torch.allclose(a[finite], b[finite], rtol=CLOSE, atol=CLOSE * usual)


def _merge(module: nn.Module, conv_path: str, norm_path: str) -> None:
    conv: Any = module.get_submodule(conv_path)
    norm: Any = module.get_submodule(norm_path)
    scale, shift = (None if p is None else p.detach() for p in (norm.weight, norm.bias))
    bias = None if conv.bias is None else conv.bias.detach()
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight.detach(), bias, norm.running_mean, norm.running_var, norm.eps, scale, shift
    )
    conv.weight.requires_grad_(False)
    conv.bias.requires_grad_(False)
    parent, _, name = norm_path.rpartition(".")
    setattr(module.get_submodule(parent), name, nn.Identity())
