"""The page on which every unit of the report is searched for: by what it fires for and feeds, by marks, numbers, its layer.

data/unit-search.js    {layers: […], classes: […], arrays: {name: [kind, base64]}}    some 30 bytes a unit, layer after layer

Beside the arrays of all units stand those of classes: how many images of the set show each, and the units of the last layer that
feed it most (fedClass, fedUnit, fedShare: a row a class, `fed` the number of that layer and how many units a row has).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.artifacts import NotApplicable
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.searched import CHANCE, KINDS, KNOWN, NOTHING, Images, Names, feeders, layer_arrays, limit
from generator.pages.units import BITS, all_marks, offsets, packed
from generator.pages.views import Atlas, LayerView, Report

FEW = 300
"""Images below which what a unit fires for rests on one or two of them."""
GRAMMAR = (
    ("espresso", "ask_word"),
    ('"red wine"', "ask_phrase"),
    ("fires:espresso", "ask_fires"),
    ("layer:conv1", "ask_layer"),
    ("unit:17", "ask_unit"),
    ("-sparse", "ask_not"),
    ("dead, never on, always on, saturated, redundant", "ask_marks"),
    ("colour-selective, class-selective", "ask_derived"),
    ("sparse, dense", "ask_shares"),
    ("colour>0.5, selectivity>0.6, on<1%", "ask_numbers"),
)
"""What may be asked, and the words that explain it."""
BOUNDS = (("colour-selective", "colour", 0.5), ("colour>0.8", "colour", 0.8), ("selectivity>0.6", "selectivity", 0.6))
"""Queries for units above a number."""
SELDOM = (("on<1%", 0.01), (" sparse", 0.05))
"""Those for units that are on more seldom."""
NUMBER = 17
"""That of the unit in an example, where some layer has so many."""
PLAIN = frozenset(" ,-'")
"""What a class's name may hold beside letters and digits to be an example of a query."""


def write(site: Site) -> None:
    """Write units.md and its data."""
    report = site.report
    names, images = Names(), Images.of(report.examples)
    images.classes = np.array([names.number(escape.clean(each.shows)) for each in report.examples] or [-1])
    images.counts = np.zeros(max(len(names.found), 1), np.int64)
    for text, count in report.shown.items():
        number = names.found.get(escape.clean(text))
        if number is not None:
            images.counts[number] += count
    named = report.of_set or report.labels
    chosen = {int(one) for view in report.layers if view.answers is not None for one in np.unique(view.answers.chosen)}
    images.labels = np.array(
        [names.number(escape.clean(text)) if k in chosen else -1 for k, text in enumerate(named)], int
    )
    parts = [layer_arrays(view, report.labels, images, names) for view in report.layers]
    for view, part in zip(report.layers, parts, strict=True):
        part["marks"] = all_marks(report, view.layer, view.answers)
    read = [k for k, view in enumerate(report.layers) if _feeding(view)]
    wires = report.layers[read[-1]].wires if read else None
    by_class = {} if wires is None else feeders(wires, report.labels, names)
    whole = {name: np.concatenate([part[name] for part in parts]) for name in KINDS} if parts else {}
    known = {name for name in KNOWN.values() if name in whole and bool((whole[name] != NOTHING).any())}
    _, height, width = report.input_shape
    value: dict[str, Any] = {
        "input": [height, width],
        "layers": [[*geometry(report, view), pictures(site, view), behind(site, view)] for view in report.layers],
        "classes": list(names.found),
        "arrays": {name: packed(array, kind(name, array)) for name, array in whole.items() if KNOWN[name] in known}
        | {name: packed(array, "b" if name == "fedShare" else "u") for name, array in by_class.items()},
    }
    if report.shown:
        shown = {escape.clean(text): count for text, count in report.shown.items()}
        counts = np.array([min(shown.get(text, 0), NOTHING) for text in names.found], np.int64)
        value["arrays"]["shown"] = packed(counts, "u")
    if by_class:
        value["fed"] = [read[-1], by_class["fedUnit"].shape[1]]
    site.script("data/unit-search.js", "search", "units", value)
    site.page(
        "units.md",
        "units.html",
        title=site.t("units.title"),
        section="units",
        description=site.t("units.description", model=report.title),
        searched=False,
        units=sum(view.layer.units for view in report.layers),
        answered=any(view.answers is not None for view in report.layers),
        pictured=any(not isinstance(view.pictures, NotApplicable) for view in report.layers),
        few=len(report.examples) if len(report.examples) < FEW else 0,
        known=known,
        classes=bool(names.found),
        beyond=fired_by(site, report),
        named_by="by_model" if report.by_model else "of_set" if report.of_set else "classes",
        grammar=[(term, site.t(f"units.{key}")) for term, key in GRAMMAR],
        samples=[(text, escape.url(text)) for text in samples(report.layers, whole, parts, list(names.found))],
    )


