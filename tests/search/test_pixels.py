"""Pictures as plain pixels: by hand, and what a blur is."""

import math

import torch

from generator.search.fourier import Fourier
from generator.search.pixels import START, Pixels


def test_a_picture_by_hand():
    z = torch.tensor([[[[[0.0], [math.log(3)]], [[-math.log(3)], [math.log(4)]]]]])
    # 1 / (1 + e^-z): 1/2, 3/4, 1/4, 4/5
    torch.testing.assert_close(Pixels(1, 2, 2).paint(z), torch.tensor([[[[0.5, 0.75], [0.25, 0.8]]]]))
    flat = torch.tensor([3.0, -3.0, 3.0, -3.0]).view(1, 1, 2, 2, 1)
    held = Pixels(1, 2, 2, contrast=math.log(3)).paint(flat)  # root mean square 3 -> log 3
    torch.testing.assert_close(held, torch.tensor([0.75, 0.25, 0.75, 0.25]).view(1, 1, 2, 2))


def test_all_pixels_share_one_step_and_start_as_faint_seeded_noise():
    canvas = Pixels(2, 30, 40)
    assert canvas.groups.shape == (30, 40)
    assert not canvas.groups.any()
    z = canvas.start(torch.Generator().manual_seed(1))
    assert z.shape == (2, 30, 40, 1)
    assert torch.equal(z, canvas.start(torch.Generator().manual_seed(1)))
    assert abs(z.std().item() / START - 1) < 0.05


def test_a_picture_is_painted_from_the_pixels_it_was_read_into():
    picture = 0.05 + 0.9 * torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(3))
    canvas = Pixels(3, 4, 5)
    torch.testing.assert_close(canvas.paint(canvas.of(picture)[None])[0], picture)
    ends = canvas.paint(canvas.of(torch.tensor([0.0, 1.0]).view(1, 1, 2).expand(3, 4, 2))[None])
    assert ends.unique().tolist() == [torch.tensor(v).logit().sigmoid().item() for v in (0.02, 0.98)]


def test_a_blur_is_the_one_of_a_spectrum():
    picture = 0.05 + 0.9 * torch.rand(1, 6, 7, generator=torch.Generator().manual_seed(3))
    pixels, spectrum = Pixels(1, 6, 7), Fourier(1, 6, 7)
    by_pixels = pixels.paint(pixels.blurred(pixels.of(picture)[None], 0.9))
    by_spectrum = spectrum.paint(spectrum.blurred(spectrum.of(picture)[None], 0.9))
    torch.testing.assert_close(by_pixels, by_spectrum, rtol=0, atol=1e-5)
    assert (by_pixels[0] - picture).abs().max() > 0.1
