"""Priors by hand, and what they do to pictures."""

import pytest
import torch

from generator.methods.activation_maximization import ActivationMaximization
from generator.search.fourier import Fourier
from generator.search.priors import distance_to_gray, total_variation
from tests.search.searching import held, random_convs, search

PICTURE = torch.tensor([[[[0.5, 0.9], [0.5, 0.1]]], [[[0.5, 0.5], [0.5, 0.5]]]])


def test_priors_by_hand():
    # down: 0, -0.8: mean square 0.32; across: 0.4, -0.4: 0.16
    torch.testing.assert_close(total_variation(PICTURE), torch.tensor([0.48, 0.0]))
    # from gray: 0, 0.4, 0, -0.4
    torch.testing.assert_close(distance_to_gray(PICTURE, 2), torch.tensor([0.08, 0.0]))
    torch.testing.assert_close(distance_to_gray(PICTURE, 1), torch.tensor([0.2, 0.0]))
    torch.testing.assert_close(distance_to_gray(PICTURE, 6), torch.tensor([0.4**6 / 2, 0.0]))
    both = ActivationMaximization(total_variation=2.0, lp=10.0, p=3.0).climb.prior(PICTURE)
    torch.testing.assert_close(both, torch.tensor([0.96 + 10 * 0.032, 0.0]))
    assert ActivationMaximization().climb.prior(PICTURE) is None


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 6.0])
def test_gray_has_a_finite_gradient_at_every_power(p):
    gray = torch.full((1, 1, 2, 2), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(distance_to_gray(gray, p).sum(), gray)
    assert gradient.tolist() == torch.zeros_like(gradient).tolist()


def test_a_large_power_forbids_what_burns_out_and_spares_what_is_pale():
    options = {"contrast": 0, "rate": 0.06, "steps": 32}
    with held(random_convs(), (3, 32, 32)) as it:
        plain, two, six = (
            search(ActivationMaximization(**options, **prior), it, "2", 0).values.sub(0.5).abs()
            for prior in ({}, {"lp": 30.0, "p": 2.0}, {"lp": 1000.0, "p": 6.0})
        )
    assert plain.median() > 0.45
    assert abs(two.median() - six.median()) < 0.03
    assert two.median() < 0.35
    assert six.max() < two.max() - 0.01 < plain.max() - 0.03


@pytest.mark.parametrize("parametrization", ["fourier", "pixel"])
def test_a_blur_between_steps_leaves_less_that_is_fine(parametrization):
    with held(random_convs(), (3, 32, 32)) as it:
        made = [
            search(ActivationMaximization(parametrization=parametrization, blur=blur, blur_every=2), it, "2", 0).values
            for blur in (0.0, 1.5)
        ]
    rough = [total_variation(values).item() for values in made]
    assert rough[1] < 0.6 * rough[0]


@pytest.mark.parametrize(("steps", "blurred"), [(2, 0), (3, 1), (7, 2)])
def test_it_is_blurred_after_every_so_many_steps(steps, blurred, monkeypatch):
    seen = []
    monkeypatch.setattr(Fourier, "blurred", lambda canvas, z, sigma: seen.append(sigma) or z)
    with held(random_convs(), (3, 32, 32)) as it:
        search(ActivationMaximization(steps=steps, blur=1.5, blur_every=3), it, "2", 0)
    assert seen == [1.5] * blurred
