r"""Traces: the thread of a unit followed within the picture that raises it most, so that it is that unit's own.

    unit ──▶ its strongest input ──▶ the place where that is highest, of those the unit sees ──▶ the strongest input there ──▶ …

If every unit had one next unit, whoever reads it, threads of thirty steps would all have run together long before the first layer. Here
a step is taken at a place of one picture, to the input that adds most to its reader there,

$$ \arg\max_c \sum_\tau W^{c}_\tau \, ( x_c(p + \tau) - \mu_c ), $$

as in `generator.dataset.drive`, of those that are on. The first step is the one that the unit's own list of inputs begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE, Answers
from generator.dataset.drive import beyond
from generator.dataset.survey import Portion
from generator.dataset.windows import Window, channels, own, products, reading
from generator.engine.grids import as_map
from generator.engine.passes import Engine
from generator.names import INPUT, Layer, LayerName
from generator.wiring.threads import Rows, Step, Threads

NEAR = 1e-4
"""Distances in pixels below which a place counts as seen."""
AT_ONCE = 256
"""Maps that are searched for their highest place together."""
Row = list[Step]


@dataclass(eq=False)
class Stand:
    """Where threads stand: at a unit of a layer, at a place of its map, in an image of the batch. Threads that meet here go on
    as one."""

    image: int
    unit: int
    place: int
    step: Step | None = None
    """To where they go on."""
    then: Stand | None = None
    rest: Row = field(default_factory=list)
    """What follows the step where the images do not say."""


def _row(at: Stand | None) -> Row:
    """The steps of a thread that begins here."""
    row: Row = []
    while at is not None and at.step is not None:
        row += [at.step, *at.rest]
        at = at.then
    return row


@dataclass
class Trace:
    """Follows threads through the layers that mix; `layers` are all of the model by name."""

    engine: Engine
    layers: Mapping[LayerName, Layer]
    threads: Threads
    means: Mapping[LayerName, Float[NDArray[np.float32], " c"]]
    """Of the channels that a layer reads; of a layer without any, all threads go on alike."""
    found: dict[LayerName, dict[int, Row]] = field(default_factory=dict)
    """Of each layer the thread of each unit that any image raises."""

    def __post_init__(self) -> None:
        self._order = list(self.threads.mixing)
        self._ends = {name: Leads.of(self.threads, name, len(mean)) for name, mean in self.means.items()}

    def run(self, answers: Mapping[LayerName, Answers], portions: Iterable[Portion]) -> None:
        """Follow the threads of the units of these layers whose strongest image is in the portions."""
        begins = _begins(answers)
        windows: dict[LayerName, Window] = {}
        maps: dict[LayerName, Tensor] = {}

        def take(name: LayerName, window: Window | None, output: Any) -> None:
            if window is not None and name in self._ends:
                windows[name] = replace(window, x=window.x.clone())
            if isinstance(output, Tensor):
                maps[name] = as_map(output, self.engine.grids.get(name)).clone()

        with reading(self.engine, self._order, take) as run:
            for portion in portions:
                run(portion)
                self._follow([begins.get(number, ()) for number in portion.numbers], windows, maps)
                windows.clear()
                maps.clear()

    def rows(self, layer: LayerName) -> Rows:
        """The threads of a layer's units."""
        rows = [self.found.get(layer, {}).get(unit, []) for unit in range(self.layers[layer].units)]
        steps = [step for row in rows for step in row]
        return Rows(
            np.cumsum([0, *map(len, rows)]).astype(np.int32),
            np.array([step.channel for step in steps], np.int32),
            np.array([step.share for step in steps], np.float32),
            np.array([step.sign for step in steps], np.int8),
        )

    def _follow(
        self,
        begins: Sequence[Sequence[tuple[LayerName, int, int]]],
        windows: Mapping[LayerName, Window],
        maps: Mapping[LayerName, Tensor],
    ) -> None:
        """All threads that begin in a batch, from the last layer to the first."""
        heads: dict[LayerName, list[Stand]] = {name: [] for name in self._order}
        for image, units in enumerate(begins):
            for layer, unit, place in units:
                heads.setdefault(layer, []).append(Stand(image, unit, place))
        come: dict[LayerName, dict[tuple[int, int, int], Stand]] = {name: {} for name in self._order}
        for name in reversed(self._order):
            later, begun = list(come.pop(name).values()), heads[name]
            led = self._steps(name, later, windows[name]) if later and name in windows else [None] * len(later)
            for one, step in zip((*later, *begun), (*led, *[None] * len(begun)), strict=True):
                one.step = step or self.threads.step(name, one.unit)
            self._go(name, [one for one in (*later, *begun) if one.step is not None], maps, come)
        for name, begun in heads.items():
            self.found.setdefault(name, {}).update((one.unit, _row(one)) for one in begun)

    def _steps(self, name: LayerName, here: Sequence[Stand], window: Window) -> list[Step | None]:
        """The step from where threads have come to a layer; None where nothing drives its unit."""
        leads, device = self._ends[name], window.x.device
        mean, way = torch.from_numpy(self.means[name]).to(device), torch.from_numpy(leads.way).to(device)
        found: list[Step | None] = []
        table = torch.tensor([(one.image, one.unit, one.place) for one in here], device=device).T
        for image, unit, place in (part.unbind() for part in table.split(AT_ONCE, dim=1)):
            width = self.layers[name].shape[2]
            t, above = beyond(window, unit, mean, *products(window, image, unit, place // width, place % width))
            t = torch.where(above * own(way.expand(len(unit), -1), unit, window) > 0, t, 0)
            best, which = t.max(dim=1, keepdim=True)
            share = best / torch.linalg.vector_norm(t, dim=1, keepdim=True).clamp(min=torch.finfo(t.dtype).tiny)
            to = channels(which, unit, window)[:, 0].tolist()
            found += [leads.step(c, s) if s > 0 else None for c, s in zip(to, share[:, 0].tolist(), strict=True)]
        return found

    def _go(
        self,
        name: LayerName,
        here: Sequence[Stand],
        maps: Mapping[LayerName, Tensor],
        come: Mapping[LayerName, dict[tuple[int, int, int], Stand]],
    ) -> None:
        """Every step leads on to the highest place there, of those that the reader sees."""
        to: dict[LayerName, list[tuple[Stand, Step]]] = {}
        for one in here:
            if one.step is not None:
                to.setdefault(one.step.layer, []).append((one, one.step))
        for layer, some in to.items():
            if layer in come and layer in maps:
                seen = sees(self.layers[name], self.layers[layer], np.array([one.place for one, _ in some]))
                places = highest(maps[layer], [(one.image, step.unit, step.sign) for one, step in some], seen)
                for (one, step), place in zip(some, places, strict=True):
                    key = (one.image, step.unit, place)
                    one.then = come[layer].setdefault(key, Stand(*key))
            elif layer != INPUT:
                for one, step in some:
                    one.rest = list(self.threads.thread(layer, step.unit))


@dataclass(frozen=True)
class Leads:
    """Where each channel of a layer leads: to its nearest end, and which way round that is (0: nowhere)."""

    steps: Sequence[Step | None]
    way: Float[NDArray[np.float32], " c"]

    @classmethod
    def of(cls, threads: Threads, layer: LayerName, count: int) -> Leads:
        """Of a layer of so many channels."""
        nearest = [next(iter(threads.ends(layer, channel).kept), None) for channel in range(count)]
        steps = [
            None if end is None else Step(end.layer, end.unit, 0.0, 1, end.via, channel)
            for channel, end in enumerate(nearest)
        ]
        return cls(steps, np.array([0 if end is None else end.way or 1 for end in nearest], np.float32))

    def step(self, channel: int, share: float) -> Step | None:
        """The step that a channel is."""
        step = self.steps[channel]
        return step and Step(step.layer, step.unit, share, 1, step.via, step.channel)


def _begins(answers: Mapping[LayerName, Answers]) -> Mapping[int, list[tuple[LayerName, int, int]]]:
    """Of each image, by its number, the units that it raises most, with their places."""
    found: dict[int, list[tuple[LayerName, int, int]]] = {}
    for layer, one in answers.items():
        for unit, (image, place) in enumerate(zip(one.images[:, 0].tolist(), one.places[:, 0].tolist(), strict=True)):
            if image != NONE:
                found.setdefault(image, []).append((layer, unit, place))
    return found


def sees(
    reader: Layer, source: Layer, places: Int[NDArray[np.int64], " m"]
) -> tuple[Bool[NDArray[np.bool_], "m h"], Bool[NDArray[np.bool_], "m w"]]:
    """Which rows and columns of a source's map a reader sees from each of its places; all where that is not known."""
    found = []
    for axis, at in ((0, places // reader.shape[2]), (1, places % reader.shape[2])):
        own, those = _seen(reader, axis, at), _seen(source, axis, np.arange(source.shape[1 + axis]))
        if own is None or those is None:
            found.append(np.ones((len(at), source.shape[1 + axis]), np.bool_))
            continue
        own = own[:, None]
        # what the two ends are off by, one less the other, is twice what the middles are
        away = np.abs(own.sum(axis=2) - those.sum(axis=1))
        inside = (own[..., 0] <= those[:, 0] + NEAR) & (those[:, 1] <= own[..., 1] + NEAR)
        found.append(inside | (away <= away.min(axis=1, keepdims=True) + NEAR))
    return found[0], found[1]


def _seen(layer: Layer, axis: int, places: Int[NDArray[np.int64], " m"]) -> Float[NDArray[np.float64], "m 2"] | None:
    """The first and the last pixel seen from each of some rows or columns; None where that is not known."""
    ends = [layer.sees(axis, int(place)) for place in places]
    known = [each for each in ends if each is not None]
    return np.array(known, np.float64).reshape(-1, 2) if len(known) == len(ends) else None


def highest(
    maps: Float[Tensor, "n c h w"],
    of: Sequence[tuple[int, int, int]],
    seen: tuple[Bool[NDArray[np.bool_], "m h"], Bool[NDArray[np.bool_], "m w"]],
) -> list[int]:
    """The place where each (image, unit, sign) is highest of those seen; lowest where the sign is -1."""
    found: list[int] = []
    table = torch.tensor(of, device=maps.device)
    rows, columns = (torch.from_numpy(each).to(maps.device) for each in seen)
    for at in range(0, len(of), AT_ONCE):
        image, unit, sign = table[at : at + AT_ONCE].unbind(dim=1)
        own_maps = maps[image, unit].float() * torch.where(sign < 0, -1.0, 1.0)[:, None, None]
        inside = rows[at : at + AT_ONCE, :, None] & columns[at : at + AT_ONCE, None, :]
        found += torch.where(inside, own_maps, -torch.inf).flatten(1).argmax(dim=1).tolist()
    return found
