"""Which units a search draws: told by the feature maps and the answers already in the store.

the strongest of each layer ─▶ those of the first page ─▶ what their threads, and those of the others, come by
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from generator.dataset.answers import Answers
from generator.dataset.clear import MOST, clear_unit, clearest, strongest
from generator.dataset.kin import Kin
from generator.images import ImageRecord
from generator.names import LayerName
from generator.report.jobs import Jobs
from generator.report.picked import Picked
from generator.selectors import parse_units
from generator.store import Store
from generator.wiring.threads import Threads

Chosen = dict[tuple[str, LayerName], tuple[int, ...]]
Said = Mapping[LayerName, Answers]
"""What the units of the layers answer to, in order of execution."""
FIRST = 64
"""Units of a layer that looks at the image, at most, of which ``top:K+threads:N`` searches all: every thread ends at one."""


def choose_units(
    units: str,
    jobs: Jobs,
    images: Sequence[ImageRecord],
    store: Store,
    threads: Callable[[], Threads],
    *,
    keep: bool = False,
    dataset: str = "",
    said: Callable[[], Said | None] = dict,
) -> Mapping[tuple[str, LayerName], tuple[int, ...]]:
    """(search, layer) -> units, for searches of units. ``top:K`` ranks them by their highest activation in any image; of a layer
    without feature maps, in any image of the dataset, and where that is not asked either, its first K stand for them. Of ``threads:K``, half give way to what feeds units of deeper layers; of
    ``top:K+threads:N`` N a layer, on the average, are what threads come by, those of the first page's units before others.

    `said` gives what units answer to, from which it is known which of them the first page shows; None where that is still to be
    asked: then units of the last layers stand for those, and the next strongest of each layer for what threads come by.
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
            told = None if selection.top is None else (said() or {}).get(layer.name)
            highest = None if told is None else np.nan_to_num(told.highest.astype(np.float64), nan=-np.inf).tolist()
            chosen[search.name, layer.name] = selection.choose(highest)
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
    more = _more(jobs)
    if not chosen or not (parse_units(units, 2).threads or any(more.values())):
        return chosen
    key = jobs.ways_key(units, dataset)
    kept = store.get(key)
    if kept is not None and have.issuperset(kept.meta["images"]):
        ways = {(name, LayerName(layer)): Picked(*parts) for name, layer, *parts in kept.meta["units"]}
        if set(ways) == set(chosen):
            return {at: ways[at] for at in chosen}
    answers = said()
    ways = {}
    for name in more:
        ranked = {layer: some for (of, layer), some in chosen.items() if of == name}
        found = _threaded(units, jobs, ranked, threads, answers, more=more[name])
        ways |= {(name, layer): some for layer, some in found.items()}
    ways = {at: ways[at] for at in chosen}
    if whole and answers is not None:
        named = [[name, layer, list(some), sorted(some.shown), some.own] for (name, layer), some in ways.items()]
        store.put(key, {"units": named, "images": sorted(have)})
    return ways


def _more(jobs: Jobs) -> Mapping[str, bool]:
    """Of each search for units whether it makes more of those of the first page."""
    found = [search for search in jobs.searches if search.scope == "search"]
    return {search.name: bool(getattr(search.method, "first_page", 0)) for search in found}


