"""Where the evidence lies: smoothed by hand, lit from 0 to 1, and the share that holds half of it."""

from __future__ import annotations

import math

import pytest
import torch

from generator.dataset.lit import FULL, SIDE, SMOOTHED, cells, half, lit, smoothed


def test_what_came_back_is_summed_over_channels_and_smoothed_by_a_gaussian():
    back = torch.zeros(3, 21, 21)
    back[0, 10, 10], back[1, 10, 10], back[2, 10, 10] = 2.0, -1.0, 1.0
    m = smoothed(back)
    sigma = SMOOTHED * 21
    for y, x in ((10, 10), (10, 11), (11, 11), (9, 10)):
        # 4 times a Gaussian that sums to 1: cut at three deviations, whose tails are 0.3 % of each axis
        expected = 4 * math.exp(-((y - 10) ** 2 + (x - 10) ** 2) / (2 * sigma**2)) / _whole(sigma)
        assert float(m[y, x]) == pytest.approx(expected, rel=1e-5)
    assert float(m.sum()) == pytest.approx(4, rel=1e-5)
    assert torch.equal(m, m.T)


def _whole(sigma: float) -> float:
    reach = math.ceil(3 * sigma)
    side = sum(math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1))
    return side**2


def test_a_large_patch_is_pooled_first_and_keeps_its_shape():
    assert smoothed(torch.randn(3, 96, 192)).shape == cells(96, 192) == (24, SIDE)
    assert smoothed(torch.randn(1, 7, 5)).shape == (7, 5)
    assert smoothed(torch.randn(3, 1, 400)).shape == (1, SIDE)


def test_lit_is_the_map_as_a_share_of_its_upper_end():
    m = torch.arange(100.0).reshape(10, 10)
    top = float(torch.quantile(m, FULL))
    shown = lit(m)
    assert float(shown[0, 0]) == 0
    assert float(shown[5, 0]) == pytest.approx(50 / top)
    assert float(shown[9, 9]) == 1
    dot = torch.zeros(10, 10)
    dot[3, 3] = 5.0  # its quantile is 0: its own maximum counts
    assert float(lit(dot)[3, 3]) == 1 and float(lit(dot).sum()) == 1
    assert not lit(torch.zeros(4, 4)).any()


def test_half_of_it_lies_in_so_much_of_the_patch():
    assert half(torch.ones(10, 10)) == pytest.approx(0.5)
    dot = torch.zeros(10, 10)
    dot[3, 3] = 1.0
    assert half(dot) == pytest.approx(0.01)
    quarter = torch.zeros(10, 10)
    quarter[:5, :5] = 1.0
    assert half(quarter) == pytest.approx(13 / 100)  # 12.5 of its 25 cells
    assert math.isnan(half(torch.zeros(4, 4)))


def test_numbers_that_are_none_are_no_evidence():
    back = torch.zeros(3, 9, 9)
    back[0, 0, 0], back[1, 8, 8], back[2, 4, 4] = math.nan, math.inf, 1.0
    m = smoothed(back)
    assert torch.isfinite(m).all()
    assert int(m.argmax()) == 4 * 9 + 4
