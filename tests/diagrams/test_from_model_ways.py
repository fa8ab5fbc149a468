"""The three ways to an architecture tell the same, and what cannot be drawn is one sentence."""

from __future__ import annotations

import dataclasses
import re
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generator.config import ModelConfig
from generator.diagrams.from_graph import from_graph
from generator.diagrams.from_model import architecture, modules_alone
from generator.diagrams.styles.graph import Graph
from generator.errors import UserError
from generator.model.builtin import BUILTIN
from generator.model.load import skeleton
from generator.model.run import Advice
from generator.model.trace import trace
from generator.model.twin import entangled
from generator.model.weightless import weightless
from tests.diagrams.watched import Branching, InPlace, Token, dashed, ids


def test_the_model_is_left_as_it_was_found():
    model = InPlace().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    architecture(model, (3, 6, 6))
    architecture(Branching("bool").train(), (3, 8, 8))
    assert model.training
    assert model.act.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad and not parameter.is_meta for parameter in model.parameters())


class Keeps(nn.Module):
    """Counts what it sees, and shapes its layers by it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head, self.calls = nn.LazyConv2d(4, 3), nn.LazyLinear(2), 0
        self.norm = nn.LazyBatchNorm2d()

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.head(self.norm(self.conv(x)).mean((2, 3)))


def test_lazy_layers_and_what_a_model_keeps_are_left_alone():
    model = Keeps()
    it = architecture(model, (3, 6, 6))
    assert (it.parameters, it.by_id["conv"].macs) == (112 + 8 + 10, 27 * 4 * 16)
    assert model.calls == 0
    assert model.conv.has_uninitialized_params()
    assert model.norm.has_uninitialized_params()


class Entangled(nn.Module):
    """Its functions hold its modules, so that what a copy of it runs is the model itself."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b, self.kept = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), {}
        self.steps = [self.a, self.b]
        if how == "hook":
            self.a.register_forward_hook(lambda part, args, output: self.kept.update(a=output))
            self.kept["a"] = torch.zeros(1, 4, 6, 6)
        elif how == "function":
            self.steps = [lambda x: self.a(x), partial(lambda part, x: part(x), self.b)]
        elif how == "forward":
            own = self.a.forward
            self.a.forward = lambda x: own(x)

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x + self.kept["a"] if self.kept else x


@pytest.mark.parametrize("how", ["hook", "function", "forward", "none"])
def test_a_model_whose_functions_hold_its_modules_is_run_itself(how: str):
    model = Entangled(how)
    assert entangled(model) is (how != "none")
    it = architecture(model, (3, 6, 6))
    assert [(op.id, op.parameters, op.note) for op in it.ops if op.macs] == [("a", 112, ""), ("b", 148, "")]
    assert it.unused == ()
    assert ("a", "F.add") in [(edge.source, edge.target) for edge in it.edges] or how != "hook"
    assert all(not value.is_meta for value in model.kept.values())


def test_what_torch_compiled_is_copied_as_it_is():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    assert not entangled(nn.Sequential(torch.compile(model)))


class Hidden(nn.Module):
    """A layer in a plain list, where torch does not know of it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.known = [nn.Sequential(nn.Conv2d(3, 4, 3))], nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.known(self.layers[0](x))


def test_a_layer_that_torch_does_not_know_of_is_drawn_and_its_numbers_are_none_of_the_model_s():
    model = Hidden()
    it = architecture(model, (3, 8, 8))
    assert [(op.op, op.parameters, op.receptive_field) for op in it.ops[1:-1]] == [
        ("F.conv2d", 0, (3, 3)),
        ("Conv2d", 148, (5, 5)),
    ]
    assert it.parameters == sum(parameter.numel() for parameter in model.parameters()) == 148


def test_without_weights_the_real_ones_are_built_only_where_numbers_decide():
    built: list[str] = []

    def whole(how: str) -> Any:
        built.append(how)
        return Branching(how)

    with weightless():
        plain, branching = InPlace(), Branching("bool")
    assert all(parameter.is_meta for parameter in (*plain.parameters(), *branching.parameters()))
    assert not plain.norm.running_mean.is_meta
    architecture(plain, (3, 6, 6), whole=lambda: whole("none"))
    assert built == []
    assert dashed(architecture(branching, (3, 8, 8), whole=lambda: whole("bool")))
    assert built == ["bool"]


def test_both_ways_tell_the_same():
    model = nn.Sequential(InPlace().eval(), nn.Linear(64, 5))
    graph, _ = trace(model, torch.randn(1, 3, 6, 6))
    by_numbers, by_shape = from_graph(graph, "net"), architecture(model, (3, 6, 6), title="net")
    assert by_shape == dataclasses.replace(by_numbers, parameters=by_shape.parameters, notes=by_shape.notes)


def test_weights_that_are_shared_stay_shared_without_their_numbers():
    with weightless():
        model = Token()
    assert model.down.weight is model.up.weight
    assert len(list(model.parameters())) == 4


class Peeks(nn.Module):
    """Looks at its weights while it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.gain = 1.0 if self.conv.weight.sum().item() > 0 else 2.0

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * self.gain


