"""Effective receptive fields of a report's model: of which layers, what it costs, and measuring them (generator/learn/effective.py).

the first images ──▶ one forward, a backward for each chosen layer ──▶ a record of how much each pixel weighs
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import NotApplicable
from generator.command.progress import Stage
from generator.engine.capture import prepared
from generator.engine.rules import RuleBook
from generator.images import ImageRecord, load
from generator.learn.effective import Effective, Measured, measured, middle, seen, weights
from generator.names import Digest, Layer, LayerName
from generator.pages.views import Passes
from generator.report.keys import code_digest, engine_digest, own_digest
from generator.report.setup import Setup
from generator.store import key_of

PIXELS = 4 * 224 * 224
"""Of all images together, about: what one backward holds at once."""
IMAGES = 4
"""Of the report, the first ones, at most."""


@dataclass(frozen=True)
class Fields:
    """What is measured of a report's model."""

    setup: Setup

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """Over which weights are averaged."""
        _, h, w = self.setup.input_shape
        return self.setup.images.images[: max(1, min(IMAGES, PIXELS // (h * w)))]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Convolutions evenly over the depth, the first and the last among them; where there is none, other layers on a grid."""
        most, every = self.setup.config.effective_fields, self.setup.description.layers
        grids = [one for one in every if one.read and one.shape[1] * one.shape[2] > 1]
        known = [one for one in grids if one.kind == "conv"] or grids
        if len(known) <= most:
            return tuple(known)
        return tuple(known[round(k * (len(known) - 1) / max(1, most - 1))] for k in range(most))

    @property
    def refused(self) -> NotApplicable | None:
        """Why nothing is measured."""
        if not self.setup.config.effective_fields:
            return NotApplicable("the configuration asks for none (effective_fields: 0).")
        if self.setup.engine.readout.kind == "detection":
            return NotApplicable("a detector resizes each image by itself, so that its places are not the input's.")
        if not self.layers:
            return NotApplicable("no layer of the model has places.")
        return None

    @cached_property
    def key(self) -> Digest:
        """Of all of it."""
        return key_of(
            {
                "effective fields": asdict(self.setup.jobs.model),
                "layers": [layer.name for layer in self.layers],
                "images": [image.digest for image in self.images],
                "engine": engine_digest(),
                "code": [code_digest("generator.learn.effective"), own_digest("generator.report.effective")],
            }
        )

    def passes(self) -> Passes:
        """What `fill_fields` will make."""
        if self.refused or self.setup.store.get(self.key) is not None:
            return Passes(0, 0)
        return Passes(1, len(self.layers))


def fill_fields(fields: Fields, stage: Stage) -> None:
    """Measure what the store lacks."""
    if not fields.passes().forward:
        return
    setup, channels = fields.setup, fields.setup.loaded.preprocess.channels
    inputs = torch.stack([setup.loaded.preprocess(load(image, channels)) for image in fields.images])
    found = [field.numpy().astype("<f4") for field in _weights(fields, inputs, stage)]
    setup.store.put(fields.key, {}, {f"weights-{k}": one.tobytes() for k, one in enumerate(found)})


def _weights(fields: Fields, inputs: Tensor, stage: Stage) -> list[Float[Tensor, "h w"]]:
    """How much each pixel weighs, layer by layer: zeros where no gradient comes through."""
    engine, names = fields.setup.engine, [layer.name for layer in fields.layers]
    made = []
    with prepared(engine.module):
        x = engine.batch(inputs).detach().requires_grad_()
        _, kept = engine.forward(x, frozenset(names), RuleBook(), stop=True)
        for name, output in ((name, engine.maps(kept)[name]) for name in names):
            y = middle(output)
            engine.counts.backward += 1
            gradient = torch.autograd.grad(y, x, retain_graph=True, allow_unused=True)[0] if y.requires_grad else None
            made.append(weights(torch.zeros_like(x) if gradient is None else gradient))
            stage.advance(what=name)
    return made


def fields_of(fields: Fields) -> Effective | NotApplicable:
    """What was measured, as pages have it.

    Raises:
        LookupError: it was not measured yet.
    """
    if fields.refused:
        return fields.refused
    store, (_, height, width) = fields.setup.store, fields.setup.input_shape
    record = store.get(fields.key)
    if record is None:
        raise LookupError("the effective receptive fields are not in the store")
    found: list[tuple[LayerName, Measured]] = []
    for k, layer in enumerate(fields.layers):
        field = np.frombuffer(store.blob(record, f"weights-{k}"), "<f4").reshape(height, width)
        box = seen((height, width), layer.sees(0, layer.shape[1] // 2), layer.sees(1, layer.shape[2] // 2))
        if (one := measured(torch.from_numpy(field.astype(np.float64)), box)) is not None:
            found.append((layer.name, one))
    if not found:
        return NotApplicable("no gradient comes through to the input.")
    return Effective(len(fields.images), tuple(found))
