r"""Drive: what each input of a unit adds to it at the places where the unit itself is highest.

$$ t_{oc} = \frac1m \sum_{p} \sum_{\tau} W^{oc}_\tau \, \big( x_c(p + \tau) - \mu_c \big) $$

$p$ are the unit's strongest places, at most `PLACES`, each in another image; $x$ is what the layer reads there, taken from the very
convolution that runs, so that padding, strides and groups are its own; $\mu_c$ is the channel's mean over the images in which these
places lie. Without the mean a channel that is always on would be every unit's strongest input. A channel that is off there, below its
mean where its source is upright, drives nothing. Memory is O(weights), and layers of more than `LARGEST` pairs of unit and input are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE, Answers
from generator.dataset.peaks import averages
from generator.dataset.survey import Portion
from generator.engine.capture import StopForward, prepared
from generator.engine.grids import as_map
from generator.engine.passes import Engine
from generator.model.calls import Call, watch
from generator.names import Layer, LayerName

PLACES = 3
"""Of a unit, its strongest ones: with many more an input counts that is on in any image."""
LARGEST = 2**24
"""Pairs of a unit and an input of it that are kept of a layer."""
AT_ONCE = 1024
"""Windows that are multiplied together."""


@dataclass(frozen=True)
class Driven:
    """The inputs that drive each of a layer's u units most, strongest first. u = 0 where its inputs are not read."""

    channel: Int[NDArray[np.int32], "u k"]
    """Of the layer's input channels; -1 where no more of them drive the unit, or nothing raises it."""
    share: Float[NDArray[np.float32], "u k"]
    """|t| over the root of the sum of the squares of all that drive it."""
    sign: Int[NDArray[np.int8], "u k"]
    """1 where more of the channel is more of the unit, -1 where it is less."""

    @classmethod
    def none(cls) -> Driven:
        """Of a layer whose inputs are not read."""
        return cls(np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int8))


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


