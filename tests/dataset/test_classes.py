"""What units answer to the images of each class: sums and selectivity, by hand."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from generator.dataset.answers import NONE
from generator.dataset.classes import ByClass, selective, stands_out


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
    whole, parts = ByClass.empty(2), ByClass.empty(2)
    whole.add(means, [4, 4, 9, 9], bad)
    parts.add(means[:3], [4, 4, 9], bad[:3])
    parts.add(means[3:], [9], bad[3:])
    for found in (whole, parts):
        assert found.lost[9].tolist() == [1, 2]
        chosen, index = selective(found.counted, 2)
        assert chosen.tolist() == [4, NONE]
        assert index.tolist() == pytest.approx([0, 0])


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
    chosen, index = selective(found.counted, 2)
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


def streamed(means: torch.Tensor, classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    found = ByClass.empty(means.shape[1])
    for start in range(0, len(means), 64):
        found.add(means[start : start + 64], classes[start : start + 64])
    return found.finish()


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("kind", ["often", "seldom", "once", "below zero"])
def test_images_of_classes_drawn_at_random_choose_none(kind: str, classes: int):
    gen = torch.Generator().manual_seed(0)
    means = torch.randn(2000, 400, generator=gen)
    means = {
        "often": means.clamp(min=0),
        "seldom": means.abs() * (torch.rand(2000, 400, generator=gen) < 0.01),
        "once": (torch.rand(2000, 400, generator=gen).argsort(dim=0) == 0).float(),
        "below zero": means - 0.1,
    }[kind]
    labels = torch.randint(classes, (2000,), generator=gen).tolist()
    chosen, index = streamed(means, labels)
    assert (chosen != NONE).mean() < 0.003
    assert not index[chosen == NONE].any()


def test_a_class_that_raises_a_unit_is_chosen_among_few_and_many():
    gen = torch.Generator().manual_seed(1)
    for classes, each in ((2, 20), (10, 4), (200, 6)):
        labels = [k for k in range(classes) for _ in range(each)]
        means = 0.05 * torch.rand(len(labels), 3, generator=gen)
        means[:each, 0] += 1.0
        means[-each:, 1] += 1.0
        chosen, index = streamed(means, labels)
        assert chosen.tolist() == [0, classes - 1, NONE]
        assert (index[:2] > 0.9).all()


def test_one_image_makes_no_class():
    means = torch.zeros(1000, 1)
    means[[3, 4]] = 1.0
    labels = [k // 5 for k in range(1000)]
    assert streamed(means, labels)[0].tolist() == [0], "two images of one class of two hundred"
    means[4] = 0
    assert streamed(means, labels)[0].tolist() == [NONE]


def test_whether_a_class_stands_out_by_hand():
    # four images, means 3, 3, 1, 1 and a strongest of 3: of class 0, without it, 3 / 2 - 2 < 0
    counted = {0: (2, np.array([6.0])), 1: (2, np.array([2.0]))}
    assert not stands_out(counted, np.array([0], np.int32), np.array([20.0]), np.array([3.0]))[0]
    # class 0 of 50 of 100 images at 1, the others at 0: (49 / 50 - 0.5) against (2 + 1.18) 0.5 / sqrt(50) sqrt(50 / 99)
    counted = {0: (50, np.array([50.0])), 1: (50, np.array([0.0]))}
    assert stands_out(counted, np.array([0], np.int32), np.array([50.0]), np.array([1.0]))[0]
