"""Live pages to open: a model exported as the builder exports it, on the tiny report's pages."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.config import ModelConfig
from generator.live.export import Exported, export
from generator.live.outputs import Outputs
from generator.live.runtime import runtime
from generator.model.describe import Description, describe
from generator.model.load import LoadedModel, load
from generator.pages.live_views import File, Live, Sample
from generator.pages.views import Report
from generator.report.live import biases
from generator.selectors import select_layers
from generator.store import digest
from tests.pages.fixture_report import tiny_report
from tests.shared import once


@dataclass(frozen=True)
class Model:
    """A model, described and exported."""

    loaded: LoadedModel
    description: Description
    outputs: Outputs
    exported: Exported

    def expected(self, x: Tensor) -> dict[str, Tensor]:
        """What torch gives for one input (1, c, h, w), by the outputs' names."""
        with torch.no_grad():
            return dict(zip(self.outputs.names, self.outputs(x), strict=True))


def file(data: bytes) -> File:
    return File(digest(data), len(data), lambda: data)


def _outputs(source: str, layers: Sequence[str]) -> tuple[LoadedModel, Description, Outputs]:
    loaded = load(ModelConfig(source=source))
    description = describe(loaded.module, loaded.input_shape)
    names = [layer.name for layer in select_layers(tuple(layers), description.layers)]
    return loaded, description, Outputs(loaded.module.float(), description, names)


def model(source: str, layers: Sequence[str] = ("all",)) -> Model:
    """Export a built-in or a user's model. An export that fails fails the test."""
    loaded, description, outputs = _outputs(source, layers)
    found = export(outputs, [torch.randn(1, *loaded.input_shape, generator=torch.Generator().manual_seed(1))])
    assert isinstance(found, Exported), found
    return Model(loaded, description, outputs, found)


def model_once(factory: pytest.TempPathFactory, source: str, layers: Sequence[str] = ("all",)) -> Model:
    """`model`, exported once for all workers of a run."""

    def make(folder: Path) -> None:
        (folder / "exported").write_bytes(pickle.dumps(model(source, layers).exported))

    kept = once(factory, f"exported-{source}-{'-'.join(layers)}", make)
    return Model(*_outputs(source, layers), pickle.loads((kept / "exported").read_bytes()))


def photographs(made: Model, names: Sequence[str]) -> list[tuple[str, np.ndarray, Tensor]]:
    """(name, pixels as the model sees them, its input) of smooth made-up pictures."""
    preprocess = made.loaded.preprocess
    found = []
    for k, name in enumerate(names):
        h, w = preprocess.size
        y, x = np.mgrid[0:h, 0:w] / max(h, w)
        bands = [np.sin((k + 3) * (x + (c + 1) * y) * 4) * np.cos(9 * x * (c + 1)) for c in range(3)]
        pixels = np.rint((np.stack(bands, -1) + 1) * 127.5).astype(np.uint8)
        picture = Image.fromarray(pixels).convert("L" if preprocess.channels == 1 else "RGB")
        seen = np.asarray(picture)
        x_ = torch.from_numpy(seen.reshape(h, w, -1).transpose(2, 0, 1).astype(np.float32) / 255)
        found.append((name, seen, preprocess.normalise(x_)))
    return found


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def live(made: Model, names: Sequence[str] = ("waves", "more waves"), labels: Sequence[str] | None = None) -> Live:
    """The live page of a model, with made-up pictures of the report."""
    parts = made.exported.parts
    program = runtime()
    assert not isinstance(program, NotApplicable), f"{program.reason} Run tools/runtime.sh: `make test` does so first."
    difference = made.exported.difference
    return Live(
        graphs={name: file(data) for name, data in parts.graphs.items()},
        weights=tuple(file(part) for part in parts.weights),
        runtime=program,
        layers=made.outputs.layers,
        averaged=made.outputs.averaged,
        biases=biases(made.outputs),
        scores_apart=difference.scores,
        maps_apart=difference.maps,
        apart_at=difference.at,
        readout=made.description.readout,
        classes=made.description.classes,
        labels=tuple(made.loaded.labels or () if labels is None else labels),
        preprocess=made.loaded.preprocess,
        samples=tuple(
            Sample(f"image-{k}", name, file(png(pixels)))
            for k, (name, pixels, _) in enumerate(photographs(made, names))
        ),
    )


def report(made: Model, folder: Path, page: Live, *, hostile: bool = False) -> Report:
    """The tiny report with this live page. Its images' names are those of the samples."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny = tiny_report(folder, hostile=hostile)
    return replace(tiny, live=page, all_layers=(*tiny.all_layers, *made.description.layers))
