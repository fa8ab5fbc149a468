"""Means, intervals and paired differences: by hand, and beside scipy's."""

import math

import numpy as np
import pytest
import scipy.stats

from generator.trust.statistics import RESAMPLES, difference, mean, share

NAN = math.nan


def test_two_images_by_hand():
    # the mean of two drawn with replacement is 0, 1 or 2, in 1, 2 and 1 of four cases: 2.5 % lie in the outer ones
    found = mean([0.0, 2.0])
    assert found == (1.0, 0.0, 2.0, 2)


def test_one_image_has_a_mean_and_no_interval_and_none_has_neither():
    one, none = mean([NAN, 3.5]), mean([NAN])
    assert (one.mean, one.n) == (3.5, 1)
    assert (none.n, math.isnan(none.mean)) == (0, True)
    assert all(math.isnan(end) for end in (one.low, one.high, none.low, none.high))


def test_the_interval_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(5).gamma(2.0, 1.0, 25)
    found = mean(values.tolist(), seed=1)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=2)
    # other random numbers: the ends agree to within what 10,000 draws leave open
    width = found.high - found.low
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.05 * width)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.05 * width)
    assert found.mean == pytest.approx(values.mean())


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    values = np.random.default_rng(6).random(9).tolist()
    assert mean(values, seed=3) == mean(values, seed=3)
    assert mean(values, seed=3) != mean(values, seed=4)
    assert mean([*values, NAN], seed=3) == mean(values, seed=3)


def test_many_images_are_resampled_in_blocks():
    values = np.random.default_rng(7).standard_normal(3000)
    found = mean(values.tolist())
    half = 1.96 * values.std() / math.sqrt(3000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_a_share_by_hand_and_beside_scipys_wilson():
    found = share([1.0] * 3 + [0.0] * 5 + [NAN])
    theirs = scipy.stats.binomtest(3, 8).proportion_ci(method="wilson")
    assert found.mean == 3 / 8
    assert (found.low, found.high, found.n) == (pytest.approx(theirs.low), pytest.approx(theirs.high), 8)
    # eight of eight: z^2 = 3.8415, from 8 / (8 + z^2) to 1
    every = share([1.0] * 8)
    assert (every.low, every.high) == (pytest.approx(8 / 11.841459), 1)
    assert share([0.0] * 8).low == 0
    assert math.isnan(share([1.0]).low)


def test_differences_are_taken_image_by_image_by_hand():
    found = difference([1.0, 5.0, NAN, 9.0], [0.0, 4.0, 3.0, NAN])
    assert found == (1.0, 1.0, 1.0, 2)
    with pytest.raises(ValueError, match="same images"):
        difference([1.0], [1.0, 2.0])


def test_pairing_finds_a_small_difference_between_very_different_images():
    mine = [0.1, 0.9, 0.4, 0.2, 0.7, 0.5, 0.8, 0.3]
    gap = difference([value + 0.02 for value in mine], mine)
    assert gap.low > 0
    assert mean(mine).high - mean(mine).low > 0.3
