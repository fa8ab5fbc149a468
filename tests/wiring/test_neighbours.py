"""Units of like weights: by hand, against all products at once, and in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from generator.artifacts import NotApplicable
from generator.wiring.kernels import Kernels
from generator.wiring.neighbours import Alike, alike


def known(kernels: Kernels, k: int, **more: float) -> Alike:
    found = alike(kernels, k, **more)
    assert isinstance(found, Alike)
    return found


def test_cosines_by_hand() -> None:
    # (1, 0), (3, 4), (0, 2), (-4, 3): cosines 0.6, 0, -0.8 from the first, 0.8 and 0 from the second, 0.6 between the last
    W = torch.tensor([[[1.0, 0]], [[3, 4]], [[0, 2]], [[-4, 3]]])
    found = known(Kernels(W), 2)
    np.testing.assert_array_equal(found.unit, [[1, 2], [2, 0], [1, 3], [2, 1]])
    np.testing.assert_allclose(found.cosine, [[0.6, 0], [0.8, 0.6], [0.8, 0.6], [0.6, 0]], atol=1e-6)
    assert found.pairs.shape == (0, 2)
    assert known(Kernels(W), 2, threshold=0.7).pairs.tolist() == [[1, 2]]


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-22, 1e-20, 1e25])
def test_kernels_that_weight_decay_left_next_to_nothing_of_have_neighbours(scale: float) -> None:
    W = torch.randn(6, 4, 9, generator=torch.Generator().manual_seed(0))
    W[1] = 1.5 * W[0] + 0.1 * W[4]
    small = W.clone()
    small[:3] *= scale
    expected, found = known(Kernels(W), 3), known(Kernels(small), 3)
    np.testing.assert_array_equal(found.unit, expected.unit)
    np.testing.assert_allclose(found.cosine, expected.cosine, atol=1e-6)
    assert found.pairs.tolist() == [[0, 1]]


def test_size_does_not_matter_and_opposites_are_not_redundant() -> None:
    W = torch.tensor([[1.0, 2, 3], [2, 4, 6], [-1, -2, -3], [1, 2, 3.3]])[:, None]
    found = known(Kernels(W), 3)
    assert found.pairs.tolist() == [[0, 1], [0, 3], [1, 3]]
    np.testing.assert_allclose(found.pair_cosine[0], 1, rtol=1e-6)
    assert found.unit[0].tolist() == [1, 3, 2]


def test_a_kernel_of_zeros_is_like_no_other() -> None:
    found = known(Kernels(torch.tensor([[1.0, 0], [0, 0], [0, -1]])[:, None]), 2)
    assert found.unit.tolist() == [[2, -1], [-1, -1], [0, -1]]
    assert not found.cosine[:, 1].any()


def test_groups_read_other_channels_and_are_never_redundant() -> None:
    W = torch.tensor([[1.0, 2], [1, 2], [1, 2], [2, 4]])[:, None]
    assert known(Kernels(W, 2), 3).pairs.tolist() == [[0, 1], [2, 3]]
    depthwise = known(Kernels(W, 4), 3)
    assert depthwise.pairs.shape == (0, 2)
    np.testing.assert_allclose(depthwise.cosine, 1, rtol=1e-6)  # alike in form all the same


def test_without_an_angle_there_is_a_reason() -> None:
    assert alike(Kernels(torch.ones(4, 1, 1), 4), 2) == NotApplicable(
        "each of its kernels is a single number, and of two numbers there is no angle."
    )
    assert alike(Kernels(torch.ones(1, 3, 3)), 2) == NotApplicable("it has one unit only.")


@pytest.mark.parametrize("block", [1, 7, 64, 200])
def test_blocks_agree_with_all_products_at_once(block: int) -> None:
    torch.manual_seed(4)
    W = torch.randn(64, 5, 9)
    W[40] = W[3] * 2 + 0.01 * torch.randn(5, 9)
    W[63] = W[62] + 0.01 * torch.randn(5, 9)
    flat = W.flatten(1).double().numpy()
    size = np.sqrt((flat**2).sum(axis=1))
    cosines = np.array([[(a @ b) / (size[i] * size[j]) for j, b in enumerate(flat)] for i, a in enumerate(flat)])
    found = known(Kernels(W), 5, block=block)
    for unit in range(64):
        others = sorted((other for other in range(64) if other != unit), key=lambda other: -cosines[unit, other])[:5]
        assert found.unit[unit].tolist() == others
        np.testing.assert_allclose(found.cosine[unit], cosines[unit, others], atol=1e-6)
    assert found.pairs.tolist() == [[3, 40], [62, 63]]
