"""Contributions on the input are drawn as they are judged: the signed sum over the channels, about zero."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import generator
from generator.build import BuildResult, build
from generator.command.progress import Silent
from generator.config import load_config
from generator.encode import npy
from generator.methods import registry
from generator.names import Digest
from generator.pages.views import Heat
from generator.report import summed
from generator.report.setup import Setup, set_up
from generator.report.trusting import per_place_of
from generator.resources import packaged
from generator.store import Store
from tests.pages.fixture_compare import put

NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
"""
SUMMED = ["input_x_gradient", "integrated_gradients", "lrp"]
METHODS = ["input_x_gradient", {"integrated_gradients": {"steps": 3}}, "lrp", "saliency"]


def test_the_sum_over_the_channels_and_its_scale_by_hand():
    values = np.zeros((3, 20, 20), np.float32)
    values[:, 0, 0], values[:, 0, 1], values[:, 0, 2] = (1, -3, 1), (5, -5, 0), (2, 2, 0)
    values[:, 10:] = 0.5
    found = summed.sums(values)
    assert found.shape == (20, 20)
    assert found[0, :3].tolist() == [-1, 0, 4] and found[15, 3] == 1.5
    meta, drawn = summed.picture(values)
    # 199 in 200 of the 400 sizes are 1.5 or less: one of 4 is beyond the scale
    assert meta == {"lo": -1.5, "hi": 1.5, "raw_lo": -1.0, "raw_hi": 4.0, "empty": False}
    gray = np.asarray(Image.open(io.BytesIO(drawn)))
    assert gray[0, :3].tolist() == [128 - 85, 128, 255] and gray[5, 5] == 128 and gray[15, 3] == 255


def test_what_cancels_is_empty_and_what_is_too_large_a_number_is_drawn():
    cancelling = np.stack([np.ones((4, 4)), -np.ones((4, 4))]).astype(np.float32)
    assert summed.picture(cancelling)[0] == {"lo": 0, "hi": 0, "raw_lo": 0, "raw_hi": 0, "empty": True}
    huge = np.full((3, 2, 2), np.inf, np.float32)
    meta, drawn = summed.picture(huge)
    json.dumps(meta, allow_nan=False)
    assert (np.asarray(Image.open(io.BytesIO(drawn))) == 255).all()


def test_a_picture_is_made_once_for_the_same_values(tmp_path: Path):
    store = Store(tmp_path)
    values = npy(np.ones((3, 4, 4), np.float32))
    first = summed.kept(store, Digest("one"), lambda: values)
    assert summed.kept(store, Digest("one"), lambda: pytest.fail("it was read again")) == first
    assert summed.kept(store, Digest("two"), lambda: values)[0] != first[0]


@dataclass(frozen=True)
class Made:
    result: BuildResult
    setup: Setup
    site: Path

    def heat(self, method: str, target: int = 0) -> Heat:
        found = self.result.report.images[0].gradients[method, target]
        assert isinstance(found, tuple), found
        return found[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("summed")
    (folder / "net.py").write_text(NET)
    (folder / "images").mkdir()
    for name in ("chelsea", "coffee"):
        Image.open(packaged(f"inputs/images/{name}.jpg")).resize((24, 24)).save(folder / "images" / f"{name}.png")
    config = load_config(
        None,
        {
            "model": {"source": f"python:{folder}/net.py:build", "input": {"size": 24}},
            "images": str(folder / "images"),
            "layers": "last_conv",
            "methods": METHODS,
            "targets": "top:2",
            "store": str(folder / "store"),
            "out": str(folder / "site"),
            "device": "cpu",
            "trust": {"steps": 2, "sanity": 1, "metrics": ["deletion"]},
        },
    )
    return Made(build(config), set_up(config, Silent()), folder / "site")


def test_the_methods_whose_values_add_up_are_these():
    assert [name for name, info in registry().items() if getattr(info.cls, "adds_up", False)] == SUMMED


@pytest.mark.parametrize("method", SUMMED)
def test_what_is_drawn_is_what_is_judged_and_has_both_signs(made: Made, method: str):
    heat = made.heat(method)
    assert heat.values is not None and heat.raw_lo is not None and heat.raw_hi is not None
    drawn = heat.values.read()
    (request,) = [one for one in made.setup.judging.requests if one.name == method]
    judged = per_place_of(made.setup.judging, made.setup.store, request, made.setup.images.images[0])
    assert judged is not None
    np.testing.assert_array_equal(drawn, judged.numpy())
    assert heat.signed and heat.lo == -heat.hi
    assert (heat.raw_lo, heat.raw_hi) == pytest.approx((drawn.min(), drawn.max()), rel=1e-4)
    if method != "lrp":
        assert heat.raw_lo < 0 < heat.raw_hi


def test_the_sum_is_that_of_the_library_and_a_gradient_keeps_its_strength(made: Made):
    setup = made.setup
    x = torch.stack([setup.loaded.preprocess(Image.open(setup.images.images[0].path))])
    first = made.result.report.images[0].targets[1].index
    own = {
        name: generator.attribute(setup.loaded.module, x, name, target=first)[0]  # (3, h, w)
        for name in ("input_x_gradient", "saliency")
    }
    for name, expected in (
        ("input_x_gradient", own["input_x_gradient"].sum(dim=0)),
        ("saliency", own["saliency"].abs().amax(dim=0)),
    ):
        values = made.heat(name, 1).values
        assert values is not None
        np.testing.assert_allclose(values.read(), expected.numpy(), rtol=1e-4, atol=1e-7)
    assert not made.heat("saliency").signed and made.heat("saliency").raw_lo is None


@pytest.mark.parametrize("method", SUMMED)
def test_pages_and_archives_hold_the_sum(made: Made, method: str):
    values = made.heat(method).values
    assert values is not None
    expected = values.read()
    image = made.result.report.images[0].slug
    page = put((made.site / f"data/images/{image}.js").read_text("utf-8"))
    shown = next(pair for pair in page["gradients"] if pair["name"] == method)["maps"][0]
    assert shown["signed"] and shown["lo"] == -shown["hi"] and shown["rgb"]
    assert [shown["bottom"], shown["top"]] == pytest.approx([expected.min(), expected.max()], rel=1e-4)
    gray = np.asarray(Image.open(made.site / shown["src"])).astype(int)
    scaled = np.clip(expected / shown["hi"], -1, 1)
    assert np.abs(gray - (128 + scaled * 127)).max() < 1
    compared = put((made.site / f"data/compare/{image}.js").read_text("utf-8"))["maps"][method]["input"][0]
    assert compared["signed"] == 1 and (compared["bottom"], compared["top"]) == (shown["bottom"], shown["top"])
    (file,) = (made.site / "raw").glob(f"{image}-*.npz")
    with np.load(file, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive[f"{method}/input/1"], expected)
        rows = {row[0]: row for row in archive["index"][1:]}
        assert rows[f"{method}/input/1"][5] == "True" and rows["saliency/input/1"][5] == "False"
