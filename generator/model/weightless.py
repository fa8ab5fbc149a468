"""Build a model without its weights: parameters on the meta device from the moment they are registered.

    nn.Linear(1280, 5120) ──▶ torch.empty ──▶ register_parameter ──▶ meta; its initialisation then has nothing to fill

Unlike building under ``torch.device("meta")``, what a constructor works out with tensors (buffers, drop rates, position
tables) has its numbers: every model can be built so. A drawing needs no more, and ResNet-152 is there in 0.2 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.utils.weak import WeakTensorKeyDictionary


@contextmanager
def weightless() -> Iterator[None]:
    """Parameters registered meanwhile have a shape and no numbers; those shared stay shared."""
    moved = WeakTensorKeyDictionary()

    def without(_: nn.Module, __: str, parameter: nn.Parameter | None) -> Any:
        if type(parameter) is not nn.Parameter or parameter.is_meta:  # lazy ones have no shape yet
            return None
        if parameter not in moved:
            empty = torch.empty(tuple(parameter.shape), dtype=parameter.dtype, device="meta")
            moved[parameter] = nn.Parameter(empty, parameter.requires_grad)
        return moved[parameter]

    handle = register_module_parameter_registration_hook(without)
    try:
        yield
    finally:
        handle.remove()
