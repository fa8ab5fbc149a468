"""Which layer a segmentation is judged at, and how far the sanity check tells it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from generator.build import compute, judge
from generator.command.progress import Silent
from generator.config import load_config
from generator.model.describe import describe
from generator.report.features import last_features
from generator.report.plan import plan_report
from generator.report.setup import set_up
from generator.resources import packaged

MODEL = """
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.Upsample(scale_factor=2))
"""


@pytest.mark.parametrize(
    ("name", "expected"), [("lraspp_mobilenet_v3_large", "classifier.F.mul"), ("fcn_resnet50", "classifier.2")]
)
def test_the_last_features_are_before_the_scores_and_no_mere_enlargement(name: str, expected: str):
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None).eval()
    found = last_features(describe(model, (3, 64, 64)))
    assert found is not None and found.name == expected


def test_other_heads_have_no_such_layer_and_neither_has_a_model_of_scores_alone():
    torch.manual_seed(1)
    classifier = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    assert last_features(describe(classifier.eval(), (3, 16, 16))) is None
    scores = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 1)).eval()
    assert last_features(describe(scores, (3, 16, 16), head="segmentation")) is None


class Heard(Silent):
    """What progress was told of the sanity check."""

    total: int | None = None

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Heard]:
        self.name = name
        if name == "sanity check":
            self.total = total
        yield self

    def advance(self, by: int = 1, what: str = "") -> None:
        if self.name == "sanity check":
            self.said.append((by, what))


def test_a_segmentation_is_judged_at_its_features_and_its_sanity_check_tells_every_stage(tmp_path: Path):
    (tmp_path / "images").mkdir()
    shutil.copy(packaged("inputs/images/chelsea.jpg"), tmp_path / "images")
    (tmp_path / "net.py").write_text(MODEL, encoding="utf-8")
    given = {
        "model": {
            "source": f"python:{tmp_path / 'net.py'}:build", "head": "segmentation", "input": {"size": 16, "crop": "none"},
        },
        "images": str(tmp_path / "images"),
        "layers": "last_conv",
        "methods": ["grad_cam"],
        "targets": "top1",
        "store": str(tmp_path / "store"),
        "device": "cpu",
        "trust": {"metrics": ["road"], "shares": [0.5], "sanity": 2, "sanity_images": 1},
    }  # fmt: skip
    setup = set_up(load_config(None, given), Silent())
    assert setup.compared[-1].shape[0] == 4  # the scores are compared as before
    assert setup.default_layer == "1" and setup.judging.layers == ("1",)
    compute(setup, plan_report(setup), Silent())
    heard = Heard()
    judge(setup, heard)
    assert heard.total == 2
    assert heard.said == [(1, f"chelsea, random down to {stage.name}") for stage in setup.check.stages]
    again = Heard()
    judge(setup, again)  # from the store: all of the image's stages at once
    assert again.said == [(2, "chelsea")]
    (own,) = [layer for layer in setup.compared if layer.name == "1"]
    given["trust"] = {"metrics": ["road"], "layers": setup.compared[-1].name, "sanity": 0}
    assert own.shape[0] == 6
    assert set_up(load_config(None, given), Silent()).judging.layers == (setup.compared[-1].name,)
