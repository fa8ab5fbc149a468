"""Windows: what a unit reads at a place, taken from the very convolution that runs.

    forward ──▶ F.conv2d(x, weight, …) is called ──▶ the layer's call ends ──▶ take(layer, window, output)
                                                            └─ after the deepest layer asked for the forward ends

So padding, strides and groups are the convolution's own, however its module comes by them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from generator.dataset.survey import Portion
from generator.engine.capture import StopForward, prepared
from generator.engine.grids import Grid, as_map
from generator.engine.passes import Engine
from generator.model.calls import Call, watch
from generator.names import LayerName


@dataclass(frozen=True)
class Window:
    """A convolution as it was called, or a linear layer, which is one of 1 x 1."""

    x: Float[Tensor, "n c h w"]
    weight: Float[Tensor, "o i p q"]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    """Above and on the left."""
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1


Take = Callable[[LayerName, Window | None, Any], None]
"""Given a layer, what it read (None where it is no convolution of two dimensions and no linear layer), and its output."""


def products(
    window: Window,
    image: Int[Tensor, " m"],
    units: Int[Tensor, " m"],
    row: Int[Tensor, " m"],
    column: Int[Tensor, " m"],
) -> tuple[Float[Tensor, "m i"], Float[Tensor, "m i"]]:
    """Of places, each of a unit in an image: the sum over the kernel of W x for each input of the unit, and that of |W| x."""
    last, (height, width) = window.x.permute(0, 2, 3, 1), window.x.shape[2:]
    W = window.weight[units]  # (m, i, p, q)
    added, looked = W.new_zeros(W.shape[:2]), W.new_zeros(W.shape[:2])
    for p in range(W.shape[2]):
        for q in range(W.shape[3]):
            y = row * window.stride[0] - window.padding[0] + p * window.dilation[0]
            z = column * window.stride[1] - window.padding[1] + q * window.dilation[1]
            inside = (y >= 0) & (y < height) & (z >= 0) & (z < width)
            x = last[image, y.clamp(0, height - 1), z.clamp(0, width - 1)] * inside[:, None]  # (m, c)
            x = own(x, units, window)
            added += W[:, :, p, q] * x
            looked += W[:, :, p, q].abs() * x
    return added, looked


def own(x: Float[Tensor, "m c"], units: Int[Tensor, " m"], window: Window) -> Float[Tensor, "m i"]:
    """Of all channels those that each unit reads: its group's."""
    if window.groups == 1:
        return x
    group = units // (len(window.weight) // window.groups)
    return x.unflatten(1, (window.groups, -1))[torch.arange(len(x), device=x.device), group]


def channels(which: Int[Tensor, "m k"], units: Int[Tensor, " m"], window: Window) -> Int[Tensor, "m k"]:
    """The layer's channels that inputs of units are."""
    return which + (units // (len(window.weight) // window.groups))[:, None] * window.weight.shape[1]


@contextmanager
def reading(engine: Engine, names: Collection[LayerName], take: Take) -> Iterator[Callable[[Portion], None]]:
    """Yields what runs one batch, up to the last of these layers; `take` is given each as it ends, before anything can write over it."""
    seen = _Seen(engine, names, take)
    with prepared(engine.module), torch.no_grad(), watch(engine.module, seen.after, seen.function):
        yield seen.run


class _Seen:
    """The convolution that ran last is that of the layer whose call ends next."""

    def __init__(self, engine: Engine, names: Collection[LayerName], take: Take) -> None:
        self.engine, self.names, self.take = engine, frozenset(names), take
        self.left = 0
        self.last: tuple[Any, tuple[Any, ...], dict[str, Any]] | None = None

    def run(self, portion: Portion) -> None:
        """One batch."""
        self.left = len(self.names)
        with suppress(StopForward):
            self.engine.invocation(self.engine.module, self.engine.batch(portion.x))
        self.engine.counts.forward += 1

    def function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note what runs; torch runs it."""
        if func in (F.conv2d, F.linear):
            self.last = func, args, kwargs
        return NotImplemented

    def after(self, call: Call, output: Any) -> None:
        """A layer has ended."""
        last, self.last = self.last, None
        if call.name in self.names:
            self.take(call.name, last and _window(self.engine.grids.get(call.name), *last), call.tensor(output))
            self.left -= 1
            if not self.left:
                raise StopForward


def _window(grid: Grid | None, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Window | None:
    if func is F.linear:
        x, weight = args[:2] if len(args) > 1 else (args[0], kwargs["weight"])
        x = as_map(x, grid)
        return Window(x.float(), weight.detach().float()[:, :, None, None]) if x.dim() == 4 else None
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    said: dict[str, Any] = (
        {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | dict(zip(names, args, strict=False)) | kwargs
    )
    weight, dilation = said["weight"].detach().float(), _pair(said["dilation"])
    padding = said["padding"]
    if isinstance(padding, str):
        same = padding == "same"
        padding = [same * d * (side - 1) // 2 for d, side in zip(dilation, weight.shape[2:], strict=True)]
    return Window(said["input"].float(), weight, _pair(said["stride"]), _pair(padding), dilation, said["groups"])


def _pair(value: Any) -> tuple[int, int]:
    both = (value, value) if isinstance(value, int) else tuple(value)
    return (int(both[0]), int(both[-1]))