def _threaded(
    units: str,
    jobs: Jobs,
    ranked: Mapping[LayerName, tuple[int, ...]],
    threads: Callable[[], Threads],
    answers: Said | None,
    *,
    more: bool,
) -> Mapping[LayerName, Picked]:
    """The choice for one search, with what threads come by in it, and with the units of the first page told."""
    selections = {layer: parse_units(units, jobs.description.by_name[layer].units) for layer in ranked}
    room = {layer: one.threads for layer, one in selections.items()}
    if not any(one.beside for one in selections.values()):
        found = led(ranked, room, threads()) if any(room.values()) else ranked
        first = first_page(found, answers, _kin(answers)) if more else {}
        return {layer: Picked(some, first.get(layer, ())) for layer, some in found.items()}
    every = {layer: jobs.description.by_name[layer].units for layer in ranked}
    kin = _kin(answers)
    own = {layer: some[: len(some) - room[layer]] for layer, some in ranked.items()}
    first = first_page({layer: range(n) for layer, n in every.items()}, answers, kin) if more else {}
    deep = list(ranked)[len(ranked) // 2 :]
    clear = {layer: _clear(ranked[layer][len(own[layer]) :], layer, answers, kin) for layer in deep}
    own = {
        layer: tuple(dict.fromkeys((*some, *clear.get(layer, ()), *first.get(layer, ()))))
        for layer, some in own.items()
    }
    found = joined(ranked, room, every, threads(), first, own=own, known=answers is not None)
    return {layer: Picked(some, first.get(layer, ()), len(own[layer])) for layer, some in found.items()}


def _kin(answers: Said | None) -> Kin | None:
    """What images are to the last layer of which it is known."""
    return Kin(list(answers.values())[-1]) if answers else None


def _clear(next_ones: Sequence[int], layer: LayerName, answers: Said | None, kin: Kin | None) -> tuple[int, ...]:
    """The layer's clearest unit; before the dataset was asked the next strongest stands for it."""
    if answers is None:
        return tuple(next_ones[:1])
    return clear_unit(answers[layer], kin) if kin is not None and layer in answers else ()


def first_page(
    chosen: Mapping[LayerName, Sequence[int]], answers: Said | None, kin: Kin | None
) -> Mapping[LayerName, tuple[int, ...]]:
    """Of the units that may be chosen of each layer, in order of execution, those that the first page shows: a few, one a layer
    (`generator.dataset.clear`). Before the dataset was asked (None) the first ones of the last layers, where searches take longest."""
    if answers is None:
        last = [layer for layer, some in chosen.items() if some][-MOST:]
        return {layer: tuple(chosen[layer][:1]) for layer in last}
    if kin is None:
        return {}
    layers = {
        layer: some
        for layer, units in chosen.items()
        if layer in answers and (some := [unit for unit in units if strongest(answers[layer], unit)])
    }
    names = list(layers)
    return {
        names[k]: (unit,) for k, unit in clearest([(answers[layer], layers[layer]) for layer in names], kin).items()
    }


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


def joined(
    ranked: Mapping[LayerName, tuple[int, ...]],
    room: Mapping[LayerName, int],
    every: Mapping[LayerName, int],
    threads: Threads,
    first: Mapping[LayerName, tuple[int, ...]] | None = None,
    *,
    own: Mapping[LayerName, tuple[int, ...]] | None = None,
    known: bool = True,
) -> Mapping[LayerName, tuple[int, ...]]:
    """The strongest units of each layer, in order of execution, and behind them those that their threads come by.

    The last `room` of the units `ranked` for a layer give way. Their places, of all layers together, go to the units that the
    threads of `first`, which are among these, come by, and then to those that most threads of the strongest units come by; of equals to those whose
    threads began deepest. A layer gets twice its own room at most. Places that are left go to the next strongest, and all do while it is not `known` where threads lead.

        last layer    3 1 | 4          no thread comes by: the next strongest
        before it     7 0 | 5 2        5 is on the threads of 3 and 1, 2 on that of 1
        the first     0 1 2 3 4 5      all of its `every` units, where these are no more than FIRST

    A layer whose units hand channels on, as those of a depthwise convolution do, has its strongest alone: threads go through it.
    `own` are the units that each layer has for itself, where these are more than its strongest.
    """
    own = own or {layer: best[: len(best) - room[layer]] for layer, best in ranked.items()}
    mixing = [layer for layer in ranked if layer in threads.mixing]
    whole = {layer for layer in mixing if threads.sees_image(layer) and every[layer] <= FIRST}
    joining = [layer for layer in mixing if layer not in whole and not threads.hands_on(layer)]
    come, before = (_come_by(some, list(ranked), threads) if known else {} for some in (own, first or {}))
    wanted = sorted(come, key=lambda at: (-len(before.get(at, ())), -len(come[at]), -max(come[at]), at[1]))
    made = {layer: dict.fromkeys(some) for layer, some in own.items()}
    left = sum(room[layer] for layer in joining)
    for layer, unit in wanted:
        if (
            left
            and layer in joining
            and unit not in made[layer]
            and len(made[layer]) < len(own[layer]) + 2 * room[layer]
        ):
            made[layer][unit] = None
            left -= 1
    for layer in joining:
        for unit in ranked[layer]:
            if left and unit not in made[layer] and len(made[layer]) < len(ranked[layer]):
                made[layer][unit] = None
                left -= 1
    return {
        layer: (*some, *(k for k in range(every[layer]) if layer in whole and k not in some))
        for layer, some in made.items()
    }


def _come_by(
    begins: Mapping[LayerName, tuple[int, ...]], order: Sequence[LayerName], threads: Threads
) -> Mapping[tuple[LayerName, int], list[int]]:
    """(layer, unit) -> of the threads of these units that come by it, the numbers of the layers in which they begin."""
    found: dict[tuple[LayerName, int], list[int]] = {}
    for layer, some in begins.items():
        for unit in some:
            for step in threads.thread(layer, unit):
                found.setdefault((step.layer, step.unit), []).append(order.index(layer))
    return found
