"""The numbers that judge maps of a transformer, a segmentation and a detector, worked out again from the model."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from generator.build import compute, judge
from generator.command.progress import Silent
from generator.config import load_config
from generator.images import load
from generator.names import INPUT, LayerName
from generator.pages.trust_views import Trust
from generator.report.plan import plan_report
from generator.report.setup import Setup, set_up
from generator.report.trusted import trust_of
from generator.report.trusting import per_place_of
from generator.resources import packaged
from generator.trust import perturb, sanity
from generator.trust.maps import at_size

SIZE, STEPS, CLASS = 32, 3, 2
MODELS = """
import torch
import torchvision
from torch import nn


def transformer():
    torch.manual_seed(3)
    model = torchvision.models.VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=5)
    nn.init.normal_(model.heads.head.weight)
    return model


def segmenter():
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, stride=2), nn.ReLU(), nn.Conv2d(8, 4, 1)
    )


class Detector(nn.Module):
    # a box of every class at every place: an untrained one of torchvision's says the same of every picture

    num_classes = 4

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU())
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        found = []
        for maps in (4 * self.head(self.body(x))).softmax(dim=1):
            scores = maps.flatten()
            labels = torch.arange(4).repeat_interleave(maps[0].numel())
            found.append({"boxes": torch.zeros(len(scores), 4), "labels": labels, "scores": scores})
        return found


def detector():
    torch.manual_seed(1)
    return Detector()
