"""Copies of a model: two that take no memory of their own, one for keeps, and one of shapes alone; and which model has none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer


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
    empty = (value for value in module.buffers() if isinstance(value, UninitializedBuffer))
    return {id(value): value.detach().clone() for value in held if not value.is_leaf} | {
        id(value): UninitializedBuffer(device=value.device, dtype=value.dtype)  # type: ignore[call-arg]
        for value in empty
    }


def entangled(module: nn.Module) -> bool:
    """Whether a copy of `module` would reach back into it: a function that it keeps, as a hook's, a forward put in another's
    place or a step in a list, holds one of its modules by closure, and Python copies no function."""
    own = {id(part) for part in module.modules()}
    return any(id(held) in own for part in module.modules() for held in _enclosed(vars(part), _DEEP, set()))


_DEEP = 4
"""Containers and functions in each other that are looked into for modules."""


def _enclosed(value: Any, deep: int, seen: set[int], closed: bool = False) -> Iterator[nn.Module]:
    """The modules that functions in `value` hold; what is `closed` is held by a function already."""
    if isinstance(value, nn.Module):
        if closed:
            yield value
        return
    if not deep or id(value) in seen:
        return
    seen.add(id(value))
    inside: list[Any] = []
    if isinstance(value, FunctionType):
        if (value.__module__ or "").partition(".")[0] == "torch":
            return  # what torch compiled copies itself
        closed = True
        for cell in value.__closure__ or ():
            try:
                inside.append(cell.cell_contents)
            except ValueError:  # nothing was put into it yet
                continue
        inside += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    elif isinstance(value, MethodType):
        inside = [value.__self__] if closed else []  # a method's own module is copied with it
    elif isinstance(value, partial):
        inside = [value.func, *value.args, *value.keywords.values()]
    elif isinstance(value, dict):
        inside = list(value.values())
    elif isinstance(value, (list, tuple)):
        inside = list(value)
    for one in inside:
        yield from _enclosed(one, deep - 1, seen, closed)
