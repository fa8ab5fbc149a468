"""The way from every unit that mixes others back to the first layer, for all pages at once, with what may stand for each unit.

data/threads.js    {layers: [{name, page, base, pictures, kernels, …}], arrays: {next, unit, sign, share, image, place}}

A row a unit, layer after layer; `base` is a layer's first row. `next` is the number of the layer that the step leads to, IMAGE
where it is the image's channel, NOWHERE where it is not followed. Eleven bytes a unit.

data/threads/<slug>.js    {arrays: {starts, next, unit, sign, share}}

The threads that were followed for each unit of a layer in a picture (`generator.dataset.trace`), all their steps behind one another:
six bytes a step, loaded with the layer's page.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from generator.artifacts import NotApplicable
from generator.names import INPUT, Layer, LayerName
from generator.pages import data, escape
from generator.pages.context import Site
from generator.pages.units import offsets, packed
from generator.pages.views import LayerView
from generator.pages.wires import named

ADDRESS = "data/threads.js"
NOWHERE, IMAGE = 65535, 65534
"""Instead of a layer's number; of an image's row, where there is none."""


def address(site: Site) -> str:
    """Where the script is; "" where no layer's wires are known."""
    return ADDRESS if site.threads.mixing else ""


def write(site: Site) -> None:
    """Write the script, where there is something to say."""
    layers = site.threads.mixing
    if not layers:
        return
    number = {name: k for k, name in enumerate(layers)}
    rows = {example.number: k for k, example in enumerate(site.report.examples)}
    steps = [_steps(site, name, units, number) for name, units in layers.items()]
    firsts = [_first(site.layer_views.get(name), units, rows) for name, units in layers.items()]
    _, height, width = site.report.input_shape
    base = np.cumsum([0, *layers.values()])
    value = {
        "input": [height, width],
        "layers": [_layer(site, name, units) | {"base": int(start)} for (name, units), start in zip(layers.items(), base, strict=False)],
        "arrays": {
            name: packed(np.concatenate([part[name] for part in parts]), kind)
            for parts, kinds in ((steps, {"next": "u", "unit": "u", "sign": "b", "share": "b"}), (firsts, {"image": "u", "place": "i"}))
            for name, kind in kinds.items()
        },
    }  # fmt: skip
    site.script(ADDRESS, "threads", "all", value)
    for view in site.report.layers:
        if site.threads.followed(view.layer.name):
            site.script(_rows_at(view), "rows", view.slug, {"arrays": _rows(site, view.layer, number)})


def _rows_at(view: LayerView) -> str:
    return f"data/threads/{escape.slug(view.slug)}.js"


def _rows(site: Site, layer: Layer, number: dict[LayerName, int]) -> dict[str, list[str]]:
    """The whole threads of a layer's units."""
    threads = [site.threads.thread(layer.name, unit) for unit in range(layer.units)]
    steps = [step for thread in threads for step in thread]
    arrays: dict[str, tuple[list[int], str]] = {
        "next": ([IMAGE if step.layer == INPUT else number.get(step.layer, NOWHERE) for step in steps], "u"),
        "unit": ([step.unit for step in steps], "u"),
        "sign": ([step.sign + 1 for step in steps], "b"),
        "share": ([round(step.share * 255) for step in steps], "b"),
    }
    starts = packed(np.cumsum([0, *map(len, threads)]), "i")
    return {"starts": starts, **{name: packed(np.array(values), kind) for name, (values, kind) in arrays.items()}}


def _layer(site: Site, of: LayerName, units: int) -> dict[str, Any]:
    """How a layer's units are shown: its searched pictures, its kernels where it looks at the image, where its patches lie; by
    their numbers alone where it has no page."""
    name, page = named(site, of)
    view = site.layer_views.get(of)
    own = {"name": name, "page": page, "units": units, "active": site.threads.active(of), "rows": None}
    if view is None:
        return own | {"pictures": None, "kernels": None, "map": None}
    layer, slug = view.layer, escape.slug(view.slug)
    pictures, kernels = view.pictures, view.kernels
    first = view.wires is not None and INPUT in view.wires.layers and not isinstance(kernels, NotApplicable)
    return {
        **own,
        "rows": [view.slug, _rows_at(view)] if site.threads.followed(of) else None,
        "pictures": None if isinstance(pictures, NotApplicable) else data.atlas(site.tree, pictures, f"{slug}-pictures"),
        "kernels": data.atlas(site.tree, kernels, f"{slug}-kernels") if first else None,
        "map": [layer.shape[1], layer.shape[2]],
        **{key: list(found) if found else None for key, found in (("field", layer.receptive_field), ("jump", layer.jump))},
        "offset": offsets(layer),
    }  # fmt: skip


def _steps(site: Site, layer: LayerName, units: int, number: dict[LayerName, int]) -> dict[str, Any]:
    """One step back from each unit of a layer."""
    made = {name: np.full(units, NOWHERE) for name in ("next", "unit", "sign", "share")}
    made["sign"][:], made["share"][:] = 1, 0
    for unit in range(units):
        step = site.threads.step(layer, unit)
        if step is None or not (step.layer == INPUT or step.layer in number):
            continue
        made["next"][unit] = IMAGE if step.layer == INPUT else number[step.layer]
        made["unit"][unit], made["sign"][unit], made["share"][unit] = step.unit, step.sign + 1, round(step.share * 255)
    return made


def _first(view: LayerView | None, units: int, rows: dict[int, int]) -> dict[str, Any]:
    """The first patch of each unit: the row of its image in data/examples.js, and the place in the map."""
    if view is None or view.answers is None:
        return {"image": np.full(units, NOWHERE), "place": np.zeros(units)}
    images = [rows.get(int(one), NOWHERE) for one in view.answers.images[:, 0]]
    return {"image": np.array(images), "place": view.answers.places[:, 0]}
