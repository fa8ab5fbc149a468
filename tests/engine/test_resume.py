"""Resuming a model from a layer against running all of it with that layer's output replaced by a plain hook."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.engine.resume import Tail
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.library import engine_for
from generator.model.describe import describe
from generator.names import LayerName
from tests.methods.examples import alive, same

SIZE = (64, 96)


@cache
def zoo(name: str) -> nn.Module:
    more = {"init_weights": False} if name == "googlenet" else {}
    if name == "vgg11":  # its own linear layers hold half a gigabyte
        model = torchvision.models.vgg11(weights=None, num_classes=10)
        model.classifier = nn.Sequential(nn.Linear(512 * 49, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 10))
        return alive(model)
    return alive(torchvision.models.get_model(name, weights=None, num_classes=10, **more))


def picture(channels: int = 3, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(5))


def rows(A: Tensor) -> Tensor:
    """Three outputs of a layer: its own, half of it, and noise of its size."""
    noise = torch.randn(A.shape, generator=torch.Generator().manual_seed(6)) * A.std()
    return torch.cat([A, A / 2, noise])


@dataclass(frozen=True)
class Hooked:
    """Where a plain hook puts the rows: at call `number` of module `path`, as its output or as what it reads."""

    path: str
    number: int = 1
    reads: bool = False
    of: Callable[[Tensor], Tensor] = lambda A: A


def whole(model: nn.Module, at: Hooked, A: Tensor, x: Tensor) -> Any:
    """The output of all of the model on as many copies of `x` as `A` has rows."""
    calls = 0

    def before(module: nn.Module, args: tuple[Any, ...]) -> Any:
        nonlocal calls
        calls += 1
        return (at.of(A).clone(),) if at.reads and calls == at.number else None

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        return at.of(A).clone() if not at.reads and calls == at.number else None

    module = model.get_submodule(at.path)
    handles = [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        with torch.no_grad():
            return model(x.expand(len(A), -1, -1, -1).clone())
    finally:
        for handle in handles:
            handle.remove()


def engine(model: nn.Module, size: tuple[int, int] = SIZE, channels: int = 3) -> Engine:
    return engine_for(model, describe(model, (channels, *size)))


def own_output(made: Engine, layer: str, x: Tensor) -> Tensor:
    with torch.no_grad():
        _, kept = made.forward(x, frozenset({LayerName(layer)}), RuleBook(intercept=False), stop=True)
    return made.maps(kept)[LayerName(layer)]


def shuffled(A: Tensor) -> Tensor:
    return A.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


CASES = [
    # (model, layer, where a plain hook puts the same rows, how recorded outputs are given)
    ("vgg11", "features.0", Hooked("features.0"), "one"),
    ("vgg11", "features.12", Hooked("features.12"), "one"),
    ("vgg11", "features", Hooked("features"), "one"),
    ("vgg11", "avgpool", Hooked("avgpool"), "one"),
    ("resnet18", "conv1", Hooked("conv1"), "one"),
    ("resnet18", "layer1.0.bn2", Hooked("layer1.0.bn2"), "one"),
    ("resnet18", "layer2.0.downsample.0", Hooked("layer2.0.downsample.0"), "all"),
    ("resnet18", "layer2.1.relu", Hooked("layer2.1.relu"), "one"),
    ("resnet18", "layer2.1.relu@2", Hooked("layer2.1.relu", 2), "one"),
    ("resnet18", "layer3.0.F.add", Hooked("layer3.0.relu", 2, reads=True), "one"),
    ("resnet18", "layer3.1", Hooked("layer3.1"), "one"),
    ("resnet18", "layer4", Hooked("layer4"), "one"),
    ("densenet121", "features.transition1.pool", Hooked("features.transition1.pool"), "one"),
    ("densenet121", "features.denseblock3.denselayer4.relu1", Hooked("features.denseblock3.denselayer4.relu1"), "all"),
    ("densenet121", "features.denseblock4.denselayer9", Hooked("features.denseblock4.denselayer9"), "all"),
    ("densenet121", "features.denseblock4.F.cat", Hooked("features.denseblock4"), "one"),
    ("densenet121", "F.relu", Hooked("classifier", reads=True, of=lambda A: A.mean((2, 3))), "one"),
    ("googlenet", "conv2.F.relu", Hooked("conv2"), "one"),
    ("googlenet", "inception4b.branch2.0.bn", Hooked("inception4b.branch2.0.bn"), "all"),
    ("googlenet", "inception4b.branch4.1", Hooked("inception4b.branch4.1"), "all"),
    ("googlenet", "inception4c.F.cat", Hooked("inception4c"), "one"),
    ("mobilenet_v3_small", "features.1.block.1.activation", Hooked("features.1.block.1.activation"), "one"),
    ("mobilenet_v3_small", "features.1.block.1.F.mul", Hooked("features.1.block.1"), "one"),
    ("mobilenet_v3_small", "features.3.block.1.0", Hooked("features.3.block.1.0"), "one"),
    ("mobilenet_v3_small", "features.8.F.add", Hooked("features.8"), "one"),
    ("shufflenet_v2_x0_5", "maxpool", Hooked("maxpool"), "one"),
    ("shufflenet_v2_x0_5", "stage3.2.branch2.4", Hooked("stage3.2.branch2.4"), "all"),
    ("shufflenet_v2_x0_5", "stage4.1.F.cat", Hooked("stage4.1", of=shuffled), "one"),
    ("squeezenet1_0", "features.5.expand1x1_activation", Hooked("features.5.expand1x1_activation"), "all"),
    ("squeezenet1_0", "features.5.squeeze", Hooked("features.5.squeeze"), "one"),
    ("squeezenet1_0", "features.12.F.cat", Hooked("features.12"), "one"),
    ("squeezenet1_0", "classifier", Hooked("classifier"), "one"),
]


@pytest.mark.parametrize(("name", "layer", "at", "given"), CASES, ids=[f"{name}-{layer}" for name, layer, *_ in CASES])
def test_equals_the_whole_model_with_the_layer_s_output_replaced(name: str, layer: str, at: Hooked, given: str):
    model, x = zoo(name), picture()
    made = engine(model)
    with prepared(model):
        A = rows(own_output(made, layer, x))
        before = made.counts.forward
        tail = Tail(made, LayerName(layer), x)
        found, _ = tail(A)
        again, _ = tail(A[1:])  # what was given is not spoilt
    assert made.counts.forward - before == 1
    expected = whole(model, at, A, x)
    assert not torch.allclose(expected[0], expected[1], rtol=1e-3), "the layer does not matter: nothing was compared"
    same(found, expected)
    same(again, expected[1:])
    assert made.rows == {(LayerName(layer), frozenset()): given}
    with torch.no_grad():
        same(found[:1], model(x))


class Twice(nn.Module):
    """One rectifier and one block, each called more than once; `out += identity`; a call made for its effect."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), self.relu, nn.Conv2d(4, 4, 1))
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        out = self.block(x)
        out += x
        out = self.block(out)
        self.relu(out)
        out.mul_(2)
        return self.fc(out.mean((2, 3)))


