"""MACO: magnitudes hold whatever the phases do; waves by hand; a slow transform; what is held without photographs."""

import math

import pytest
import torch
from torch import Tensor

from generator.errors import UserError
from generator.search.colours import logits, unmixed
from generator.search.maco import Maco, magnitude_of


def phases(canvas: Maco, seed: int = 0, pictures: int = 1) -> Tensor:
    return torch.stack([canvas.start(torch.Generator().manual_seed(seed + k)) for k in range(pictures)])


def alone(height: int, width: int) -> Tensor:
    """Coefficients that are their own mirror image: (h, w2)."""
    rows = torch.tensor([v == (-v) % height for v in range(height)])
    columns = torch.tensor([u == (-u) % width for u in range(width // 2 + 1)])
    return rows[:, None] & columns


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 8, 6), (1, 7, 9), (4, 5, 8), (3, 6, 5)])
def test_magnitudes_hold_whatever_the_phases(channels, height, width):
    canvas = Maco(channels, height, width, contrast=0.8)
    painted = canvas.paint(phases(canvas, 3, pictures=2).double())
    assert painted.dtype == torch.float64
    found = torch.fft.rfft2(unmixed(painted.logit()), norm="ortho").abs()
    free = alone(height, width)
    held = canvas.magnitude.double().expand_as(found)
    torch.testing.assert_close(found[..., ~free], held[..., ~free], rtol=1e-5, atol=1e-6)
    assert (found[..., free] <= held[..., free] * (1 + 1e-5)).all()


def test_a_wave_by_hand():
    # one coefficient, a cycle across four pixels, magnitude 4: 2 * 4 cos(2 pi (x / 4 + turn)) / sqrt(8)
    natural = torch.zeros(1, 2, 3)
    natural[0, 0, 1] = 4.0
    canvas = Maco(1, 2, 4, natural=natural)
    z = torch.zeros(1, 1, 2, 3, 1)
    z[0, 0, 0, 1] = 0.25
    wave = torch.tensor([0.0, -1.0, 0.0, 1.0]) * 8 / math.sqrt(8)  # a quarter turn: minus the sine
    torch.testing.assert_close(canvas.paint(z), wave.sigmoid().expand(1, 1, 2, 4), rtol=1e-5, atol=1e-6)


def test_a_pair_of_mirror_images_turns_against_each_other_by_hand():
    # a wave down three rows is stored twice, at rows 1 and 2: only the difference of their turns counts
    natural = torch.zeros(1, 3, 2)
    natural[0, 1, 0] = natural[0, 2, 0] = 3.0
    canvas = Maco(1, 3, 2, natural=natural)
    assert canvas.paired.tolist() == [[False, False], [True, True], [True, True]]
    z = torch.zeros(2, 1, 3, 2, 1)
    z[0, 0, 1, 0], z[0, 0, 2, 0] = 0.3, 0.05
    z[1, 0, 1, 0] = 0.25
    rows = torch.tensor([2 * 3 * math.cos(2 * math.pi * (y / 3 + 0.25)) / math.sqrt(6) for y in range(3)])
    expected = rows.sigmoid()[:, None].expand(1, 3, 2)
    for painted in canvas.paint(z):
        torch.testing.assert_close(painted, expected, rtol=1e-5, atol=1e-6)


def test_contrast_is_held_but_for_signs():
    for channels in (1, 3):
        canvas = Maco(channels, 24, 20, 1.0, 0.7)
        rms = canvas.paint(phases(canvas, 5, pictures=40)).logit().square().mean().sqrt()
        assert rms.item() == pytest.approx(0.7, rel=0.06)
    assert Maco(1, 24, 20).paint(phases(Maco(1, 24, 20), 5, 40)).logit().square().mean().sqrt().item() == pytest.approx(
        1, rel=0.06
    )


def test_without_photographs_the_law_is_held():
    magnitude = Maco(2, 8, 8, decay=1.5, contrast=0.5).magnitude
    # frequencies 1/8, 2/8 and 3/8 across: one over their powers
    torch.testing.assert_close(magnitude[:, 0, 1] / magnitude[:, 0, 2], torch.full((2,), 2**1.5))
    torch.testing.assert_close(magnitude[:, 0, 1] / magnitude[:, 0, 3], torch.full((2,), 3**1.5))


def test_the_magnitude_of_photographs_equals_a_windowed_transform_written_as_loops():
    pictures = torch.rand(2, 1, 4, 6, generator=torch.Generator().manual_seed(2))
    expected = torch.zeros(4, 4, dtype=torch.float64)
    for picture in logits(pictures)[:, 0].double():
        mean = picture.mean()
        window = torch.tensor(
            [[math.sin(math.pi * y / 4) ** 2 * math.sin(math.pi * x / 6) ** 2 for x in range(6)] for y in range(4)]
        )
        window = window.double() / window.double().square().mean().sqrt()
        for v in range(4):
            for u in range(4):
                total = 0j
                for y in range(4):
                    for x in range(6):
                        turn = -2 * math.pi * (v * y / 4 + u * x / 6)
                        total += ((picture[y, x] - mean) * window[y, x]).item() * complex(
                            math.cos(turn), math.sin(turn)
                        )
                size = abs(mean.item()) * math.sqrt(24) if u == v == 0 else abs(total) / math.sqrt(24)
                expected[v, u] += size / 2
    torch.testing.assert_close(magnitude_of(pictures)[0].double(), expected, rtol=1e-4, atol=1e-5)


def test_a_pictures_phases_paint_it_where_its_magnitudes_are_held():
    picture = 0.05 + 0.9 * torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(3))
    natural = torch.fft.rfft2(unmixed(logits(picture)), norm="ortho").abs()
    canvas = Maco(3, 6, 8, natural=natural)
    torch.testing.assert_close(canvas.paint(canvas.of(picture)[None])[0], picture, rtol=0, atol=1e-4)


def test_there_is_nothing_to_blur():
    canvas = Maco(1, 4, 4)
    with pytest.raises(UserError, match="expected blur to be 0"):
        canvas.blurred(phases(canvas), 1.0)
