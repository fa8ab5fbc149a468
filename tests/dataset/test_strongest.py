"""The k strongest images of each unit, beside a sort of everything."""

import pytest
import torch

from generator.dataset.answers import NONE
from generator.dataset.peaks import peaks
from generator.dataset.strongest import Strongest


def taken(A: torch.Tensor, k: int, batch: int, start: int = 0) -> Strongest:
    found = Strongest.empty(A.shape[1], k)
    for at in range(0, len(A), batch):
        part = A[at : at + batch]
        found.update(peaks(part), torch.arange(start + at, start + at + len(part)))
    found.settle()
    return found


def brute(A: torch.Tensor, k: int) -> list[list[tuple[float, int, int]]]:
    """Sorted by value down, then by image up; the place is the first of the highest."""
    n, c = A.shape[:2]
    lists = []
    for unit in range(c):
        rows = []
        for image in range(n):
            flat = A[image, unit].flatten().tolist()
            best = max(flat)
            rows.append((best, image, flat.index(best)))
        lists.append(sorted(rows, key=lambda row: (-row[0], row[1]))[:k])
    return lists


def rows(found: Strongest) -> list[list[tuple[float, int, int]]]:
    return [
        [(float(v), int(i), int(p)) for v, i, p in zip(*three, strict=True) if i != NONE]
        for three in zip(found.values.tolist(), found.images.tolist(), found.places.tolist(), strict=True)
    ]


@pytest.mark.parametrize("batch", [1, 3, 8, 40])
def test_it_is_the_sort_of_all_images_whatever_the_batch(batch: int):
    A = torch.randn(40, 5, 3, 4, generator=torch.Generator().manual_seed(0))
    assert rows(taken(A, 9, batch)) == brute(A, 9)


@pytest.mark.parametrize("batch", [1, 4, 20])
def test_equal_values_go_by_image_and_equal_places_by_reading_order(batch: int):
    A = torch.randint(0, 3, (20, 6, 3, 3), generator=torch.Generator().manual_seed(1)).float()  # ties everywhere
    assert rows(taken(A, 4, batch)) == brute(A, 4)


def test_a_short_set_leaves_places_empty():
    A = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    found = taken(A, 5, 1)
    assert (found.images[:, 2:] == NONE).all()
    assert rows(found) == brute(A, 5)


def test_parts_merge_into_the_whole_in_any_order():
    A = torch.randint(0, 5, (30, 4, 2, 3), generator=torch.Generator().manual_seed(3)).float()
    first, second, third = taken(A[:7], 5, 3), taken(A[7:20], 5, 4, 7), taken(A[20:], 5, 5, 20)
    assert rows(first.merged(second).merged(third)) == brute(A, 5)
    assert rows(third.merged(first.merged(second))) == brute(A, 5)
    assert rows(third.merged(second).merged(first)) == brute(A, 5)
