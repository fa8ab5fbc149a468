"""Which units a search draws: told by the feature maps already in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from generator.images import ImageRecord
from generator.names import LayerName
from generator.report.jobs import Jobs
from generator.selectors import parse_units
from generator.store import Store
from generator.wiring.threads import Threads

Chosen = dict[tuple[str, LayerName], tuple[int, ...]]


def choose_units(
    units: str,
    jobs: Jobs,
    images: Sequence[ImageRecord],
    store: Store,
    threads: Callable[[], Threads],
    *,
    keep: bool = False,
    dataset: str = "",
) -> Mapping[tuple[str, LayerName], tuple[int, ...]]:
    """(search, layer) -> units, for searches of units. ``top:K`` ranks them by their highest activation in any image; where a layer has no
    stored feature maps, its first K stand for them. Of ``threads:K``, half give way to what feeds units of deeper layers.

    `threads` is asked for then alone: it takes seconds to find. A choice is kept (with `keep`) and holds as long as all images that made it are in the set, so that one image more
    computes that image alone and no unit anew, though it makes other units a little stronger and other inputs a little more active. `dataset` is the fingerprint of
    the dataset, where that is not the images.
    """
    maps = {request.layer: request for request in jobs.requests if request.name == "feature_maps"}
    have = {image.digest for image in images}
    chosen: Chosen = {}
    whole = keep
    for search in jobs.searches:
        layer = search.layer
        if layer is None or search.scope != "search":
            continue
        selection = parse_units(units, layer.units)
        if selection.top is None or layer.name not in maps:
            chosen[search.name, layer.name] = selection.choose()
            continue
        key = jobs.choice_key(search, units)
        kept = store.get(key)
        if kept is not None and have.issuperset(kept.meta["images"]):
            chosen[search.name, layer.name] = tuple(kept.meta["units"])
            continue
        strengths, complete = np.zeros(layer.units), True
        for image in images:
            record = store.get(jobs.key(maps[layer.name], image))
            if record is None:
                complete = False
                continue
            meta = record.meta["maps"][0]
            strengths = np.maximum(strengths, meta.get("raw_hi", meta["hi"]))
        best = selection.choose(strengths.tolist())
        chosen[search.name, layer.name] = best
        whole &= complete
        if keep and complete:
            store.put(key, {"units": list(best), "images": sorted(have)})
    if not chosen or not parse_units(units, 2).threads:
        return chosen
    key = jobs.ways_key(units, dataset)
    kept = store.get(key)
    if kept is not None and have.issuperset(kept.meta["images"]):
        ways = {(name, LayerName(layer)): tuple(some) for name, layer, some in kept.meta["units"]}
        if set(ways) == set(chosen):
            return {at: ways[at] for at in chosen}
    ways = _threaded(units, jobs, chosen, threads)
    if whole:
        named = [[name, layer, list(some)] for (name, layer), some in ways.items()]
        store.put(key, {"units": named, "images": sorted(have)})
    return ways


def _threaded(units: str, jobs: Jobs, chosen: Chosen, threads: Callable[[], Threads]) -> Chosen:
    """The choice, with the strongest inputs of the units of deeper layers in it."""
    layers = {layer: jobs.description.by_name[layer] for _, layer in chosen}
    room = {name: parse_units(units, layer.units).threads for name, layer in layers.items()}
    made = dict(chosen)
    for name in {name for name, _ in chosen}:
        ranked = {layer: some for (of, layer), some in chosen.items() if of == name}
        made |= {(name, layer): some for layer, some in led(ranked, room, threads()).items()}
    return made


def led(
    ranked: Mapping[LayerName, tuple[int, ...]], room: Mapping[LayerName, int], threads: Threads
) -> Mapping[LayerName, tuple[int, ...]]:
    """As many units of each layer as were `ranked` for it, in order of execution; `room` of them, at most, are strongest
    inputs of units chosen in deeper layers, and stand behind the others.

        last layer    3 1 4 2                                  all by rank
        before it     7 0 │ 5 9        5 feeds 3 most, 9 feeds 1: they take the places of the two ranked lowest
        before that   2 6 │ 8 1        8 feeds 5, 1 feeds 9: a thread that began deeper goes before one that begins here

    What hands a channel on, on the way, is chosen with it.
    """
    wanted: dict[LayerName, dict[int, tuple[int, int]]] = {
        layer: {} for layer in ranked
    }  # unit -> where its thread began
    chosen: dict[LayerName, tuple[int, ...]] = {}
    for number, (layer, best) in enumerate(reversed(list(ranked.items()))):
        here = wanted[layer]
        own = best[: len(best) - room[layer]]
        fed = [unit for unit in sorted(here, key=lambda unit: here[unit]) if unit not in own][: len(best) - len(own)]
        rest = [unit for unit in best[len(own) :] if unit not in fed]
        chosen[layer] = (*own, *fed, *rest)[: len(best)]
        for rank, unit in enumerate(chosen[layer]):
            began = here.get(unit, (number, rank))
            for step in threads.thread(layer, unit):
                for at, one in ((step.layer, step.unit), *step.via):
                    if at in wanted:
                        wanted[at][one] = min(began, wanted[at].get(one, began))
    return {layer: chosen[layer] for layer in ranked}
