"""Which memory format this model runs faster in on this device: measured once, then remembered.

Depthwise convolutions differ by up to fifty times between NCHW and channels-last, in either direction, with the model,
the device and the torch version; no rule of thumb holds.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor

from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.model.calls import tensors

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def faster_format(engine: Engine, shape: tuple[int, int, int], batch: int = 1, rounds: int = 2) -> str:
    """``contiguous`` or ``channels_last``: the format of the fastest of a few forward and backward passes of a batch of
    random images of `shape` (c, h, w), taken in turn. Ties go to ``contiguous``. The engine's counts do not change."""
    best = dict.fromkeys(FORMATS, float("inf"))
    x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0))
    with prepared(engine.module):
        for turn in range(rounds + 1):
            for name in FORMATS:
                use_format(engine, name)
                took = _pass(engine, engine.batch(x))
                if turn:  # the first turn of each warms up
                    best[name] = min(best[name], took)
    return "channels_last" if best["channels_last"] < 0.95 * best["contiguous"] else "contiguous"


def _pass(engine: Engine, x: Tensor) -> float:
    leaf = x.detach().requires_grad_()
    _synchronise(engine.device)
    start = time.perf_counter()
    output = engine.invocation(engine.module, leaf + 0)
    values = next((value for value in tensors(output) if value.requires_grad), None)
    if values is not None:  # a model may cut its gradients off
        torch.autograd.grad(values.float().sum(), leaf, allow_unused=True)
    _synchronise(engine.device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def use_format(engine: Engine, name: str) -> None:
    """Run the engine's model in this format from now on. Changes the layout of its weights in memory, not their values."""
    engine.memory_format = FORMATS[name]
    for value in (*engine.module.parameters(), *engine.module.buffers()):
        if value.dim() == 4:  # `Module.to` refuses models that have a Conv3d as well
            value.data = value.data.contiguous(memory_format=FORMATS[name])
