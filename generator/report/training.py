"""How a report's model learned: of each checkpoint its first kernels, some maps, its class activation maps, its loss.

checkpoints, the first images ──▶ a record for each checkpoint ──▶ Training, as pages have it

Units and classes are chosen by the last checkpoint, and stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from generator.artifacts import ChannelMaps, Heatmap, Kernels, NotApplicable, Scores
from generator.command.progress import Stage
from generator.engine.passes import Engine
from generator.engine.plan import Request, plan
from generator.images import ImageRecord, load
from generator.landscape.losses import refused
from generator.library import make_method, requests_for
from generator.methods import only
from generator.names import INPUT, ClassTarget, Digest, Layer, LayerName
from generator.pages.views import Passes
from generator.report.checkpoints import Checkpoint
from generator.report.keys import cell_key, code_digest, own_digest
from generator.report.labelled import Labelled, measure_of
from generator.report.predictions import Predictions
from generator.report.setup import Setup
from generator.store import Record

IMAGES = 4
"""Of the report, the first ones."""
LAYERS = 4
UNITS = 8
FILTERS = 64
SIDE = 56
"""Places of a map's longer side, at most: for looking at."""
LABELLED = 512
"""Images that a checkpoint's loss is of, at most."""


@dataclass(frozen=True)
class Learning:
    """What is looked at in each checkpoint."""

    setup: Setup

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """In the order of training."""
        return self.setup.checkpoints

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The first images of the report."""
        return self.setup.images.images[:IMAGES]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Whose maps are shown: the first convolution, and compared layers evenly over the depth, the last among them."""
        compared = list(self.setup.compared)
        few = (
            [compared[round(k * (len(compared) - 1) / max(1, LAYERS - 2))] for k in range(LAYERS - 1)]
            if compared
            else []
        )
        first = [self.first] if self.first is not None else []
        wanted = {layer.name for layer in (*first, *few)}
        return tuple(layer for layer in self.setup.description.layers if layer.name in wanted)

    @cached_property
    def first(self) -> Layer | None:
        """The first layer that has kernels."""
        return next((layer for layer in self.setup.description.layers if layer.kind == "conv"), None)

    @cached_property
    def labelled(self) -> Labelled | NotApplicable:
        """The images that a loss is of."""
        return refused(self.setup.engine.readout) or self.setup.labelled(LABELLED)

    @cached_property
    def chosen_key(self) -> Digest:
        """The key of the units and classes that the last checkpoint chooses."""
        return self._key("chosen", self.checkpoints[-1])

    def key(self, checkpoint: Checkpoint) -> Digest:
        """The key of what is seen of a checkpoint."""
        known = self.labelled
        return self._key(
            "seen",
            checkpoint,
            last=self.checkpoints[-1].digest,
            labelled=str(known) if isinstance(known, NotApplicable) else known.key,
        )

    def _key(self, what: str, checkpoint: Checkpoint, **more: Any) -> Digest:
        setup = self.setup
        return cell_key(
            setup.jobs.model,
            make_method("grad_cam"),
            INPUT,
            training=what,
            checkpoint=checkpoint.digest,
            layers=[layer.name for layer in self.layers],
            cam=setup.default_layer,
            images=[image.digest for image in self.images],
            code=[own_digest("generator.report.training"), own_digest("generator.report.labelled")],
            kernels=code_digest("generator.methods.kernels"),
            maps=code_digest("generator.methods.feature_maps"),
            **more,
        )

    def lacking(self) -> tuple[Checkpoint, ...]:
        """Those that the store knows nothing of."""
        return tuple(one for one in self.checkpoints if self.setup.store.get(self.key(one)) is None)

    def passes(self) -> Passes:
        """What `fill_training` will make, where every image can be read."""
        many, images = len(self.lacking()), len(self.images)
        known = self.labelled
        losses = 0 if isinstance(known, NotApplicable) else known.forwards
        choosing = images if many and self.setup.store.get(self.chosen_key) is None else 0
        return Passes(choosing + many * (images + losses), many * images * bool(self.cam_requests(0)))

    def cam_requests(self, index: int) -> list[Request]:
        """The class activation map of a class, where the model has one."""
        setup, method = self.setup, make_method("grad_cam")
        here = [layer for layer in setup.compared if layer.name == setup.default_layer]
        return requests_for("grad_cam", method, here, (ClassTarget(index),), setup.description)[0]

    def map_requests(self) -> list[Request]:
        """The scores, and the maps of all layers shown."""
        setup = self.setup
        maps, _ = requests_for("feature_maps", make_method("feature_maps"), self.layers, (), setup.description)
        return [Request("predictions", Predictions(), INPUT, ()), *maps]


def learning_of(setup: Setup) -> Learning | None:
    """What is looked at; None where there are no checkpoints."""
    return Learning(setup) if setup.checkpoints else None


