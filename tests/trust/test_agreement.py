"""Rank correlation by hand and beside scipy's; the matrix between maps of several sizes, and its mean."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.nn.functional import avg_pool2d, interpolate

from generator.trust.agreement import matrix, mean, spearman
from tests.methods.examples import photo


def test_without_ties_by_hand():
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 (1 + 1 + 1 + 1) / (4 * 15) = 0.6
    assert spearman(torch.tensor([[1.0, 20.0, 300.0, 4000.0]]), torch.tensor([[0.2, 0.1, 0.4, 0.3]])) == pytest.approx(
        0.6
    )


def test_equal_values_share_their_ranks_by_hand():
    # ranks 1.5 1.5 3 4 and 1 2 3.5 3.5: deviations -1 -1 .5 1.5 and -1.5 -.5 1 1
    a, b = torch.tensor([[0.0, 0.0, 1.0, 2.0]]), torch.tensor([[-5.0, 0.0, 7.0, 7.0]])
    assert spearman(a, b) == pytest.approx((1.5 + 0.5 + 0.5 + 1.5) / 4.5)


@pytest.mark.parametrize("levels", [3, 10, 10_000])
def test_equals_scipy(levels: int):
    rng = np.random.default_rng(levels)
    a, b = rng.integers(0, levels, (2, 40, 30)).astype(np.float64)
    b += a // 2
    found = spearman(torch.from_numpy(a), torch.from_numpy(b))
    assert found == pytest.approx(float(spearmanr(a.ravel(), b.ravel()).statistic), rel=1e-12)
    assert found > 0.2


def test_a_rising_function_changes_no_rank_and_a_falling_one_turns_it():
    a = photo(1, 1, 20, 20)[0, 0]
    assert spearman(a, a.exp() * 7 + 1) == pytest.approx(1)
    assert spearman(a, -a) == pytest.approx(-1)


def test_a_flat_map_has_no_correlation_and_two_sizes_are_a_mistake():
    assert math.isnan(spearman(torch.ones(3, 3), torch.rand(3, 3)))
    with pytest.raises(ValueError, match="one size"):
        spearman(torch.ones(3, 3), torch.ones(3, 4))


def test_the_matrix_compares_on_the_coarsest_grid():
    fine, middle, coarse = photo(1, 1, 28, 28)[0, 0], photo(1, 2, 14, 14)[0, 1], photo(1, 3, 7, 7)[0, 2]
    found = matrix([fine, middle, coarse])
    pooled = [avg_pool2d(fine[None], 4)[0], avg_pool2d(middle[None], 2)[0], coarse]
    for i, a in enumerate(pooled):
        for j, b in enumerate(pooled):
            assert found[i, j] == pytest.approx(float(spearmanr(a.flatten(), b.flatten()).statistic), rel=1e-9)
    assert found.shape == (3, 3)


def test_a_map_and_itself_enlarged_by_whole_places_agree_entirely():
    coarse = photo(1, 1, 7, 7)[0, 0]
    large = interpolate(coarse[None, None], scale_factor=32, mode="nearest")[0, 0]
    assert matrix([coarse, large]) == pytest.approx(np.ones((2, 2)))


def test_averaging_does_not_invent_ranks_in_a_flat_map():
    # 31 does not divide into 7: sums of thirds of 0.1 differ in the last bit
    found = matrix([torch.full((31, 31), 0.1), photo(1, 1, 7, 7)[0, 0]])
    assert math.isnan(found[0, 1])
    assert math.isnan(found[0, 0])
    assert found[1, 1] == pytest.approx(1)


def test_no_maps_have_an_empty_matrix():
    assert matrix([]).shape == (0, 0)


def test_the_mean_over_images_counts_those_with_a_number_by_hand():
    nan = math.nan
    total, n = mean([np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.1], [-0.1, 1.0]]), np.full((2, 2), nan)])
    assert total == pytest.approx(np.array([[1, 0.2], [0.2, 1]]))
    assert n.tolist() == [[2, 2], [2, 2]]
    assert math.isnan(mean([np.full((1, 1), nan)])[0][0, 0])
