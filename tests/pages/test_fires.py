"""Which classes units fire for, by hand: the data behind the search over all units."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from generator.dataset.answers import NONE
from generator.pages import searched
from generator.wiring.wires import Wires
from tests.pages.fixture_units import answers


def test_what_a_unit_fires_for_by_hand():
    made = answers(3)
    made = replace(
        made,
        images=np.array([[0, 1, 2, 3], [4, NONE, NONE, NONE], [0, 1, 2, 3]], np.int32),
        values=np.array([[6.0, 2.0, 1.0, 1.0], [5, 0, 0, 0], [-1, -2, -3, -4]], np.float32),
    )
    class_of = np.array([7, 8, 7, 9, NONE])
    counts = np.bincount([7, 7, 8, 9])
    none = np.full(3, NONE)
    # of 1000 images two are of class 7, and both in the list of four: of a hundred thousand units one by chance, of 3 classes
    index, share = searched.fires(replace(made, seen=1000), class_of, counts, none)
    assert index.tolist() == [[7, NONE, NONE], [NONE] * 3, [NONE] * 3]
    assert share[0].tolist() == pytest.approx([0.7, 0, 0])
    assert not share[1:].any()
    # of 200 images: 4 * 3 / (200 * 199), three times what is let through
    assert (searched.fires(replace(made, seen=200), class_of, counts, none)[0] == NONE).all()
    # unless it stands out in the mean of all; what is in no list does so as well
    stands = np.array([8, 9, NONE])
    index, share = searched.fires(replace(made, seen=200, selectivity=np.full(3, 0.25)), class_of, counts, stands)
    assert index.tolist() == [[8, NONE, NONE], [9, NONE, NONE], [NONE] * 3]
    assert (share[0, 0], share[1, 0]) == pytest.approx((0.2, 0))  # of its list no image is of class 9


def test_how_many_images_a_class_has_is_counted_over_the_whole_set():
    """Lists name a few images of each class: by these alone a class would be rare, and two of it in a list no accident."""
    made, draw = answers(64), np.random.default_rng(0)
    images = np.stack([draw.choice(5000, 4, replace=False) for _ in range(64)]).astype(np.int32)
    class_of, none = np.arange(5000) % 10, np.full(64, NONE)
    given = replace(made, images=images, values=np.ones((64, 4), np.float32), seen=5000)
    listed = np.bincount(class_of[np.unique(images)], minlength=10)
    assert (searched.fires(given, class_of, np.bincount(class_of), none)[0] == NONE).all()
    assert (searched.fires(given, class_of, listed, none)[0] != NONE).any()


def test_a_draw_is_as_likely_as_counting_all_of_them_says():
    for images, many in ((2, 1), (3, 2), (3, 3), (5, 1)):
        draws = list(combinations(range(9), 4))
        among = sum(sum(one < images for one in draw) >= many for draw in draws)
        assert searched.chance(9, images, 4, many) == pytest.approx(among / len(draws))


def test_where_the_list_is_the_whole_set_a_class_must_stand_off_from_all_others():
    values = np.array([[9.0, 1.2, 1.1, 1.0, 0.9, 0.8, 0, 0], [3.0, 2.5, 2, 1.5, 1, 0.5, 0.4, 0.3]], np.float32)
    images = np.array([[2, 1, 0, 3, 4, 5, NONE, NONE], list(range(8))], np.int32)
    made = replace(answers(2), values=values, images=images, seen=8)
    index, share = searched.fires(made, np.arange(8), np.ones(8, int), np.full(2, NONE))
    # one image at 9, seven others of mean 0.71 and spread 0.51; and a list that merely has an order
    assert index.tolist() == [[2, NONE, NONE], [NONE] * 3]
    assert share[0, 0] == pytest.approx(9 / 14)
    assert searched.limit(8) == pytest.approx(2 + (2 * np.log(8)) ** 0.5)
    # a class of two images: their mean is held against that of six
    two = searched.fires(
        made, np.array([0, 1, 2, 0, 4, 5, 6, 7]), np.bincount([0, 0, 1, 2, 4, 5, 6, 7]), np.full(2, NONE)
    )[0]
    assert two.tolist() == [[2, NONE, NONE], [NONE] * 3]
    # of so few images that no spread can be told, by its share alone
    few = replace(answers(2), seen=2)
    assert searched.fires(few, np.arange(2), np.ones(2, int), np.full(2, NONE))[0].tolist() == [
        [0, NONE, NONE],
        [1, NONE, NONE],
    ]


def test_by_how_much_the_strongest_image_leads():
    values = np.array([[8.0, 2.0], [3.0, 3.0], [5.0, -4.0], [0.0, 0.0], [-1.0, -2.0]], np.float32)
    assert searched.lead(replace(answers(5), values=values)).tolist() == [0.75, 0, 1, 0, 0]
    assert searched.lead(replace(answers(2), values=values[:2, :1])).tolist() == [1, 1], "there is one image"


def test_of_each_class_the_few_units_that_feed_it_most():
    most = np.array([[3, 1], [NONE, NONE], [0, NONE]], np.int32)
    share = np.array([[0.5, 0.2], [0, 0], [1, 0]], np.float32)
    wires = replace(Wires.none(4), class_units=most, class_units_share=share)
    names = searched.Names({"espresso": 0})
    found = searched.feeders(wires, ("tabby", "none", "espresso"), names)
    assert list(names.found) == ["espresso", "tabby"]
    assert found["fedClass"].tolist() == [1, 0], "a class that nothing feeds has no row"
    assert found["fedUnit"].tolist() == [[3, 1], [0, searched.NOTHING]]
    assert found["fedShare"].tolist() == [[128, 51], [255, 0]]
    assert list(searched.feeders(wires, (), searched.Names())["fedClass"]) == [0, 1], "without labels they have numbers"


def test_sixteen_bits_and_nothing():
    values = np.array([-1.0, 0.0, 1.0, np.nan], np.float32)
    assert searched.sixteen(values, -1.0).tolist() == [0, 32767, 65534, searched.NOTHING]