def fired_by(site: Site, report: Report) -> str:
    """When a unit counts as one that fires for a class, in words; "" where nothing was asked."""
    found = next((view.answers for view in report.layers if view.answers is not None), None)
    if found is None or not any(each.shows for each in report.examples):
        return ""
    if found.seen > found.images.shape[1]:
        return site.t("units.beyond_many", n=round(CHANCE * 1e4))
    classes = len({each.shows for each in report.examples if each.shows})
    return site.t("units.beyond_few", sd=f"{limit(classes):.1f}")


def geometry(report: Report, view: LayerView) -> list[Any]:
    """[name, slug, units, kind, [map h, w], field, jump, offset, [key, script] of one image's maps, units that feed classes]"""
    layer, slug = view.layer, escape.slug(view.slug)
    drawn = (each for each in report.images if not isinstance(view.maps.get(each.slug), NotApplicable | None))
    image = next(drawn, None)
    maps = [f"{view.slug}/{image.slug}", f"data/maps/{slug}/{escape.slug(image.slug)}.js"] if image else None
    where = (*(list(each) if each else None for each in (layer.receptive_field, layer.jump)), offsets(layer))
    feeds = layer.units if _feeding(view) else 0
    return [escape.clean(layer.name), slug, layer.units, layer.kind, list(layer.shape[1:]), *where, maps, feeds]


def _feeding(view: LayerView) -> bool:
    return view.wires is not None and bool(view.wires.class_index.size)


def kind(name: str, array: NDArray[Any]) -> str:
    """How an array is packed: places in 16 bits where they fit."""
    return "u" if name == "place" and array.max(initial=0) <= NOTHING else KINDS[name]


def pictures(site: Site, view: LayerView) -> list[Any]:
    """[address, width, height, columns, tile width, tile height, units] of the searched pictures, -1 for the unit of one that
    shows nothing; [] where there are none."""
    return [] if isinstance(view.pictures, NotApplicable) else _pictures(site, view.pictures, view.slug)


def behind(site: Site, view: LayerView) -> list[Any]:
    """[[layer, its own units, *as `pictures`]] of the layers whose pictures stand for units of this one."""
    found = site.behind.get(view.layer.name, ())
    return [[escape.clean(one.layer), list(one.own), *_pictures(site, one.pictures, one.slug)] for one in found]


def _pictures(site: Site, item: Atlas, slug: str) -> list[Any]:
    alive = [
        -1 if dead else unit for unit, dead in zip(item.units, item.dead or [False] * len(item.units), strict=True)
    ]
    address = site.tree.picture(item.picture, f"{escape.slug(slug)}-pictures")
    size = (item.picture.width, item.picture.height)
    return [address, *size, item.columns, item.tile_w, item.tile_h, alive]


def samples(
    layers: Sequence[LayerView],
    whole: Mapping[str, NDArray[Any]],
    parts: Sequence[Mapping[str, NDArray[Any]]],
    classes: Sequence[str],
) -> list[str]:
    """Queries that find something here: the two classes that most units fire for, marks, numbers, the layer in the middle, a
    unit's number."""
    if not layers:
        return []
    first = whole["fires"][:, 0]
    counts = np.bincount(first[first != NOTHING], minlength=1)
    most = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    found = [classes[k].replace(",", " ") for k in most if plain(classes[k])][:2]
    every = int(np.bitwise_or.reduce(whole["marks"]))
    found += [name for name, bit in BITS.items() if every & bit]
    for text, name, bound in BOUNDS:
        low = -1.0 if name == "colour" else 0.0
        if ((whole[name] != NOTHING) & (whole[name] > (bound - low) / (1 - low) * NOTHING)).any():
            found.append(text)
    (text, bound), (word, few) = SELDOM
    if (whole["on"] < bound * NOTHING).any():
        found.append(text)
    k = len(layers) // 2
    name = str(layers[k].layer.name)
    if all(c.isalnum() or c in "._" for c in name):
        found.append(f"layer:{name}" + (word if (parts[k]["on"] < few * NOTHING).any() else ""))
    found.append(f"unit {min(NUMBER, max(view.layer.units for view in layers) - 1)}")
    return found


def plain(text: str) -> bool:
    """Whether a class's name, written as a query, means itself."""
    return all(c.isalnum() or c in PLAIN for c in text) and not text.startswith("-")
