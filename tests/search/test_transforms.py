"""Looks: by hand, against bilinear reading written as a loop, and against torch's own, with its gradient."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.search.transforms import DIFFERENT, KEPT, Wander, framed, look, middle, window_of, windows

CPU = torch.device("cpu")


def seen(canvas: Tensor, way: Tensor, height: int, width: int) -> Tensor:
    return look(canvas, window_of(way, tuple(canvas.shape[-2:]), (height, width)))


def test_a_straight_look_is_the_middle_to_the_bit_of_rounding():
    canvas = torch.rand(2, 3, 20, 14, generator=torch.Generator().manual_seed(0))
    straight = Wander(4, 5, 0.1).looks(1, torch.Generator())
    assert straight.tolist() == [[0, 0, 0, 1]]
    torch.testing.assert_close(seen(canvas, straight[0], 12, 6), canvas[..., 4:16, 4:10])
    assert torch.equal(middle(canvas, 12, 6), canvas[..., 4:16, 4:10])


def test_shift_and_quarter_turn_by_hand():
    canvas = torch.arange(25.0).view(1, 1, 5, 5)
    shifted = seen(canvas, torch.tensor([1.0, -1.0, 0.0, 1.0]), 3, 3)  # one to the right, one up
    torch.testing.assert_close(shifted[0, 0], torch.tensor([[2.0, 3, 4], [7, 8, 9], [12, 13, 14]]))
    turned = seen(canvas, torch.tensor([0.0, 0.0, math.pi / 2, 1.0]), 3, 3)
    torch.testing.assert_close(turned[0, 0], torch.tensor([[8.0, 13, 18], [7, 12, 17], [6, 11, 16]]))
    wide = seen(canvas, torch.tensor([0.0, 0.0, 0.0, 2.0]), 3, 3)  # sees twice as much
    torch.testing.assert_close(wide[0, 0], torch.tensor([[0.0, 2, 4], [10, 12, 14], [20, 22, 24]]))


@pytest.mark.parametrize("way", [(1.3, -0.6, 0.08, 1.04), (-1.7, 1.1, -0.05, 0.93)])
def test_a_look_equals_bilinear_reading_written_as_a_loop(way: tuple[float, ...]):
    H, W, h, w = 15, 11, 9, 7
    canvas = torch.rand(2, 1, H, W, generator=torch.Generator().manual_seed(1))
    expected = torch.zeros(2, 1, h, w)
    right, down, turn, zoom = way
    for i in range(h):
        for j in range(w):
            y, x = i - (h - 1) / 2, j - (w - 1) / 2
            v = (H - 1) / 2 + down + zoom * (math.sin(turn) * x + math.cos(turn) * y)
            u = (W - 1) / 2 + right + zoom * (math.cos(turn) * x - math.sin(turn) * y)
            top, left = math.floor(v), math.floor(u)
            for row_, share in ((top, 1 - (v - top)), (top + 1, v - top)):
                for column, part in ((left, 1 - (u - left)), (left + 1, u - left)):
                    assert 0 <= row_ < H, "the loop knows no borders"
                    assert 0 <= column < W
                    expected[:, :, i, j] += share * part * canvas[:, :, row_, column]
    torch.testing.assert_close(seen(canvas, torch.tensor(way), h, w), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("way", [(0.0, 0.0, 0.0, 1.0), (2.5, -4.5, 0.3, 1.2), (-30.0, 41.0, -2.0, 3.0)])
def test_a_look_and_its_gradient_are_those_of_grid_sample_beyond_the_canvas_too(way: tuple[float, ...], channels: int):
    (H, W), (h, w) = (17, 12), (13, 10)
    drawn = torch.Generator().manual_seed(3)
    canvas = torch.rand(2, channels, H, W, generator=drawn, requires_grad=True)
    towards = torch.randn(2, channels, h, w, generator=drawn)
    right, down, turn, zoom = way
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)  # affine_grid counts in halves of a side
    theta = [[cos * w / W, -sin * h / W, 2 * right / W], [sin * w / H, cos * h / H, 2 * down / H]]
    grid = F.affine_grid(torch.tensor([theta, theta]), [2, channels, h, w], align_corners=False)
    expected = F.grid_sample(canvas, grid, padding_mode="reflection", align_corners=False)
    found = seen(canvas, torch.tensor(way), h, w)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
    (own,), (theirs,) = (torch.autograd.grad((one * towards).sum(), canvas) for one in (found, expected))
    torch.testing.assert_close(own, theirs, rtol=1e-4, atol=2e-4)


def test_windows_are_of_the_seed_alone_and_a_long_search_takes_them_again():
    wander = Wander(2, 5, 0.1)
    few, many = (windows(wander, steps, 7, (12, 12), (8, 8), CPU) for steps in (3, 100))
    assert windows(wander, 3, 7, (12, 12), (8, 8), CPU) is few, "they are not made twice"
    assert len(few) == 3
    assert len(many) == DIFFERENT
    canvas = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    for a, b in zip(few, many, strict=False):
        assert torch.equal(look(canvas, a), look(canvas, b))
    assert torch.equal(look(canvas, few[0]), middle(canvas, 8, 8)), "the first is straight"
    other = windows(wander, 3, 8, (12, 12), (8, 8), CPU)
    assert not torch.equal(look(canvas, few[1]), look(canvas, other[1]))


def test_large_looks_are_not_kept_and_are_the_same():
    wander, side = Wander(2, 5, 0.1), int(KEPT**0.5)
    kept, large = (windows(wander, 3, 7, (n, n), (n - 4, n - 4), CPU) for n in (side, side + 1))
    assert kept is windows(wander, 3, 7, (side, side), (side - 4, side - 4), CPU)
    assert len(large) == 3
    assert large is not windows(wander, 3, 7, (side + 1, side + 1), (side - 3, side - 3), CPU)
    canvas = torch.rand(1, 1, side + 1, side + 1, generator=torch.Generator().manual_seed(0))
    own = window_of(wander.looks(3, torch.Generator().manual_seed(7))[1], (side + 1, side + 1), (side - 3, side - 3))
    assert torch.equal(look(canvas, large[1]), look(canvas, own))
    assert windows(wander, 40, 7, (12, 12), (8, 8), CPU) is windows(wander, 64, 7, (12, 12), (8, 8), CPU)


def test_a_canvas_of_doubles():
    canvas = torch.rand(2, 3, 20, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = seen(canvas, torch.tensor([1.0, -2.0, 0.0, 1.0]), 12, 6)
    assert torch.equal(found, canvas[..., 2:14, 5:11])


def test_looks_stray_as_far_as_they_may():
    looks = Wander(8, 5, 0.1).looks(2000, torch.Generator().manual_seed(2))
    for values, middle_, reach in zip(looks.T, (0, 0, 0, 1), (8, 8, math.radians(5), 0.1), strict=True):
        off = values - middle_
        assert 0.98 * reach < off.abs().max() <= reach * (1 + 1e-5)
        assert abs(off.mean().item()) < 0.1 * reach


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20, 21])
def test_each_second_look_strays_the_other_way(count: int):
    looks = Wander(8, 5, 0.1).looks(count, torch.Generator().manual_seed(2)) - torch.tensor([0.0, 0.0, 0.0, 1.0])
    assert looks.shape == (count, 4)
    assert not looks[:1].any()
    assert looks[1:].all()
    for k in range(2, count, 2):
        torch.testing.assert_close(looks[k], -looks[k - 1])


def test_a_gray_frame_by_hand():
    window = torch.tensor([[[[0.1, 0.9]]]])
    gray = 0.5
    expected = [[gray, gray, gray, gray], [gray, 0.1, 0.9, gray], [gray, gray, gray, gray]]
    torch.testing.assert_close(framed(window, 1)[0, 0], torch.tensor(expected))
    assert framed(window, 0) is window
