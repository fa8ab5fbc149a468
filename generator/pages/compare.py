"""The comparison: methods x images x layers x targets on one page, drawn from numbers.

    data/compare.js                    what there is: methods, layers, images, targets, metrics
    data/compare/<image>.js            an image's photograph and which maps it has, loaded with its first map in view
    data/compare/<image>/<key>.js      the maps of one layer, or of one method on the input, for one target
    raw/<image>-<key>.npz              the same maps as float32 arrays

One image is read at a time, and of what an earlier rendering wrote only the digests.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.artifacts import NotApplicable
from generator.names import INPUT, LayerName
from generator.pages import data, escape, exports, targets
from generator.pages.context import Site, asked
from generator.pages.numbers import compact
from generator.pages.trust import doubtful, limits, mark
from generator.pages.trust_views import MapId
from generator.pages.views import Heat, ImageView, Prediction

ON_INPUT = "input"
"""The place of maps that are at no layer, in addresses and data."""


@dataclass(frozen=True)
class Place:
    """A layer of the comparison, or the input: `id` names it in addresses."""

    id: str
    layer: LayerName


@dataclass
class Chunks:
    """The data scripts of one image under way: equal maps are written once."""

    site: Site
    image: str
    waiting: dict[str, list[Heat]] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Identity of a map -> (group, its number in it)."""
    names: dict[str, str] = field(default_factory=dict)

    def add(self, group: str, heat: Heat) -> str:
        """Note a map for the script of `group`, unless another has it already; return its identity."""
        identity = exports.identity(heat)
        if identity not in self.places:
            maps = self.waiting.setdefault(group, [])
            self.places[identity] = (group, len(maps))
            maps.append(heat)
        return identity

    def write(self) -> None:
        """Write all scripts."""
        for group, maps in self.waiting.items():
            key = exports.key_of(f"chunk {self.image}", map(exports.identity, maps))
            name = self.names[group] = f"{self.image}/{key[:10]}"
            self.site.tree.made(f"data/compare/{name}.js", key, lambda n=name, m=maps: exports.chunk(n, m))  # type: ignore[misc]

    def find(self, identity: str) -> tuple[str, int]:
        """Which script has a map, and where in it."""
        group, at = self.places[identity]
        return self.names[group], at


def write(site: Site) -> None:
    """Write the page of the comparison and its data."""
    report = site.report
    places = _places(site)
    methods = _methods(site)
    archives: list[Path | None] = []
    images = []
    for image in report.images:
        archive = _image(site, image, methods, places)
        site.tree.settle()  # what is read of an image is let go before the next
        archives.append(archive)
        images.append(
            {
                "id": image.slug,
                "name": escape.clean(image.name),
                "photo": site.photo(image),
                "w": image.photo.width,
                "h": image.photo.height,
                "page": f"images/{escape.slug(image.slug)}.html",
                "data": f"data/compare/{escape.slug(image.slug)}.js",
                "npz": f"raw/{archive.name}" if archive else "",
                "targets": [_target(p) for p in image.targets],
            }
        )
    trust = report.trust
    value = {
        "title": escape.clean(report.title),
        "methods": [
            {
                "id": m,
                "title": site.method_title(m),
                "caption": site.caption(m),
                "page": f"methods/{m}.html" if m in site.methods else "",
                "input": on_input,
                "note": mark(site, m),
            }
            for m, on_input in methods.items()
        ],
        "layers": [_layer(site, place) for place in places if place.id != ON_INPUT],
        "images": images,
        "targets": _targets(site),
        "layer": next((place.id for place in places if place.layer == report.default_layer), ""),
        "metrics": [
            {"id": m.name, "title": m.title, "better": m.better, "summary": m.summary, "unit": m.unit}
            for m in (trust.metrics if trust else ())
        ],
        "baselines": list(trust.baselines) if trust else [],
        "failed": _failed(site, methods, places),
    }
    site.script("data/compare.js", "compare", "index", value)
    saved = [(i.name, f"raw/{a.name}", a.stat().st_size) for i, a in zip(report.images, archives, strict=True) if a]
    site.page(
        "compare.md", "compare.html", title=site.t("compare.title"), section="compare", drawn=bool(saved), script="data/compare.js",
        description=site.t("compare.description", model=report.title), metrics=bool(value["metrics"]),
        archives=saved,
    )  # fmt: skip


def _methods(site: Site) -> dict[str, bool]:
    """Methods that drew a map, or said why not: those at layers first, each with whether it draws on the input."""
    at_layers, on_input = set(), set()
    for image in site.report.images:
        at_layers |= {method for method, _, _ in image.cams}
        on_input |= {method for method, _ in image.gradients}
    order = [*site.methods, *sorted((at_layers | on_input) - set(site.methods))]
    return {m: False for m in order if m in at_layers} | {m: True for m in order if m in on_input - at_layers}


def _places(site: Site) -> list[Place]:
    """The compared layers, shallow to deep, and the input."""
    report = site.report
    layers = list(report.cam_layers) or list(dict.fromkeys(at for image in report.images for _, at, _ in image.cams))
    used = {ON_INPUT}
    named = [
        Place(exports.unique(escape.slug(site.layer_views[at].slug if at in site.layer_views else str(at)), used), at)
        for at in layers
    ]
    return [*named, Place(ON_INPUT, INPUT)]


