"""What drives a report's units where they are highest: what the store lacks of it, what it costs, and measuring it.

what units answer to ──▶ the images of their strongest places ──▶ batches ──▶ generator.dataset.drive ──▶ a record a layer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from generator.command.progress import Stage
from generator.dataset.drive import LARGEST, PLACES, Drive, Driven, drives
from generator.engine.passes import Engine
from generator.model.preprocess import Preprocess
from generator.names import Digest, LayerName
from generator.pages.views import Passes
from generator.report.answers import Asking, answers_of, once_more, told
from generator.report.arrays import packed, unpacked
from generator.report.jobs import SetRequest
from generator.report.keys import cell_key, code_digest, own_digest
from generator.store import Store
from generator.wiring.active import upright
from generator.wiring.wires import Wires


@dataclass(frozen=True)
class Driving:
    """Of which layers it is measured what drives their units: those that were asked and whose units read several channels."""

    asking: Asking
    wires: Mapping[LayerName, Wires]

    @property
    def requests(self) -> tuple[SetRequest, ...]:
        """The layers."""
        return tuple(request for request in self.asking.requests if self._reads(self.wires.get(request.layer.name)))

    def _reads(self, wired: Wires | None) -> bool:
        if wired is None or not wired.weighted or wired.channel.shape[1] < 2:
            return False
        units, channels = len(wired.channel), len(wired.starts) - 1
        return units * channels <= LARGEST

    def key(self, request: SetRequest) -> Digest:
        """The key of what drives a layer's units."""
        return cell_key(
            self.asking.jobs.model,
            request.method,
            request.layer.name,
            answers=self.asking.key(request),
            ways=upright(self.wires[request.layer.name]).tolist(),
            kept=self.wires[request.layer.name].channel.shape[1],
            code=[code_digest("generator.dataset.drive"), own_digest("generator.report.drives")],
        )

    def lacking(self, store: Store) -> tuple[SetRequest, ...]:
        """The layers that were asked, and of which the store does not know what drives their units."""
        return tuple(
            request
            for request in self.requests
            if store.get(self.asking.key(request)) is not None and store.get(self.key(request)) is None
        )

    def numbers(self, store: Store) -> list[int]:
        """The images in which the strongest places of these layers' units lie."""
        found = [answers_of(self.asking, store, one).images[:, :PLACES].ravel() for one in self.lacking(store)]
        return [int(number) for number in np.unique(np.concatenate(found)) if number >= 0] if found else []

    def passes(self, store: Store, size: int) -> Passes:
        """What `fill_drives` will make."""
        return Passes(-(-len(self.numbers(store)) // size), 0)

    def at_most(self, store: Store, size: int) -> Passes:
        """The same before the dataset is asked, when nobody knows which images these are."""
        todo = [
            one for one in self.requests if store.get(self.asking.key(one)) is None or store.get(self.key(one)) is None
        ]
        images = min(len(self.asking.dataset), PLACES * sum(request.layer.units for request in todo))
        return Passes(-(-images // size), 0)

    def of(self, store: Store) -> Mapping[LayerName, Driven]:
        """What drives the units of each layer, as far as the store knows."""
        found = {}
        for request in self.requests:
            record = store.get(self.key(request))
            if record is not None:
                found[request.layer.name] = Driven(**unpacked(record, store))
        return found


def fill_drives(
    driving: Driving, engine: Engine, preprocess: Preprocess, store: Store, size: int, stage: Stage
) -> None:
    """Pass these images through the model once more, in batches of `size`, where a layer lacks its record."""
    lacks = {request.layer.name: request for request in driving.lacking(store)}
    if not lacks:
        return
    asking = driving.asking
    states = {name: Drive.start(one.layer, answers_of(asking, store, one)) for name, one in lacks.items()}
    drives(engine, states, told(once_more(asking, preprocess, size, driving.numbers(store)), stage))
    for name, request in lacks.items():
        wired = driving.wires[name]
        store.put(driving.key(request), *packed(states[name].finish(wired.channel.shape[1], upright(wired))))
