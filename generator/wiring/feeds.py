"""Feeds: which units read a unit, through whatever hands its channel on.

    conv1 #17 ──▶ bn1 #17 ──▶ relu #17 ──▶ conv2 channel 17: its strongest readers are conv2 #4, #90, #2
                                      └──▶ conv3 channel 17: ...

Layers are gone through backwards, so that what a layer hands its channels on to is known when it is reached. Only the
k strongest wires are carried: the strongest of a union are among the strongest of its parts. A depthwise convolution hands
its channels on as well, upright or turned by what its kernels sum to: those that read it are who mix. A layer that nobody is
known to read stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from generator.names import LayerName
from generator.wiring.channels import Operation
from generator.wiring.sources import Sources
from generator.wiring.strengths import ABSENT, Readers

Wire = np.dtype([("layer", "i4"), ("unit", "i4"), ("channel", "i4"), ("sign", "i1"), ("share", "f4"), ("total", "f4")])
"""One wire into a reader: its layer's number, its unit, the channel it is read through, and how strongly."""


@dataclass(frozen=True)
class Feeds:
    """The strongest readers of each unit, strongest first."""

    layers: tuple[LayerName, ...]
    layer: Int[NDArray[np.int32], "u k"]
    """Indices into `layers`, or `ABSENT`."""
    unit: Int[NDArray[np.int32], "u k"]
    """The unit of that layer that reads, or `ABSENT`."""
    channel: Int[NDArray[np.int32], "u k"]
    """The input channel of that layer through which it does, or `ABSENT`."""
    share: Float[NDArray[np.float32], "u k"]
    """The slice's norm as a share of the reader's kernel, 0 to 1."""
    total: Float[NDArray[np.float32], "u k"]
    """The slice's sum."""
    sign: Int[NDArray[np.int8], "u k"]
    """1 where more of the unit speaks for the reader, -1 against; 0 where that is not known, or no wire is there."""


def passed_back(
    operations: Mapping[LayerName, Operation],
    reading: Mapping[LayerName, tuple[Sources, Readers]],
    k: int,
    through: Mapping[LayerName, Float[NDArray[np.float32], " u"]] | None = None,
) -> Mapping[LayerName, Feeds]:
    """The readers of the units of each layer in `operations`: the units of the layers `reading`, which may be others.

    `operations` are in order of execution; one that is in `reading` hands nothing on, but for those of `through`, whose
    units each read one channel: the sign of each unit's kernel's sum, NaN for a kernel of zeros.
    """
    through = through or {}
    names = tuple(reading)
    parts: dict[LayerName, list[tuple[NDArray[np.int32], NDArray[np.void]]]] = {name: [] for name in operations}
    for number, (name, (sources, found)) in enumerate(reading.items()):
        if name not in through:
            _hand(parts, sources, _wires(number, found))
    feeds: dict[LayerName, NDArray[np.void]] = {}
    for name, operation in reversed(list(operations.items())):
        if operation.same is not None:
            continue
        rows = parts.pop(name)
        feeds[name] = strongest(rows, operation.units, k)
        if not operation.weighted:
            _hand(parts, operation.sources, feeds[name])
        elif name in through:
            sources, found = reading[name]
            itself = _wires(names.index(name), found)  # (c, m): the m units that read a channel
            _hand(parts, sources, _folded(feeds[name], through[name], itself))
    return {name: _feeds(feeds[operation.same or name], names) for name, operation in operations.items()}


def _wires(number: int, found: Readers) -> NDArray[np.void]:
    """(c, k) the wires into one layer's strongest readers, for each of its input channels."""
    wires = np.zeros(found.unit.shape, Wire)
    wires["layer"], wires["unit"] = number, found.unit
    wires["channel"] = np.arange(len(wires))[:, None]
    wires["sign"], wires["share"], wires["total"] = np.sign(found.total), found.share, found.total
    return wires


def _folded(
    behind: NDArray[np.void], signs: Float[NDArray[np.float32], " u"], itself: NDArray[np.void]
) -> NDArray[np.void]:
    """(c, …) what the channels that a depthwise layer reads are read by behind it: `behind` are the readers (u, k) of its
    units; where none of these has any, `itself`."""
    if (behind["unit"] == ABSENT).all():
        return itself
    passed = behind.copy()
    passed["sign"] *= np.nan_to_num(signs).astype(np.int8)[:, None]
    passed["unit"][np.isnan(signs)] = ABSENT  # a kernel of zeros hands nothing on
    return passed.reshape(len(itself), -1)  # units of one channel stand side by side


def _hand(
    parts: Mapping[LayerName, list[tuple[NDArray[np.int32], NDArray[np.void]]]],
    sources: Sources,
    wires: NDArray[np.void],
) -> None:
    """Give the wires (c, k) of input channels to the units that these channels are."""
    channels = np.repeat(np.arange(sources.channels), np.diff(sources.starts))
    for number, layer in enumerate(sources.layers):
        if layer in parts:  # the image is no layer
            here = sources.layer == number
            given = wires[channels[here]]
            given["sign"] *= sources.direction[here][:, None]
            parts[layer].append((sources.unit[here], given))


def strongest(parts: list[tuple[NDArray[np.int32], NDArray[np.void]]], units: int, k: int) -> NDArray[np.void]:
    """(units, k) the wires of the largest share. A part holds, for each of some units, a row of wires; one wire that comes
    to a unit in two ways stands there once, and without a sign where these differ."""
    chosen = np.zeros((units, k), Wire)
    chosen["unit"] = ABSENT
    if not parts:
        return chosen
    unit = np.concatenate([np.repeat(which, wires.shape[1]) for which, wires in parts])
    wires = np.concatenate([wires.ravel() for _, wires in parts])
    unit, wires = unit[wires["unit"] != ABSENT], wires[wires["unit"] != ABSENT]
    order = np.lexsort((wires["channel"], wires["unit"], wires["layer"], -wires["share"], unit))
    unit, wires = unit[order], wires[order]
    if not len(wires):
        return chosen
    same = np.ones(len(wires), bool)  # as the wire before it
    same[0] = False
    for now in (unit, wires["layer"], wires["unit"], wires["channel"]):
        same[1:] &= now[1:] == now[:-1]
    first = np.flatnonzero(~same)
    low, high = np.minimum.reduceat(wires["sign"], first), np.maximum.reduceat(wires["sign"], first)
    unit, wires = unit[first], wires[first]
    wires["sign"] = np.where(low == high, low, 0)
    rank = np.arange(len(unit)) - np.searchsorted(unit, unit)
    chosen[unit[rank < k], rank[rank < k]] = wires[rank < k]
    return chosen


def _feeds(wires: NDArray[np.void], layers: tuple[LayerName, ...]) -> Feeds:
    there = wires["unit"] != ABSENT

    def indices(field: str) -> NDArray[np.int32]:
        return np.where(there, wires[field], ABSENT).astype(np.int32)

    return Feeds(
        layers,
        indices("layer"),
        indices("unit"),
        indices("channel"),
        wires["share"].copy(),
        wires["total"].copy(),
        wires["sign"].copy(),
    )
