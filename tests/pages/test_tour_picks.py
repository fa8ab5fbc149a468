"""Which unit the tour begins with: against numbers made by hand, and against the network itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.encode import Grid, png, quantise
from generator.pages.tour_picks import maps_of, spread
from generator.pages.views import Atlas, Picture
from generator.store import digest
from tests.pages.fixture_tour import data
from tests.pages.fixture_tour_numbers import made, network, outputs
from tests.whole import Built


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return made(tmp_path_factory.mktemp("tour-picks"))


@pytest.fixture(scope="module")
def truth(built: Built) -> list[Tensor]:
    return outputs(built)


def atlas(values: np.ndarray, *, signed: bool) -> Atlas:
    tiles, lo, hi = quantise(values, signed)
    count, h, w = values.shape
    grid = Grid.of(count, h, w)
    drawn = png(grid.lay(tiles))
    height, width = grid.size
    return Atlas(Picture(drawn, digest(drawn), width, height), grid.columns, w, h, tuple(range(count)), tuple(map(float, lo)), tuple(map(float, hi)), signed=signed)  # fmt: skip


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shape", [(1, 5, 9), (7, 16, 12), (13, 1, 1)])
def test_an_atlas_gives_its_maps_back(signed: bool, shape: tuple[int, int, int]):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = maps_of(atlas(values if signed else np.abs(values), signed=signed))
    step = np.abs(values).max(axis=(1, 2), keepdims=True) / 127
    assert found.shape == shape
    assert (np.abs(found - (values if signed else np.abs(values))) <= step).all()


def test_a_loud_rim_tells_nothing():
    maps = np.zeros((3, 16, 16), np.float32)
    maps[0, -1] = 40  # what padding makes
    maps[1, 4:9, 4:9] = 1
    maps[2] = 7
    assert spread(maps).argmax() == 1
    assert spread(maps)[0] == spread(maps)[2] == 0
    assert spread(np.array([[[2.0]], [[5.0]]], np.float32)).tolist() == [2, 5]


def test_the_unit_is_strong_and_above_zero_behind_its_rectifier(built: Built, truth: list[Tensor]):
    """It stays the same from a convolution to the rectifier behind it; the numbers there are above zero, and not everywhere."""
    columns = {one.get("layer", one["name"]): one for one in data(built.site)["columns"]}
    slug = data(built.site)["images"][0]["slug"]
    other = data(built.site)["images"][1]["slug"]
    first = columns["0"]["picks"][slug]
    assert columns["2"]["picks"][slug] == first
    deviation = truth[3][0, :, 2:-2, 2:-2].std((1, 2))
    assert deviation[first[0]] == pytest.approx(float(deviation.max()), rel=0.02)
    out = truth[3][0, first[0]]
    assert float((out > 0.1).float().mean()) > 0.02, "it says something"
    assert out.max() > 1
    assert other not in columns["0"]["picks"], "of images whose numbers are shown"


def test_at_the_last_maps_it_is_the_unit_that_adds_most_to_the_class(built: Built, truth: list[Tensor]):
    columns = data(built.site)["columns"]
    said = data(built.site)["images"][0]
    weight = network(built)[9].weight.detach()
    terms = weight[int(truth[10].argmax())] * truth[8].flatten()
    best = [int(terms.argmax()), said["says"][0][0]]
    assert float(terms.max()) > 0
    assert [one.get("picks", {}).get(said["slug"]) for one in columns[-5:]] == [best, best, best, None, None]
    assert torch.isfinite(terms).all()
