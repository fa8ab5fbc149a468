"""A twin of a model for passes that read no weights: batch normalisations are merged into the convolutions before them.

    conv ─▶ batch norm        one convolution with other weights, and an Identity: the same function to rounding

A batch normalisation in evaluation mode is a multiplication and an addition for each unit, and reading and writing its
maps takes as long as many a convolution does: without it a forward is up to a fifth faster. Which may be merged is read
in the graph of the describing pass (`ModelFacts.mergeable`): a convolution called once, whose output one batch
normalisation reads, and nothing else. A twin that cannot be made, or that then gives another output, is not used.

Every layer of the twin gives what it gives in the model, but for the convolutions that were merged: those give what their
normalisations gave. Where a layer is to be read, its own pair is put `apart` for that long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from generator.engine.convolved import alone, put_before
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
            for part in found.modules():
                if (kind := alone(part)) is not None:
                    put_before(part, kind)
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


@contextmanager
def apart(light: nn.Module, module: nn.Module, pairs: Sequence[tuple[str, str]], path: str) -> Iterator[nn.Module]:
    """`light`, in which what is called at `path` gives its own values inside: the pairs whose convolution, but not the
    normalisation, stands there are as they are in `module`. Nothing is copied, where the two are of one precision; what a pass kept
    for its backward stays."""
    split = [(conv, norm) for conv, norm in pairs if _within(conv, path) and not _within(norm, path)]
    if light is module or not split:
        yield light
        return
    replaced = []
    try:
        for conv, norm in split:
            own: Any = module.get_submodule(conv)
            weight, bias = (_like(light.get_submodule(conv), value) for value in (own.weight, own.bias))
            replaced.append((conv, norm, _put(light, conv, norm, weight, bias, module.get_submodule(norm))))
        yield light
    finally:
        for conv, norm, before in replaced:
            _put(light, conv, norm, *before)


def _like(conv: Any, value: Tensor | None) -> Any:
    """A weight in the precision of the convolution that it is put into, and then in channels-last too."""
    if value is None or value.dtype == conv.weight.dtype:
        return value
    form = torch.channels_last if value.dim() == 4 else torch.preserve_format
    return nn.Parameter(value.detach().to(conv.weight.dtype, memory_format=form), requires_grad=False)


def _within(path: str, outer: str) -> bool:
    return not outer or f"{path}.".startswith(f"{outer}.")


def _merge(module: nn.Module, conv_path: str, norm_path: str) -> None:
    conv: Any = module.get_submodule(conv_path)
    norm: Any = module.get_submodule(norm_path)
    scale, shift = (None if p is None else p.detach() for p in (norm.weight, norm.bias))
    bias = None if conv.bias is None else conv.bias.detach()
    weight, shifted = fuse_conv_bn_weights(
        conv.weight.detach(), bias, norm.running_mean, norm.running_var, norm.eps, scale, shift
    )
    _put(module, conv_path, norm_path, weight.requires_grad_(False), shifted.requires_grad_(False), nn.Identity())


def _put(
    module: nn.Module, conv_path: str, norm_path: str, weight: Tensor, bias: Tensor | None, norm: nn.Module
) -> tuple[Tensor, Tensor | None, nn.Module]:
    """Give a pair these parameters and this normalisation; what it had before."""
    conv: Any = module.get_submodule(conv_path)
    parent, _, name = norm_path.rpartition(".")
    holder = module.get_submodule(parent)
    before = conv.weight, conv.bias, getattr(holder, name)
    conv.weight, conv.bias = weight, bias
    setattr(holder, name, norm)
    return before
