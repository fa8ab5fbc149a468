"""The highest value of each map and its first place, beside loops over lists, in every layout in memory."""

import pytest
import torch

from generator.dataset.peaks import LANES, WIDE, averages, peaks


def laid(A: torch.Tensor, layout: str) -> torch.Tensor:
    if layout == "tokens":  # as a view of (n, 1 + h w, c), whose first token has no place
        n, c, h, w = A.shape
        tokens = torch.cat([torch.full((n, 1, c), 99.0), A.flatten(2).transpose(1, 2)], dim=1)
        return tokens[:, 1:].unflatten(1, (h, w)).permute(0, 3, 1, 2)
    return A.contiguous(memory_format=torch.channels_last if layout == "last" else torch.contiguous_format)


@pytest.mark.parametrize("layout", ["first", "last", "tokens"])
@pytest.mark.parametrize("units", [1, 3, 16, 40, LANES])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (5, 9), (22, 24), (21, 23)])
def test_the_highest_and_the_first_of_equal_places(layout: str, units: int, size: tuple[int, int]):
    whole = torch.randint(-6, 7, (3, units, *size), generator=torch.Generator().manual_seed(0)).float()  # many ties
    found = peaks(laid(whole, layout))
    assert torch.equal(found.highest, whole.amax(dim=(2, 3)))
    images, each = torch.ones(3, units).nonzero(as_tuple=True)
    expected = []
    for image, unit in zip(images.tolist(), each.tolist(), strict=True):
        flat = whole[image, unit].flatten().tolist()
        expected.append(flat.index(max(flat)))
    assert found.places(images, each).tolist() == expected


def test_rows_are_taken_first_of_wide_maps_alone():
    A = torch.zeros(2, 4, 30, 30).contiguous(memory_format=torch.channels_last)
    assert A.shape[2] * A.shape[3] > WIDE
    rows = peaks(A).rows
    assert rows is not None and rows.shape == (2, 30, 4)
    assert peaks(A[:, :, :10, :10].contiguous(memory_format=torch.channels_last)).rows is None
    assert peaks(A.contiguous()).rows is None


@pytest.mark.parametrize("layout", ["first", "last"])
def test_what_is_no_number_shows_in_the_highest(layout: str):
    A = torch.zeros(1, 2, 24, 24)
    A[0, 0, 3, 5] = torch.nan
    A[0, 1, 4, 4] = torch.inf
    highest = peaks(laid(A, layout)).highest[0]
    assert highest[0].isnan()
    assert highest[1] == torch.inf


@pytest.mark.parametrize("layout", ["first", "last", "tokens"])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (5, 9), (40, 41)])
def test_the_mean_of_each_map(layout: str, size: tuple[int, int]):
    whole = torch.randn(3, 5, *size, generator=torch.Generator().manual_seed(0))
    whole[1, 2] = 1e4
    expected = whole.double().mean(dim=(2, 3))
    torch.testing.assert_close(averages(laid(whole, layout)).double(), expected, rtol=1e-6, atol=1e-6)
