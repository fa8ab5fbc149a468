"""What checks judge by: the model as described, its weights, what its units answer to, and which kernels are alike.

act ──reads──▶ norm ──reads──▶ conv          the rectifier's input is gain · conv + shift, unit by unit
answered       gain, shift     answered
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import nn

from generator.artifacts import NotApplicable
from generator.dataset.answers import Answers
from generator.dataset.health import cap_of, rectifies
from generator.model.describe import Description
from generator.model.graph import Node
from generator.names import Layer, LayerName
from generator.wiring.channels import Channels, channels_of
from generator.wiring.kernels import Kernels, kernels_of
from generator.wiring.neighbours import Alike, alike

NO_ANSWERS = NotApplicable(
    "no layer that it is about was asked about images, or none gave finite numbers: units answer to a dataset where "
    "`dataset_examples` is among the methods."
)
CONVOLUTIONS = frozenset(("conv", "conv_transpose"))
ROUNDING = 1e-5
"""Of the numbers that a sum is of: what rounding does not make of it."""
STILL = 1e-8
"""Of a batch normalisation's variance, as its upper quartile has it: a unit with less gave one value all through the last of the training."""


@dataclass(frozen=True)
class Scaling:
    """What a batch normalisation with running statistics does to its c units: gain · x + shift."""

    layer: Layer
    gain: Float[NDArray[np.float64], " c"]
    shift: Float[NDArray[np.float64], " c"]
    gamma: Float[NDArray[np.float64], " c"]
    """What the model learned: a unit's output has this standard deviation over the training set …"""
    beta: Float[NDArray[np.float64], " c"]
    """… around this mean."""
    variance: Float[NDArray[np.float64], " c"]

    @property
    def still(self) -> Bool[NDArray[np.bool_], " c"]:
        """The units that had no variance in training."""
        return self.variance <= STILL * np.quantile(self.variance, 0.75)


