"""The model itself, out of what it may be wrapped in: only a plain nn.Module calls its children where they can be watched."""

from __future__ import annotations

import torch
from torch import nn

from generator.errors import UserError


def unwrapped(module: nn.Module) -> nn.Module:
    """The module that `torch.compile` wrapped, which shares its weights; any other as it is.

    Raises:
        UserError: a scripted or traced module, whose insides are no Python.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise UserError(
            "expected a plain torch.nn.Module, received a TorchScript module, whose layers cannot be watched: give the model "
            "that it was made from"
        )
    inner = getattr(module, "_orig_mod", module)
    return inner if isinstance(inner, nn.Module) else module
