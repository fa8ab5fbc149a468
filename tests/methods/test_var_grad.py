"""VarGrad: by hand, and against captum's NoiseTunnel on the same noise."""

from __future__ import annotations

import pytest
import torch

import generator
from generator.methods import Cost
from generator.methods.var_grad import VarGrad
from tests.methods.examples import exactly, facts, photo, resnet18, same, vgg11
from tests.methods.test_smooth_grad import Linear, Tunnel, told, tunnel

__all__ = ["tunnel"]


def test_the_variance_by_hand():
    first, second = told(VarGrad(samples=3))
    torch.testing.assert_close(first, torch.tensor([[[[(9 + 1 + 4) / 3]]]]))  # 1, 5 and 6 around 4
    torch.testing.assert_close(second, torch.tensor([[[[(1 + 1 + 0) / 3]]]]))  # -2, 0 and -1 around -1


@pytest.mark.parametrize("build", [vgg11, resnet18])
def test_equals_captum_on_the_same_noise(build, tunnel: Tunnel):
    found, expected = tunnel(build(), photo(1), "var_grad", "vargrad", 3)
    same(found, expected)
    assert found.min() >= 0


def test_of_a_linear_model_it_is_zero():
    x = photo(1, channels=1, height=5, width=4)
    exactly(generator.attribute(Linear(), x, "var_grad", target=0), torch.zeros(1, 1, 5, 4))  # type: ignore[arg-type]


def test_what_it_costs():
    assert VarGrad(samples=5).cost(facts(), None, 3) == Cost(5, 15)
