"""Maps brought to one number a place and to one grid: by hand, and against torch where it does the same."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from generator.trust.maps import at_size, averaged, coarsest, per_place
from tests.methods.examples import exactly, same


def test_one_number_a_place_by_hand():
    values = torch.tensor([[[1.0, -2.0]], [[-3.0, -4.0]]])  # (2, 1, 2)
    exactly(per_place(values), [[4, 6]])
    exactly(per_place(values, adds_up=True), [[-2, -6]])
    exactly(per_place(values[0]), values[0])  # a heat map keeps its sign


def test_a_map_is_enlarged_as_it_is_drawn_by_hand():
    # centres of the places lie at 1/4 and 3/4; what is beyond them is held
    exactly(at_size(torch.tensor([[0.0, 4.0]]), (1, 4)), [[0, 1, 3, 4]])


def test_a_cell_counts_what_of_a_place_lies_in_it_by_hand():
    # three places over two cells: the middle one is shared
    exactly(averaged(torch.tensor([[3.0, 6.0, 9.0]]), (1, 2)), [[4, 8]])
    exactly(averaged(torch.tensor([[3.0], [6.0], [9.0]]), (2, 1)), [[4], [8]])
    exactly(averaged(torch.tensor([[3.0, 6.0]]), (1, 4)), [[3, 3, 6, 6]])


def test_cells_of_whole_places_are_average_pooling():
    map_ = torch.rand(12, 20, generator=torch.Generator().manual_seed(0))
    same(averaged(map_, (3, 4)), avg_pool2d(map_[None, None], (4, 5))[0, 0], relative=1e-6)
    same(at_size(map_, (24, 30)), interpolate(map_[None, None], size=(24, 30), mode="bilinear")[0, 0])


@pytest.mark.parametrize("grid", [(7, 7), (5, 3), (1, 1), (31, 17)])
def test_averaging_keeps_the_mean(grid: tuple[int, int]):
    map_ = torch.rand(31, 17, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert float(averaged(map_, grid).mean()) == pytest.approx(float(map_.mean()), rel=1e-12)


def test_the_coarsest_grid_has_the_fewest_rows_and_the_fewest_columns():
    assert coarsest([torch.zeros(7, 9), torch.zeros(14, 4), torch.zeros(20, 20)]) == (7, 4)
