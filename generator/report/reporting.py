"""A finished plan into the report that pages are rendered from."""

from __future__ import annotations

import dataclasses
import inspect
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from generator import __version__
from generator.config import dump
from generator.diagrams.architecture import Architecture
from generator.diagrams.from_graph import from_graph
from generator.diagrams.from_model import TORN, modules_alone
from generator.diagrams.weights import with_weights
from generator.images.credits import credits_of
from generator.learn.own import own_of
from generator.methods import MethodInfo, registry
from generator.model.preprocess import Preprocess
from generator.names import LayerName
from generator.pages.runjson import run_json
from generator.pages.slugs import slugs
from generator.pages.views import MethodView, Passes, Report
from generator.report.answers import skipped_of
from generator.report.assemble import Assembly
from generator.report.effective import Fields, fields_of
from generator.report.explained import explained_of
from generator.report.explained_words import notes_of
from generator.report.findings import findings_of
from generator.report.landscape import landscape_of
from generator.report.live import live_of
from generator.report.picked import picked
from generator.report.reconstructions import wanted
from generator.report.setup import Setup, clocked
from generator.report.sought import SoughtViews
from generator.report.subjects import units_by_layer
from generator.report.trained import training_of
from generator.report.training import learning_of
from generator.report.trusted import trust_of
from generator.report.vague import of_images
from generator.report.wired import keep_wires
from generator.selectors import parse_units

LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "matplotlib",
    "jinja2",
    "mkdocs",
    "mkdocs-material",
)


def report_of(setup: Setup, units: Mapping[tuple[str, LayerName], tuple[int, ...]], planned: Passes) -> Report:
    """Everything the site shows, read from the store: `units` (classes, images) of each search, and the passes that were
    planned."""
    by_layer = units_by_layer(units)
    drawn = wanted(setup.asking, setup.store, setup.config.units, by_layer) if setup.asking else ()
    layers = [layer.name for layer in setup.layers]
    assembly = Assembly(setup.jobs, setup.store, setup.loaded.labels, setup.engine.readout, setup.asking, drawn)
    images = setup.images.images
    compared = tuple(layer.name for layer in setup.compared)
    names = slugs(layers)
    counts = setup.engine.counts
    used: dict[str, Any] = {one.name: one.method for one in (*setup.jobs.requests, *setup.jobs.weights)}
    used |= {one.name: one.method for one in setup.jobs.searches}
    used |= {one.name: one.method for one in setup.jobs.sets}
    keep_wires(setup.jobs, setup.wired, setup.wires, setup.store)
    wired = setup.weighed
    sought = SoughtViews(setup.jobs, setup.store, units, assembly.label)
    refused = {method for method, _, _ in setup.jobs.refused}
    learning = learning_of(setup)
    with clocked(setup.timings, "findings"):
        findings = findings_of(setup)
    explained = None if setup.explaining is None else explained_of(setup.explaining, setup.store)
    examples = assembly.units.examples(images)
    report = Report(
        title=setup.config.title or setup.loaded.title,
        source=setup.loaded.source,
        parameters=setup.description.parameters,
        macs=setup.description.macs,
        input_shape=setup.input_shape,
        preprocessing=setup.loaded.preprocess.describe(),
        normalising=_normalising(setup.loaded.preprocess),
        classes=setup.description.classes,
        head=setup.description.readout.kind,
        weights_digest=setup.loaded.weights_digest,
        layers=tuple(
            dataclasses.replace(assembly.layer(layer, slug, images, units), wires=wired.get(layer.name))
            for layer, slug in zip(setup.layers, names, strict=True)
        ),
        all_layers=setup.description.layers,
        cam_layers=compared,
        default_layer=setup.default_layer,
        images=tuple(
            dataclasses.replace(assembly.image(image, compared), sought=sought.of_image(number))
            for number, image in enumerate(images)
        ),
        sought=sought.classes,
        threads=setup.threads,
        first_page={layer: shown for layer, some in by_layer.items() if (shown := picked(some).shown)},
        threaded=bool(parse_units(setup.config.units, 2).threads),
        methods=tuple(
            method_view(info, used.get(info.name), info.name in used or info.name in refused)
            for info in registry().values()
        ),
        notes=(*setup.notes, *(notes_of(explained) if explained else ())),
        explained=explained,
        architecture=architecture_of(setup),
        others=setup.others,
        alike=of_images(setup.jobs, setup.store, images),
        own=own_of(setup.description, setup.loaded.module),
        effective=fields_of(Fields(setup)),
        examples=examples,
        shown=assembly.units.shown(examples),
        by_model=setup.asking is not None and setup.asking.by_model,
        labels=setup.loaded.labels or (),
        of_set=() if setup.asking is None else setup.asking.names,
        planned=planned,
        run=Passes(counts.forward, counts.backward),
        trust=trust_of(setup.judging, setup.check, setup.store, setup.loaded.preprocess),
        findings=findings,
        landscape=landscape_of(setup),
        training=None if learning is None else training_of(learning, assembly.label),
        live=live_of(setup),
        timings=dict(setup.timings),
        skipped=tuple((str(s.path), s.reason) for s in setup.images.skipped) + skipped_in_dataset(setup),
        not_applicable=not_applicable(setup),
        versions=versions(),
        config_yaml=dump(setup.config),
        credits=credits_of([Path(one) for one in (setup.config.images, setup.config.dataset) if one is not None]),
        seed=setup.config.seed,
        device=device_name(setup),
    )
    return dataclasses.replace(report, run_json=run_json(report))


