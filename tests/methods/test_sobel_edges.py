"""Sobel edges: by hand, and against OpenCV."""

import cv2
import numpy as np
import pytest
import torch

from generator.artifacts import InputMap
from generator.engine.needs import Input
from generator.methods.sobel_edges import SobelEdges
from tests.methods.examples import exactly, only, photo, reads, same


def edges(x: torch.Tensor) -> torch.Tensor:
    made = only(SobelEdges(), reads({Input(): x}))
    assert isinstance(made, InputMap)
    assert not made.signed
    return made.values


def test_a_step_and_a_corner_by_hand():
    step = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    # 1 + 2 + 1 times the difference of the columns left and right; the last column is repeated beyond the border
    exactly(edges(step[None, None]), [[[[0, 4, 4], [0, 4, 4], [0, 4, 4]]]])
    exactly(edges(step.T[None, None]), [[[[0, 0, 0], [4, 4, 4], [4, 4, 4]]]])
    # the diagonal of the two: 3 across and 3 down at the middle, sqrt(9 + 9)
    corner = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    assert float(edges(corner[None, None])[0, 0, 1, 1]) == pytest.approx(18**0.5)


def test_luminance_by_hand():
    colours = torch.zeros(3, 3, 1, 2)
    for channel in range(3):
        colours[channel, channel, 0, 1] = 1
    for value, weight in zip(edges(colours)[:, 0, 0, 0].tolist(), (0.299, 0.587, 0.114), strict=True):
        assert value == pytest.approx(4 * weight)
    # any other number of channels: their mean
    exactly(edges(torch.tensor([[[[0.0, 1.0]], [[0.0, 3.0]]]])), [[[[8, 8]]]])
    exactly(edges(torch.ones(1, 3, 1, 1)), [[[[0]]]])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_equals_opencv(channels):
    x = photo(2, channels=channels, height=48, width=70)
    weights = np.array([0.299, 0.587, 0.114]) if channels == 3 else np.full(channels, 1 / channels)
    expected = []
    for image in x:
        gray = np.tensordot(weights, image.double().numpy(), axes=1)
        across, down = (
            cv2.Sobel(gray, cv2.CV_64F, *order, ksize=3, borderType=cv2.BORDER_REPLICATE) for order in ((1, 0), (0, 1))
        )
        expected.append(np.hypot(across, down))
    same(edges(x)[:, 0].double(), torch.from_numpy(np.stack(expected)))
