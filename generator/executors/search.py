"""Run searches in this process: the units a layer lacks, together, each kept under a key of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

from generator.artifacts import ImageGrid
from generator.command.progress import Stage
from generator.encode import encode
from generator.engine.abreast import abreast
from generator.engine.capture import prepared
from generator.engine.handle import Handle
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.names import LayerName, Unit
from generator.report.jobs import Jobs, Search
from generator.store import Store


def lacking(jobs: Jobs, search: Search, units: tuple[int, ...], store: Store) -> tuple[int, ...]:
    """Those of the `units` chosen that the store has no picture of."""
    return tuple(unit for unit, key in jobs.unit_keys(search, units).items() if store.get(key) is None)


def passes(jobs: Jobs, units: Mapping[tuple[str, LayerName], tuple[int, ...]], store: Store) -> tuple[int, int]:
    """(forward, backward) passes that `fill_searches` will make."""
    forward = backward = 0
    for search in jobs.searches:
        todo = lacking(jobs, search, units[search.name, search.layer.name], store)
        if todo:
            f, b = search.method.passes(search.layer, len(todo))
            forward, backward = forward + f, backward + b
    return forward, backward


def fill_searches(
    jobs: Jobs, units: Mapping[tuple[str, LayerName], tuple[int, ...]], handle: Handle, store: Store, stage: Stage
) -> None:
    """Search for every unit chosen and store each picture.

    A batch of units is first stored as a whole, then unit by unit: units that a kill cut off are taken from the whole,
    for searched again in other company they would differ in the last bit.
    """
    todo: list[_Part] = []
    for search in jobs.searches:
        layer = search.layer
        _spread(jobs, search, store)
        chosen = units[search.name, layer.name]
        lacks = lacking(jobs, search, chosen, store)
        stage.advance(len(chosen) - len(lacks), layer.name)
        filmed = jobs.animated(search, chosen)
        many = search.method.together
        for some in (lacks[at : at + many] for at in range(0, len(lacks), many)):
            todo.append(_Part(search, some, tuple(unit for unit in some if unit in filmed)))
    storing = threading.Lock()

    def run(engine: Engine, part: _Part) -> None:
        layer = part.search.layer
        asked, wanted = (tuple(Unit(layer.name, unit) for unit in some) for some in (part.units, part.filmed))
        with prepared(engine.module):
            held = replace(handle, engine=engine, _book=RuleBook())
            for artifact in part.search.method.search(held, layer, asked, jobs.seed, wanted):
                assert isinstance(artifact, ImageGrid)
                made = _batch(artifact)
                with storing:  # of a layer's two batches at once, one would take the other's place
                    store.put(jobs.pending_key(part.search), *made)
                    _spread(jobs, part.search, store)
                stage.advance(len(artifact.units), layer.name)

    abreast(handle.engine, todo, run)


@dataclass(frozen=True)
class _Part:
    """Units of one layer that are searched for together."""

    search: Search
    units: tuple[int, ...]
    filmed: tuple[int, ...]


def _batch(artifact: ImageGrid) -> tuple[dict[str, object], dict[str, bytes]]:
    """One record of all pictures: its facts and blobs by unit."""
    made = {unit: encode(artifact.of(k)) for k, unit in enumerate(artifact.units)}
    blobs = {f"{unit}.{name}": data for unit, one in made.items() for name, data in one.blobs.items()}
    return {"units": {str(unit): dict(one.meta) for unit, one in made.items()}}, blobs


def _spread(jobs: Jobs, search: Search, store: Store) -> None:
    """Give the units of the batch finished last, where there is one, the records that they lack."""
    batch = store.get(jobs.pending_key(search))
    if batch is None:
        return
    for unit, meta in batch.meta["units"].items():
        key = jobs.unit_key(search, int(unit), animated="course" in meta)
        if store.get(key) is None:
            names = [n for n in (*batch.blobs, *batch.inline) if n.startswith(f"{unit}.")]
            store.put(key, meta, {name.partition(".")[2]: store.blob(batch, name) for name in names})