@dataclass(frozen=True)
class Entering:
    """What goes into each of c rectifiers over the images."""

    highest: Float[NDArray[np.float64], " c"]
    """Over all places of all images; of a unit that the normalisation turns round, over the sample."""
    spread: Float[NDArray[np.float64], " c"]
    """From the lowest to the highest value."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a model. `module` is the model that was described: it is only read."""

    description: Description
    module: nn.Module
    answers: Mapping[LayerName, Answers] = field(default_factory=dict)
    """Of the layers whose units were asked."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In order of execution."""
        return self.description.layers

    @cached_property
    def sound(self) -> Mapping[LayerName, Answers]:
        """The answers of layers that saw images and gave finite numbers for all: of the others units cannot be judged."""
        return {name: found for name, found in self.answers.items() if found.seen and not found.broken}

    @cached_property
    def images(self) -> int:
        """How many images the units were asked about."""
        return max((one.seen for one in self.answers.values()), default=0)

    def unasked(self, layers: Sequence[Layer]) -> NotApplicable:
        """Why it is not known what these layers, at least one, answer to."""
        if not self.sound or any(layer.name in self.answers for layer in layers):
            return NO_ANSWERS
        return NotApplicable(
            "only layers that have a page are asked about images, and none that it is about has one "
            f"(`{layers[0].name}`): add `{layers[0].kind}` to `layers`."
        )

    @cached_property
    def nodes(self) -> Mapping[LayerName, Node]:
        """The operation of each layer that is one."""
        return {node.name: node for node in self.description.graph.nodes}

    @cached_property
    def kernels(self) -> Mapping[LayerName, Kernels]:
        """Of each convolution whose weights can be read; of a module that is called twice, at its first call."""
        found, seen = {}, set()
        for layer in self.layers:
            node = self.nodes.get(layer.name)
            if node is not None and node.family in CONVOLUTIONS and node.path not in seen:
                kernels = kernels_of(node, self.module)
                if isinstance(kernels, Kernels):
                    found[layer.name] = kernels
                    seen.add(node.path)
        return found

    @cached_property
    def alike(self) -> Mapping[LayerName, Alike]:
        """Which units of each convolution have nearly the same kernel."""
        found = {name: alike(kernels, 1) for name, kernels in self.kernels.items()}
        return {name: one for name, one in found.items() if isinstance(one, Alike)}

    @cached_property
    def scalings(self) -> Mapping[LayerName, Scaling]:
        """The batch normalisations with learned scales and running statistics."""
        modules = dict(self.module.named_modules())
        found = {}
        for layer in self.layers:
            norm = modules.get(layer.path) if layer.kind == "norm" else None
            if isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.running_var is not None and norm.affine:
                mean, variance, gamma, beta = (
                    part.detach().double().cpu().numpy()
                    for part in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
                    if part is not None
                )
                gain = gamma / np.sqrt(variance + norm.eps)
                found[layer.name] = Scaling(layer, gain, beta - gain * mean, gamma, beta, variance)
        return found

    def read_by(self, layer: Layer) -> Layer | None:
        """The one layer that a layer reads; None where it reads several, or the image."""
        return self.description.by_name.get(LayerName(layer.inputs[0])) if len(layer.inputs) == 1 else None

    def behind(self, layer: Layer) -> tuple[Scaling | None, Layer | None]:
        """The batch normalisation that a layer reads and what that reads; (None, what the layer reads) without one. Units may be
        moved on the way (`in_order`)."""
        source = self.read_by(layer)
        scaling = self.scalings.get(source.name) if source is not None else None
        return (None, source) if scaling is None else (scaling, self.read_by(scaling.layer))

    def unit_by_unit(self, layer: Layer) -> tuple[Scaling | None, Layer | None]:
        """The same as far as unit i of each is unit i of the layer: nothing from where channels were moved."""
        scaling, source = self.behind(layer)
        if not self.in_order(layer):
            return None, None
        return scaling, source if scaling is None or self.in_order(scaling.layer) else None

    def in_order(self, layer: Layer) -> bool:
        """Whether channel i of what a layer reads is unit i of the layer in front of it, and not another one, as behind a channel
        shuffle, which is no layer of its own."""
        node = self.nodes.get(layer.name)
        if node is None or (
            len(node.inputs) == 1 and self.description.graph.nodes[node.inputs[0].node].name == layer.inputs[0]
        ):
            return True
        if (operation := self._channels.operations.get(layer.name)) is None:
            return False
        starts, units = operation.sources.starts, operation.sources.unit
        return bool((np.diff(starts) == 1).all() and (units == np.arange(len(units))).all())

    @cached_property
    def _channels(self) -> Channels:
        """What each channel that a layer reads is; it takes seconds, and is asked only where something lies between two layers."""
        return channels_of(self.description, self.module, [layer.name for layer in self.layers])

    def entering(self, layer: Layer) -> Entering | None:
        """What goes into a rectifier, where the layer in front of it was asked; None where it was not."""
        scaling, source = self.unit_by_unit(layer)
        found = self.sound.get(source.name) if source is not None else None
        if found is None or source is None or source.units != layer.units:
            return None
        gain = np.ones(layer.units) if scaling is None else scaling.gain
        shift = np.zeros(layer.units) if scaling is None else scaling.shift
        highest = gain * np.where(gain >= 0, found.highest, found.histogram_lo) + shift
        lowest = gain * np.where(gain >= 0, found.histogram_lo, found.highest) + shift
        return Entering(highest, highest - lowest)

    def handed(self, layer: Layer) -> Layer | None:
        """The activation layer whose channels the units of another one are, each by itself: where only depthwise convolutions of
        as many units, batch normalisations and pools lie between. None where channels were mixed or moved on the way."""
        source = self.read_by(layer) if self.in_order(layer) else None
        while source is not None and source.units == layer.units:
            if source.kind == "act":
                return source
            kernels = self.kernels.get(source.name)
            alone = kernels is not None and kernels.channels == kernels.groups == kernels.units
            if not (alone or source.name in self.scalings or source.kind == "pool"):
                return None
            source = self.read_by(source) if self.in_order(source) else None
        return None

    def always_off(self, layer: Layer) -> Bool[NDArray[np.bool_], " c"]:
        """The units of a rectifier that are off whatever the image is, as the weights alone show: the most that can enter it is not
        above zero. What a convolution reads is known to lie in a range where it reads a rectifier; an image may be anything."""
        none = np.zeros(layer.units, np.bool_)
        scaling, source = self.unit_by_unit(layer)
        if source is None or source.units != layer.units or not rectifies(layer):
            return none
        if scaling is not None and len(scaling.gain) != layer.units:
            return none
        gain, shift = (none + 1.0, none + 0.0) if scaling is None else (scaling.gain, scaling.shift)
        own = shift if scaling is None else scaling.beta
        low, high, size = self._range(source)
        with np.errstate(invalid="ignore"):  # a gain of zero makes zero of whatever comes
            most = np.where(gain == 0, 0.0, np.where(gain > 0, gain * high, gain * low)) + shift
            large = np.where(gain == 0, 0.0, np.abs(gain) * size) + np.abs(shift - own)
        return most <= -ROUNDING * large

    def _range(self, source: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and the highest that each unit of a convolution can give, and the sum of what these are sums of."""
        kernels, node = self.kernels.get(source.name), self.nodes.get(source.name)
        read = self.read_by(source)
        open_ = np.full(source.units, np.inf)
        if kernels is None or node is None or kernels.units != source.units:
            return -open_, open_, np.zeros(source.units)
        bias = getattr(self.module.get_submodule(node.path), "bias", None)
        b = np.zeros(source.units) if bias is None else bias.detach().double().cpu().numpy()
        W = kernels.weight.double().cpu().numpy().reshape(source.units, -1)
        lo, hi = (0.0, cap_of(read)) if read is not None and rectifies(read) else (-np.inf, np.inf)

        def sums(above: float, below: float) -> NDArray[np.float64]:
            parts = np.zeros_like(W)
            parts[W > 0], parts[W < 0] = W[W > 0] * above, W[W < 0] * below
            return parts.sum(axis=1) + b

        reach = max(abs(one) for one in (lo, hi) if np.isfinite(one)) if np.isfinite([lo, hi]).any() else 0.0
        return sums(lo, hi), sums(hi, lo), np.abs(W).sum(axis=1) * reach + np.abs(b)

    def readers(self, name: LayerName) -> Iterator[Layer]:
        """The layers that read a layer, in order of execution."""
        return (layer for layer in self.layers if name in layer.inputs)
