"""Threads: the units that really mix others, found through whatever only hands a channel on, and a way back through them.

    conv1 #17 ──▶ bn ──▶ relu #17 ──▶ depthwise #17 ──▶ relu #17 ──▶ conv2 channel 17
        ▲ end                 └───────────── via ──────────┘

A unit *passes on* where it reads one channel that is not the image's: behind an activation, a block's sum, a depthwise
convolution. Such units are gone through, and named as the way. Every other unit *mixes*: it is an end. Behind a sum a channel
has several ends; the nearest, that of the layer executed last, stands first.

A unit has one strongest input, and so threads that meet stay together: of sixty-four units of a deep layer a handful of first units are left.
Where pictures were looked at, a unit's thread is therefore followed within the picture that raises it most, and is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from generator.names import INPUT, LayerName
from generator.wiring.wires import Wires

ENDS = 3
"""Ends kept of a channel, the nearest ones: behind a long row of residual blocks there are dozens."""
Place = tuple[LayerName, int]
"""A layer and its unit; of `INPUT` the image's channel."""


@dataclass(frozen=True)
class End:
    """Where a channel comes from in truth."""

    layer: LayerName
    """Or `INPUT`."""
    unit: int
    way: int
    """1 where more of the unit is more of the channel, -1 where it is less, 0 where that is not known."""
    via: tuple[Place, ...] = ()
    """What hands it on, from the reader back."""
    ways: tuple[int, ...] = ()
    """Of what hands it on, as `way`: a depthwise kernel between may turn it."""


@dataclass(frozen=True)
class Ends:
    """The ends of one channel, nearest first; none where it is not followed."""

    kept: tuple[End, ...] = ()
    more: bool = False
    """Whether there are others."""


@dataclass(frozen=True)
class Step:
    """One step of a thread: a unit, and how strongly the one before it looks at it."""

    layer: LayerName
    unit: int
    share: float
    """The slice's norm as a share of the reader's kernel, 0 to 1."""
    sign: int
    """1 where more of it speaks for the reader, -1 against, 0 where that is not known."""
    via: tuple[Place, ...] = ()
    """What hands it on, from the reader back."""
    channel: int = -1
    """Of the reader's input channels the one that leads there."""


@dataclass(frozen=True)
class Rows:
    """The threads that were followed for each of a layer's u units (`generator.dataset.trace`), one step after the other."""

    starts: Int[NDArray[np.int32], " u+1"]
    """The steps of unit i stand from starts[i] to starts[i + 1]; none where its thread was not followed."""
    channel: Int[NDArray[np.int32], " m"]
    """The channel of each reader that leads on, to its nearest end."""
    share: Float[NDArray[np.float32], " m"]
    sign: Int[NDArray[np.int8], " m"]