def _normalising(preprocess: Preprocess) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """(mean, std) by which values in 0..1 are changed; None where they stay as they are."""
    changes = any(preprocess.mean) or {*preprocess.std} != {1}
    return (preprocess.mean, preprocess.std) if changes else None


def skipped_in_dataset(setup: Setup) -> tuple[tuple[str, str], ...]:
    """(name, reason) of each picture of a dataset of its own that could not be read; the report's images were looked at before."""
    return () if setup.asking is None or setup.asking.own else tuple(skipped_of(setup.asking, setup.store))


def architecture_of(setup: Setup) -> Architecture:
    """The run that described the model, to be drawn, with the weights of its dense layers."""
    found = setup.description
    title = setup.config.title or setup.loaded.title
    if found.graph.torn:
        return modules_alone(setup.engine.module, title, TORN)
    it = from_graph(found.graph, title, parameters=found.parameters, layers=tuple(found.by_name))
    return with_weights(it, setup.engine.module)


def not_applicable(setup: Setup) -> tuple[tuple[str, str, str], ...]:
    """(method, layer, reason), the input's layer name left as it is."""
    return tuple((method, str(layer), reason) for method, layer, reason in setup.jobs.refused)


def versions() -> Mapping[str, str]:
    """What made the report."""
    found = {"conv-atlas": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def device_name(setup: Setup) -> str:
    """``cpu``, or the name of the GPU."""
    import torch

    device = setup.engine.device
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def method_view(info: MethodInfo, used: Any = None, asked: bool = True) -> MethodView:
    """A method's page, from its file; `used` is the method as the report has it, where it was drawn, and `asked` whether it
    was to be."""
    body = info.doc.strip().partition("\n")[2].strip()
    options = tuple(
        (field.name, default_of(field), str(field.metadata.get("doc", ""))) for field in dataclasses.fields(info.cls)
    )
    return MethodView(
        name=info.name,
        title=info.title,
        summary=info.summary[:1].upper() + info.summary[1:],
        body=inspect.cleandoc(body),
        papers=info.cls.papers,
        caption=info.cls.caption,
        options=options,
        used={} if used is None else {f.name: _shown(getattr(used, f.name)) for f in dataclasses.fields(info.cls)},
        scope=info.cls.scope,
        asked=asked,
        limits=getattr(info.cls, "limits", {}),
    )


def default_of(field: dataclasses.Field[Any]) -> str:
    """An option's default as YAML has it."""
    return "" if field.default is dataclasses.MISSING else _shown(field.default)


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
