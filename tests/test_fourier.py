"""Pictures in Fourier coordinates: numbers by hand, and each formula written a second, slow way in double precision."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.search.fourier import COLOUR_MIX, START, Canvas, RingAscent, frequencies


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
    exactly(Canvas(1, 1, 4).scale, [[4.0, 4.0, 2.0]])
    exactly(Canvas(1, 1, 4, decay=2).scale, [[16.0, 16.0, 4.0]])
    # two rows of eight: lowest 1/8, and the second row's own frequency 1/2 is above it
    exactly(Canvas(1, 2, 8, decay=1).scale[:, 0], [8.0, 2.0])


def test_rings_by_hand():
    # cycles in 4 pixels: sqrt(2) is nearest to 1, sqrt(5) to 2, sqrt(8) to 3
    assert Canvas(1, 4, 4).rings.tolist() == [[0, 1, 2], [1, 1, 2], [2, 2, 3], [1, 1, 2]]
    # the longer side counts: a cycle in 2 rows is half a cycle a pixel, 4 in the 8 of the longer side
    assert Canvas(1, 2, 8).rings[:, 0].tolist() == [0, 4]


def test_one_coefficient_is_one_wave_by_hand():
    canvas = Canvas(1, 2, 4, decay=0)
    z = torch.zeros(1, 1, 2, 3, 2)
    z[..., 0, 1, 0] = 4.0  # one cycle across
    # 2 Re(4 e^(i pi x / 2)) / sqrt(8) / 4 = cos(pi x / 2) / sqrt(2)
    wave = torch.tensor([1.0, 0.0, -1.0, 0.0]) / math.sqrt(2)
    torch.testing.assert_close(canvas.paint(z), wave.sigmoid().expand(1, 1, 2, 4), rtol=1e-6, atol=1e-7)


def slowly(z: np.ndarray, canvas: Canvas) -> np.ndarray:
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
    canvas = Canvas(channels, height, width, decay, contrast)
    z = torch.randn(2, channels, height, width // 2 + 1, 2, generator=torch.Generator().manual_seed(1))
    painted = canvas.paint(z)
    assert painted.shape == (2, channels, height, width)
    np.testing.assert_allclose(painted.numpy(), slowly(z.double().numpy(), canvas), rtol=2e-5)


def test_only_three_channels_are_mixed_as_colours():
    gray = torch.zeros(1, 3, 4, 3, 2)
    gray[:, 0, 0, 0, 0] = 1.0  # the first colour axis is brightness
    bright = Canvas(3, 4, 4).paint(gray)[0, :, 0, 0].logit()
    column = torch.tensor(COLOUR_MIX)[:, 0]
    torch.testing.assert_close(bright / bright[0], column / column[0])
    four = torch.zeros(1, 4, 4, 3, 2)
    four[:, 0, 0, 0, 0] = 1.0
    assert Canvas(4, 4, 4).paint(four)[0, 1:].sub(0.5).abs().max() == 0


def test_contrast_is_held_whatever_the_coefficients_size():
    canvas = Canvas(3, 8, 6, contrast=0.7)
    z = torch.stack([canvas.start(torch.Generator().manual_seed(k)) for k in range(3)])
    z[1] *= 1000
    logits = canvas.paint(z).double().logit()
    rms = logits.square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(rms, torch.full((3,), 0.7, dtype=torch.float64), rtol=1e-5, atol=0)
    torch.testing.assert_close(canvas.paint(z * 5), canvas.paint(z))


@pytest.mark.parametrize("contrast", [0.0, 0.9])
def test_no_coefficients_are_gray_with_a_finite_gradient(contrast):
    z = torch.zeros(1, 3, 4, 3, 2, requires_grad=True)
    painted = Canvas(3, 4, 4, contrast=contrast).paint(z)
    assert (painted == 0.5).all()
    (gradient,) = torch.autograd.grad(painted[0, 0, 0, 0], z)
    assert gradient.isfinite().all()


def test_the_start_is_faint_seeded_noise():
    canvas = Canvas(3, 64, 48)
    z = canvas.start(torch.Generator().manual_seed(4))
    assert z.shape == (3, 64, 25, 2)
    assert torch.equal(z, canvas.start(torch.Generator().manual_seed(4)))
    assert not torch.equal(z, canvas.start(torch.Generator().manual_seed(5)))
    assert abs(z.mean().item()) < START / 20
    assert abs(z.std().item() / START - 1) < 0.05


# ---- the ascent


def test_two_steps_by_hand():
    # a picture of 1 x 2: ring 0 is the mean, ring 1 the one wave
    canvas = Canvas(1, 1, 2)
    assert canvas.rings.tolist() == [[0, 1]]
    ascent = RingAscent(canvas, rate=0.1, memory=(0.5, 0.75))
    z = torch.zeros(1, 1, 1, 2, 2)
    # first step: moments are the gradient and its ring's mean square, 12.5 and 2: z = 0.1 * g / sqrt
    g = torch.tensor([[[[[3.0, 4.0], [2.0, 0.0]]]]])
    z = ascent.step(z, g)
    a, b = 0.1 / math.sqrt(12.5), 0.1 / math.sqrt(2)
    exactly(z, [[[[[3 * a, 4 * a], [2 * b, 0.0]]]]])
    # gradients count by their direction: the first is (3, 4), (2, 0) / 4, the second (0, 0), (0, 2) / 2.
    # First moment: (0.1875, 0.25), (0.125, 0.5), over 1 - 0.5^2; second: 0.1875 * 12.5 / 16 and
    # 0.1875 * 2 / 16 + 0.25 * 0.5, over 1 - 0.75^2
    before = z
    z = ascent.step(z, torch.tensor([[[[[0.0, 0.0], [0.0, 2.0]]]]]))
    a, b = 0.1 / math.sqrt(0.146484375 / 0.4375), 0.1 / math.sqrt(0.1484375 / 0.4375)
    exactly(z - before, [[[[[a * 0.25, a / 3], [b / 6, b * 2 / 3]]]]])


def test_equals_the_ascent_written_as_a_loop():
    canvas, rate, (fast, slow) = Canvas(2, 5, 6), 0.02, (0.5, 0.9)
    gen = torch.Generator().manual_seed(2)
    z = torch.randn(3, 2, 5, 4, 2, generator=gen)
    gradients = [torch.randn(z.shape, generator=gen) * 10.0 ** (k - 2) for k in range(4)]
    ascent, found = RingAscent(canvas, rate, (fast, slow)), z
    for gradient in gradients:
        found = ascent.step(found, gradient)
    expected = z.double().clone()
    for b in range(3):
        for ring in set(canvas.rings.flatten().tolist()):
            places = [(v, u) for v in range(5) for u in range(4) if canvas.rings[v, u] == ring]
            first = {(c, v, u, part): 0.0 for c in range(2) for v, u in places for part in range(2)}
            second = 0.0
            for t, gradient in enumerate(gradients, start=1):
                largest = max(abs(g) for g in gradient[b].flatten().tolist())
                values = {at: gradient[(b, *at)].item() / largest for at in first}
                second = slow * second + (1 - slow) * sum(g * g for g in values.values()) / len(values)
                for at, g in values.items():
                    first[at] = fast * first[at] + (1 - fast) * g
                    step = first[at] / (1 - fast**t) / math.sqrt(second / (1 - slow**t))
                    expected[(b, *at)] += rate * step
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)


def test_is_adam_where_a_ring_is_one_gradient():
    canvas = Canvas(1, 1, 4)  # rings 0, 1, 2, one coefficient each; real and imaginary gradients of one size
    size = torch.tensor([3.0, 0.5, 2.0]).view(1, 1, 1, 3, 1)
    signs = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]).view(1, 1, 1, 3, 2)
    parameter = torch.nn.Parameter(torch.zeros(1, 1, 1, 3, 2))
    adam = torch.optim.Adam([parameter], lr=0.1, betas=(0.5, 0.9), eps=0, maximize=True)
    ascent, z = RingAscent(canvas, 0.1), torch.zeros(1, 1, 1, 3, 2)
    for k in (1.0, -0.3, 2.0):
        parameter.grad = k / abs(k) * size * signs / 3  # by its direction, the largest entry 1
        adam.step()
        z = ascent.step(z, k * size * signs)
    torch.testing.assert_close(z, parameter.detach())


def test_a_picture_without_gradient_stays_and_leaves_its_neighbour_alone():
    canvas = Canvas(3, 6, 6)
    gen = torch.Generator().manual_seed(3)
    z, g = torch.randn(2, 3, 6, 4, 2, generator=gen), torch.randn(2, 3, 6, 4, 2, generator=gen)
    g[0] = 0
    together, alone = RingAscent(canvas, 0.1), RingAscent(canvas, 0.1)
    both, one = together.step(together.step(z, g), g), alone.step(alone.step(z[1:], g[1:]), g[1:])
    assert torch.equal(both[0], z[0])
    assert torch.equal(both[1:], one)
    assert not torch.equal(one, z[1:])


@pytest.mark.parametrize("scale", [1e-37, 1e-20, 1e30])
def test_no_scale_of_gradient_is_too_small_or_too_large(scale):
    canvas = Canvas(3, 6, 6)
    g = torch.randn(1, 3, 6, 4, 2, generator=torch.Generator().manual_seed(3))
    expected = RingAscent(canvas, 0.1).step(torch.zeros_like(g), g)
    torch.testing.assert_close(
        RingAscent(canvas, 0.1).step(torch.zeros_like(g), g * scale), expected, rtol=1e-3, atol=1e-5
    )


def test_a_gradient_that_is_no_number_moves_nothing():
    z = torch.zeros(1, 3, 4, 3, 2)
    assert torch.equal(RingAscent(Canvas(3, 4, 4), 0.1).step(z, torch.full_like(z, torch.nan)), z)
