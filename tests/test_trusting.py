"""The numbers of a small report, worked out again from the model: what is judged is what was drawn, of the right class,
the right way round."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import Tensor

import generator
from generator.build import compute, judge
from generator.command.progress import Silent
from generator.config import load_config
from generator.images import load
from generator.names import INPUT, ClassTarget
from generator.pages.trust_views import MapId, Trust
from generator.report.plan import plan_report
from generator.report.sanity import fixed
from generator.report.setup import Setup, set_up
from generator.report.trusted import trust_of
from generator.report.trusting import judged as judgements
from generator.resources import packaged
from generator.trust import perturb
from generator.trust.metrics import metric

METHODS = [
    {"integrated_gradients": {"steps": 1}},
    "saliency",
    "input_x_gradient",
    "grad_cam",
    "random_map",
    "sobel_edges",
]
STEPS = 4


@dataclass
class Judged:
    setup: Setup
    trust: Trust
    x: dict[str, Tensor]
    """Image slug -> (1, 1, 32, 32)."""

    @property
    def model(self) -> torch.nn.Module:
        return self.setup.loaded.module

    def first(self, slug: str) -> int:
        with torch.no_grad():
            return int(self.model(self.x[slug]).argmax())

    def share(self, slug: str, inputs: Tensor) -> Tensor:
        """The probability of the class that the image itself ranks first."""
        with torch.no_grad():
            return self.model(inputs).softmax(dim=1)[:, self.first(slug)]

    def map(self, slug: str, method: str) -> Tensor:
        """(32, 32): the map with one number a place, by the library and not by the store."""
        layer = self.of(method).layer
        layers = "last_conv" if layer == INPUT else [layer]
        found = generator.attribute(self.model, self.x[slug], method, layers=layers, target=self.first(slug))
        if isinstance(found, dict):
            (values,) = found.values()
            return torch.nn.functional.interpolate(values[:, None], size=(32, 32), mode="bilinear")[0, 0]
        return found[0].sum(dim=0) if method == "input_x_gradient" else found[0].abs().sum(dim=0)

    def number(self, slug: str, method: str, name: str) -> float:
        return self.trust.images[slug][self.of(method)][name]

    def of(self, method: str) -> MapId:
        (found,) = [one.of for one in self.trust.summaries if one.of.method == method]
        return found


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    folder = tmp_path_factory.mktemp("judged")
    images = folder / "images"
    images.mkdir()
    for file in sorted(packaged("inputs/digits").glob("*.png"))[:6]:
        shutil.copy(file, images)
    one = sorted(images.glob("*.png"))[0]
    width, height = Image.open(one).size
    # the upper left quarter is said to be the object, whatever the class
    boxes = {
        "images": [{"id": 1, "file_name": one.name, "width": width, "height": height}],
        "categories": [{"id": k, "name": str(k)} for k in range(10)],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": k, "bbox": [0, 0, width / 2, height / 2]} for k in range(10)
        ],
    }
    (folder / "boxes.json").write_text(json.dumps(boxes))
    metrics = ["deletion", "average_drop", "pointing_game", "energy_in_box"]
    config = load_config(
        None,
        {
            "model": "tinyvgg_digits",
            "images": str(images),
            "layers": "last_conv",
            "methods": METHODS,
            "targets": "top1",
            "store": str(folder / "store"),
            "out": str(folder / "site"),
            "device": "cpu",
            "trust": {
                "metrics": metrics[:2], "steps": STEPS, "sanity": 3, "sanity_images": 1, "boxes": str(folder / "boxes.json"),
            },
        },
    )  # fmt: skip
    setup = set_up(config, Silent())
    compute(setup, plan_report(setup), Silent())
    judge(setup, Silent())
    trust = trust_of(setup.judging, setup.check, setup.store, setup.loaded.preprocess)
    preprocess = setup.loaded.preprocess
    x = {image.slug: preprocess(load(image, preprocess.channels))[None] for image in setup.images.images}
    return Judged(setup, trust, x)


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient"])
def test_deletion_is_of_the_drawn_map_and_of_the_probability_of_the_first_class(judged: Judged, method: str):
    for slug, x in judged.x.items():
        order = perturb.ranks(judged.map(slug, method)).flatten().argsort()  # equal values in its shuffled order
        y = [float(judged.share(slug, x))]
        for k in range(1, STEPS + 1):
            emptied = x.clone().reshape(-1)
            emptied[order[: k * x.numel() // STEPS]] = 0  # as the model gets it: the mean gray
            y.append(float(judged.share(slug, emptied.reshape(x.shape))))
        auc = sum((a + b) / 2 / STEPS for a, b in itertools.pairwise(y))
        assert judged.number(slug, method, "deletion") == pytest.approx(auc, rel=1e-3, abs=1e-4)


def test_average_drop_darkens_with_black_and_not_with_white(judged: Judged):
    preprocess = judged.setup.loaded.preprocess
    black = (0 - preprocess.mean[0]) / preprocess.std[0]
    for slug, x in judged.x.items():
        for method in ("saliency", "grad_cam"):
            map_ = judged.map(slug, method).clamp(min=0)
            if not bool(map_.max() > 0):
                assert judged.of(method) not in judged.trust.images[slug]  # an empty map is not judged
                continue
            full = float(judged.share(slug, x))
            seen = float(judged.share(slug, black + map_ / map_.max() * (x - black)))
            drop = 100 * max(0.0, full - seen) / full
            assert judged.number(slug, method, "average_drop") == pytest.approx(drop, rel=1e-3, abs=1e-2)


def test_how_far_the_score_went_is_kept(judged: Judged):
    """The scores of the picture, of the emptied and of the half emptied one lie within, and one end is among what was seen."""
    for found in judgements(judged.setup.judging, judged.setup.store):
        x = judged.x[found.image.slug]
        low, high = found.reach
        scores = [float(judged.share(found.image.slug, seen)) for seen in (x, torch.zeros_like(x))]
        assert low - 1e-6 <= min(scores) and max(scores) <= high + 1e-6
        assert max(max(y) for _, y in found.curves.values()) <= high
        assert 0 <= low < high <= 1 and found.shares


def test_with_what_the_numbers_were_taken_is_said(judged: Judged):
    found = judged.trust.settings
    assert found is not None
    assert (found.images, found.steps, found.shares, found.stages, found.checked) == (
        6,
        STEPS,
        (0.5,),
        3,
        1,
    )


def test_a_map_that_fails_its_own_check_is_known(judged: Judged):
    """Integrated gradients in one step: its error, from the model alone, against the 5 % that it allows itself."""
    options = {"integrated_gradients": {"steps": 1}}
    preprocess = judged.setup.loaded.preprocess
    black = (0 - preprocess.mean[0]) / preprocess.std[0]
    failed = 0
    for slug, x in judged.x.items():
        k = judged.first(slug)
        map_ = generator.attribute(judged.model, x, "integrated_gradients", target=k, options=options)
        assert isinstance(map_, Tensor)
        with torch.no_grad():
            rise = float(judged.model(x)[0, k] - judged.model(torch.full_like(x, black))[0, k])
        error = float(map_.sum()) / rise - 1
        doubt = judged.trust.doubts.get(slug, {}).get(MapId("integrated_gradients", INPUT))
        assert (doubt is not None) == (abs(error) > 0.05)
        if doubt is not None:
            assert (doubt.fact, doubt.limit) == ("completeness error", 0.05)
            assert abs(doubt.value) == pytest.approx(abs(error), rel=1e-2)
            failed += 1
    assert failed
    assert all(of.method == "integrated_gradients" for maps in judged.trust.doubts.values() for of in maps)
    (said,) = [one for one in judged.trust.sentences if one.startswith("Integrated gradients: on ")]
    assert said.startswith(f"Integrated gradients: on {failed} of 6 images")


def test_localisation_is_of_the_map_and_not_of_its_opposite(judged: Judged):
    slug = next(iter(judged.x))
    map_ = judged.map(slug, "saliency")
    assert judged.number(slug, "saliency", "energy_in_box") == pytest.approx(
        float(map_[:16, :16].sum() / map_.sum()), rel=1e-3
    )
    row, column = divmod(int(map_.argmax()), 32)
    off = max(row - 15, 0) ** 2 + max(column - 15, 0) ** 2
    assert judged.number(slug, "saliency", "pointing_game") == float(off <= (15 * 32 / 224) ** 2)


def test_standings_are_the_map_beside_the_baseline_and_not_the_other_way_round(judged: Judged):
    decided = 0
    for summary in judged.trust.summaries:
        for base, found in summary.beside.items():
            for name, standing in found.items():
                if standing not in ("better", "worse"):
                    continue
                gap = np.mean(
                    [judged.number(s, summary.of.method, name) - judged.number(s, base, name) for s in judged.x]
                )
                assert (standing == "better") == (gap < 0 if metric(name).better == "lower" else gap > 0)
                decided += 1
    assert decided


def test_the_sanity_check_keeps_the_class_and_compares_random_with_trained(judged: Judged):
    slug = next(iter(judged.x))
    (image,) = [one for one in judged.setup.images.images if one.slug == slug]
    assert fixed(judged.setup.judging, judged.setup.store, image) == ClassTarget(judged.first(slug))
    curves = {curve.of.method: curve.correlations for curve in judged.trust.sanity}
    assert all(curve[0] == 1 for curve in curves.values())
    assert all(value == pytest.approx(1) for value in curves["sobel_edges"])  # it reads no weight
    assert max(abs(value) for value in curves["saliency"][1:]) < 0.95
    assert len(curves["saliency"]) == len(judged.trust.stages) == 4


def test_agreement_is_the_rank_correlation_of_two_maps(judged: Judged):
    compared = 0
    for slug in judged.x:
        found = judged.trust.agreement[slug]
        grid = found.of.index(MapId("saliency", INPUT)), found.of.index(MapId("sobel_edges", INPUT))
        layer = judged.of("grad_cam").layer
        h, w = judged.setup.description.by_name[layer].shape[1:]
        cells = [
            torch.nn.functional.adaptive_avg_pool2d(judged.map(slug, name)[None, None], (h, w)).flatten().numpy()
            for name in ("saliency", "sobel_edges")
        ]
        if MapId("grad_cam", layer) in found.of:  # the coarsest of all is the grid
            compared += 1
            expected = float(spearmanr(*cells).statistic)
            assert found.matrix[grid[0]][grid[1]] == pytest.approx(expected, abs=0.02)
        assert found.matrix[grid[0]][grid[0]] == pytest.approx(1)
    assert compared
