"""The wiring of one layer as flat arrays: what is stored, and what a page needs to say what feeds a unit and what it feeds.

unit 17 ◀── channel 4 ◀── conv1 #4 (upright), skip #4 (turned)
   │
   └──▶ conv3 #90, conv3 #2     and, behind pooling, the classes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
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
    why_no_inputs: str = ""
    why_none_near: str = ""
    weighted: bool = False


def wires(found: Wiring, units: int) -> Wires:
    """The wiring of a layer of so many units, flat."""
    inputs, feeds, classes, near = found.inputs, found.feeds, found.classes, found.alike
    layers = tuple(dict.fromkeys((*found.sources.layers, *feeds.layers)))
    number = np.array([layers.index(name) for name in found.sources.layers] or [0], np.int32)
    feeding = np.array([layers.index(name) for name in feeds.layers] or [0], np.int32)
    nothing: dict[str, NDArray[Any]] = {
        "i4": np.zeros((units, 0), np.int32), "f4": np.zeros((units, 0), np.float32), "i1": np.zeros((units, 0), np.int8)
    }  # fmt: skip
    has = not isinstance(inputs, NotApplicable)
    return Wires(
        layers=layers,
        starts=found.sources.starts,
        source_layer=number[found.sources.layer] if len(found.sources.layer) else found.sources.layer,
        source_unit=found.sources.unit,
        source_way=found.sources.direction,
        channel=inputs.channel if has else nothing["i4"],  # type: ignore[union-attr]
        share=inputs.share if has else nothing["f4"],  # type: ignore[union-attr]
        sign=np.sign(inputs.total).astype(np.int8) if has else nothing["i1"],  # type: ignore[union-attr]
        slices=slices(found.kernels, found.window, inputs.channel)  # type: ignore[union-attr]
        if has and found.kernels
        else np.zeros((units, 0, 0, 0), np.int8),
        feeds_layer=np.where(feeds.layer == ABSENT, ABSENT, feeding[feeds.layer.clip(min=0)]).astype(np.int32),
        feeds_unit=feeds.unit,
        feeds_share=feeds.share,
        feeds_sign=feeds.sign,
        class_index=nothing["i4"] if classes is None else classes.index,
        class_share=nothing["f4"] if classes is None else classes.share,
        class_sign=nothing["i1"] if classes is None else classes.sign,
        near_unit=nothing["i4"] if isinstance(near, NotApplicable) else near.unit,
        near_cosine=nothing["f4"] if isinstance(near, NotApplicable) else near.cosine,
        why_no_inputs=inputs.reason if isinstance(inputs, NotApplicable) else "",
        why_none_near=near.reason if isinstance(near, NotApplicable) else "",
        weighted=found.weighted,
    )


def slices(
    kernels: Kernels, window: tuple[int, int], channel: Int[NDArray[np.int32], "u k"]
) -> Int[NDArray[np.int8], "u k h w"]:
    """The slices of each unit's kernel at these of the layer's channels; none of kernels of one place, or of many."""
    (h, w), (units, k) = window, channel.shape
    if h * w == 1 or h * w > LARGEST or kernels.weight.shape[2] != h * w:
        return np.zeros((units, k, 0, 0), np.int8)
    W = kernels.weight.cpu().numpy()  # (o, i, h w)
    group = np.arange(units) // (units // kernels.groups)
    own = np.where(channel == ABSENT, 0, channel - group[:, None] * W.shape[1])
    top = np.abs(W).max(axis=(1, 2)).clip(min=float(np.finfo(np.float32).tiny))
    found = np.rint(W[np.arange(units)[:, None], own] / top[:, None, None] * 127).astype(np.int8)
    found[channel == ABSENT] = 0
    return found.reshape(units, k, h, w)
