"""How a layer is computed, as data for its page: the steps of its chain, and the maps and kernels that they read, loaded on demand.

data/explain/steps/<slug>.js            {step, images, steps: [{name, kind, settings, reads, images?, …}]}     one a layer; a step's own images where they are more
data/explain/maps/<image>/<tensor>.js   {shape, power, text}        one a tensor: what one layer gives is what the next one reads
data/explain/kernels/<operation>.js     the same, of weights
data/explain/arrays/<operation>.js      the same, of a term or a norm's weights with a number for every place
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from generator.artifacts import NotApplicable
from generator.diagrams.architecture import Architecture
from generator.explain.attention import INSIDE
from generator.explain.budget import has_kernel
from generator.explain.chains import Chain, Place, Step
from generator.explain.explained import Explained, Stored
from generator.explain.operation import Read
from generator.model.graph import Ref
from generator.names import INPUT, Digest, LayerName
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.exports import sevens
from generator.pages.slugs import slugs
from generator.pages.units import packed
from generator.pages.views import LayerView
from generator.store import digest


@dataclass(frozen=True)
class Figures:
    """The addresses of a report's maps and kernels."""

    found: Explained

    @cached_property
    def maps(self) -> Mapping[Ref, str]:
        """A file name a tensor."""
        refs = list(self.found.names)
        names = slugs(
            [
                f"{self.found.names[ref]} {INSIDE.get(ref.output, ref.output)}" if ref.output else self.found.names[ref]
                for ref in refs
            ]
        )
        return dict(zip(refs, names, strict=True))

    @cached_property
    def kernels(self) -> Mapping[LayerName, str]:
        names = list(self.found.kernels)
        return dict(zip(names, slugs([str(name) for name in names]), strict=True))

    @cached_property
    def large(self) -> Mapping[tuple[LayerName, str], str]:
        names = list(self.found.large)
        return dict(zip(names, slugs([f"{name} {array}" for name, array in names]), strict=True))


def write(site: Site) -> None:
    """Write all maps and kernels, and the names of the classes."""
    found = site.report.explained
    if found is None:
        return
    figures = Figures(found)
    for (image, ref), stored in found.maps.items():
        name = f"{escape.slug(image)}/{figures.maps[ref]}"
        _numbers(site, f"data/explain/maps/{name}.js", f"maps/{name}", stored)
    for operation, stored in found.kernels.items():
        name = figures.kernels[operation]
        _numbers(site, f"data/explain/kernels/{name}.js", f"kernels/{name}", stored)
    for at, stored in found.large.items():
        name = figures.large[at]
        _numbers(site, f"data/explain/arrays/{name}.js", f"arrays/{name}", stored)
    labels = [escape.clean(label) for label in site.report.labels]
    site.script("data/explain/labels.js", "explain", "labels", labels)


def _numbers(site: Site, path: str, key: str, stored: Stored) -> None:
    def made() -> bytes:
        head = f'{{"shape":{escape.json(list(stored.shape))},"power":{stored.power},"text":"'
        return f'convatlas.put("explain",{escape.json(key)},{head}{sevens(stored.read())}"}});\n'.encode("ascii")

    of: Digest = digest(f"explain {key} {stored.digest} {stored.shape} {stored.power}".encode())
    site.tree.made(path, of, made)


def page(site: Site, view: LayerView) -> dict[str, Any]:
    """Write the steps of a layer's page; {at: the address}, or {na: why there are none}."""
    found = site.report.explained
    if found is None:
        return {"na": site.t("explain.not_asked")}
    place = found.chains.places.get(view.layer.name)
    if not isinstance(place, Place):
        return {"na": escape.clean(place.reason) if isinstance(place, NotApplicable) else site.t("explain.unknown")}
    chain = found.chains.chains[place.chain]
    figures = Figures(found)
    slug = escape.slug(view.slug)
    steps = [_step(site, figures, step) for step in chain.steps]
    for k, made in enumerate(steps):
        if found.beside and (of := [escape.slug(image) for image in found.shows(k, chain)]) != list(found.images):
            made["images"] = of
    if found.softmax is not None and chain.steps[-1].operation.name == found.softmax:
        steps.append(_softmax(chain) | ({"images": steps[-1]["images"]} if "images" in steps[-1] else {}))
    value = {"step": place.step, "images": [escape.slug(image) for image in found.images], "steps": steps}
    site.script(f"data/explain/steps/{slug}.js", "explain", f"steps/{slug}", value)
    return {"at": f"data/explain/steps/{slug}.js"}


def shows(site: Site, operation: str) -> tuple[str, ...]:
    """The images of which the numbers of an operation are shown."""
    found = site.report.explained
    if found is None:
        return ()
    for chain in found.chains.chains:
        for k, step in enumerate(chain.steps):
            if step.operation.name == operation:
                return found.shows(k, chain)
    return ()


def has(site: Site, layer: LayerName) -> bool:
    """Whether the page of a layer shows how it is computed."""
    found = site.report.explained
    return found is not None and isinstance(found.chains.places.get(layer), Place)


