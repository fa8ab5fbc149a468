"""Integrated gradients against an integral solved on paper, and against captum."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from torch import Tensor, nn

import generator
from generator.engine.plan import Request, plan
from generator.engine.probe import probed
from generator.errors import UserError
from generator.library import engine_for
from generator.methods import Cost
from generator.methods.integrated_gradients import IntegratedGradients, quadrature
from generator.model.describe import describe
from generator.names import INPUT, ClassTarget, LayerName, Unit
from tests.methods.examples import exactly, facts, photo, resnet18, same, vgg11


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


@pytest.mark.parametrize("baseline", ["black", "white"])
def test_baselines_of_one_colour_equal_captum_s(baseline: str):
    model, x = resnet18(), photo(2)
    ends = ([-2.0, -1.5, -1.0], [2.5, 2.0, 1.5])
    blank = torch.tensor(ends[baseline == "white"])[:, None, None].expand_as(x)
    reference = captum.attr.IntegratedGradients(model).attribute(x, blank, target=3, n_steps=11)
    options = {"integrated_gradients": {"baseline": baseline, "steps": 11}}
    found = generator.attribute(model, x, "integrated_gradients", target=3, options=options, ends=ends)
    same(found, reference.float())  # type: ignore[arg-type]


def test_the_completeness_error_is_what_is_missing_as_a_share_of_the_rise():
    x, steps = photo(1), 9
    blank = torch.full_like(x, -1.0)
    targets = (ClassTarget(0), ClassTarget(3), Unit(LayerName("layer2"), 5))
    engine = engine_for(resnet18(), describe(resnet18(), (3, 64, 64)))
    (served,) = engine.run(x, plan([Request("ig", IntegratedGradients(steps), INPUT, targets)], engine.facts))
    made = probed(engine, served, 0, x, (torch.full((3,), -1.0), torch.ones(3)), 0)

    def values(x: Tensor) -> list[Tensor]:
        layer2 = generator.activations(resnet18(), x, "layer2")[LayerName("layer2")]
        return [*resnet18()(x).detach()[0, [0, 3]], layer2[0, 5].mean()]

    for one, at_x, at_blank in zip(made, values(x), values(blank), strict=True):
        ((name, error),) = one.facts  # type: ignore[union-attr]
        rise = float(at_x - at_blank)
        assert name == "completeness error"
        assert error == pytest.approx((float(one.values.sum()) - rise) / abs(rise), abs=1e-4)  # type: ignore[union-attr]
        assert abs(error) > 1e-4, "nine steps are too few for this model, and the error says so"


def test_more_steps_leave_a_smaller_error():
    model, x = resnet18(), photo(1)
    rise = (model(x) - model(torch.zeros_like(x)))[0, 3].item()
    errors = []
    for steps in (4, 100):
        options = {"integrated_gradients": {"baseline": "zero", "steps": steps}}
        found = generator.attribute(model, x, "integrated_gradients", target=3, options=options)
        errors.append(abs(float(found.sum()) - rise) / abs(rise))  # type: ignore[union-attr]
    assert errors[1] < 0.02
    assert errors[1] < errors[0] / 3


def test_what_it_costs_and_what_its_options_may_be():
    assert IntegratedGradients(steps=5).cost(facts(), None, 3) == Cost(7, 15)
    with pytest.raises(UserError, match="expected baseline to be black, white or zero, received 'grey'"):
        IntegratedGradients(baseline="grey")
    with pytest.raises(UserError, match="integrated_gradients: expected steps to be 1 or more, received 0"):
        IntegratedGradients(steps=0)
