"""The examples that articles work out in words, for readers without scripts, are torch's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEMPLATES = Path(__file__).resolve().parents[2] / "templates/learn"


def said(article: str) -> str:
    return (TEMPLATES / f"{article}.html").read_text("utf-8").replace("−", "-")


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_a_patch_and_the_size_of_an_output():
    patch, kernel = double(0, 2, 2).expand(3, 3), double(-1, 0, 1).expand(3, 3)
    made = float(F.conv2d(patch[None, None], kernel[None, None]))
    assert f"the patch (0 2 2), three times, gives 3 · (0 · (-1) + 2 · 0 + 2 · 1) = {made:g}." in said("convolution")
    columns = F.conv1d(torch.zeros(1, 1, 7), torch.zeros(1, 1, 3), stride=2, padding=1).shape[2]
    assert f"⌊(7 + 2 · 1 - 1 · (3 - 1) - 1) / 2⌋ + 1 = {columns} columns" in said("convolution")


def test_a_maximum_a_mean_and_their_gradients():
    x = double(1, 3, 4, 2).reshape(1, 1, 2, 2).requires_grad_()
    largest, where = F.max_pool2d(x, 2, return_indices=True)
    mean = F.avg_pool2d(x, 2)
    assert int(where) // 2 == 1
    assert f"Of 1, 3, 4, 2 the maximum is {float(largest.detach()):g}, in the second row" in said("pooling")
    assert f"Of their mean, {float(mean.detach()):g}, each place gets a quarter" in said("pooling")
    (share,) = torch.autograd.grad(mean.sum(), x)
    assert (share == 1 / 4).all()


def test_a_batch_that_is_normalised_and_a_convolution_that_is_folded():
    batch = double(-1.5, 0.5, 1, 2.5, 3, 4.5)[:, None]
    made = nn.BatchNorm1d(1).double()(batch)[:, 0].tolist()
    numbers = ", ".join(f"{v:.2f}" for v in made[:-1]) + f" and {made[-1]:.2f}"
    told = f"the mean is {float(batch.mean()):.2f} and the variance {float(batch.var(unbiased=False)):.2f}; normalised they are {numbers}."
    assert told in said("batch_norm")
    conv, norm = nn.Conv2d(1, 1, 1).double(), nn.BatchNorm2d(1, eps=0).double()
    with torch.no_grad():
        for tensor, value in ((conv.weight, 2), (conv.bias, 0), (norm.weight, 1.5), (norm.bias, -0.5), (norm.running_mean, 0.5), (norm.running_var, 4)):  # fmt: skip
            tensor.fill_(value)  # type: ignore[union-attr]
    fused = nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm.eval())
    weight, bias = float(fused.weight.detach()), float(fused.bias.detach())  # type: ignore[union-attr,operator]
    told = f"With γ = 1.5, σ² = 4, μ = 0.5 and β = -0.5 the factor is {weight / 2:g}: a weight of 2 becomes {weight:g}, and a bias of 0 becomes (0 - 0.5) · 0.75 - 0.5 = {bias:g}."
    assert told in said("batch_norm")


def test_values_and_slopes_of_activations():
    x = double(1.5, -1.5).requires_grad_()
    (relu,) = torch.autograd.grad(F.relu(x).sum(), x)
    assert F.relu(x).tolist() == [1.5, 0]
    assert f"ReLU(1.5) = 1.5 with slope {relu[0]:g}; ReLU(-1.5) = 0 with slope {relu[1]:g}" in said("activation")
    silu = F.silu(x)
    (slope,) = torch.autograd.grad(silu.sum(), x)
    told = (
        f"SiLU(1.5) = 1.5 · {float(torch.sigmoid(x[0])):.3f} = {float(silu[0]):.2f} with slope {float(slope[0]):.2f}."
    )
    assert told in said("activation")
    on = torch.special.ndtr(double(-3, -6))
    assert f"With mean -3 and spread 1, {100 * float(on[0]):.2f} of 100 places are on" in said("activation")
    assert round(1 / float(on[1]) / 1e9) == 1
    assert "with mean -6, one in a thousand million" in said("activation")


RULES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Plain hands on": lambda x, g: g * (x > 0),
    "deconvnet": lambda x, g: g * (g > 0),
    "guided": lambda x, g: g * (x > 0) * (g > 0),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_rules_hand_on(rule: str):
    x, g = double(2, -1, 3).requires_grad_(), double(1, -2, -1)
    found = RULES[rule](x.detach(), g)
    if rule == "Plain hands on":
        assert (found == torch.autograd.grad(F.relu(x), x, g)[0]).all()
    assert "In: 2, -1, 3. Gradient at the output: 1, -2, -1." in said("backprop_rules")
    assert f"{rule} {', '.join(f'{v + 0:g}' for v in found.tolist())}".replace("-0", "0") in said("backprop_rules")


def field(*strides: int) -> int:
    """How many inputs one output of a stack of kernels of three reads, by its gradient."""
    x = torch.zeros(1, 1, 64, dtype=torch.float64, requires_grad=True)
    y = x
    for stride in strides:
        y = F.conv1d(y, torch.ones(1, 1, 3, dtype=torch.float64), stride=stride)
    (read,) = torch.autograd.grad(y[0, 0, 0], x)
    return int((read != 0).sum())


def test_receptive_fields():
    even, wide = [field(*(1,) * n) for n in (1, 2, 3)], [field(2), field(2, 2), field(2, 2, 1)]
    told = f"Three layers of kernel 3: 1 + 2 = {even[0]}, 3 + 2 = {even[1]}, 5 + 2 = {even[2]} pixels. With stride 2 in the first two: {', '.join(map(str, wide))}."
    assert told in said("receptive_field")
    spread = (10 * float(double(-1, 0, 1).var(unbiased=False))) ** 0.5
    assert f"a field of {field(*(1,) * 10)} columns, and a bell with a standard deviation of √(10 · 2/3) = {spread:.2f} columns" in said("receptive_field")  # fmt: skip
