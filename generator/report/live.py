"""The live page's files: the model as ONNX, its samples, kept in the store; exported once for each model and set of layers."""

from __future__ import annotations

import io
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.images import ImageRecord
from generator.images import load as load_picture
from generator.live.export import PACKAGES, Exported, export, missing, refused
from generator.live.outputs import Outputs
from generator.live.runtime import runtime
from generator.model.twin import copied
from generator.names import Digest, LayerName
from generator.pages.live_views import File, Live, Sample
from generator.report.keys import code_digest
from generator.report.setup import Setup
from generator.selectors import select_layers
from generator.store import Record, key_of

SAMPLES = 12
"""Images of the report that the page offers, at most: the first ones."""
CHECKED = 2
"""Inputs on which torch and the ONNX are run and compared: an image and noise."""
GRAPH = 800
"""Bytes that one layer takes in the two graphs."""


def layers_of(setup: Setup) -> tuple[LayerName, ...]:
    """The layers whose maps the page shows."""
    assert setup.config.live is not None
    return tuple(layer.name for layer in select_layers(setup.config.live.layers, setup.description.layers))


def outputs_of(setup: Setup) -> Outputs:
    """A copy of the model on the CPU, with all that the page shows as its outputs."""
    return Outputs(copied(setup.engine.module).cpu().float(), setup.description, layers_of(setup))


@dataclass(frozen=True)
class Coming:
    """What an export will be, told before it is."""

    layers: int
    """Whose maps the page shows."""
    onnx: float
    """Bytes of the weights and both graphs, about."""
    forwards: int
    """Of the check, by torch; as many runs of the ONNX beside them, and none counted among the passes. 0: it is kept."""


def coming(setup: Setup) -> Coming | NotApplicable | None:
    """What `fill_live` will make; why it will make nothing; None where nobody asked."""
    if setup.config.live is None:
        return None
    kept = setup.store.get(key(setup)) if missing() is None else None
    if kept is not None and "reason" in kept.meta:
        return NotApplicable(kept.meta["reason"])
    outputs = Outputs(setup.engine.module, setup.description, layers_of(setup))
    return missing() or refused(outputs) or Coming(len(outputs.layers), onnx_bytes(setup), 0 if kept else CHECKED)


def onnx_bytes(setup: Setup) -> float:
    """What the ONNX will take, about: the weights in float32, and the graphs."""
    weights = sum(parameter.numel() * 4 for parameter in setup.loaded.module.parameters())
    return weights + GRAPH * len(setup.description.layers)


def fill_live(setup: Setup) -> None:
    """Export the model, unless it was: some ten seconds, with `CHECKED` runs of torch and as many of the ONNX on the CPU, which
    describe the export and are not counted among the passes."""
    if setup.config.live is None or missing() is not None or setup.store.get(key(setup)) is not None:
        return
    begun = time.perf_counter()
    images = [seen(setup, image)[None] for image in setup.images.images[: CHECKED - 1]]
    found = export(outputs_of(setup), images)
    took = {"seconds": round(time.perf_counter() - begun, 3)}
    if isinstance(found, NotApplicable):
        setup.store.put(key(setup), {"reason": found.reason, **took})
        return
    setup.store.put(key(setup), {**asdict(found.difference), **took}, blobs_of(found))


def blobs_of(found: Exported) -> dict[str, bytes]:
    """An export as named blobs."""
    parts = {f"weights.{k}": part for k, part in enumerate(found.parts.weights)}
    return {**{f"{name}.onnx": graph for name, graph in found.parts.graphs.items()}, **parts}


def live_of(setup: Setup) -> Live | NotApplicable | None:
    """What the page is made from, read from the store; why there is nothing to run; None where it was not asked for."""
    if setup.config.live is None:
        return None
    if (lacking := missing()) is not None:
        return lacking
    record = setup.store.get(key(setup))
    if record is None:
        return NotApplicable("it was not exported in this build.")
    if "reason" in record.meta:
        return NotApplicable(record.meta["reason"])
    program = runtime()
    outputs = Outputs(setup.engine.module, setup.description, layers_of(setup))
    return Live(
        graphs={name: _file(setup, record, f"{name}.onnx") for name in ("maps", "scores")},
        weights=tuple(_file(setup, record, f"weights.{k}") for k in range(_parts(record))),
        runtime=program if isinstance(program, NotApplicable) else dict(program),
        layers=outputs.layers,
        averaged=outputs.averaged,
        biases=biases(outputs),
        scores_apart=float(record.meta["scores"]),
        maps_apart=float(record.meta["maps"]),
        apart_at=str(record.meta["at"]),
        readout=setup.engine.readout,
        classes=setup.description.classes,
        labels=setup.loaded.labels or (),
        preprocess=setup.loaded.preprocess,
        seconds=float(record.meta.get("seconds", 0.0)),
        checked=CHECKED,
        samples=tuple(sample(setup, image) for image in setup.images.images[:SAMPLES]),
    )


def absent(setup: Setup) -> NotApplicable | None:
    """Why the page runs nothing; None where it will, and where nobody asked for it."""
    found = live_of(setup)
    runs = found.runtime if isinstance(found, Live) else found
    return runs if isinstance(runs, NotApplicable) else None


def biases(outputs: Outputs) -> tuple[float, ...]:
    """(classes,) what the linear head adds to the mean of a class's map; empty where there is no such head."""
    if outputs.averaged is None:
        return ()
    weight, bias = outputs.head
    return tuple((torch.zeros(len(weight)) if bias is None else bias).float().tolist())


def _parts(record: Record) -> int:
    return sum(name.startswith("weights.") for name in (*record.blobs, *record.inline))


def _file(setup: Setup, record: Record, name: str) -> File:
    data = setup.store.blob(record, name)
    return File(record.blobs.get(name) or setup.store.add(data), len(data), lambda: setup.store.blob(record, name))


def key(setup: Setup) -> Digest:
    """The key of an export: the model, its layers, the exporter and all that writes the file."""
    return key_of(
        {
            "live": asdict(setup.jobs.model),
            "layers": list(layers_of(setup)),
            "head": [setup.description.facts.head_layer, setup.description.head_linear],
            "code": code_digest("generator.live.export", "generator.live.parts", "generator.live.outputs"),
            "versions": [f"{name} {_version(name)}" for name in ("torch", *PACKAGES)],
        }
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def seen(setup: Setup, image: ImageRecord) -> Tensor:
    """(c, h, w): the model's input for one image."""
    preprocess = setup.loaded.preprocess
    return preprocess(load_picture(image, preprocess.channels))


def sample(setup: Setup, image: ImageRecord) -> Sample:
    """An image of the report as the model sees it, without loss: run in the page, it gives the report's own numbers."""
    at = key_of({"live sample": setup.loaded.preprocess.describe(), "image": image.digest})
    record = setup.store.get(at)
    if record is None:
        record = setup.store.put(at, {}, {"seen.png": png(setup, seen(setup, image))})
    return Sample(image.slug, image.name, _file(setup, record, "seen.png"))


def png(setup: Setup, x: Tensor) -> bytes:
    """The pixels of a model's input: L, RGB or RGBA."""
    values = setup.loaded.preprocess.denormalise(x).clamp(0, 1).mul(255).round().to(torch.uint8)
    array: Any = values.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
