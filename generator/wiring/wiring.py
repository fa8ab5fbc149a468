"""The wiring of a report's layers: for each unit its strongest inputs, what it feeds, its classes, and its like.

    description, module, pages ─▶ channels ─▶ kernels ─▶ inputs, readers ─▶ feeds, classes ─▶ {layer: Wiring}

Worked out from the graph and the weights: no image is looked at and no pass is run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import nn

from generator.artifacts import NotApplicable
from generator.engine.needs import HEAD
from generator.model.describe import Description
from generator.names import LayerName
from generator.wiring.by_class import by_class, class_readers
from generator.wiring.channels import Channels, Operation, channels_of
from generator.wiring.feeds import Feeds, passed_back
from generator.wiring.kernels import Kernels, kernels_of, linear_kernels
from generator.wiring.neighbours import Alike, alike
from generator.wiring.sources import Sources
from generator.wiring.strengths import Inputs, Readers, inputs, readers, straight

STRONGEST = 6
"""Wires kept for each unit, in each direction."""
NEAREST = 5
"""Units of like weights kept for each unit."""


@dataclass(frozen=True)
class Classes:
    """The classes that each unit feeds through the linear head, strongest first."""

    index: Int[NDArray[np.int32], "u k"]
    """Of the class, or -1 where there is none."""
    share: Float[NDArray[np.float32], "u k"]
    """|weight| as a share of the norm of the class's weights, 0 to 1: comparable with the shares of `Feeds`."""
    weight: Float[NDArray[np.float32], "u k"]
    """The head's weight, on the channel that it reads."""
    sign: Int[NDArray[np.int8], "u k"]
    """1 where more of the unit speaks for the class, -1 against; 0 where that is not known."""
    units: Int[NDArray[np.int32], "classes few"]
    """The units that speak for each class most, strongest first, or -1."""
    units_share: Float[NDArray[np.float32], "classes few"]


@dataclass(frozen=True)
class Wiring:
    """The wires of one layer of u units."""

    sources: Sources
    """What each input channel is. Of a layer without weights, what each unit hands on."""
    inputs: Inputs | NotApplicable
    """Through which channels each unit is fed."""
    feeds: Feeds
    """Which units of later layers read each unit, through any layers that hand channels on. A convolution whose weights
    cannot be read is not among them, nor is what a gate multiplies among what the gate's units feed."""
    classes: Classes | None
    """None where the head reads no spatial mean of this layer, nor of one that hands its channels on."""
    alike: Alike | NotApplicable
    weighted: bool
    """Whether its units have kernels."""
    kernels: Kernels | None = field(default=None, repr=False, compare=False)
    """Them, where they can be read."""
    window: tuple[int, int] = (1, 1)
    """Their (height, width)."""
    direct: bool = False
    """Whether what the layer reads is what a layer with a page gives, moved about, padded or pooled at most."""


def wiring_of(
    description: Description,
    module: nn.Module,
    pages: Collection[LayerName],
    k: int = STRONGEST,
    nearest: int = NEAREST,
) -> Mapping[LayerName, Wiring]:
    """The wiring of the layers `pages`, in order of execution. `module` is the model that was described.

    Sources and readers are layers among `pages`, so that each may be a link. The module is only read.

    Raises:
        LookupError: one of `pages` is no layer of the model.
    """
    channels = channels_of(description, module, pages)
    operations = channels.operations
    kernels = {name: kernels_of(each.node, module) for name, each in operations.items() if each.weighted}
    reading = {
        name: (operations[name].sources, readers(found, k))
        for name, found in kernels.items()
        if isinstance(found, Kernels)
    }
    feeds = passed_back(operations, reading, k, depthwise(kernels))
    classes = _classes(channels, description, module, k)
    return {
        name: Wiring(
            operation.sources,
            _inputs(operation, kernels.get(name), k),
            feeds[name],
            classes.get(name),
            _alike(operation, kernels.get(name), nearest),
            operation.weighted,
            found if isinstance(found := kernels.get(name), Kernels) else None,
            window(operation),
            operation.direct,
        )
        for name in (layer.name for layer in description.layers if layer.name in operations)
        for operation in (operations[name],)
    }


def depthwise(
    kernels: Mapping[LayerName, Kernels | NotApplicable],
) -> Mapping[LayerName, Float[NDArray[np.float32], " u"]]:
    """Of the layers whose units each read one of several channels, the signs of what their kernels sum to, NaN for one of
    zeros."""
    return {
        name: np.where(
            found.weight.abs().amax(dim=(1, 2)).cpu().numpy() > 0,
            np.sign(found.weight.sum(dim=(1, 2)).cpu().numpy()),
            np.nan,
        ).astype(np.float32)
        for name, found in kernels.items()
        if isinstance(found, Kernels) and found.weight.shape[1] == 1 and found.groups > 1
    }


def window(operation: Operation) -> tuple[int, int]:
    """(height, width) of its kernels; 1 x 1 for what has none, or other than two dimensions."""
    size = operation.node.settings.get("kernel_size", 1) if operation.weighted else 1
    sides = (size, size) if isinstance(size, int) else tuple(size)
    return (int(sides[0]), int(sides[1])) if len(sides) == 2 else (1, 1)


def _inputs(operation: Operation, kernels: Kernels | NotApplicable | None, k: int) -> Inputs | NotApplicable:
    if isinstance(kernels, Kernels):
        return inputs(kernels, k)
    if kernels is not None:
        return kernels
    if not len(operation.sources.unit):
        return NotApplicable("from which units its own are made is not followed.")
    return straight(operation.units)


def _alike(operation: Operation, kernels: Kernels | NotApplicable | None, nearest: int) -> Alike | NotApplicable:
    if isinstance(kernels, Kernels):
        return alike(kernels, nearest)
    return kernels or NotApplicable("it has no kernels of its own.")


def _classes(channels: Channels, description: Description, module: nn.Module, k: int) -> Mapping[LayerName, Classes]:
    if channels.head is None or description.head_linear is None:
        return {}
    kernels = linear_kernels(module.get_submodule(description.head_linear))
    if kernels.channels != channels.head.channels:
        return {}
    reading: dict[LayerName, tuple[Sources, Readers]] = {HEAD: (channels.head, readers(kernels, k))}
    passed = passed_back(channels.operations, reading, k)
    few = class_readers(kernels)
    back = passed_back(channels.operations, {HEAD: (channels.head, few)}, few.unit.shape[1])
    return {
        name: Classes(found.unit, found.share, found.total, found.sign, *by_class(back[name], kernels.units))
        for name, found in passed.items()
        if (found.unit >= 0).any()
    }
