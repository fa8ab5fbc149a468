"""Outputs and inputs that the library has to be told of: regressions, further inputs, named outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.errors import UserError
from tests.methods.examples import same
from tests.small_net import batch


class Number(nn.Module):
    """One number an image, below zero; with a further input it is multiplied by that."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 1)
        nn.init.constant_(self.fc.bias, -5.0)

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        out = self.fc(self.conv(x).relu().mean((2, 3)))
        return out if factor is None else out * factor


def test_a_regression_is_not_read_as_no():
    x = batch(1).requires_grad_()
    (gradient,) = torch.autograd.grad(Number()(x).sum(), x)
    same(generator.attribute(Number(), x.detach(), "saliency", target=0, head="regression"), gradient)
    same(generator.attribute(Number(), x.detach(), "saliency", target="top1"), -gradient)  # yes or no: no
    with pytest.raises(UserError, match="head: expected auto or one of"):
        generator.attribute(Number(), x.detach(), "saliency", head="regresion")


def test_a_further_input_and_where_the_scores_stand_are_said():
    x = batch(2).requires_grad_()
    (gradient,) = torch.autograd.grad(Number()(x, torch.tensor(3.0)).sum(), x)
    found = generator.attribute(
        Number(), x.detach(), "saliency", target=0, head="regression", inputs={"factor": torch.tensor([3.0])}
    )
    same(found, gradient)


class Parts(Number):
    def forward(self, x: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        out = self.fc(self.conv(x).relu().mean((2, 3)))
        return {"other": out * 2, "mine": torch.cat([out, -out], dim=1)}


def test_the_output_that_is_named_is_read():
    x = batch(1).requires_grad_()
    (gradient,) = torch.autograd.grad(Parts()(x)["mine"][:, 1].sum(), x)
    same(generator.attribute(Parts(), x.detach(), "saliency", target=1, output="mine"), gradient)


def test_why_there_is_no_class_is_said():
    class Odd(Number):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return self.fc(self.conv(x).relu().mean((2, 3)))[:, None]

    with pytest.raises(UserError, match=r"set model\.head to what it is"):
        generator.attribute(Odd(), batch(1), "saliency", target=0)


def test_a_half_precision_model_that_keeps_its_features_is_explained():
    class Keeping(Number):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            self.features = self.conv(x).relu()
            return self.fc(self.features.mean((2, 3)))

    model = Keeping().bfloat16()
    model(batch(1).bfloat16())
    assert generator.attribute(model, batch(1), "saliency", target=0).dtype == torch.float32
