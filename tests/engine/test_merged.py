"""A twin without batch normalisations: the same function, and the model itself where that cannot be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.engine.merged import merged
from tests.methods.examples import photo, resnet18


def normed(units: int, seed: int) -> nn.BatchNorm2d:
    """A batch normalisation that does something."""
    draw = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm2d(units)
    for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
        tensor.copy_(torch.randn(units, generator=draw))
    norm.running_var.copy_(torch.rand(units, generator=draw) + 0.5)
    return norm


class Net(nn.Module):
    """conv, norm and a head; `way` says what else is done with the convolution."""

    def __init__(self, way: str = "plain") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way = way
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3, bias=way != "no bias"), normed(4, 1), nn.Linear(4, 5)
        self.second = normed(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        A = self.conv(x)
        B = self.norm(A)
        if self.way == "read twice":
            B = B + A
        if self.way == "two norms":
            B = B + self.second(A)
        if self.way == "called twice":
            B = B + self.norm(self.conv(x.flip(3)))
        if self.way == "between":
            B = self.norm(A * 2)
        if self.way == "asks the norm":
            B = B * self.norm.weight[:, None, None]
        return self.head(B.relu().mean(dim=(2, 3)))


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize("way", ["plain", "no bias"])
def test_a_normalisation_behind_a_convolution_is_merged(way: str):
    net = Net(way).eval()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    found = merged(net, photo(1), Invocation())
    assert isinstance(found.norm, nn.Identity)
    torch.testing.assert_close(found(photo(3)), net(photo(3)), rtol=1e-5, atol=1e-5)
    assert norms(net) == 2
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(not part._forward_hooks for part in net.modules())


@pytest.mark.parametrize("way", ["read twice", "two norms", "called twice", "between", "asks the norm"])
def test_where_that_would_change_the_function_the_model_itself_is_given(way: str):
    net = Net(way).eval()
    assert merged(net, photo(1), Invocation()) is net


def test_all_of_a_resnet_are_merged_and_its_weights_are_shared():
    net = resnet18().eval()
    found = merged(net, photo(1), Invocation())
    assert norms(net) == 20
    assert norms(found) == 0
    assert found.fc.weight.data_ptr() == net.fc.weight.data_ptr()
    torch.testing.assert_close(found(photo(2)), net(photo(2)), rtol=1e-4, atol=1e-5)