@pytest.mark.parametrize(
    ("layer", "at"),
    [
        ("stem", Hooked("stem")),
        ("relu", Hooked("relu", 1)),
        ("relu@2", Hooked("relu", 2)),
        ("relu@3", Hooked("relu", 3)),
        ("relu@4", Hooked("relu", 4)),
        ("block", Hooked("block", 1)),
        ("block@2", Hooked("block", 2)),
        ("block.2@2", Hooked("block.2", 2)),
        ("block.0", Hooked("block.0", 1)),
        ("block.0@2", Hooked("block.0", 2)),
    ],
)
def test_shared_modules_are_told_apart_by_their_calls(layer: str, at: Hooked):
    model, x = alive(Twice()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    with prepared(model):
        A = rows(own_output(made, layer, x))
        found, _ = Tail(made, LayerName(layer), x)(A)
    same(found, whole(model, at, A, x))


class Functional(nn.Module):
    """A container of functions that is called twice: its second call's names count from the first."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.act, self.fc = nn.Conv2d(3, 4, 3, padding=1), Act(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.act(self.act(self.stem(x)) - 0.1).mean((2, 3)))


class Act(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x) * 2


def test_functions_in_a_container_called_twice():
    model, x = alive(Functional()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    for name, number in (("act.F.relu", 1), ("act.F.relu@2", 2)):
        with prepared(model):
            A = rows(own_output(made, name, x))
            found, _ = Tail(made, LayerName(name), x)(A)
        same(found, whole(model, Hooked("act", number, of=lambda A: A * 2), A, x))


class Stubborn(nn.Module):
    """A module is called for what it does to its input, and its output is dropped: no recorded output stands for that."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 5)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        self.relu(x)
        return self.fc((self.second(x).tanh() + x).mean((2, 3)))


def test_where_recorded_outputs_are_not_enough_the_whole_model_runs():
    model, x = alive(Stubborn()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    with prepared(model):
        A = rows(own_output(made, "second", x))
        found, _ = Tail(made, LayerName("second"), x)(A)
    assert set(made.rows.values()) == {"whole"}
    same(found, whole(model, Hooked("second"), A, x))


class Pair(nn.Module):
    """Outputs of two kinds in a dict, one of which does not depend on the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.fc = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x).relu()
        left = self.left(x)
        return {"logits": self.fc(self.right(x).relu().mean((2, 3))), "other": left.mean((2, 3))}


def test_outputs_that_do_not_depend_on_the_layer_come_in_all_rows():
    model, x = alive(Pair()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    with prepared(model):
        A = rows(own_output(made, "right", x))
        found, _ = Tail(made, LayerName("right"), x)(A)
    expected = whole(model, Hooked("right"), A, x)
    assert found.keys() == expected.keys()
    for key in expected:
        same(found[key], expected[key])


def test_units_on_the_way_are_those_of_the_resumed_run():
    model, x = alive(Twice()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    wanted = [LayerName(name) for name in ("stem", "relu@2", "block", "block.2@2", "relu@3")]
    with prepared(model):
        A = rows(own_output(made, "block", x))
        tail = Tail(made, LayerName("block"), x, frozenset(wanted))
        _, kept = tail(A)
    assert tail.units == kept.keys() == set(wanted[2:])  # the others come before it
    same(kept[LayerName("block")], A)
    seen: list[Tensor] = []
    handle = model.get_submodule("block.2").register_forward_hook(
        lambda module, args, output: seen.append(output.clone())
    )
    whole(model, Hooked("block", 1), A, x)
    handle.remove()
    same(kept[LayerName("block.2@2")], seen[1])


def test_channels_last_gives_the_same():
    model, x = zoo("mobilenet_v3_small"), picture()
    made = engine(model)
    made.memory_format = torch.channels_last
    with prepared(model):
        A = rows(own_output(made, "features.3", made.batch(x)))
        found, _ = Tail(made, LayerName("features.3"), made.batch(x))(A)
    same(found, whole(model, Hooked("features.3"), A, x))


def test_the_model_is_left_bit_for_bit_as_found():
    model, x = zoo("resnet18"), picture()
    own = model.layer1[0].conv1.forward
    model.layer1[0].conv1.forward = own  # a user's own patch stays
    try:
        state = {key: value.clone() for key, value in model.state_dict().items()}
        shapes = {path: dict(module.__dict__) for path, module in model.named_modules()}
        made = engine(model)
        with prepared(model):
            for layer in ("layer2.1.relu@2", "layer2.0.downsample.0", "layer3.0.F.add", "layer1.0.bn1"):
                Tail(made, LayerName(layer), x)(rows(own_output(made, layer, x)))
        for path, module in model.named_modules():
            assert module.__dict__.keys() == shapes[path].keys(), path
            assert ("forward" in module.__dict__) == (path == "layer1.0.conv1")
            for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
                assert not getattr(module, kind), (path, kind)
        assert model.layer1[0].conv1.__dict__["forward"] == own
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    finally:
        del model.layer1[0].conv1.forward


def test_it_is_left_as_found_when_the_run_breaks_off():
    model, x = alive(Twice()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    with prepared(model):
        tail = Tail(made, LayerName("block"), x)
        with pytest.raises(RuntimeError):
            tail(torch.zeros(2, 3, 8, 8))  # three units instead of four
    assert not any("forward" in module.__dict__ for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_nothing_of_a_run_stays_in_memory():
    model, x = alive(Twice()), picture(size=(8, 8))
    made = engine(model, (8, 8))
    gc.disable()
    try:
        with prepared(model):
            tail = Tail(made, LayerName("block"), x)
            A = torch.zeros(2, 4, 8, 8)
            held = [weakref.ref(tail._recorded.layer), weakref.ref(tail(A)[0])]
            del tail
        assert all(ref() is None for ref in held)
    finally:
        gc.enable()


def test_a_layer_that_the_forward_does_not_reach_is_named():
    model = alive(Twice())
    made = engine(model, (8, 8))
    with prepared(model), pytest.raises(UserError, match="block@3"):
        Tail(made, LayerName("block@3"), picture(size=(8, 8)))