def fill_training(learning: Learning, stage: Stage) -> None:
    """Look at every checkpoint that the store knows nothing of."""
    lacks = learning.lacking()
    if not lacks:
        return
    setup = learning.setup
    channels = setup.loaded.preprocess.channels
    inputs = [setup.loaded.preprocess(load(image, channels))[None] for image in learning.images]
    chosen = _chosen(learning, inputs)
    for checkpoint in lacks:
        engine = _engine(learning, checkpoint)
        meta, arrays = _seen(learning, engine, inputs, chosen)
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        blobs = {name: array.astype("<f4").tobytes() for name, array in arrays.items()}
        setup.store.put(learning.key(checkpoint), {**meta, "shapes": shapes}, blobs)
        stage.advance(what=checkpoint.label)


def _engine(learning: Learning, checkpoint: Checkpoint) -> Engine:
    engine = learning.setup.engine
    return replace(engine, module=checkpoint.into(engine.module), rows={})


def _chosen(learning: Learning, inputs: Sequence[Tensor]) -> Record:
    """{classes: of each image, units: of each layer}, by the last checkpoint."""
    store = learning.setup.store
    record = store.get(learning.chosen_key)
    if record is not None:
        return record
    engine = _engine(learning, learning.checkpoints[-1])
    classes, means = [], dict[LayerName, Tensor]()
    for x in inputs:
        scores, maps = _read(engine, x, learning.map_requests())
        classes.append(int(scores[0].argmax()))
        for name, found in maps.items():
            strength = found[0].clamp_min(0).mean(dim=(1, 2))
            means[name] = torch.maximum(means[name], strength) if name in means else strength
    units = {
        name: sorted(strength.topk(min(UNITS, len(strength))).indices.tolist()) for name, strength in means.items()
    }
    return store.put(learning.chosen_key, {"classes": classes, "units": units})


def _seen(
    learning: Learning, engine: Engine, inputs: Sequence[Tensor], chosen: Record
) -> tuple[dict[str, object], dict[str, NDArray[np.float32]]]:
    """What is seen of one checkpoint: JSON-able facts, and arrays by name."""
    arrays: dict[str, NDArray[np.float32]] = {}
    first, said = [], []
    for n, (x, index) in enumerate(zip(inputs, chosen.meta["classes"], strict=True)):
        requests = [*learning.map_requests(), *learning.cam_requests(index)]
        scores, maps = _read(engine, x, requests, cam=f"cam-{n}", arrays=arrays)
        odds = engine.readout.probabilities(scores)
        first.append(int(scores[0].argmax()))
        said.append(None if odds is None else float(odds[0, index]))
        for k, layer in enumerate(learning.layers):
            if layer.name in maps:
                some = maps[layer.name][0, chosen.meta["units"][layer.name]]
                arrays[f"map-{k}-{n}"] = np.asarray(_small(some), np.float32)
    if learning.first is not None:
        method = make_method("kernels")
        asked, _ = requests_for("kernels", method, [learning.first], (), learning.setup.description)
        for request in asked:
            for served in engine.weights(request):
                if not isinstance(served.reads, NotApplicable):
                    drawn = only("kernels", method.compute(served.reads))
                    if isinstance(drawn, Kernels):
                        arrays["kernels"] = np.asarray(drawn.values[:FILTERS].float().cpu(), np.float32)
    known = learning.labelled
    loss = right = None
    if not isinstance(known, NotApplicable) and (batches := known.batches(learning.setup.loaded.preprocess)):
        found = measure_of(engine, batches)()
        loss, right = (found.loss if math.isfinite(found.loss) else None), found.right
    return {"first": first, "said": said, "loss": loss, "right": right}, arrays


def _read(
    engine: Engine,
    x: Tensor,
    requests: Sequence[Request],
    cam: str = "",
    arrays: dict[str, NDArray[np.float32]] | None = None,
) -> tuple[Tensor, Mapping[LayerName, Tensor]]:
    """The scores (1, classes) and the maps of each layer (1, c, h, w); a class activation map goes into `arrays`."""
    scores = torch.empty(0)
    maps: dict[LayerName, Tensor] = {}
    for request, drawn in _drawn(engine, x, requests):
        if isinstance(drawn, Scores):
            scores = drawn.values.float().cpu()
        elif isinstance(drawn, ChannelMaps):
            maps[request.layer] = drawn.values.float().cpu()
        elif isinstance(drawn, Heatmap) and arrays is not None:
            arrays[cam] = np.asarray(drawn.values[0].float().cpu(), np.float32)
    return scores, maps


def _drawn(engine: Engine, x: Tensor, requests: Sequence[Request]) -> Iterator[tuple[Request, object]]:
    for served in engine.run(x, plan(requests, engine.facts)):
        if not isinstance(served.reads, NotApplicable):
            yield served.request, only(served.request.name, served.request.method.compute(served.reads))


def _small(maps: Tensor) -> Tensor:
    """Maps (u, h, w) whose longer side is `SIDE` places at most, by area means."""
    h, w = maps.shape[1:]
    share = SIDE / max(h, w)
    if share >= 1:
        return maps
    return F.adaptive_avg_pool2d(maps[None], (max(1, round(h * share)), max(1, round(w * share))))[0]
