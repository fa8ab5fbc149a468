"""The page on which the visitor's own image runs through the model, in the browser.

live.html    data/live.js, data/live/* (the model), assets/vendor/onnxruntime-web/* (what runs it)
"""

from __future__ import annotations

from typing import Any

from generator.artifacts import NotApplicable
from generator.images.decode import LIMIT_PIXELS
from generator.live.lacking import Lacking
from generator.live.runtime import PACKAGE, VERSION
from generator.model.preprocess import Preprocess
from generator.pages import escape, numbers
from generator.pages.context import Site
from generator.pages.live_views import File, Live
from generator.store import digest

RUNTIME = "assets/vendor/onnxruntime-web/"
SCRIPTS = ("live-maths.js", "live-client.js", "live-views.js", "live-layers.js", "live-page.js")
"""What only this page loads."""


def write(site: Site) -> None:
    """Write live.md, and where there is a model to run, its data, its files and those of its runtime."""
    live = site.report.live
    runs = isinstance(live, Live) and not isinstance(live.runtime, NotApplicable)
    if isinstance(live, Live) and runs:
        site.script("data/live.js", "live", "model", model(site, live))
        _runtime(site, live)
    site.page(
        "live.md",
        "live.html",
        title=site.t("live.title"),
        section="live",
        description=site.t("live.description", model=site.report.title),
        searched=False,
        live=live if runs else None,
        addable=live is None or isinstance(live, Live | Lacking),
        why_spans=escape.code_spans(reason(site, live)),
        listed=runs,
        scripts=SCRIPTS,
        **(costs(live) if isinstance(live, Live) else {}),
        samples=[site.photo(image) for image in site.report.images[: len(live.samples)]]
        if isinstance(live, Live)
        else [],
    )


def reason(site: Site, live: Live | NotApplicable | None) -> str:
    """Why nothing runs here; "" where it does."""
    if live is None:
        return site.t("live.not_asked")
    if isinstance(live, NotApplicable):
        return live.reason
    return live.runtime.reason if isinstance(live.runtime, NotApplicable) else ""


def costs(live: Live) -> dict[str, Any]:
    """What a visitor downloads before the first picture runs, and how far it is from torch."""
    runtime = {} if isinstance(live.runtime, NotApplicable) else live.runtime
    return {
        "model_size": numbers.size(live.graphs["maps"].size + sum(part.size for part in live.weights)),
        "runtime_size": numbers.size(sum(path.stat().st_size for path in runtime.values())),
        "split": len(live.weights) if len(live.weights) > 1 else 0,
        "version": f"{PACKAGE} {VERSION}",
        "apart": {"scores": f"{live.scores_apart:.0e}", "maps": f"{live.maps_apart:.0e}"},
    }


def model(site: Site, live: Live) -> dict[str, Any]:
    """What the worker and the page know of the model."""
    report = site.report
    facts = {layer.name: layer for layer in report.all_layers}
    layers = []
    for name in live.layers:
        layer = facts[name]
        units, height, width = layer.shape
        view = site.layer_views.get(name)
        row = {
            "name": escape.clean(name),
            "op": escape.clean(site.op_line(layer)),
            "kind": layer.kind,
            "units": units,
            "h": height,
            "w": width,
        }
        layers.append(row | ({"page": f"layers/{escape.slug(view.slug)}.html"} if view is not None else {}))
    averaged = live.averaged
    return {
        "runtime": RUNTIME,
        "graphs": {name: _file(site, file, name, "onnx") for name, file in live.graphs.items()},
        "weights": [_file(site, part, f"weights-{k}", "bin") for k, part in enumerate(live.weights)],
        "layers": layers,
        "averaged": escape.clean(averaged) if averaged is not None else None,
        "biases": [round(value, 6) for value in live.biases],
        "deepest": deepest(site, live),
        "readout": {"kind": live.readout.kind, "activated": live.readout.activated},
        "labels": [escape.clean(label) for label in live.labels],
        "classes": live.classes,
        "preprocess": settings(live.preprocess),
        "samples": [
            {"src": _file(site, one.seen, f"sample-{k}", "png")[0], "name": escape.clean(one.name), "page": f"images/{escape.slug(one.slug)}.html"}
            for k, one in enumerate(live.samples)
        ],
    }  # fmt: skip


def deepest(site: Site, live: Live) -> int:
    """The number of the layer that Score-CAM looks at: the report's own default where its maps are here, else the last with
    more than one place; -1 where none has."""
    if site.report.default_layer in live.layers:
        return live.layers.index(site.report.default_layer)
    facts = {layer.name: layer for layer in site.report.all_layers}
    found = [k for k, name in enumerate(live.layers) if facts[name].shape[1:] != (1, 1) and facts[name].read]
    return found[-1] if found else -1


def settings(preprocess: Preprocess) -> dict[str, Any]:
    """How pictures become the model's input, for live-preprocess.js."""
    return {
        "size": list(preprocess.size),
        "resize": list(preprocess.resize) if isinstance(preprocess.resize, tuple) else preprocess.resize,
        "crop": preprocess.crop,
        "interpolation": preprocess.interpolation,
        "antialias": preprocess.antialias,
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "channels": preprocess.channels,
        "limit": LIMIT_PIXELS,
    }


def _file(site: Site, file: File, stem: str, ending: str) -> list[Any]:
    """[address, bytes] of a file of the model, named after its digest: browsers keep what they have of an earlier build."""
    path = f"data/live/{stem}-{file.digest[:10]}.{ending}"
    site.tree.made(path, file.digest, file.read)
    return [path, file.size]


def _runtime(site: Site, live: Live) -> None:
    assert not isinstance(live.runtime, NotApplicable)
    for name, path in live.runtime.items():
        site.tree.made(RUNTIME + name, digest(path.read_bytes()), path.read_bytes)
