"""A copy of a model that takes no memory of its own."""

from __future__ import annotations

import copy

from torch import nn


def twin(module: nn.Module) -> nn.Module:
    """A copy of `module` whose parameters and buffers are objects of its own, on the same memory: others may be put in their
    place, and none may be written into."""
    memo: dict[int, object] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in module.parameters()}
    memo |= {id(b): b.detach() for b in module.buffers()}
    return copy.deepcopy(module, memo)