@dataclass
class Drive:
    """The state of one layer."""

    layer: Layer
    places: Mapping[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    """Of each image, by its number: units, and the place of each in the map."""
    counts: Int[NDArray[np.int64], " u"]
    """Places of each unit."""
    kernels: Float[Tensor, "o i p q"] | None = None
    groups: int = 1
    added: Float[Tensor, "o i"] | None = None
    """Sums of W x over a unit's places."""
    looked: Float[Tensor, "o i"] | None = None
    """Sums of |W| x: by which it is told whether a channel is above its mean there."""
    means: list[Float[Tensor, " c"]] = field(default_factory=list)
    """(images, sum of the means of their maps), by batch."""
    images: int = 0

    @classmethod
    def start(cls, layer: Layer, answers: Answers) -> Drive:
        """Before the first image: where the units of a layer are highest."""
        images, places = answers.images[:, :PLACES], answers.places[:, :PLACES]
        units, ranks = (images != NONE).nonzero()
        of = images[units, ranks]
        order = np.argsort(of, kind="stable")
        numbers, starts = np.unique(of[order], return_index=True)
        parts = np.split(order, starts[1:]) if len(order) else []
        at = {
            int(number): (units[part], places[units[part], ranks[part]].astype(np.int64))
            for number, part in zip(numbers, parts, strict=True)
        }
        return cls(layer, at, (images != NONE).sum(axis=1))

    def update(self, window: Window, numbers: Sequence[int]) -> None:
        """Take in what the layer reads of the images of these numbers."""
        rows = [row for row, number in enumerate(numbers) if number in self.places]
        if not rows:
            return
        self._begin(window)
        self.means.append(averages(window.x[rows]).double().sum(dim=0))
        self.images += len(rows)
        of = [self.places[numbers[row]] for row in rows]
        image = np.repeat(rows, [len(units) for units, _ in of])
        units, places = (np.concatenate(each) for each in zip(*of, strict=True))
        device = window.x.device
        table = torch.from_numpy(np.stack([image, units, *divmod(places, self.layer.shape[2])])).to(device)
        for part in table.split(AT_ONCE, dim=1):
            self._add(window, *part)

    def _begin(self, window: Window) -> None:
        if self.added is None:
            self.kernels, self.groups = window.weight, window.groups
            self.added = window.weight.new_zeros(window.weight.shape[:2])
            self.looked = torch.zeros_like(self.added)

    def _add(self, window: Window, image: Tensor, units: Tensor, row: Tensor, column: Tensor) -> None:
        """(m,) places, each of a unit in an image."""
        assert self.added is not None
        assert self.looked is not None
        last, (height, width) = window.x.permute(0, 2, 3, 1), window.x.shape[2:]
        W = window.weight[units]  # (m, i, p, q)
        added, looked = W.new_zeros(W.shape[:2]), W.new_zeros(W.shape[:2])
        for p in range(W.shape[2]):
            for q in range(W.shape[3]):
                y = row * window.stride[0] - window.padding[0] + p * window.dilation[0]
                z = column * window.stride[1] - window.padding[1] + q * window.dilation[1]
                inside = (y >= 0) & (y < height) & (z >= 0) & (z < width)
                x = last[image, y.clamp(0, height - 1), z.clamp(0, width - 1)] * inside[:, None]  # (m, c)
                x = _own(x, units, len(window.weight), window.groups)
                added += W[:, :, p, q] * x
                looked += W[:, :, p, q].abs() * x
        self.added.index_add_(0, units, added)
        self.looked.index_add_(0, units, looked)

    def finish(self, k: int, way: Int[NDArray[np.int8], " c"]) -> Driven:
        """What the places came to; `way` says of each channel whether its source is upright (1) or turned (-1)."""
        if self.kernels is None or self.added is None or self.looked is None:
            return Driven.none()
        device, units = self.added.device, torch.arange(len(self.added), device=self.added.device)
        mean = torch.stack(self.means).sum(dim=0).float() / self.images
        many = torch.from_numpy(self.counts).to(device).clamp(min=1)[:, None]
        own, upright = (_own(each.expand(len(units), -1), units, len(units), self.groups) for each in (mean, torch.from_numpy(way).to(device)))
        t = self.added / many - self.kernels.sum(dim=(2, 3)) * own
        above = self.looked / many - self.kernels.abs().sum(dim=(2, 3)) * own
        t = torch.where((above * upright > 0) & (torch.from_numpy(self.counts).to(device) > 0)[:, None], t, 0)
        whole = torch.linalg.vector_norm(t, dim=1, keepdim=True)
        share, which = (t.abs() / whole.clamp(min=torch.finfo(t.dtype).tiny)).topk(min(k, t.shape[1]), dim=1)
        group = units // (len(units) // self.groups)
        channel = torch.where(share > 0, which + group[:, None] * t.shape[1], NONE)
        sign = t.gather(1, which).sign() * above.gather(1, which).sign()
        return Driven(*(each.cpu().numpy() for each in (channel.int(), share.float(), sign.to(torch.int8))))


def _own(x: Float[Tensor, "m c"], units: Int[Tensor, " m"], of: int, groups: int) -> Float[Tensor, "m i"]:
    """Of all channels those of the group of each unit."""
    if groups == 1:
        return x
    return x.unflatten(1, (groups, -1))[torch.arange(len(x), device=x.device), units // (of // groups)]


def drives(engine: Engine, states: Mapping[LayerName, Drive], portions: Iterable[Portion]) -> None:
    """One pass of `portions` through the model, taken into `states`.

    Raises:
        UserError: as the engine's passes.
    """
    seen = _Seen(engine, states)
    with prepared(engine.module), torch.no_grad(), watch(engine.module, seen.after, seen.function):
        for portion in portions:
            seen.left, seen.numbers = len(states), portion.numbers
            with suppress(StopForward):
                engine.invocation(engine.module, engine.batch(portion.x))
            engine.counts.forward += 1


class _Seen:
    """The convolution that ran last is that of the layer whose call ends next."""

    def __init__(self, engine: Engine, states: Mapping[LayerName, Drive]) -> None:
        self.grids, self.states = engine.grids, states
        self.left, self.numbers = 0, list[int]()
        self.last: tuple[Any, tuple[Any, ...], dict[str, Any]] | None = None

    def function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note what runs; torch runs it."""
        if func in (F.conv2d, F.linear):
            self.last = func, args, kwargs
        return NotImplemented

    def after(self, call: Call, output: Any) -> None:
        """A layer has ended."""
        last, self.last = self.last, None
        state = self.states.get(call.name)
        if state is None:
            return
        window = None if last is None or not isinstance(output, Tensor) else self._window(call.name, *last)
        if window is not None and len(window.weight) == state.layer.units:
            state.update(window, self.numbers)
        self.left -= 1
        if not self.left:
            raise StopForward

    def _window(self, name: LayerName, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Window | None:
        if func is F.linear:
            x, weight = args[:2] if len(args) > 1 else (args[0], kwargs["weight"])
            x = as_map(x, self.grids.get(name))
            return Window(x.float(), weight.detach().float()[:, :, None, None]) if x.dim() == 4 else None
        names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        said: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | dict(zip(names, args, strict=False)) | kwargs
        weight, dilation = said["weight"].detach().float(), _pair(said["dilation"])
        padding = said["padding"]
        if isinstance(padding, str):
            same = padding == "same"
            padding = [same * d * (side - 1) // 2 for d, side in zip(dilation, weight.shape[2:], strict=True)]
        return Window(said["input"].float(), weight, _pair(said["stride"]), _pair(padding), dilation, said["groups"])


def _pair(value: Any) -> tuple[int, int]:
    both = (value, value) if isinstance(value, int) else tuple(value)
    return (int(both[0]), int(both[-1]))
