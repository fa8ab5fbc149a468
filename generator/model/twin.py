"""Copies of a model: two that take no memory of their own, one for keeps, and one of shapes alone."""

from __future__ import annotations

import copy

import torch
from torch import nn


def twin(module: nn.Module) -> nn.Module:
    """A copy of `module` whose parameters and buffers are objects of its own, on the same memory: others may be put in their
    place, and none may be written into."""
    memo: dict[int, object] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in module.parameters()}
    memo |= {id(b): b.detach() for b in module.buffers()}
    return copy.deepcopy(module, _computed(module) | memo)


def alongside(module: nn.Module) -> nn.Module:
    """A copy on the same weights that can run while others do: with buffers of its own, since a model may write into those
    as it runs."""
    made = twin(module)
    own: dict[int, torch.Tensor] = {}
    for part in made.modules():
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = own.setdefault(id(buffer), buffer.clone())
    return made


def copied(module: nn.Module) -> nn.Module:
    """A deep copy of `module`. What it keeps of an earlier forward (features on `self`, weights that a hook computes) is
    copied by value: torch itself refuses to copy a tensor that was computed with gradients."""
    return copy.deepcopy(module, _computed(module))


def shadow(module: nn.Module) -> nn.Module:
    """A copy of `module` on the meta device: it runs on shapes alone, in no time, and has no numbers."""
    memo: dict[int, object] = {id(p): nn.Parameter(_shape_of(p), requires_grad=False) for p in module.parameters()}
    held = (value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor))
    memo |= {id(value): _shape_of(value) for value in (*module.buffers(), *held)}
    return copy.deepcopy(module, memo)


def _shape_of(tensor: torch.Tensor) -> torch.Tensor:
    # not empty_like: on the meta device that imports half a second of symbolic mathematics
    return torch.empty(tuple(tensor.shape), dtype=tensor.dtype, device="meta")


def _computed(module: nn.Module) -> dict[int, object]:
    """A memo for `copy.deepcopy` of the tensors that modules hold and that are no leaves of autograd's graph."""
    held = (value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor))
    return {id(value): value.detach().clone() for value in held if not value.is_leaf}
