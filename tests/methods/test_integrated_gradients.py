"""Integrated gradients against an integral solved on paper, and against captum."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from torch import Tensor, nn

import generator
from generator.methods.integrated_gradients import quadrature
from tests.methods.examples import exactly, photo, resnet18, same, vgg11


class Square(nn.Module):
    """F(x) = (sum of x)^2, behind a convolution that changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        self.conv.weight.data.fill_(1)

    def forward(self, x: Tensor) -> Tensor:
        total = self.conv(x).sum(dim=(1, 2, 3))
        return torch.stack([total**2, total], dim=1)


def test_the_path_integral_by_hand():
    # from the zero picture: IG_i = x_i * integral of 2 alpha s = x_i s, with s the sum of x; they add up to s^2
    x = torch.tensor([[[[1.0, 2.0], [-4.0, 4.0]]]])  # s = 3
    maps = generator.attribute(
        Square(),
        x,
        "integrated_gradients",
        target=0,
        options={"integrated_gradients": {"baseline": "zero", "steps": 2}},
    )
    torch.testing.assert_close(maps, torch.tensor([[[[3.0, 6.0], [-12.0, 12.0]]]]))  # type: ignore[arg-type]


def test_the_quadrature_is_exact_for_polynomials_by_hand():
    points, weights = quadrature(2, torch.zeros((), dtype=torch.float64))
    # two points integrate cubics exactly: integral of a^3 + a^2 = 1/4 + 1/3
    assert float((weights * (points**3 + points**2)).sum()) == pytest.approx(1 / 4 + 1 / 3)
    exactly(weights, [0.5, 0.5])


@pytest.mark.parametrize("make", [vgg11, resnet18])
def test_equals_captum(make):
    model, x = make(), photo(1)
    reference, delta = captum.attr.IntegratedGradients(model).attribute(
        x, torch.zeros_like(x), target=3, n_steps=12, return_convergence_delta=True
    )
    found = generator.attribute(
        model, x, "integrated_gradients", target=3, options={"integrated_gradients": {"baseline": "zero", "steps": 12}}
    )
    same(found, reference.float())  # type: ignore[arg-type]
    rise = (model(x) - model(torch.zeros_like(x)))[0, 3].item()
    assert float(found.sum()) - rise == pytest.approx(float(delta), abs=1e-4 * abs(rise))  # type: ignore[union-attr]
