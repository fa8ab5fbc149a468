"""Run searches in this process: the units a layer lacks, together, each kept under a key of its own."""

from __future__ import annotations

from collections.abc import Mapping

from generator.artifacts import ImageGrid
from generator.encode import encode
from generator.engine.handle import Handle
from generator.jobs import Jobs, Search
from generator.names import LayerName, Unit
from generator.progress import Stage
from generator.store import Store


def lacking(jobs: Jobs, search: Search, units: tuple[int, ...], store: Store) -> tuple[int, ...]:
    """Those of `units` that the store has no picture of."""
    return tuple(unit for unit in units if store.get(jobs.unit_key(search, unit)) is None)


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
    """Search for every unit chosen and store each picture."""
    for search in jobs.searches:
        layer = search.layer
        chosen = units[search.name, layer.name]
        todo = lacking(jobs, search, chosen, store)
        stage.advance(len(chosen) - len(todo), layer.name)
        if not todo:
            continue
        for artifact in search.method.search(handle, layer, tuple(Unit(layer.name, u) for u in todo), jobs.seed):
            assert isinstance(artifact, ImageGrid)
            for k, unit in enumerate(artifact.units):
                one = ImageGrid(
                    artifact.values[k : k + 1],
                    (unit,),
                    artifact.scores[k : k + 1],
                    artifact.dead[k : k + 1],
                )
                made = encode(one)
                store.put(jobs.unit_key(search, unit), made.meta, made.blobs)
            stage.advance(len(artifact.units), layer.name)
