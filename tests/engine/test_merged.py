"""A twin without batch normalisations: the same function, and the model itself where that cannot be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from generator.engine.abreast import copies
from generator.engine.handle import Handle, handle
from generator.engine.invoke import Invocation
from generator.engine.merged import alike, apart, merged
from generator.engine.passes import Counts, Engine
from generator.library import engine_for
from generator.model.describe import describe
from generator.model.twin import copied
from generator.names import LayerName
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


# ---- a handle's passes go through the twin, and every layer gives its own values there


@contextmanager
def both(module: nn.Module) -> Iterator[tuple[Handle, Handle]]:
    """A handle that merges, and one that does not."""
    engine = engine_for(module.eval(), describe(module.eval(), (3, 64, 64)))
    assert engine.facts is not None
    plain = replace(engine, facts=replace(engine.facts, mergeable=()), counts=Counts())
    with handle(engine, (3, 64, 64), (0.0,), (1.0,)) as mine, handle(plain, (3, 64, 64), (0.0,), (1.0,)) as own:
        assert norms(mine.light) < norms(module)
        assert own.light is module
        yield mine, own


def seen(it: Handle, layer: str | None, redirect: bool = False) -> tuple[Tensor, Tensor]:
    """What a layer gives for two photographs (None: the class scores), and its gradient."""
    x = photo(2).requires_grad_()
    found = it.class_scores(x, redirect=redirect) if layer is None else it.layer_output(LayerName(layer), x)
    return found.detach(), it.backward(found.flatten(1)[:, ::7].square().sum(), x)


def test_every_layer_of_a_resnet_gives_its_own_values_and_gradient():
    net = resnet18()
    layers = [layer.name for layer in describe(net.eval(), (3, 64, 64)).layers]
    assert {"conv1", "bn1", "layer1.0.conv2", "layer1.0.bn2", "layer1.0.relu@2", "layer2.0.downsample", "layer3"} < {
        *layers
    }
    with both(net) as (mine, own):
        for layer in [*layers, None]:
            for found, expected in zip(seen(mine, layer), seen(own, layer), strict=True):
                torch.testing.assert_close(
                    found, expected, rtol=0, atol=2e-5 * float(expected.abs().max()), msg=str(layer)
                )
        assert norms(mine.light) == 0, "each pair is merged again"
        assert mine.engine.counts == own.engine.counts
    assert norms(net) == 20


def test_a_searched_convolution_alone_keeps_its_pair_apart_while_it_runs():
    net = resnet18().eval()
    pairs = describe(net, (3, 64, 64)).facts.mergeable
    light = twin_of(net)
    before = light.layer1[0].conv1.weight
    for path, apart_there in (
        ("layer1.0.conv1", 1),
        ("layer1.0.bn1", 0),
        ("layer2.0.downsample", 0),  # convolution and normalisation: what it gives is the normalisation's
        ("layer1.0.conv", 0),  # another name's beginning
        ("", 0),
    ):
        with apart(light, net, pairs, path) as found:
            assert found is light
            assert norms(light) == apart_there
    with apart(light, net, pairs, "layer1.0.conv1"):
        assert light.layer1[0].conv1.weight is net.layer1[0].conv1.weight
    assert norms(light) == 0 and light.layer1[0].conv1.weight is before
    with apart(net, net, pairs, "layer1.0.conv1") as found:
        assert found is net


class Wrapped(nn.Module):
    """A convolution within a module of its own, its normalisation outside."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.norm, self.head = (
            nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(3, 4, 3)),
            normed(4, 1),
            nn.Linear(4, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu_(self.norm(self.inner(x))).mean(dim=(2, 3)))


def test_a_module_around_a_convolution_keeps_it_apart_and_what_is_written_over_is_copied():
    with both(Wrapped()) as (mine, own):
        for layer in ("inner", "inner.1", "norm", "F.relu", None):
            for found, expected in zip(seen(mine, layer), seen(own, layer), strict=True):
                torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5, msg=str(layer))


def test_a_dead_start_is_redirected_in_the_twin_as_well():
    net = Net("no bias")
    net.norm.bias.data.fill_(-1e3)  # every rectifier off
    with both(net) as (mine, own):
        assert seen(mine, None)[1].abs().sum() == 0
        redirected = [seen(it, None, redirect=True)[1] for it in (mine, own)]
    assert redirected[1].abs().sum() > 0
    torch.testing.assert_close(redirected[0], redirected[1], rtol=1e-3, atol=1e-6)


def test_copies_abreast_share_the_merged_weights_and_changed_ones_do_not_reach_a_changed_model():
    net = copied(resnet18()).eval()
    engine = engine_for(net, describe(net, (3, 64, 64)))
    first, second = copies(engine, 2)
    lights = [one.light() for one in (engine, first, second)]
    assert len({id(light) for light in lights}) == 3 and all(norms(light) == 0 for light in lights)
    assert len({light.layer3[0].conv1.weight.data_ptr() for light in lights}) == 1
    torch.testing.assert_close(lights[1](photo(2)), net(photo(2)), rtol=1e-4, atol=1e-5)
    assert (engine.counts.forward, first.counts.forward) == (0, 0)
    other = copied(net)
    with torch.no_grad():
        other.conv1.weight.mul_(-1)
    changed = replace(first, module=other)  # as the sanity check does
    torch.testing.assert_close(changed.light()(photo(2)), other(photo(2)), rtol=1e-4, atol=1e-5)
    net.lock = threading.Lock()  # what cannot be copied has no copies; nor has it a twin
    assert copies(engine_for(net, describe(net, (3, 64, 64))), 2) == []
