"""Of which units the strongest images are of one kind: held against the sum written out."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.dataset.answers import NONE, Answers
from generator.dataset.kin import FEWEST, STRONGEST, Kin
from tests.pages.fixture_units import answers


def of(images: NDArray[np.int32], values: NDArray[np.float32] | None = None) -> Answers:
    """A layer whose units answer to these images, (c, k)."""
    filled = np.where(images >= 0, 1.0, 0.0) if values is None else values
    return replace(answers(len(images)), images=images.astype(np.int32), values=filled.astype(np.float32))


def test_an_image_is_to_the_last_layer_what_units_it_raises_and_how_far():
    lists = np.array([[0, 2, NONE], [2, 5, NONE], [5, NONE, NONE]])
    kin = Kin(of(lists, np.array([[4.0, 2.0, 0.0], [5.0, 5.0, 0.0], [1.0, 0.0, 0.0]])))
    assert kin.numbers.tolist() == [0, 2, 5]
    assert kin.portraits == pytest.approx(
        np.array([[1, 0, 0], np.array([0.5, 1, 0]) / 1.25**0.5, np.array([0, 1, 1]) / 2**0.5, [0, 0, 0]])
    )


def test_kinship_is_the_mean_cosine_of_all_pairs_of_the_strongest():
    draw = np.random.default_rng(3)
    lists = np.stack([draw.permutation(40)[:9] for _ in range(700)])
    last = of(lists, -np.sort(-draw.random((700, 9)), axis=1))
    some = np.stack([draw.permutation(44)[:9] for _ in range(600)])  # 40 to 43 are in no list
    some[0, 4:], some[1, FEWEST - 1 :], some[2] = NONE, NONE, NONE
    kin = Kin(last)
    row = {image: kin.portraits[k] for k, image in enumerate(kin.numbers.tolist())}
    nothing = np.zeros(700)
    expected = []
    for images in some[:, :STRONGEST].tolist():
        there = [image for image in images if image >= 0]
        pairs = [row.get(a, nothing) @ row.get(b, nothing) for a, b in combinations(there, 2)]
        expected.append(np.mean(pairs) if len(there) >= FEWEST else 0)
    found = kin.kinship(of(some))
    assert found == pytest.approx(np.array(expected), abs=6e-5)
    assert found[0] > 0 == found[1] == found[2]


def test_a_unit_for_one_kind_stands_out():
    last = of(np.array([[0, 1, 2], [1, 2, 0], [3, 4, 5], [5, 3, 4]]))
    found = Kin(last).kinship(of(np.array([[0, 1, 2], [0, 1, 3], [0, 3, NONE]])))
    assert found == pytest.approx(np.array([1, 1 / 3, 0]), abs=6e-5)


def test_a_last_layer_that_nothing_raises_says_nothing():
    off = of(np.full((4, 3), NONE))
    assert Kin(off).kinship(of(np.array([[0, 1, 2]]))).tolist() == [0]
