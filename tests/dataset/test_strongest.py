"""The k strongest images of each unit, beside a sort of everything."""

import pytest
import torch

from generator.dataset.answers import NONE
from generator.dataset.peaks import peaks
from generator.dataset.strongest import UNMARKED, Strongest, copies


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


def arriving(values: list[float], numbers: list[int], k: int, batch: int) -> Strongest:
    """One unit's list after images of these numbers came with these values, in this order."""
    found, A = Strongest.empty(1, k), torch.tensor(values).view(-1, 1, 1, 1)
    for at in range(0, len(A), batch):
        found.update(peaks(A[at : at + batch]), torch.tensor(numbers[at : at + batch]))
    found.settle()
    return found


@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_within_a_stream_ties_go_by_arrival(batch: int):
    found = arriving([1.0, 2, 1, 1, 2, 1], [9, 4, 3, 7, 0, 1], 4, batch)
    assert found.images[0].tolist() == [4, 0, 9, 3]


def test_a_tie_with_the_last_of_a_full_list_stays_outside():
    assert arriving([3.0, 3, 3], [5, 6, 0], 2, 1).images[0].tolist() == [5, 6]


def test_a_short_set_leaves_places_empty():
    A = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    found = taken(A, 5, 1)
    assert (found.images[:, 2:] == NONE).all()
    assert rows(found) == brute(A, 5)


@pytest.mark.parametrize("batch", [1, 3, 12])
def test_copies_of_a_picture_stand_once_and_leave_their_places_to_others(batch: int):
    torch.manual_seed(5)
    own = torch.rand(7, 4, 3, 3)
    which = [0, 1, 1, 2, 0, 3, 1, 4, 5, 1, 6, 0]
    A, marks = own[which], torch.tensor([100 + k for k in which])
    found = Strongest.empty(4, 5)
    for at in range(0, len(A), batch):
        part = slice(at, at + batch)
        found.update(peaks(A[part]), torch.arange(len(A))[part], marks=marks[part])
    found.settle()
    first = [which.index(k) for k in range(7)]
    expected = [[(v, first[image], place) for v, image, place in row] for row in brute(own, 5)]
    assert rows(found) == expected
    # without marks all of them count
    plain = taken(A, 5, batch)
    assert rows(plain) == brute(A, 5) != expected


def test_copies_are_found_without_comparing_all_with_all():
    draw = torch.Generator().manual_seed(1)
    marks = torch.randint(1, 40, (30, 50), generator=draw)
    marks[:, ::7] = UNMARKED
    expected = (marks[:, :, None] == marks[:, None, :]).tril(-1).any(dim=2) & (marks != UNMARKED)
    found = copies(marks)
    assert found is not None and torch.equal(found, expected)
    assert copies(torch.arange(1, 9).view(2, 4)) is None


def test_equal_values_of_other_pictures_are_no_copies():
    A = torch.ones(4, 2, 2, 2)
    found = Strongest.empty(2, 3)
    found.update(peaks(A), torch.arange(4), marks=torch.tensor([7, 8, 9, 7]))
    found.update(peaks(A[:2]), torch.arange(4, 6), marks=torch.tensor([UNMARKED, UNMARKED]))
    found.settle()
    assert found.images.tolist() == [[0, 1, 2]] * 2
    few = Strongest.empty(1, 3)
    few.update(peaks(A[:2, :1]), torch.arange(2), marks=torch.tensor([UNMARKED, UNMARKED]))
    few.settle()
    assert few.images.tolist() == [[0, 1, NONE]], "what has no mark is nobody's copy"
