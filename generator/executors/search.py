"""Run searches in this process: the units, classes or images that one lacks, together, each kept under a key of its own.

What is said of units here holds for classes and for images as well: a search knows by its scope what its numbers mean.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from generator.artifacts import ImageGrid
from generator.command.progress import Stage
from generator.encode import encode
from generator.engine.abreast import abreast
from generator.engine.capture import prepared
from generator.engine.handle import Handle
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.names import LayerName, Unit
from generator.report.jobs import LAST, Jobs, Search
from generator.store import Store


def lacking(jobs: Jobs, search: Search, units: tuple[int, ...], store: Store) -> tuple[int, ...]:
    """Those of the `units` chosen that the store has no picture of."""
    return tuple(unit for unit, key in jobs.unit_keys(search, units).items() if store.get(key) is None)


def passes(jobs: Jobs, units: Mapping[tuple[str, LayerName], tuple[int, ...]], store: Store) -> tuple[int, int]:
    """(forward, backward) passes that `fill_searches` will make."""
    forward = backward = 0
    for search in jobs.searches:
        f, b = passes_of(jobs, search, units[search.name, search.at], store)
        forward, backward = forward + f, backward + b
    return forward, backward


def passes_of(jobs: Jobs, search: Search, chosen: tuple[int, ...], store: Store) -> tuple[int, int]:
    """(forward, backward) passes that one search will make, for those of the units chosen that the store lacks."""
    forward = backward = 0
    for method, some in search.alike(chosen, lacking(jobs, search, chosen, store)).items():
        f, b = method.passes(search.layer, len(some))
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
        _spread(jobs, search, store)
        chosen = units[search.name, search.at]
        lacks = lacking(jobs, search, chosen, store)
        stage.advance(len(chosen) - len(lacks), _said(search))
        filmed = jobs.animated(search, chosen)
        for method, same in search.alike(chosen, lacks).items():
            for some in (same[at : at + method.together] for at in range(0, len(same), method.together)):
                todo.append(_Part(search, method, some, tuple(one for one in some if one in filmed)))
    storing = threading.Lock()

    def run(engine: Engine, part: _Part) -> None:
        asked, wanted = subjects(part.search, part.units), subjects(part.search, part.filmed)
        with prepared(engine.module):
            held = replace(handle, engine=engine, _book=RuleBook())
            for artifact in part.method.search(held, part.search.layer, asked, jobs.seed, wanted):
                assert isinstance(artifact, ImageGrid)
                made = _batch(artifact, [jobs.name_of(part.search, unit) for unit in artifact.units])
                with storing:  # of a layer's two batches at once, one would take the other's place
                    store.put(jobs.pending_key(part.search), *made)
                    _spread(jobs, part.search, store)
                stage.advance(len(artifact.units), _said(part.search))

    abreast(handle.engine, _longest_first(todo, handle.engine), run)


@dataclass(frozen=True)
class _Part:
    """Units of one layer, classes or images, that are searched for together."""

    search: Search
    method: Any
    """As it is for these."""
    units: tuple[int, ...]
    filmed: tuple[int, ...]


def _longest_first(todo: Sequence[_Part], engine: Engine) -> list[_Part]:
    """The same, what takes longest in front: of parts that run abreast, a long one that begins last runs alone."""
    layers = () if engine.facts is None else engine.facts.layers.values()
    own = [layer.macs * (layer.kind != "block") for layer in layers]  # a block's are those of the layers in it
    reached = dict(zip((layer.name for layer in layers), accumulate(own), strict=True))

    def work(part: _Part) -> int:
        passes = sum(part.method.passes(part.search.layer, len(part.units)))
        return int(passes * len(part.units) * reached.get(part.search.at, sum(own)))

    return sorted(todo, key=work, reverse=True)


def _said(search: Search) -> str:
    """What a search is called while it runs."""
    return search.name if search.layer is None else search.layer.name


def subjects(search: Search, some: Sequence[int]) -> tuple[Unit | int, ...]:
    """What a search is given for these numbers."""
    return tuple(Unit(search.at, one) if search.scope == "search" else one for one in some)


def _batch(artifact: ImageGrid, names: Sequence[str]) -> tuple[dict[str, object], dict[str, bytes]]:
    """One record of all pictures: its facts and blobs by what each is of."""
    made = {of: encode(artifact.of(k)) for k, of in enumerate(names)}
    blobs = {f"{of}.{name}": data for of, one in made.items() for name, data in one.blobs.items()}
    return {"units": {of: dict(one.meta) for of, one in made.items()}}, blobs


def _spread(jobs: Jobs, search: Search, store: Store) -> None:
    """Give the units of the batch finished last, where there is one, the records that they lack."""
    batch = store.get(jobs.pending_key(search))
    if batch is None:
        return
    for unit, meta in batch.meta["units"].items():
        many = len(meta["variants"]["scores"]) if "variants" in meta else 1
        rank = 0 if many > 1 else LAST
        shown = many > 1 and many != search.for_unit(rank).diversity
        key = jobs.named_key(search, unit, rank, animated="course" in meta, shown=shown)
        if store.get(key) is None:
            names = [n for n in (*batch.blobs, *batch.inline) if n.startswith(f"{unit}.")]
            store.put(key, meta, {name.partition(".")[2]: store.blob(batch, name) for name in names})
