"""The ascent: steps by hand, as a loop, as Adam where the two are one; silence and any scale of gradient."""

import math

import pytest
import torch

from generator.search.ascent import PooledAscent
from generator.search.fourier import Fourier


def exactly(found: torch.Tensor, expected: object) -> None:
    torch.testing.assert_close(found, torch.tensor(expected), rtol=1e-6, atol=1e-7)


def test_two_steps_by_hand():
    # a picture of 1 x 2: ring 0 is the mean, ring 1 the one wave
    canvas = Fourier(1, 1, 2)
    assert canvas.groups.tolist() == [[0, 1]]
    ascent = PooledAscent(canvas.groups, rate=0.1, memory=(0.5, 0.75))
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


def test_less_evenly_a_stronger_ring_moves_further_and_all_as_far_in_the_mean():
    canvas = Fourier(1, 1, 2)
    g = torch.tensor([[[[[3.0, 4.0], [2.0, 0.0]]]]])  # root mean squares sqrt(12.5) and sqrt(2), 2.5 to 1
    z = PooledAscent(canvas.groups, 0.1, 0.9).step(torch.zeros_like(g), g)
    stronger = 2 * 2.5**0.1 / (2.5**0.1 + 1)
    a, b = 0.1 / math.sqrt(12.5) * stronger, 0.1 / math.sqrt(2) * (2 - stronger)
    exactly(z, [[[[[3 * a, 4 * a], [2 * b, 0.0]]]]])


def test_a_ring_that_no_wave_is_in_counts_for_nothing():
    groups = torch.tensor([[0, 3]])  # as of a picture so flat that frequencies are left out
    g = torch.tensor([[[[[3.0, 4.0], [2.0, 0.0]]]]])
    own, full = (PooledAscent(of, 0.1, 0.9).step(torch.zeros_like(g), g) for of in (groups, groups.clamp(max=1)))
    assert torch.equal(own, full)


@pytest.mark.parametrize("even", [1.0, 0.9])
def test_equals_the_ascent_written_as_a_loop(even: float):
    canvas, rate, (fast, slow) = Fourier(2, 5, 6), 0.02, (0.5, 0.9)
    gen = torch.Generator().manual_seed(2)
    z = torch.randn(3, 2, 5, 4, 2, generator=gen)
    gradients = [torch.randn(z.shape, generator=gen) * 10.0 ** (k - 2) for k in range(4)]
    ascent, found = PooledAscent(canvas.groups, rate, even, (fast, slow)), z
    for gradient in gradients:
        found = ascent.step(found, gradient)
    expected, rings = z.double().clone(), sorted(set(canvas.groups.flatten().tolist()))
    places = {ring: [(v, u) for v in range(5) for u in range(4) if canvas.groups[v, u] == ring] for ring in rings}
    for b in range(3):
        first = {(c, v, u, part): 0.0 for c in range(2) for v in range(5) for u in range(4) for part in range(2)}
        second = dict.fromkeys(rings, 0.0)
        for t, gradient in enumerate(gradients, start=1):
            largest = max(abs(g) for g in gradient[b].flatten().tolist())
            values = {at: gradient[(b, *at)].item() / largest for at in first}
            size = {}
            for ring in rings:
                own = [values[c, v, u, part] for c in range(2) for v, u in places[ring] for part in range(2)]
                second[ring] = slow * second[ring] + (1 - slow) * sum(g * g for g in own) / len(own)
                size[ring] = math.sqrt(second[ring] / (1 - slow**t))
            usual = sum(one ** (1 - even) for one in size.values()) / len(size)
            for at, g in values.items():
                first[at] = fast * first[at] + (1 - fast) * g
                ring = canvas.groups[at[1], at[2]].item()
                share = size[ring] ** (1 - even) / usual
                expected[(b, *at)] += rate * share * first[at] / (1 - fast**t) / size[ring]
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)


def test_is_adam_where_a_ring_is_one_gradient():
    canvas = Fourier(1, 1, 4)  # rings 0, 1, 2, one coefficient each; real and imaginary gradients of one size
    size = torch.tensor([3.0, 0.5, 2.0]).view(1, 1, 1, 3, 1)
    signs = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]).view(1, 1, 1, 3, 2)
    parameter = torch.nn.Parameter(torch.zeros(1, 1, 1, 3, 2))
    adam = torch.optim.Adam([parameter], lr=0.1, betas=(0.5, 0.9), eps=0, maximize=True)
    ascent, z = PooledAscent(canvas.groups, 0.1), torch.zeros(1, 1, 1, 3, 2)
    for k in (1.0, -0.3, 2.0):
        parameter.grad = k / abs(k) * size * signs / 3  # by its direction, the largest entry 1
        adam.step()
        z = ascent.step(z, k * size * signs)
    torch.testing.assert_close(z, parameter.detach())


def test_a_picture_without_gradient_stays_and_leaves_its_neighbour_alone():
    canvas = Fourier(3, 6, 6)
    gen = torch.Generator().manual_seed(3)
    z, g = torch.randn(2, 3, 6, 4, 2, generator=gen), torch.randn(2, 3, 6, 4, 2, generator=gen)
    g[0] = 0
    together, alone = PooledAscent(canvas.groups, 0.1), PooledAscent(canvas.groups, 0.1)
    both, one = together.step(together.step(z, g), g), alone.step(alone.step(z[1:], g[1:]), g[1:])
    assert torch.equal(both[0], z[0])
    assert torch.equal(both[1:], one)
    assert not torch.equal(one, z[1:])


@pytest.mark.parametrize("scale", [1e-37, 1e-20, 1e30])
def test_no_scale_of_gradient_is_too_small_or_too_large(scale):
    canvas = Fourier(3, 6, 6)
    g = torch.randn(1, 3, 6, 4, 2, generator=torch.Generator().manual_seed(3))
    expected = PooledAscent(canvas.groups, 0.1).step(torch.zeros_like(g), g)
    torch.testing.assert_close(
        PooledAscent(canvas.groups, 0.1).step(torch.zeros_like(g), g * scale), expected, rtol=1e-3, atol=1e-5
    )


def test_a_gradient_that_is_no_number_moves_nothing():
    z = torch.zeros(1, 3, 4, 3, 2)
    assert torch.equal(PooledAscent(Fourier(3, 4, 4).groups, 0.1).step(z, torch.full_like(z, torch.nan)), z)


@pytest.mark.parametrize("none", [torch.nan, torch.inf, -torch.inf])
def test_where_a_gradient_is_no_number_it_counts_as_zero_and_the_rest_as_ever(none):
    groups, gen = Fourier(2, 4, 4).groups, torch.Generator().manual_seed(3)
    z, gradient = torch.randn(2, 2, 4, 3, 2, generator=gen), torch.randn(2, 2, 4, 3, 2, generator=gen)
    zeroed, broken = gradient.clone(), gradient.clone()
    zeroed[1, 0, 2, 1, 0], broken[1, 0, 2, 1, 0] = 0.0, none
    kept = broken.clone()
    assert torch.equal(PooledAscent(groups, 0.1).step(z, broken), PooledAscent(groups, 0.1).step(z, zeroed))
    assert torch.equal(broken, kept) or none != none, "the gradient is the caller's"