def _image(site: Site, image: ImageView, methods: Mapping[str, bool], places: list[Place]) -> Path | None:
    """Write an image's data and its archive: the archive, or None where nothing was drawn on it."""
    slug = escape.slug(image.slug)
    chunks = Chunks(site, slug)
    members: list[exports.Member] = []
    found: dict[str, dict[str, list[str | Heat | NotApplicable]]] = {}
    for method, on_input in methods.items():
        for place in places:
            if on_input != (place.id == ON_INPUT):
                continue
            row = found.setdefault(method, {}).setdefault(place.id, [])
            for target in range(max(1, len(image.targets))):
                item = _map(image, method, place, target)
                row.append(item)
                if isinstance(item, Heat):
                    chunks.add(f"{place.id} {method if on_input or exports.is_large(item) else ''} {target}", item)
                    label = escape.clean(image.targets[target].label) if image.targets else ""
                    at = ON_INPUT if on_input else escape.clean(str(place.layer))
                    members.append(exports.Member(method, at, target + 1, label, item))
    chunks.write()
    reasons: dict[str, int] = {}
    maps = {
        method: {
            at: _row(row, chunks, reasons, limits(site, method))
            for at, row in rows.items()
            if any(asked(item) for item in row)
        }
        for method, rows in found.items()
    }
    value = {
        "photo": _as_data(image),
        "maps": {method: rows for method, rows in maps.items() if rows},
        "why": list(reasons),
        "trust": _trust(site, image, methods, places),
    }
    site.script(f"data/compare/{slug}.js", "compare", image.slug, value)
    if not members:
        return None
    key = exports.key_of(
        "npz", (f"{m.method} {m.layer} {m.target} {m.label} {exports.identity(m.heat)}" for m in members)
    )
    return site.tree.made(f"raw/{slug}-{key[:10]}.npz", key, lambda: exports.npz(members))


def _map(image: ImageView, method: str, place: Place, target: int) -> Heat | NotApplicable:
    """A method's map at a place; a NotApplicable at the first target speaks for all of them."""
    if place.id == ON_INPUT:
        found = image.gradients.get((method, target)) or image.gradients.get((method, 0))
        item = found[0] if isinstance(found, tuple) else found
        given = (method, target) in image.gradients
    else:
        item = image.cams.get((method, place.layer, target)) or image.cams.get((method, place.layer, 0))
        given = (method, place.layer, target) in image.cams
    if (isinstance(item, Heat) and given) or isinstance(item, NotApplicable):
        return item
    return NotApplicable("it was not asked for.")


def _row(row: list[Any], chunks: Chunks, reasons: dict[str, int], most: Mapping[str, float]) -> list[Any]:
    """A map a target, as the page reads them: {…}, or the number of the reason why there is none."""

    def one(item: Heat | NotApplicable) -> dict[str, Any] | int:
        if isinstance(item, NotApplicable):
            return reasons.setdefault(escape.clean(item.reason), len(reasons))
        script, at = chunks.find(exports.identity(item))
        made = {
            "at": [script, at],
            "w": item.shown.width,
            "h": item.shown.height,
            "lo": compact(item.lo),
            "hi": compact(item.hi),
            **data.beyond(item),
        }
        if item.facts:
            made["facts"] = [[escape.clean(name), compact(number)] for name, number in item.facts]
        if doubts := doubtful(item, most):
            made["doubts"] = doubts
        return made | {name: 1 for name in ("signed", "empty") if getattr(item, name)}

    return [one(item) for item in row]


def _as_data(image: ImageView) -> str:
    """The photograph as an address that holds it: what is drawn from one may be saved, on file:// too."""
    data = image.photo.read()
    kind = "png" if data.startswith(b"\x89PNG") else "webp" if data[8:12] == b"WEBP" else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _trust(
    site: Site, image: ImageView, methods: Mapping[str, bool], places: list[Place]
) -> dict[str, dict[str, dict[str, float]]]:
    """Method -> place -> metric -> number, of this image's maps of the first target."""
    trust = site.report.trust
    known = trust.images.get(image.slug, {}) if trust else {}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for method in methods:
        for place in places:
            numbers = {name: compact(v) for name, v in known.get(MapId(method, place.layer), {}).items()}
            kept = {name: v for name, v in numbers.items() if v is not None}
            if kept:
                found.setdefault(method, {})[place.id] = kept
    return found


def _failed(site: Site, methods: Mapping[str, bool], places: list[Place]) -> dict[str, list[str]]:
    """Method -> the places at which its maps fail the sanity check."""
    trust = site.report.trust
    if trust is None:
        return {}
    failed = {curve.of for curve in trust.sanity if curve.passed is False and curve.of.method not in trust.baselines}
    found = {method: [place.id for place in places if MapId(method, place.layer) in failed] for method in methods}
    return {method: at for method, at in found.items() if at}


def _target(one: Prediction) -> dict[str, Any]:
    return {
        "index": one.index,
        "label": escape.clean(one.label),
        "p": None if one.probability is None else compact(one.probability),
    }


def _targets(site: Site) -> list[dict[str, str]]:
    """What each target is called for all images at once, and how its class is chosen where that is image by image."""
    images = [image for image in site.report.images if image.targets]
    return [
        {
            "id": str(k),
            "name": escape.clean(name),
            "role": next(targets.role(site, image.targets[k]) for image in images if k < len(image.targets)),
        }
        for k, name in enumerate(targets.of_all(site, images))
    ]


def _layer(site: Site, place: Place) -> dict[str, Any]:
    view = site.layer_views.get(place.layer)
    facts = next((x for x in site.report.all_layers if x.name == place.layer), None)
    return {
        "id": place.id,
        "name": escape.clean(place.layer),
        "key": exports.plain(escape.clean(place.layer)),
        "size": f"{facts.shape[1]} × {facts.shape[2]}" if facts else "",
        "page": f"layers/{escape.slug(view.slug)}.html" if view else "",
    }
