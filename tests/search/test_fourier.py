"""Pictures in Fourier coordinates: numbers by hand, and each formula written a second, slow way in double precision."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.search.canvas import frequencies
from generator.search.colours import COLOUR_MIX
from generator.search.fourier import START, Fourier


def exactly(found: Tensor, expected: object) -> None:
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-6, atol=1e-7)


# ---- the spectrum


def test_frequencies_by_hand():
    half, corner = 0.5, math.sqrt(0.5)
    diagonal, steep = math.sqrt(0.125), math.sqrt(0.3125)
    exactly(
        frequencies(4, 4),
        [[0.0, 0.25, half], [0.25, diagonal, steep], [half, steep, corner], [0.25, diagonal, steep]],
    )
    exactly(frequencies(1, 5), [[0.0, 0.2, 0.4]])


def test_scale_by_hand_the_mean_counts_as_one_cycle_in_the_longer_side():
    # lowest frequency 1/4; 1 / 0.25 = 4, 1 / 0.5 = 2
    exactly(Fourier(1, 1, 4).scale, [[4.0, 4.0, 2.0]])
    exactly(Fourier(1, 1, 4, decay=2).scale, [[16.0, 16.0, 4.0]])
    # two rows of eight: lowest 1/8, and the second row's own frequency 1/2 is above it
    exactly(Fourier(1, 2, 8, decay=1).scale[:, 0], [8.0, 2.0])


def test_rings_by_hand():
    # cycles in 4 pixels: sqrt(2) is nearest to 1, sqrt(5) to 2, sqrt(8) to 3
    assert Fourier(1, 4, 4).groups.tolist() == [[0, 1, 2], [1, 1, 2], [2, 2, 3], [1, 1, 2]]
    # the longer side counts: a cycle in 2 rows is half a cycle a pixel, 4 in the 8 of the longer side
    assert Fourier(1, 2, 8).groups[:, 0].tolist() == [0, 4]


def test_one_coefficient_is_one_wave_by_hand():
    canvas = Fourier(1, 2, 4, decay=0)
    z = torch.zeros(1, 1, 2, 3, 2)
    z[..., 0, 1, 0] = 4.0  # one cycle across
    # 2 Re(4 e^(i pi x / 2)) / sqrt(8) / 4 = cos(pi x / 2) / sqrt(2)
    wave = torch.tensor([1.0, 0.0, -1.0, 0.0]) / math.sqrt(2)
    torch.testing.assert_close(canvas.paint(z), wave.sigmoid().expand(1, 1, 2, 4), rtol=1e-6, atol=1e-7)


def slowly(z: np.ndarray, canvas: Fourier) -> np.ndarray:
    """The published formula, pixel by pixel: scale, inverse transform, / 4, colours, contrast, sigmoid."""
    _, c, h, _, _ = z.shape
    w = canvas.width
    out = np.zeros((len(z), c, h, w))
    for v in range(h):
        for u in range(w // 2 + 1):
            f = math.hypot(min(v, h - v) / h, u / w)
            scale = 1 / max(f, 1 / max(h, w)) ** canvas.decay
            twice = 1 if u == 0 or 2 * u == w else 2  # its mirror image is not stored
            value = (z[..., v, u, 0] + 1j * z[..., v, u, 1]) * scale * twice
            for y in range(h):
                for x in range(w):
                    turn = np.exp(2j * np.pi * (v * y / h + u * x / w))
                    out[:, :, y, x] += (value * turn).real / math.sqrt(h * w) / 4
    if c == 3:
        mix = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
        largest = max(math.sqrt(sum(mix[i, k] ** 2 for i in range(3))) for k in range(3))
        mixed = np.zeros_like(out)
        for i in range(3):
            for k in range(3):
                mixed[:, i] += mix[i, k] / largest * out[:, k]
        out = mixed
    if canvas.contrast:
        for picture in out:
            picture *= canvas.contrast / math.sqrt((picture**2).mean())
    return 1 / (1 + np.exp(-out))


@pytest.mark.parametrize("contrast", [0.0, 0.8])
@pytest.mark.parametrize(
    ("channels", "height", "width", "decay"), [(3, 6, 6, 1.0), (3, 5, 8, 1.2), (1, 7, 9, 1.0), (4, 8, 5, 0.5)]
)
def test_a_picture_equals_the_published_formula_written_as_loops(channels, height, width, decay, contrast):
    canvas = Fourier(channels, height, width, decay, contrast)
    z = torch.randn(2, channels, height, width // 2 + 1, 2, generator=torch.Generator().manual_seed(1))
    painted = canvas.paint(z)
    assert painted.shape == (2, channels, height, width)
    np.testing.assert_allclose(painted.numpy(), slowly(z.double().numpy(), canvas), rtol=2e-5)


def test_only_three_channels_are_mixed_as_colours():
    gray = torch.zeros(1, 3, 4, 3, 2)
    gray[:, 0, 0, 0, 0] = 1.0  # the first colour axis is brightness
    bright = Fourier(3, 4, 4).paint(gray)[0, :, 0, 0].logit()
    column = torch.tensor(COLOUR_MIX)[:, 0]
    torch.testing.assert_close(bright / bright[0], column / column[0])
    four = torch.zeros(1, 4, 4, 3, 2)
    four[:, 0, 0, 0, 0] = 1.0
    assert Fourier(4, 4, 4).paint(four)[0, 1:].sub(0.5).abs().max() == 0


def test_contrast_is_held_whatever_the_coefficients_size():
    canvas = Fourier(3, 8, 6, contrast=0.7)
    z = torch.stack([canvas.start(torch.Generator().manual_seed(k)) for k in range(3)])
    z[1] *= 1000
    logits = canvas.paint(z).double().logit()
    rms = logits.square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(rms, torch.full((3,), 0.7, dtype=torch.float64), rtol=1e-5, atol=0)
    torch.testing.assert_close(canvas.paint(z * 5), canvas.paint(z))


@pytest.mark.parametrize("contrast", [0.0, 0.9])
def test_no_coefficients_are_gray_with_a_finite_gradient(contrast):
    z = torch.zeros(1, 3, 4, 3, 2, requires_grad=True)
    painted = Fourier(3, 4, 4, contrast=contrast).paint(z)
    assert (painted == 0.5).all()
    (gradient,) = torch.autograd.grad(painted[0, 0, 0, 0], z)
    assert gradient.isfinite().all()


def test_the_start_is_faint_seeded_noise():
    canvas = Fourier(3, 64, 48)
    z = canvas.start(torch.Generator().manual_seed(4))
    assert z.shape == (3, 64, 25, 2)
    assert torch.equal(z, canvas.start(torch.Generator().manual_seed(4)))
    assert not torch.equal(z, canvas.start(torch.Generator().manual_seed(5)))
    assert abs(z.mean().item()) < START / 20
    assert abs(z.std().item() / START - 1) < 0.05


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 6, 7), (1, 5, 4), (4, 6, 6)])
def test_a_picture_is_painted_from_the_coefficients_it_was_read_into(channels, height, width):
    picture = 0.05 + 0.9 * torch.rand(channels, height, width, generator=torch.Generator().manual_seed(3))
    canvas = Fourier(channels, height, width, 1.2)
    torch.testing.assert_close(canvas.paint(canvas.of(picture)[None])[0], picture, rtol=0, atol=1e-5)
    held = dataclasses.replace(canvas, contrast=0.7)
    logits = held.paint(held.of(picture)[None])[0].logit()
    torch.testing.assert_close(
        logits / picture.logit(), torch.full_like(logits, 0.7 / picture.logit().square().mean().sqrt())
    )


def test_a_blur_is_a_gaussian_that_goes_round_written_as_a_loop():
    height, width, sigma = 5, 6, 1.5
    canvas = Fourier(1, height, width)
    z = torch.randn(1, 1, height, width // 2 + 1, 2, generator=torch.Generator().manual_seed(3))
    before, after = (canvas.paint(each).double().logit()[0, 0] for each in (z, canvas.blurred(z, sigma)))
    expected = torch.zeros(height, width, dtype=torch.float64)
    for v in range(height):
        for u in range(width):
            for y in range(-20, 21):
                for x in range(-20, 21):
                    weight = math.exp(-(y * y + x * x) / (2 * sigma**2)) / (2 * math.pi * sigma**2)
                    expected[v, u] += weight * before[(v + y) % height, (u + x) % width]
    # sampled, a Gaussian keeps a little more of the highest frequency: exp(-(pi 1.5)^2 / 2) of it
    torch.testing.assert_close(after, expected, rtol=0, atol=1e-4 * before.abs().max().item())
    assert (after - before).abs().max() > 0.2 * before.abs().max()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("contrast", [0.0, 0.9])
def test_the_gradient_of_a_picture_is_that_of_small_changes(channels, contrast):
    canvas = Fourier(channels, 5, 6, 1.2, contrast)
    z = torch.randn(2, channels, 5, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    assert torch.autograd.gradcheck(canvas.paint, (z.requires_grad_(),))
