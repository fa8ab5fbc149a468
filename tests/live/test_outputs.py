"""A model with its maps as outputs gives what hooks on torch's own modules give."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.live.outputs import Outputs
from generator.model.describe import describe
from generator.names import LayerName


class Twice(nn.Module):
    """In-place rectifiers, a sum in place, a module called twice, a function, and an average in front of the head."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.ReLU(inplace=True)
        self.again = nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.conv(x)))
        y = self.again(x)
        y += x
        y = self.act(y)
        y = torch.sigmoid(y)
        return self.fc(y.mean((2, 3)))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    made = Twice().eval()
    made.norm.running_mean.normal_()
    made.norm.weight.data.normal_()
    return made


def outputs(net: nn.Module, size: tuple[int, int, int] = (3, 12, 10)) -> Outputs:
    found = describe(net, size)
    return Outputs(net, found, [layer.name for layer in found.layers])


def test_maps_are_those_that_each_layer_gave_before_others_wrote_over_them(net: nn.Module):
    made = outputs(net)
    x = torch.randn(1, 3, 12, 10)
    found = dict(zip(made.names, made(x), strict=True))
    conv = net.conv(x)
    norm = net.norm(conv)
    first = norm.clamp(min=0)
    again = net.again(first)
    summed = again + first
    expected = {
        "conv": conv, "norm": norm, "act": first, "again": again, "act@2": summed.clamp(min=0),
        "F.sigmoid": summed.clamp(min=0).sigmoid(),
    }  # fmt: skip
    assert set(expected) <= set(made.layers)
    for name, value in expected.items():
        torch.testing.assert_close(found[f"m{made.layers.index(LayerName(name))}"], value)
    torch.testing.assert_close(found["scores"], net.fc(summed.clamp(min=0).sigmoid().mean((2, 3))))


def test_class_activation_maps_average_to_the_scores(net: nn.Module):
    made = outputs(net)
    assert made.averaged == "F.sigmoid"
    found = dict(zip(made.names, made(torch.randn(1, 3, 12, 10)), strict=True))
    assert found["cams"].shape == (1, 5, 12, 10)
    torch.testing.assert_close(found["cams"].mean((2, 3)) + net.fc.bias, found["scores"])


def test_of_a_binary_head_no_is_minus_yes():
    torch.manual_seed(0)
    net = Twice(1).eval()
    made = outputs(net)
    found = dict(zip(made.names, made(torch.randn(1, 3, 12, 10)), strict=True))
    assert found["scores"].shape == (1, 2)
    weight, bias = made.head
    assert bias is not None
    torch.testing.assert_close(found["cams"].mean((2, 3)) + bias, found["scores"])
    torch.testing.assert_close(found["cams"][:, 0], -found["cams"][:, 1])
    assert weight.shape == (2, 6)


def test_tokens_are_maps_too():
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 8, 4, 4)
            self.mix = nn.Linear(8, 8)
            self.head = nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patch(x).flatten(2).transpose(1, 2)
            return self.head(self.mix(tokens).mean(1))

    torch.manual_seed(0)
    net = Patches().eval()
    made = outputs(net, (3, 16, 24))
    x = torch.randn(1, 3, 16, 24)
    found = dict(zip(made.names, made(x), strict=True))
    mixed = net.mix(net.patch(x).flatten(2).transpose(1, 2)).transpose(1, 2).reshape(1, 8, 4, 6)
    torch.testing.assert_close(found[f"m{made.layers.index(LayerName('mix'))}"], mixed)


def test_a_model_without_such_a_head_has_no_class_activation_maps():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 8, 3)).eval()
    made = outputs(net)
    assert made.averaged is None
    assert made.names[:2] == ("scores", "m0")
