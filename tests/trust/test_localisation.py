"""Localisation by hand, and beside quantus'."""

import math

import numpy as np
import pytest
import quantus
import torch
from torch import Tensor

from generator.trust.localisation import area, energy_in_box, pointing_game
from tests.methods.examples import photo

QUIET = {"disable_warnings": True, "normalise": False, "abs": False}


def box(top: int, left: int, height: int, width: int, size: tuple[int, int] = (32, 32)) -> Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[top : top + height, left : left + width] = True
    return mask


def theirs(metric: quantus.Metric, map_: Tensor, mask: Tensor) -> float:
    three = [plane.expand(3, 1, -1, -1).numpy() for plane in (map_, mask)]  # of fewer it divides by zero pixels
    found = metric(
        model=torch.nn.Identity(),
        x_batch=np.zeros((3, 1, *map_.shape), dtype=np.float32),
        y_batch=np.zeros(3, dtype=int),
        a_batch=three[0],
        s_batch=three[1],
    )
    return float(found[0])


def test_energy_by_hand():
    map_ = torch.tensor([[4.0, 1.0, -9.0], [0.0, 5.0, 2.0]])
    mask = torch.tensor([[True, False, True], [False, True, False]])
    # of 12 in all, 4 and 5 lie on the mask; the negative place counts nowhere
    assert energy_in_box(map_, mask) == 9 / 12
    assert area(mask) == 0.5


def test_the_distance_to_the_object_is_euclidean_by_hand():
    map_ = torch.zeros(9, 9)
    map_[0, 0] = 1
    mask = box(3, 4, 2, 2, (9, 9))
    # the nearest pixel of the object is (3, 4): 3, 4, 5
    assert pointing_game(map_, mask, tolerance=5) == 1
    assert pointing_game(map_, mask, tolerance=4.99) == 0


@pytest.mark.parametrize("seed", range(6))
def test_the_pointing_game_is_quantus_where_nothing_is_allowed_for(seed: int):
    generator = torch.Generator().manual_seed(seed)
    map_ = torch.rand(32, 32, generator=generator)
    map_[12 + seed, 10 + 2 * seed] = 2  # in the box for some, beside it for others
    mask = box(14, 8, 10, 12)
    expected = theirs(quantus.PointingGame(**QUIET), map_, mask)
    assert pointing_game(map_, mask, tolerance=0) == expected == float(2 <= seed <= 4)


def test_of_equally_high_places_the_share_that_hits_counts():
    # quantus counts a hit where any of them lies on the object: a flat map would always win
    mask = box(0, 0, 8, 32)
    map_ = torch.zeros(32, 32)
    map_[[2, 20, 25, 30], 5] = 1
    assert theirs(quantus.PointingGame(**QUIET), map_, mask) == 1
    assert pointing_game(map_, mask, tolerance=0) == 0.25
    assert pointing_game(torch.ones(32, 32), mask, tolerance=0) == area(mask) == 0.25


def test_energy_is_quantus_attribution_localisation_of_the_positive_part():
    map_, mask = photo(1, 1, 32, 32)[0, 0], box(5, 7, 11, 9)
    assert bool((map_ < 0).any())
    metric = quantus.AttributionLocalisation(positive_attributions=True, **QUIET)
    expected = theirs(metric, map_, mask)
    assert energy_in_box(map_, mask) == pytest.approx(expected, rel=1e-5)
    assert 0.02 < expected < 0.98


def test_an_object_out_of_view_and_a_map_without_positive_values_have_no_number():
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    assert math.isnan(pointing_game(torch.rand(4, 4), nothing))
    assert math.isnan(energy_in_box(torch.rand(4, 4), nothing))
    assert math.isnan(energy_in_box(-torch.rand(4, 4), ~nothing))
