"""The wiring of one layer as flat arrays: what is stored, and what a page needs to say what feeds a unit and what it feeds.

unit 17 ◀── channel 4 ◀── conv1 #4 (upright), skip #4 (turned)
   │
   └──▶ conv3 #90, conv3 #2     and, behind pooling, the classes
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.names import LayerName
from generator.wiring.kernels import Kernels
from generator.wiring.strengths import ABSENT
from generator.wiring.wiring import Wiring

LARGEST = 49
"""Places of a kernel up to which its slices are kept: 7 x 7."""


@dataclass(frozen=True)
class Wires:
    """Of a layer with u units that reads c channels. Empty arrays (u, 0) where there is nothing, and why in a sentence."""

    layers: tuple[LayerName, ...]
    """Whatever is named here by its number."""
    starts: Int[NDArray[np.int32], " c+1"]
    """The sources of channel i stand from starts[i] to starts[i + 1]."""
    source_layer: Int[NDArray[np.int32], " m"]
    source_unit: Int[NDArray[np.int32], " m"]
    source_way: Int[NDArray[np.int8], " m"]
    """1, -1 or 0 (not known): whether more of the source is more of the channel."""
    channel: Int[NDArray[np.int32], "u k"]
    """The channels that feed a unit, strongest first, or -1."""
    share: Float[NDArray[np.float32], "u k"]
    sign: Int[NDArray[np.int8], "u k"]
    """Of the slice's sum."""
    slices: Int[NDArray[np.int8], "u k h w"]
    """The kernel at these channels, 127 being the largest weight of the unit; h = 0 where slices are not drawn."""
    feeds_layer: Int[NDArray[np.int32], "u k"]
    feeds_unit: Int[NDArray[np.int32], "u k"]
    feeds_share: Float[NDArray[np.float32], "u k"]
    feeds_sign: Int[NDArray[np.int8], "u k"]
    class_index: Int[NDArray[np.int32], "u k"]
    class_share: Float[NDArray[np.float32], "u k"]
    class_sign: Int[NDArray[np.int8], "u k"]
    near_unit: Int[NDArray[np.int32], "u k"]
    near_cosine: Float[NDArray[np.float32], "u k"]
    weight: Float[NDArray[np.float32], "u k"]
    """The weights themselves, of kernels of one place; (u, 0) of others."""
    why_no_inputs: str = ""
    why_none_near: str = ""
    weighted: bool = False
    direct: bool = False
    """Whether the layer reads the very values that its sources give, or pools of them."""
    active: bool = False
    """Whether shares are weighed by how much channels are on in the dataset (`generator.wiring.active`)."""
    driven: Bool[NDArray[np.bool_], " u"] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Units whose inputs go by what these add at the unit's own strongest places (`generator.dataset.drive`); (0,) where none do."""
    class_units: Int[NDArray[np.int32], "classes few"] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    """The units that speak for each class of the head most, strongest first, or -1; (0, 0) where it reads none of the layer."""
    class_units_share: Float[NDArray[np.float32], "classes few"] = field(
        default_factory=lambda: np.zeros((0, 0), np.float32)
    )

    @classmethod
    def none(cls, units: int) -> Wires:
        """A layer of so many units of which nothing is known."""
        whole, real, small = (np.zeros((units, 0), kind) for kind in (np.int32, np.float32, np.int8))
        few, way = np.zeros(0, np.int32), np.zeros(0, np.int8)
        kernels = np.zeros((units, 0, 0, 0), np.int8)
        return cls(
            (), np.zeros(1, np.int32), few, few, way, whole, real, small, kernels,
            whole, whole, real, small, whole, real, small, whole, real, real,
        )  # fmt: skip


def wires(found: Wiring, units: int) -> Wires:
    """The wiring of a layer of so many units, flat."""
    inputs, feeds, classes, near = found.inputs, found.feeds, found.classes, found.alike
    layers = tuple(dict.fromkeys((*found.sources.layers, *feeds.layers)))
    number = np.array([layers.index(name) for name in found.sources.layers] or [0], np.int32)
    feeding = np.array([layers.index(name) for name in feeds.layers] or [0], np.int32)
    made = replace(
        Wires.none(units),
        layers=layers,
        starts=found.sources.starts,
        source_layer=number[found.sources.layer] if len(found.sources.layer) else found.sources.layer,
        source_unit=found.sources.unit,
        source_way=found.sources.direction,
        feeds_layer=np.where(feeds.layer == ABSENT, ABSENT, feeding[feeds.layer.clip(min=0)]).astype(np.int32),
        feeds_unit=feeds.unit,
        feeds_share=feeds.share,
        feeds_sign=feeds.sign,
        weighted=found.weighted,
        direct=found.direct,
    )
    if isinstance(inputs, NotApplicable):
        made = replace(made, why_no_inputs=inputs.reason)
    else:
        sign = np.sign(inputs.total).astype(np.int8)
        made = replace(made, channel=inputs.channel, share=inputs.share, sign=sign)
        if found.kernels:
            made = replace(made, slices=slices(found.kernels, found.window, inputs.channel))
            if found.kernels.weight.shape[2] == 1:
                made = replace(made, weight=inputs.total)
    if classes is not None:
        made = replace(made, class_index=classes.index, class_share=classes.share, class_sign=classes.sign)
        made = replace(made, class_units=classes.units, class_units_share=classes.units_share)
    if isinstance(near, NotApplicable):
        return replace(made, why_none_near=near.reason)
    return replace(made, near_unit=near.unit, near_cosine=near.cosine)


def slices(
    kernels: Kernels, window: tuple[int, int], channel: Int[NDArray[np.int32], "u k"]
) -> Int[NDArray[np.int8], "u k h w"]:
    """The slices of each unit's kernel at these of the layer's channels; none of kernels of one place, or of many."""
    (h, w), (units, k) = window, channel.shape
    if h * w == 1 or h * w > LARGEST or kernels.weight.shape[2] != h * w:
        return np.zeros((units, k, 0, 0), np.int8)
    W = kernels.weight.cpu().numpy()  # (o, i, h w)
    top = np.abs(W).max(axis=(1, 2)).clip(min=float(np.finfo(np.float32).tiny))
    return np.rint(_at(kernels, channel) / top[:, None, None] * 127).astype(np.int8).reshape(units, k, h, w)


def of_one_place(kernels: Kernels, channel: Int[NDArray[np.int32], "u k"]) -> Float[NDArray[np.float32], "u k"]:
    """The weight of each unit at these of the layer's channels, 0 where there is none, of kernels of one place."""
    return _at(kernels, channel)[:, :, 0]


def _at(kernels: Kernels, channel: Int[NDArray[np.int32], "u k"]) -> Float[NDArray[np.float32], "u k t"]:
    W = kernels.weight.cpu().numpy()
    group = np.arange(len(channel)) // (len(channel) // kernels.groups)
    own = np.where(channel == ABSENT, 0, channel - group[:, None] * W.shape[1])
    found = W[np.arange(len(channel))[:, None], own]
    found[channel == ABSENT] = 0
    return found
