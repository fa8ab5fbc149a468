r"""Drive: what each input of a unit adds to it at the places where the unit itself is highest.

$$ t_{oc} = \frac1m \sum_{p} \sum_{\tau} W^{oc}_\tau \, \big( x_c(p + \tau) - \mu_c \big) $$

$p$ are the unit's strongest places, at most `PLACES`, each in another image; $x$ is what the layer reads there, taken from the very
convolution that runs, so that padding, strides and groups are its own; $\mu_c$ is the channel's mean over the images in which these
places lie. Without the mean a channel that is always on would be every unit's strongest input. A channel that is off there, below its
mean where its source is upright, drives nothing. Memory is O(weights), and layers of more than `LARGEST` pairs of unit and input are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE, Answers
from generator.dataset.peaks import averages
from generator.dataset.survey import Portion
from generator.dataset.windows import Window, channels, own, products, reading
from generator.engine.passes import Engine
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
    mean: Float[NDArray[np.float32], " c"]
    """Of each channel, over the images in which the places lie."""

    @classmethod
    def none(cls) -> Driven:
        """Of a layer whose inputs are not read."""
        return cls(
            np.zeros((0, 0), np.int32), np.zeros((0, 0), np.float32), np.zeros((0, 0), np.int8), np.zeros(0, np.float32)
        )


@dataclass
class Drive:
    """The state of one layer."""

    layer: Layer
    places: Mapping[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    """Of each image, by its number: units, and the place of each in the map."""
    counts: Int[NDArray[np.int64], " u"]
    """Places of each unit."""
    window: Window | None = None
    """The first: its kernels are all those of the layer."""
    added: Float[Tensor, "o i"] | None = None
    """Sums of W x over a unit's places."""
    looked: Float[Tensor, "o i"] | None = None
    """Sums of |W| x: by which it is told whether a channel is above its mean there."""
    sums: Float[Tensor, " c"] | None = None
    """Of the means of the channels' maps, float64."""
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
        means = averages(window.x[rows]).double().sum(dim=0)
        self.sums = means if self.sums is None else self.sums + means
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
            self.window = replace(window, x=window.x[:0])
            self.added = window.weight.new_zeros(window.weight.shape[:2])
            self.looked = torch.zeros_like(self.added)

    def _add(self, window: Window, image: Tensor, units: Tensor, row: Tensor, column: Tensor) -> None:
        """(m,) places, each of a unit in an image."""
        assert self.added is not None
        assert self.looked is not None
        for whole, part in zip((self.added, self.looked), products(window, image, units, row, column), strict=True):
            whole.index_add_(0, units, part)

    def finish(self, k: int, way: Int[NDArray[np.int8], " c"]) -> Driven:
        """What the places came to; `way` says of each channel whether its source is upright (1) or turned (-1)."""
        if self.window is None or self.added is None or self.looked is None or self.sums is None:
            return Driven.none()
        window, device = self.window, self.added.device
        units = torch.arange(len(self.added), device=device)
        counts = torch.from_numpy(self.counts).to(device)[:, None]
        mean = self.sums.float() / self.images
        t, above = beyond(window, units, mean, self.added / counts.clamp(min=1), self.looked / counts.clamp(min=1))
        upright = own(torch.from_numpy(way).to(device).expand(len(units), -1), units, window)
        t = torch.where((above * upright > 0) & (counts > 0), t, 0)
        whole = torch.linalg.vector_norm(t, dim=1, keepdim=True)
        share, which = (t.abs() / whole.clamp(min=torch.finfo(t.dtype).tiny)).topk(min(k, t.shape[1]), dim=1)
        channel = torch.where(share > 0, channels(which, units, window), NONE)
        sign = t.gather(1, which).sign() * above.gather(1, which).sign()
        found = (channel.int(), share.float(), sign.to(torch.int8), mean)
        return Driven(*(each.cpu().numpy() for each in found))


def beyond(
    window: Window,
    units: Int[Tensor, " m"],
    mean: Float[Tensor, " c"],
    added: Float[Tensor, "m i"],
    looked: Float[Tensor, "m i"],
) -> tuple[Float[Tensor, "m i"], Float[Tensor, "m i"]]:
    """What of W x and of |W| x (`generator.dataset.windows.products`) lies beyond what the channels' means would give."""
    W = window.weight[units]
    usual = own(mean.expand(len(units), -1), units, window)
    return added - W.sum(dim=(2, 3)) * usual, looked - W.abs().sum(dim=(2, 3)) * usual


def drives(engine: Engine, states: Mapping[LayerName, Drive], portions: Iterable[Portion]) -> None:
    """One pass of `portions` through the model, taken into `states`.

    Raises:
        UserError: as the engine's passes.
    """
    numbers: Sequence[int] = ()

    def take(name: LayerName, window: Window | None, output: Any) -> None:
        state = states[name]
        if window is not None and len(window.weight) == state.layer.units:
            state.update(window, numbers)

    with reading(engine, states, take) as run:
        for portion in portions:
            numbers = portion.numbers
            run(portion)
