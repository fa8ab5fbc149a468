"""Ranks, and the inputs that are made by following them: by hand."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from generator.trust.perturb import blurred, boxes, counts, filled, ranks, replaced, steps, without
from tests.methods.examples import exactly, same


def test_ranks_by_hand():
    exactly(ranks(torch.tensor([[0.5, -1.0], [3.0, 2.0]])), [[2, 3], [0, 1]])


def test_equal_values_are_shuffled_alike_in_every_map():
    flat, higher = torch.zeros(40, 40), torch.zeros(40, 40)
    higher[3, 5] = 1
    order, other = ranks(flat), ranks(higher)
    assert sorted(order.flatten().tolist()) == list(range(1600))
    exactly(ranks(flat), order)
    assert int(other[3, 5]) == 0
    rest = torch.ones(40, 40, dtype=torch.bool)
    rest[3, 5] = False
    # the others keep their order among themselves
    exactly(other[rest].argsort(), order[rest].argsort())
    # and are strewn over the picture: of the first half, about half lies in the upper half
    assert 0.45 < float((order[:20] < 800).double().mean()) < 0.55


def test_a_map_with_nan_has_no_ranks():
    with pytest.raises(ValueError, match="NaN"):
        ranks(torch.tensor([[1.0, float("nan")]]))


def test_shares_of_pixels_by_hand():
    assert counts(10, (0.25, 0.3, 0.99)) == (2, 3, 9)
    assert counts(10, steps(10)) == tuple(range(11))  # 0.3 * 10 is 2.9999999999999996 in binary
    assert steps(4) == (0, 0.25, 0.5, 0.75, 1)


def test_pixels_are_replaced_in_the_order_of_ranks_by_hand():
    start, end = torch.full((2, 1, 3), 1.0), torch.tensor([[[7.0, 8.0, 9.0]], [[4.0, 5.0, 6.0]]])
    rank = torch.tensor([[2, 0, 1]])
    parts = list(replaced(start, end, rank, (0, 1, 2, 3), chunk=3))
    assert [len(part) for part in parts] == [3, 1]
    exactly(
        torch.cat(parts),
        [
            [[[1, 1, 1]], [[1, 1, 1]]],
            [[[1, 8, 1]], [[1, 5, 1]]],
            [[[1, 8, 9]], [[1, 5, 6]]],
            [[[7, 8, 9]], [[4, 5, 6]]],
        ],
    )


def test_a_lone_pixel_is_filled_in_with_the_weighted_mean_of_its_neighbours_by_hand():
    x = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 99.0, 6.0], [7.0, 8.0, 12.0]]])
    rank = torch.full((3, 3), 8)
    rank[1, 1] = 0
    noise = torch.full((1, 3, 3), 0.5)
    (made,) = filled(x, rank, (1,), noise)
    # (2 + 4 + 6 + 8) / 6 + (1 + 3 + 7 + 12) / 12 = 3.3333 + 1.9167; the noise is added there alone
    expected = x.clone()
    expected[0, 1, 1] = 20 / 6 + 23 / 12 + 0.5
    same(made[0], expected)


def test_sets_of_places_are_emptied():
    x, end = torch.ones(3, 2, 2), torch.zeros(3, 2, 2)
    places = torch.tensor([[[True, False], [False, False]], [[False, False], [True, True]]])
    made = torch.cat(list(without(x, end, places, chunk=1)))
    exactly(made[:, 0], [[[0, 1], [1, 1]], [[1, 1], [0, 0]]])
    exactly(made[:, 2], made[:, 0])


def test_the_blur_is_scipys_gaussian():
    x = torch.rand(3, 40, 33, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = np.stack([gaussian_filter(plane, 2.0, mode="mirror", truncate=3) for plane in x.numpy()])
    same(blurred(x, 2.0), torch.from_numpy(expected), relative=1e-10)


def test_the_blur_takes_a_picture_smaller_than_itself():
    assert blurred(torch.rand(1, 1, 5), 10.0).shape == (1, 1, 5)
    same(blurred(torch.full((2, 4, 4), 3.0), 5.0), torch.full((2, 4, 4), 3.0))


def test_boxes_are_squares_inside_the_picture_of_the_sides_asked_for():
    found = boxes((20, 32), 30, (0.25, 0.5), seed=3)
    assert found.shape == (30, 20, 32)
    for k, box in enumerate(found):
        rows, columns = box.any(dim=1).nonzero().flatten(), box.any(dim=0).nonzero().flatten()
        side = (5, 10)[k % 2]
        assert len(rows) == len(columns) == side
        assert int(box.sum()) == side * side
    assert torch.equal(found, boxes((20, 32), 30, (0.25, 0.5), seed=3))
    assert not torch.equal(found, boxes((20, 32), 30, (0.25, 0.5), seed=4))
