"""Which memory format this model runs faster in on this device, and in which numbers searches do: measured once, then remembered.

Depthwise convolutions differ by up to fifty times between NCHW and channels-last, in either direction, with the model,
the device and the torch version; no rule of thumb holds. In bfloat16 a network of dense convolutions runs three times as fast
where the processor multiplies such numbers, and one that is all depthwise may run slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.engine.reduced import Refused, able
from generator.model.calls import tensors
from generator.model.twin import twin
from generator.threads import pool

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}

WORTH = 0.85
"""Of the time that float32 takes: what bfloat16 may take and be chosen. Nearer to it, the next measurement might say otherwise."""
SMALL = 50_000_000
"""Multiplications of an image below which a model's searches take no time either way, and a measurement says little."""
PICTURES = 2
"""Pictures of the model's own size that are timed: as many pixels as the eight smaller ones of a search."""


def faster_format(engine: Engine, shape: tuple[int, int, int], batch: int = 1, rounds: int = 2) -> str:
    """``contiguous`` or ``channels_last``: the format of the fastest of a few forward and backward passes of a batch of
    random images of `shape` (c, h, w), taken in turn. Ties go to ``contiguous``. The engine's counts do not change."""
    best = dict.fromkeys(FORMATS, float("inf"))
    x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(0))
    with prepared(engine.module):
        for turn in range(rounds + 1):
            for name in FORMATS:
                use_format(engine, name)
                took = _pass(engine, engine.module, engine.batch(x))
                if turn:  # the first turn of each warms up
                    best[name] = min(best[name], took)
    return "channels_last" if best["channels_last"] < 0.95 * best["contiguous"] else "contiguous"


def faster_precision(engine: Engine, shape: tuple[int, int, int], rounds: int = 2) -> str:
    """``float32`` or ``bfloat16``: in what numbers a forward and a backward pass of the twin that searches run are faster, by a
    clear margin, each in its faster memory format, of a batch of random images of `shape` (c, h, w), taken in turn. ``float32``
    without a measurement where the device has no instructions for the other, where the model is small, or has no such twin. The
    engine is left as it is, and its counts do not change."""
    if not worth_measuring(engine):
        return "float32"
    try:
        low = engine.reduced()
    except Refused:
        return "float32"
    x = torch.randn(PICTURES, *shape, generator=torch.Generator().manual_seed(0)).to(engine.device, torch.float32)
    last = torch.channels_last
    ways = {
        name: (_formatted(engine.light(), form), x.contiguous(memory_format=form)) for name, form in FORMATS.items()
    }
    ways["bfloat16"] = low, x.to(torch.bfloat16).contiguous(memory_format=last)
    best = dict.fromkeys(ways, float("inf"))

    def timed() -> None:
        for turn in range(rounds + 1):
            for name, (module, batch) in ways.items():
                took = _pass(engine, module, batch, time.thread_time if cpu else time.perf_counter)
                if turn:
                    best[name] = min(best[name], took)

    cpu = engine.device.type == "cpu"
    with prepared(engine.module):
        if cpu:  # in one thread, as searches run, and by its own time: whoever else is at work delays it and no more
            with pool(1, "convatlas-tune") as alone:
                alone.submit(timed).result()
        else:
            timed()
    return "bfloat16" if best["bfloat16"] < WORTH * min(best[name] for name in FORMATS) else "float32"


def worth_measuring(engine: Engine) -> bool:
    """Whether bfloat16 may be faster: the device has instructions for it, and the model is not small."""
    return able(engine.device) and _multiplications(engine) >= SMALL


def _multiplications(engine: Engine) -> int:
    layers = engine.facts.layers.values() if engine.facts else ()
    return sum(layer.macs for layer in layers if layer.kind != "block")  # which has those inside it


def _formatted(module: nn.Module, form: torch.memory_format) -> nn.Module:
    """A copy whose weights lie in this format, and no value of which is another."""
    made = twin(module)
    for value in (*made.parameters(), *made.buffers()):
        if value.dim() == 4:
            value.data = value.data.contiguous(memory_format=form)
    return made


def _pass(engine: Engine, module: nn.Module, x: Tensor, clock: Callable[[], float] = time.perf_counter) -> float:
    leaf = x.detach().requires_grad_()
    _synchronise(engine.device)
    start = clock()
    output = engine.invocation(module, leaf + 0)
    values = next((value for value in tensors(output) if value.requires_grad), None)
    if values is not None:  # a model may cut its gradients off
        torch.autograd.grad(values.float().sum(), leaf, allow_unused=True)
    _synchronise(engine.device)
    return clock() - start


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