"""


def softmaxed(output: Tensor) -> Tensor:
    return output.softmax(dim=1)[:, CLASS]


def over_places(output: Tensor) -> Tensor:
    return output.softmax(dim=1)[:, CLASS].mean(dim=(1, 2))


def best_box(output: list[dict[str, Tensor]]) -> Tensor:
    every = [boxes["scores"][boxes["labels"] == CLASS] for boxes in output]
    return torch.stack([scores.max() if len(scores) else torch.tensor(0.0) for scores in every])


SCORES: dict[str, Callable[..., Tensor]] = {
    "transformer": softmaxed,
    "segmenter": over_places,
    "detector": best_box,
}
LAYERS = {"transformer": "encoder.layers.encoder_layer_0", "segmenter": "2", "detector": "body"}


@dataclass
class Judged:
    setup: Setup
    trust: Trust
    kind: str

    @property
    def x(self) -> Tensor:
        (image,) = self.setup.images.images
        return self.setup.loaded.preprocess(load(image, 3))[None]

    def score(self, x: Tensor) -> float:
        model = self.setup.loaded.module
        with torch.no_grad():
            return float(SCORES[self.kind](model(x)))

    def map(self, method: str, layer: LayerName) -> Tensor:
        """(h, w), from the store."""
        (request,) = [r for r in self.setup.jobs.requests if (r.name, r.layer) == (method, layer)]
        found = per_place_of(self.setup.judging, self.setup.store, request, self.setup.images.images[0])
        assert found is not None
        return at_size(found, (SIZE, SIZE))


@pytest.fixture(scope="module", params=["transformer", "segmenter", "detector"])
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder: Path = tmp_path_factory.mktemp(request.param)
    (folder / "images").mkdir()
    blocks = np.random.default_rng(1).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((SIZE, SIZE), Image.Resampling.BILINEAR).save(folder / "images" / "one.png")
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    given = {
        "model": {
            "source": f"python:{folder / 'models.py'}:{request.param}",
            "input": {"size": SIZE, "crop": "none", "mean": [0, 0, 0], "std": [1, 1, 1]},
        },
        "images": str(folder / "images"),
        "layers": LAYERS[request.param],
        "cam_layers": LAYERS[request.param],
        "methods": ["saliency", "grad_cam"],
        "targets": str(CLASS),
        "store": str(folder / "store"),
        "out": str(folder / "site"),
        "device": "cpu",
        "trust": {"steps": STEPS, "shares": [0.5], "samples": 4, "sanity": 2, "sanity_images": 1},
    }
    setup = set_up(load_config(None, given), Silent())
    planned = plan_report(setup)
    compute(setup, planned, Silent())
    planned_more = judge(setup, Silent())
    ran = setup.engine.counts
    assert ran.forward == planned.passes.forward + planned_more.forward
    trust = trust_of(setup.judging, setup.check, setup.store, setup.loaded.preprocess)
    return Judged(setup, trust, request.param)


def test_every_map_has_every_number(judged: Judged):
    ((_, numbers),) = judged.trust.images.items()
    assert {of.method for of in numbers} == {"saliency", "grad_cam", "random_map", "sobel_edges"}
    for of, found in numbers.items():
        assert set(found) == {"deletion", "insertion", "road", "average_drop", "increase", "infidelity"}
        for name in ("deletion", "insertion"):
            assert 0 <= found[name] <= 1, of
        assert math.isfinite(found["road"])
        assert found["infidelity"] <= 1 + 1e-6 or math.isnan(found["infidelity"])


@pytest.mark.parametrize("method", ["saliency", "sobel_edges", "random_map"])
def test_deletion_is_of_the_kind_s_own_score(judged: Judged, method: str):
    x = judged.x
    order = perturb.ranks(judged.map(method, INPUT)).flatten().argsort()
    y = [judged.score(x)]
    for k in range(1, STEPS + 1):
        emptied = x.clone().reshape(3, -1)
        emptied[:, order[: k * order.numel() // STEPS]] = 0
        y.append(judged.score(emptied.reshape(x.shape)))
    shares = [k * order.numel() // STEPS / order.numel() for k in range(STEPS + 1)]
    steps = zip(itertools.pairwise(shares), itertools.pairwise(y), strict=True)
    auc = sum((b - a) * (u + v) / 2 for (a, b), (u, v) in steps)
    ((_, numbers),) = judged.trust.images.items()
    (found,) = [one["deletion"] for of, one in numbers.items() if of.method == method]
    assert found == pytest.approx(auc, rel=1e-3, abs=1e-5)
    assert max(y) - min(y) > 1e-4  # a score that does not move would prove nothing


def test_the_sanity_check_reaches_every_method(judged: Judged):
    assert {curve.of.method for curve in judged.trust.sanity} >= {"saliency", "grad_cam"}
    for curve in judged.trust.sanity:
        assert len(curve.correlations) == len(judged.trust.stages) == 3
        # the edges know of no weights: what they keep is 1; any other map is not the trained one again
        assert (min(curve.correlations[1:]) > 0.999) == (curve.of.method == "sobel_edges"), curve.of


def test_a_model_that_keeps_its_weights_keeps_its_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sanity, "_draw", lambda *_: None)  # every stage is the trained model again
    (tmp_path / "images").mkdir()
    shutil.copy(packaged("inputs/images/chelsea.jpg"), tmp_path / "images")  # it has more detail than the model sees
    given = {
        "model": "tinyvgg_digits",
        "images": str(tmp_path / "images"),
        "layers": "last_conv",
        "methods": ["dense_heatmap", "grad_cam", "saliency", {"occlusion": {"window": 8, "stride": 8}}],
        "targets": "top1",
        "store": str(tmp_path / "store"),
        "out": str(tmp_path / "site"),
        "device": "cpu",
        "trust": {"metrics": "none", "sanity": 2, "sanity_images": 1},
    }
    setup = set_up(load_config(None, given), Silent())
    compute(setup, plan_report(setup), Silent())
    judge(setup, Silent())
    trust = trust_of(setup.judging, setup.check, setup.store, setup.loaded.preprocess)
    assert {curve.of.method for curve in trust.sanity} == {"dense_heatmap", "grad_cam", "saliency", "occlusion"}
    for curve in trust.sanity:
        assert curve.correlations == pytest.approx([1.0] * 3, abs=1e-4), curve.of