class Threads:
    """The ends of every channel of the layers that are wired. `wires` are in order of execution."""

    def __init__(self, wires: Mapping[LayerName, Wires]) -> None:
        self._rows: Mapping[LayerName, Rows] = {}
        self._layers = {name: _Plain(found) for name, found in wires.items()}
        self._order = {name: number for number, name in enumerate(wires)}
        self._ends: dict[tuple[LayerName, int], Ends] = {}
        self._mixes: dict[LayerName, bool] = {}
        for name, found in self._layers.items():  # in this order, what lies behind a channel is as good as always known
            for channel in range(len(found.starts) - 1):
                self.ends(name, channel)

    def along(self, rows: Mapping[LayerName, Rows]) -> Threads:
        """The same, with these threads followed for units themselves."""
        found = copy(self)
        found._rows = rows
        return found

    @property
    def mixing(self) -> Mapping[LayerName, int]:
        """The layers that a thread may come by, in order of execution, each with how many units it has."""
        return {name: len(found.channel) for name, found in self._layers.items() if self.mixes(name)}

    def followed(self, layer: LayerName) -> bool:
        """Whether its units have threads of their own."""
        rows = self._rows.get(layer)
        return rows is not None and len(rows.channel) > 0

    def active(self, layer: LayerName) -> bool:
        """Whether its inputs are weighed by what the dataset turns on."""
        return self._layers[layer].active

    def mixes(self, layer: LayerName) -> bool:
        """Whether a unit of the layer does more than hand a channel on."""
        if layer not in self._mixes:
            units = range(len(self._layers[layer].channel))
            self._mixes[layer] = any(not self.passes_on(layer, unit) for unit in units)
        return self._mixes[layer]

    def hands_on(self, layer: LayerName) -> bool:
        """Whether most units of the layer do no more than hand a channel on."""
        units = range(len(self._layers[layer].channel))
        return 2 * sum(self.passes_on(layer, unit) for unit in units) > len(units)

    def sees_image(self, layer: LayerName) -> bool:
        """Whether the layer's units look at the image itself."""
        found = self._layers.get(layer)
        return found is not None and INPUT in found.layers

    def passes_on(self, layer: LayerName, unit: int) -> bool:
        """Whether the unit does no more than hand one channel on."""
        found = self._layers[layer]
        channels = found.channel[unit]
        if len(channels) != 1 or channels[0] < 0:
            return False
        ends = self.ends(layer, channels[0]).kept
        return bool(ends) and not (found.weighted and ends[0].layer == INPUT)

    def ends(self, layer: LayerName, channel: int) -> Ends:
        """The ends of an input channel of a layer."""
        known = self._ends.get((layer, channel))
        if known is None:
            found = self._layers[layer]
            sources = found.sources[found.starts[channel] : found.starts[channel + 1]]
            parts = [self._behind(found.layers[number], unit, way) for number, unit, way in sources]
            known = self._ends[layer, channel] = parts[0] if len(parts) == 1 else self._nearest(parts)
        return known

    def _behind(self, layer: LayerName, unit: int, way: int) -> Ends:
        """The ends behind a unit that is read: itself, where it mixes."""
        if layer not in self._layers or not self.passes_on(layer, unit):
            return Ends((End(layer, unit, way),))
        found = self._layers[layer]
        turn = way * (found.sign[unit][0] if found.weighted else 1)
        behind = self.ends(layer, found.channel[unit][0])
        return Ends(tuple(_handed_on(end, (layer, unit), way, turn) for end in behind.kept), behind.more)

    def _nearest(self, parts: Iterable[Ends]) -> Ends:
        """The nearest ends of a union; one that arrives in two ways is there once, the shorter way."""
        best: dict[Place, End] = {}
        more = False
        for part in parts:
            more |= part.more
            for end in part.kept:
                at = end.layer, end.unit
                known = best.get(at, end)
                shorter = min(known, end, key=lambda one: len(one.via))
                best[at] = replace(shorter, way=known.way if known.way == end.way else 0)
        ordered = sorted(best.values(), key=lambda end: -self._order.get(end.layer, -1))  # the image is the farthest
        return Ends(tuple(ordered[:ENDS]), more or len(ordered) > ENDS)

    def step(self, layer: LayerName, unit: int) -> Step | None:
        """The strongest input that speaks for a unit, of those that are kept, or the strongest where none does: the nearest
        end of its channel. None where it is not followed."""
        found, steps = self._layers[layer], []
        for at, channel in enumerate(found.channel[unit]):
            ends = self.ends(layer, channel).kept if channel >= 0 else ()
            if ends:
                turn = found.sign[unit][at] if found.weighted else 1
                end = ends[0]
                steps.append(Step(end.layer, end.unit, found.share[unit][at], turn * end.way, end.via, channel))
        return next((step for step in steps if step.sign > 0), steps[0] if steps else None)

    def thread(self, layer: LayerName, unit: int) -> tuple[Step, ...]:
        """From a unit back to the image, as far as it is followed: its own, where that is known, else step by step."""
        own = self._own(layer, unit)
        if own:
            return own
        found: list[Step] = []
        step = self.step(layer, unit)
        while step is not None:
            found.append(step)
            if not self.mixes(layer) and (own := self._own(step.layer, step.unit)):
                return (*found, *own)  # what only hands a channel on is on the thread of who made it
            step = None if step.layer == INPUT else self.step(step.layer, step.unit)
        return tuple(found)

    def _own(self, layer: LayerName, unit: int) -> tuple[Step, ...]:
        rows, found = self._rows.get(layer), list[Step]()
        for at in range(rows.starts[unit], rows.starts[unit + 1]) if rows is not None else ():
            assert rows is not None
            end = self.ends(layer, int(rows.channel[at])).kept[0]
            found.append(
                Step(end.layer, end.unit, float(rows.share[at]), int(rows.sign[at]), end.via, int(rows.channel[at]))
            )
            layer = end.layer
        return tuple(found)


def _handed_on(end: End, by: Place, way: int, turn: int) -> End:
    """An end behind what hands it on: `way` is that of the latter to the reader, `turn` that of what it reads."""
    return replace(end, way=end.way * turn, via=(by, *end.via), ways=(int(way), *(int(turn * one) for one in end.ways)))


class _Plain:
    """A layer's wires as lists: read one number at a time, arrays are many times slower."""

    def __init__(self, found: Wires) -> None:
        self.layers, self.weighted, self.starts = found.layers, found.weighted, found.starts.tolist()
        self.active = found.active
        each = (found.source_layer, found.source_unit, found.source_way)
        self.sources = list(zip(*(array.tolist() for array in each), strict=True))
        self.channel, self.sign, self.share = found.channel.tolist(), found.sign.tolist(), found.share.tolist()
