"""A twin without batch normalisations: the same function, and the model itself where that cannot be."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.engine.merged import alike, merged
from generator.engine.passes import Engine
from generator.library import engine_for
from generator.model.describe import describe
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


def twin_of(net: nn.Module) -> nn.Module:
    """The engine's own."""
    return engine_for(net, describe(net, (3, 64, 64))).light()


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize("way", ["plain", "no bias"])
def test_a_normalisation_behind_a_convolution_is_merged(way: str):
    net = Net(way).eval()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    found = twin_of(net)
    assert isinstance(found.norm, nn.Identity)
    torch.testing.assert_close(found(photo(3)), net(photo(3)), rtol=1e-5, atol=1e-5)
    assert norms(net) == 2
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(not part._forward_hooks for part in net.modules())


@pytest.mark.parametrize("way", ["read twice", "two norms", "called twice", "between", "asks the norm"])
def test_where_that_would_change_the_function_the_model_itself_is_given(way: str):
    net = Net(way).eval()
    assert twin_of(net) is net


def test_all_of_a_resnet_are_merged_and_its_weights_are_shared():
    net = resnet18().eval()
    found = twin_of(net)
    assert norms(net) == 20
    assert norms(found) == 0
    assert found.fc.weight.data_ptr() == net.fc.weight.data_ptr()
    torch.testing.assert_close(found(photo(2)), net(photo(2)), rtol=1e-4, atol=1e-5)


def test_what_the_graph_shows_is_enough_where_a_masked_class_would_hide_the_difference():
    class Masked(Net):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([super().forward(x), x.new_full((len(x), 1), -torch.inf)], dim=1)

    for way in ("read twice", "two norms"):
        assert describe(Masked(way).eval(), (3, 64, 64)).facts.mergeable == ()
    found = twin_of(Masked().eval())
    assert isinstance(found.norm, nn.Identity)


def test_outputs_are_alike_to_rounding_and_nothing_is_like_nothing():
    inf = torch.inf
    own = torch.tensor([[1.0, 2.0, -3.0]])
    assert alike(own + 1e-5, own)
    assert not alike(own + 1e-3, own)
    assert not alike(torch.tensor([5.0, -3.0, -inf]), torch.tensor([1.0, 2.0, -inf]))
    assert not alike(torch.tensor([5.0, -3.0, -1e9]), torch.tensor([1.0, 2.0, -1e9]))
    assert not alike(torch.tensor([1.0, inf]), torch.tensor([1.0, -inf]))
    assert not alike(torch.tensor([1.0, torch.nan]), torch.tensor([1.0, torch.nan]))
    assert alike({"a": own, "b": own[:0]}, {"a": own, "b": own[:0]})
    assert not alike({"b": own[:0]}, {"b": own[:0]})
    assert not alike(object(), object())


def test_changed_weights_make_another_twin():
    net = Net().eval()
    engine: Engine = engine_for(net, describe(net, (3, 64, 64)))
    before = engine.scored(photo(2))
    assert engine.light() is engine.light()
    with torch.no_grad():
        net.conv.weight.mul_(-1)
    torch.testing.assert_close(engine.scored(photo(2)), net(photo(2)), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(engine.scored(photo(2)), before)


def test_a_model_that_cannot_be_copied_runs_as_it_is():
    net = Net().eval()
    net.lock = threading.Lock()
    assert twin_of(net) is net


def test_a_subclass_that_does_more_is_left_and_the_rest_merged():
    class NormAct(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).relu()

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), NormAct(4), nn.Conv2d(4, 4, 3), normed(4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    found = twin_of(net.eval())
    assert isinstance(found[1], NormAct)
    assert isinstance(found[3], nn.Identity)


def test_pairs_that_give_another_output_are_not_used():
    net = Net("between").eval()
    assert merged(net, (("conv", "norm"),), photo(1), Invocation()) is net