def test_a_skeleton_has_no_weights_unless_its_constructor_needs_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(BUILTIN, "peeks", dataclasses.replace(BUILTIN["tinyvgg_digits"], build=Peeks))  # type: ignore[arg-type]
    for source, weightless_ in (("tinyvgg_digits", True), ("torchvision:resnet18", True), ("peeks", False)):
        found = skeleton(ModelConfig(source=source), weights=False)
        assert (found.weightless, found.module.training) == (weightless_, False)
        assert all(parameter.is_meta == weightless_ for parameter in found.module.parameters())
        whole = skeleton(ModelConfig(source=source), weights=True)
        assert not whole.weightless
        assert not any(parameter.is_meta for parameter in whole.module.parameters())
    with pytest.raises(UserError, match="there is no built-in model"):
        skeleton(ModelConfig(source="peekz"), weights=False)


class Unwatchable(nn.Module):
    """Refuses hooks on what it calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.body = nn.Conv2d(3, 4, 3), nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))

    def forward(self, x: Tensor) -> Tensor:
        if self.conv._forward_hooks:
            raise RuntimeError("watched")
        return self.body(self.conv(x).mean((2, 3)))


def test_a_model_that_cannot_be_watched_is_drawn_by_its_modules():
    it = architecture(Unwatchable(), (3, 8, 8))
    assert [(op.id, op.kind, op.shape, op.parameters) for op in it.ops] == [
        ("conv", "conv", (), 112), ("body.0", "linear", (), 25), ("body.2", "linear", (), 12)
    ]  # fmt: skip
    assert dict(it.by_id["conv"].attributes)["kernel"] == "3×3"
    assert [(block.id, block.start, block.stop) for block in it.blocks] == [("body", 1, 3)]
    assert dashed(it) == [("conv", "body.0"), ("body.0", "body.2")]
    assert it.parameters == 149
    assert "could not be watched" in it.notes[0] and "not known" in it.notes[0]
    assert architecture(Unwatchable(), None).notes != it.notes


def test_modules_alone_count_what_is_shared_once():
    it = modules_alone(Token(), "token", "Because")
    assert [(op.id, op.parameters) for op in it.ops] == [("token", 8), ("up", 16), ("down", 4)]


# ---- what goes wrong, in one sentence


class Two(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Nothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 2)), "an input of 3 channels, 6x5 pixels (mat1"),
        (nn.Conv2d(1, 4, 3), "an input of 3 channels, 6x5 pixels (Given groups=1"),
        (Two(), "other inputs than one image"),
        (Nothing(), "expected a model with layers, received Nothing"),
        (nn.Sequential(), "expected a model with layers, received Sequential"),
    ],
    ids=["size", "channels", "two", "nothing", "empty"],
)
def test_what_cannot_be_drawn_is_one_sentence(model: nn.Module, said: str):
    with pytest.raises(UserError) as raised:
        architecture(model, (3, 6, 5), advice=Advice("give --input", "wrap it"))
    assert re.search(re.escape(said), str(raised.value))
    assert "\n" not in str(raised.value)
    if "input of" in said:
        assert str(raised.value).endswith(": give --input")


HOSTILE = ["<script>alert(1)</script>", 'a"b\' onload="x', "‮evil", "数据", "\x00\n", "a" * 300]


def test_hostile_names_stay_names():
    model = nn.Sequential()
    for name in HOSTILE:
        model.add_module(name, nn.Conv2d(3, 3, 1))
    it = architecture(model, (3, 4, 4))
    assert ids(it)[1:-1] == HOSTILE
    assert [op.path for op in it.ops[1:-1]] == HOSTILE


def test_modules_named_as_the_ends_are_have_ids_of_their_own():
    model = nn.Sequential()
    model.add_module("@output", nn.Conv2d(3, 4, 1))
    model.add_module("@input", nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU()))
    it = architecture(model, (3, 4, 4))
    assert ids(it) == ["@input", "@output#2", "@input.0", "@input.1", "@output"]
    assert [(edge.source, edge.target) for edge in it.edges] == list(pairwise(ids(it)))
    assert [(block.id, block.path) for block in it.blocks] == [("@input#2", "@input")]
    assert Graph().draw(it).svg
