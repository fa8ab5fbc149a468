"""SmoothGrad-Squared: by hand, and against captum's NoiseTunnel on the same noise."""

from __future__ import annotations

import pytest
import torch

import generator
from generator.methods import Cost
from generator.methods.smooth_grad_squared import SmoothGradSquared
from tests.methods.examples import facts, photo, resnet18, same, vgg11
from tests.methods.test_smooth_grad import Linear, Tunnel, told, tunnel

__all__ = ["tunnel"]


def test_the_mean_of_squares_by_hand():
    first, second = told(SmoothGradSquared(samples=3))
    torch.testing.assert_close(first, torch.tensor([[[[(1 + 25 + 36) / 3]]]]))
    torch.testing.assert_close(second, torch.tensor([[[[(4 + 0 + 1) / 3]]]]))


@pytest.mark.parametrize("build", [vgg11, resnet18])
def test_equals_captum_on_the_same_noise(build, tunnel: Tunnel):
    found, expected = tunnel(build(), photo(1), "smooth_grad_squared", "smoothgrad_sq", 3)
    same(found, expected)
    assert found.min() >= 0


def test_of_a_linear_model_it_is_the_gradient_s_square():
    x = photo(1, channels=1, height=5, width=4)
    found = generator.attribute(Linear(), x, "smooth_grad_squared", target=0)
    torch.testing.assert_close(found, torch.full((1, 1, 5, 4), 4.0))


def test_it_is_smooth_grad_s_square_and_var_grad():
    maps = generator.attribute(resnet18(), photo(1), ["smooth_grad", "smooth_grad_squared", "var_grad"], target=3)
    same(maps["smooth_grad_squared"], maps["smooth_grad"].square() + maps["var_grad"])


def test_what_it_costs():
    assert SmoothGradSquared(samples=5).cost(facts(), None, 3) == Cost(5, 15)