def hosts(site: Site) -> dict[str, str]:
    """Operation -> the slug of the layer whose page shows how it is computed: its own, or one whose chain it stands in."""
    found = site.report.explained
    if found is None:
        return {}
    named: dict[str, LayerName] = {}
    for layer, place in found.chains.places.items():
        if isinstance(place, Place):
            for step in found.chains.chains[place.chain].steps:
                name = step.operation.name
                if name == layer or name not in named:
                    named[name] = layer
    slugs_ = {name: escape.slug(view.slug) for name, view in site.layer_views.items()}
    return {name: slugs_[layer] for name, layer in named.items() if layer in slugs_}


PLAIN = ("relu", "relu6", "sigmoid", "tanh", "silu", "mish", "hardswish", "hardsigmoid", "softsign", "selu")
"""Activation functions without parameters, by their lower-case names."""
CLIPS: Mapping[str, dict[str, Any]] = {
    "relu": {"fn": "clip", "lo": 0.0, "hi": None},
    "relu6": {"fn": "clip", "lo": 0.0, "hi": 6.0},
}


def curve(site: Site, operation: str, name: str) -> dict[str, Any] | None:
    """The settings of an activation function that is one curve for all units, as explain-core.js has them; None of any other.

    A report without figures knows none of its parameters: `name`, ``ReLU6``, then tells of those that have none.
    """
    found = site.report.explained
    if found is None:
        plain = name.lower()
        return CLIPS.get(plain, {"fn": plain}) if plain in PLAIN else None
    steps = (step.operation for chain in found.chains.chains for step in chain.steps)
    own = next((one for one in steps if one.name == operation and one.kind == "act"), None)
    return None if own is None or own.held else dict(own.settings)


def factors(site: Site, operation: str) -> tuple[float, float] | None:
    """The least and the largest factor by which a batch norm multiplies a map; None where its numbers are not at hand."""
    found = site.report.explained
    if found is None:
        return None
    steps = (step.operation for chain in found.chains.chains for step in chain.steps)
    own = next((one for one in steps if one.name == operation and one.kind == "batch_norm"), None)
    variance = None if own is None else found.arrays.get((own.name, "var"))
    if own is None or variance is None:
        return None
    factor = found.arrays.get((own.name, "weight"), 1.0) / np.sqrt(variance + own.settings["eps"])
    return float(factor.min()), float(factor.max())


def addresses(site: Site, it: Architecture) -> dict[str, str]:
    """Operation -> where it is shown how it is computed."""
    found = hosts(site)
    return {op.id: f"layers/{found[op.id]}.html#v=how&x={escape.url(op.id)}" for op in it.ops if op.id in found}


def softmax(site: Site) -> tuple[str, str] | None:
    """(slug of a layer, name of a step) where scores become probabilities that the model itself does not give."""
    found = site.report.explained
    if found is None or found.softmax is None:
        return None
    ends = {chain.steps[-1].operation.name for chain in found.chains.chains}
    slug = hosts(site).get(found.softmax)
    return (slug, "softmax") if slug is not None and found.softmax in ends else None


def _step(site: Site, figures: Figures, step: Step) -> dict[str, Any]:
    found, one = figures.found, step.operation
    made: dict[str, Any] = {
        "name": escape.clean(one.name),
        "op": escape.clean(one.op),
        "kind": one.kind,
        "shape": list(one.shape),
        "settings": dict(one.settings),
        "reads": [_read(site, figures, read, at) for read, at in zip(one.reads, step.flows, strict=True)],
        "arrays": {
            name: {"shape": list(value.shape), "data": packed(value, "f")}
            for (operation, name), value in found.arrays.items()
            if operation == one.name
        },
    }
    if step.follows is not None:
        made["follows"] = step.follows
    if own := site.layer_views.get(one.name):
        made["page"] = f"layers/{escape.slug(own.slug)}.html"
    if one.name in found.left_out:
        made["na"] = escape.clean(found.left_out[one.name])
    elif has_kernel(one):
        name = figures.kernels[one.name]
        made["kernel"] = [f"kernels/{name}", f"data/explain/kernels/{name}.js"]
    files = {array: name for (operation, array), name in figures.large.items() if operation == one.name}
    if files:
        made["files"] = {array: [f"arrays/{name}", f"data/explain/arrays/{name}.js"] for array, name in files.items()}
    return made


def _read(site: Site, figures: Figures, read: Read, flows: int | None) -> dict[str, Any]:
    name = figures.maps.get(read.ref)
    maker = figures.found.names.get(read.ref)
    made: dict[str, Any] = {"shape": list(read.shape)}
    if flows is not None:
        return made | {"flows": flows}
    if maker is not None:
        made["name"] = site.t("layer.the_input") if maker == INPUT else escape.clean(maker)
        if maker == INPUT:
            made["seen"] = True
            if (norm := site.report.normalising) and len(norm[0]) == read.shape[0]:
                made["norm"] = [list(norm[0]), list(norm[1])]
        if own := site.layer_views.get(maker):
            made["page"] = f"layers/{escape.slug(own.slug)}.html"
    return made | {"map": name}


def _softmax(chain: Chain) -> dict[str, Any]:
    """The step that turns scores into probabilities, which the model leaves to its user."""
    last = chain.steps[-1].operation
    read = {"shape": list(last.shape), "flows": len(chain.steps) - 1}
    return {"name": "softmax", "op": "softmax", "kind": "softmax", "shape": list(last.shape), "settings": {}, "reads": [read],
            "arrays": {}, "added": True, "follows": len(chain.steps) - 1}  # fmt: skip
