"""Looks: by hand, and against bilinear reading written as a loop."""

import math

import torch

from generator.search.transforms import Wander, framed, look, middle


def test_a_straight_look_is_the_middle_to_the_bit_of_rounding():
    canvas = torch.rand(2, 3, 20, 14, generator=torch.Generator().manual_seed(0))
    straight = Wander(4, 5, 0.1).looks(1, torch.Generator())
    assert straight.tolist() == [[0, 0, 0, 1]]
    torch.testing.assert_close(look(canvas, straight.expand(2, 4), 12, 6), canvas[..., 4:16, 4:10])
    assert torch.equal(middle(canvas, 12, 6), canvas[..., 4:16, 4:10])


def test_shift_and_quarter_turn_by_hand():
    canvas = torch.arange(25.0).view(1, 1, 5, 5)
    shifted = look(canvas, torch.tensor([[1.0, -1.0, 0.0, 1.0]]), 3, 3)  # one to the right, one up
    torch.testing.assert_close(shifted[0, 0], torch.tensor([[2.0, 3, 4], [7, 8, 9], [12, 13, 14]]))
    turned = look(canvas, torch.tensor([[0.0, 0.0, math.pi / 2, 1.0]]), 3, 3)
    torch.testing.assert_close(turned[0, 0], torch.tensor([[8.0, 13, 18], [7, 12, 17], [6, 11, 16]]))
    wide = look(canvas, torch.tensor([[0.0, 0.0, 0.0, 2.0]]), 3, 3)  # sees twice as much
    torch.testing.assert_close(wide[0, 0], torch.tensor([[0.0, 2, 4], [10, 12, 14], [20, 22, 24]]))


def test_a_look_equals_bilinear_reading_written_as_a_loop():
    H, W, h, w = 15, 11, 9, 7
    canvas = torch.rand(2, 1, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    looks = torch.tensor([[1.3, -0.6, 0.08, 1.04], [-1.7, 1.1, -0.05, 0.93]], dtype=torch.float64)
    expected = torch.zeros(2, 1, h, w, dtype=torch.float64)
    for b, (right, down, turn, zoom) in enumerate(looks.tolist()):
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
                        expected[b, 0, i, j] += share * part * canvas[b, 0, row_, column]
    torch.testing.assert_close(look(canvas, looks, h, w), expected)


def test_looks_stray_as_far_as_they_may():
    looks = Wander(8, 5, 0.1).looks(2000, torch.Generator().manual_seed(2))
    for values, middle_, reach in zip(looks.T, (0, 0, 0, 1), (8, 8, math.radians(5), 0.1), strict=True):
        off = values - middle_
        assert 0.98 * reach < off.abs().max() <= reach * (1 + 1e-5)
        assert abs(off.mean().item()) < 0.1 * reach


def test_a_gray_frame_by_hand():
    window = torch.tensor([[[[0.1, 0.9]]]])
    gray = 0.5
    expected = [[gray, gray, gray, gray], [gray, 0.1, 0.9, gray], [gray, gray, gray, gray]]
    torch.testing.assert_close(framed(window, 1)[0, 0], torch.tensor(expected))
    assert framed(window, 0) is window
