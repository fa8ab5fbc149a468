"""What units answer to the images of each class: sums and selectivity, by hand."""

import numpy as np
import pytest
import torch

from generator.dataset.answers import NONE
from generator.dataset.classes import ByClass, selective


def test_selectivity_by_hand():
    # unit 0: means 6 and 2; unit 1: off; unit 2: below zero for class 9, 1 for class 4
    chosen, index = selective({4: (2, np.array([12.0, 0, 2])), 9: (1, np.array([2.0, 0, -5]))}, 3)
    assert chosen.tolist() == [4, NONE, 4]
    assert index.tolist() == pytest.approx([(6 - 2) / 8, 0, 1])
    assert selective({4: (2, np.array([1.0]))}, 1)[0].tolist() == [NONE]


def added(*batches: tuple[list[list[float]], list[int | None]]) -> ByClass:
    found = ByClass.empty(len(batches[0][0][0]))
    for means, classes in batches:
        found.add(torch.tensor(means), classes)
    return found


def test_images_that_gave_a_unit_no_number_do_not_count_for_it():
    # unit 0: class 4 has 6 and 2, class 9 has 4 and what is no number: means 4 and 4; unit 1: nothing of class 9 counts
    means, bad = torch.tensor([[6.0, 1], [2, 1], [4, 0], [0, 0]]), torch.zeros(4, 2, dtype=torch.bool)
    bad[3, 0] = bad[2, 1] = bad[3, 1] = True
    whole, part, rest = (ByClass.empty(2) for _ in range(3))
    whole.add(means, [4, 4, 9, 9], bad)
    part.add(means[:3], [4, 4, 9], bad[:3])
    rest.add(means[3:], [9], bad[3:])
    for found in (whole, part.merged(rest), rest.merged(part)):
        assert found.lost[9].tolist() == [1, 2]
        chosen, index = found.finish()
        assert chosen.tolist() == [4, NONE]
        assert index.tolist() == pytest.approx([0, 0])
    assert part.lost[9].tolist() == [0, 1]


def test_a_class_of_which_nothing_counts_is_none_for_the_unit():
    # of three classes one has no image that counts: the other two are compared with each other
    sums = {1: (np.array([0, 2]), np.array([0.0, 2])), 2: (2, np.array([8.0, 8])), 3: (1, np.array([2.0, 2]))}
    chosen, index = selective(sums, 2)
    assert chosen.tolist() == [2, 2]
    assert index.tolist() == pytest.approx([(4 - 2) / (4 + 2), (4 - 1.5) / (4 + 1.5)])


def test_a_class_may_stand_several_times_in_a_batch_and_no_class_counts_for_nothing():
    found = added(([[1.0, 0], [3, 1], [100, 100], [2, 8]], [7, 7, None, 5]), ([[2.0, 0]], [7]))
    assert found.images == {7: 3, 5: 1}
    # class 7: means 2 and 1/3; class 5: 2 and 8; of equal means the lower class
    chosen, index = found.finish()
    assert chosen.tolist() == [5, 5]
    assert index.tolist() == pytest.approx([0, (8 - 1 / 3) / (8 + 1 / 3)])


def test_many_classes_one_after_the_other_are_those_of_one_batch():
    means = torch.rand(300, 4, generator=torch.Generator().manual_seed(0))
    classes: list[int | None] = [n * 17 % 90 for n in range(300)]
    one, many = ByClass.empty(4), ByClass.empty(4)
    one.add(means, classes)
    for row in range(300):
        many.add(means[row : row + 1], classes[row : row + 1])
    assert one.images == many.images
    for index, row in one.rows.items():
        expected = means[[n for n in range(300) if classes[n] == index]].sum(dim=0)
        assert torch.allclose(one.sums[row], expected)
        assert torch.allclose(many.sums[many.rows[index]], expected)


def test_two_parts_merge_and_stay_as_they_are():
    a, b = added(([[1.0], [2.0]], [3, 4])), added(([[5.0], [7.0]], [4, 9]))
    for merged in (a.merged(b), b.merged(a)):
        assert merged.images == {3: 1, 4: 2, 9: 1}
        assert {index: float(merged.sums[row]) for index, row in merged.rows.items()} == {3: 1, 4: 7, 9: 7}
    assert a.images == {3: 1, 4: 1}
    assert b.images == {4: 1, 9: 1}
