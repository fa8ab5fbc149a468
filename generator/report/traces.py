"""The threads of a report's units, each its own: what the store lacks of them, what they cost, and following them.

what units answer to, what drives them ──▶ the images of their first places ──▶ generator.dataset.trace ──▶ a record a layer
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from generator.command.progress import Stage
from generator.dataset.trace import Trace
from generator.engine.passes import Engine
from generator.model.preprocess import Preprocess
from generator.names import Digest, LayerName
from generator.pages.views import Passes
from generator.report.answers import answers_of, once_more, told
from generator.report.arrays import packed, unpacked
from generator.report.drives import Driving
from generator.report.jobs import SetRequest
from generator.report.keys import cell_key, code_digest, own_digest
from generator.store import Store, key_of
from generator.wiring.threads import Rows, Threads

BATCH = 4
"""Images of a pass, at most: what every layer that mixes reads and gives is held until their threads are followed."""
HELD = 2**30
"""Bytes of that, about, beyond which fewer images go together."""


@dataclass(frozen=True)
class Tracing:
    """Threads are followed from the units of the layers of which it is known what drives them."""

    driving: Driving

    @cached_property
    def batch(self) -> int:
        """Images of a pass."""
        gives = sum(math.prod(request.layer.shape) for request in self.driving.requests)
        return max(1, min(BATCH, HELD // max(8 * gives, 1)))

    @cached_property
    def _common(self) -> Digest:
        drives = [self.driving.key(request) for request in self.driving.requests]
        asked = [self.driving.asking.key(request) for request in self.driving.asking.requests]
        return key_of({"drives": drives, "asked": asked, "wired": list(self.driving.wires)})

    def key(self, request: SetRequest) -> Digest:
        """The key of the threads of a layer's units."""
        return cell_key(
            self.driving.asking.jobs.model,
            request.method,
            request.layer.name,
            answers=self.driving.asking.key(request),
            through=self._common,
            code=[
                code_digest("generator.dataset.trace", "generator.wiring.active"),
                own_digest("generator.report.traces"),
            ],
        )

    def lacking(self, store: Store) -> tuple[SetRequest, ...]:
        """The layers whose threads the store has not, once it is known what drives the units of all."""
        if any(store.get(self.driving.key(request)) is None for request in self.driving.requests):
            return ()
        return tuple(request for request in self.driving.requests if store.get(self.key(request)) is None)

    def numbers(self, store: Store) -> list[int]:
        """The images that raise these layers' units most."""
        asking = self.driving.asking
        found = [answers_of(asking, store, one).images[:, 0] for one in self.lacking(store)]
        return [int(number) for number in np.unique(np.concatenate(found)) if number >= 0] if found else []

    def passes(self, store: Store) -> Passes:
        """What `fill_traces` will make."""
        return Passes(-(-len(self.numbers(store)) // self.batch), 0)

    def at_most(self, store: Store) -> Passes:
        """The same before the dataset is asked."""
        todo = [request for request in self.driving.requests if store.get(self.key(request)) is None]
        images = min(len(self.driving.asking.dataset), sum(request.layer.units for request in todo))
        return Passes(-(-images // self.batch), 0)

    def of(self, store: Store) -> Mapping[LayerName, Rows]:
        """The threads of each layer's units, as far as the store knows them."""
        records = {request.layer.name: store.get(self.key(request)) for request in self.driving.requests}
        return {name: Rows(**unpacked(record, store)) for name, record in records.items() if record is not None}


def fill_traces(
    tracing: Tracing, threads: Threads, engine: Engine, preprocess: Preprocess, store: Store, stage: Stage
) -> None:
    """Follow the threads that the store lacks."""
    lacks = {request.layer.name: request for request in tracing.lacking(store)}
    if not lacks:
        return
    asking = tracing.driving.asking
    means = {name: drive.mean for name, drive in tracing.driving.of(store).items() if len(drive.mean)}
    trace = Trace(engine, asking.jobs.description.by_name, threads, means)
    answers = {name: answers_of(asking, store, request) for name, request in lacks.items()}
    trace.run(answers, told(once_more(asking, preprocess, tracing.batch, tracing.numbers(store)), stage))
    for name, request in lacks.items():
        store.put(tracing.key(request), *packed(trace.rows(name)))
