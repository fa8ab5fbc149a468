"""What a recorded run says of models that survive errors, hide what they do, or keep their tables in odd places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.diagrams.architecture import Architecture
from generator.diagrams.from_model import architecture
from generator.errors import UserError
from generator.model.calls import Call, is_leaf, watch
from generator.model.describe import describe
from generator.model.operations import LEAVES, module_family
from generator.model.trace import trace
from tests.model.test_model_macs import counted


def lines(it: Architecture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in it.edges]


class Raises(nn.Module):
    """Convolves, and then gives up."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError(f"cannot go on from {self.conv(x).shape}")


class Survives(nn.Module):
    """Two attempts fail, a leaf and a container; both are handled, and the rest runs: what is next in the handler itself."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong, self.right = nn.Conv2d(5, 4, 1), nn.Conv2d(3, 4, 1)
        self.fancy, self.act, self.last = Raises(), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        try:
            y = self.wrong(x)
        except RuntimeError:
            y = self.right(x)
        try:
            z = self.fancy(x)
        except RuntimeError:
            z = self.act(y)
        return F.relu(self.last(z + y)) + y


def test_a_module_that_raises_and_is_handled_leaves_the_rest_of_the_run_whole() -> None:
    it = architecture(Survives(), (3, 6, 6))
    assert lines(it) == [
        ("@input", "right"), ("@input", "fancy.conv"), ("right", "act"), ("act", "F.add"), ("right", "F.add"),
        ("F.add", "last"), ("last", "F.relu"), ("F.relu", "F.add@2"), ("right", "F.add@2"), ("F.add@2", "@output"),
    ]  # fmt: skip
    assert {op.id: op.macs for op in it.ops if op.macs} == {
        "right": 432,
        "fancy.conv": 432,
        "last": 36 * 4 * 36,
    }
    assert it.notes[1].startswith("wrong and fancy raised errors, and")
    assert it.unused == ("wrong",)


def test_the_watcher_names_calls_after_an_error_as_if_it_had_not_been() -> None:
    seen: list[str] = []
    model = Survives().eval()

    def note(call: Call, output: object) -> None:
        seen.append(call.name)

    with watch(model, note):
        model(torch.zeros(1, 3, 6, 6))
    assert [name for name in seen if "shape" not in name] == [
        "right", "fancy.conv", "act", "F.add", "last", "F.relu", "F.add@2", ""
    ]  # fmt: skip
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_what_the_watcher_asks_of_a_weight_is_no_call_of_the_model() -> None:
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
    model, seen = nn.Sequential(layer, nn.ReLU(), nn.Linear(4, 2)).eval(), []

    def on_call(call: Call, output: Any) -> None:
        seen.append((call.name, getattr(call.module, "weight", output).dim()))

    with watch(model, on_call):
        model(torch.zeros(1, 4))
    assert seen == [("0", 2), ("1", 2), ("2", 2), ("", 2)]


class OnItsOwn(nn.Module):
    """What it returns is made by NumPy."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(self.b(self.a(x)).detach().numpy() * 2)


def test_an_output_that_leads_back_to_no_input_is_no_drawing_of_a_run() -> None:
    assert trace(OnItsOwn().eval(), torch.zeros(1, 3, 4, 4))[0].torn
    it = architecture(OnItsOwn(), (3, 4, 4))
    assert [op.id for op in it.ops] == ["a", "b"]
    assert all(edge.dashed for edge in it.edges)
    assert "could not be followed back to its input" in it.notes[0]


@torch.jit.script
def scripted(x: Tensor) -> Tensor:
    return x * 2 + 1


class Scripted(nn.Module):
    """A function of it runs out of sight, on shapes alone too."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(scripted(self.a(x)))


def test_a_run_by_shapes_that_leads_back_to_no_input_is_none_either() -> None:
    it = architecture(Scripted(), (3, 4, 4))
    assert [op.id for op in it.ops] == ["a", "b"]
    assert all(edge.dashed for edge in it.edges)
    assert "could not be followed back to its input" in it.notes[0]


class Exported(nn.Module):
    """Functions as an exported program calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.matrix = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        aten = torch.ops.aten
        y = aten.relu.default(aten.conv2d.default(x, self.kernel, None, [2, 2], [1, 1]))
        y = aten.convolution.default(y, self.kernel, None, [1, 1], [1, 1], [1, 1], True, [0, 0], 1)
        y = aten.convolution.default(y[:, :2], self.kernel[:, :1], None, [1], [1], [1], False, [0], 2)
        y = aten.add.Tensor(y, aten.max_pool2d.default(y, [3, 3], [1, 1], [1, 1]))
        return aten.linear.default(aten.mean.dim(y, [2, 3]), self.matrix)


def test_overloads_of_functions_are_these_functions() -> None:
    it = architecture(Exported(), (3, 8, 8))
    assert [(op.op, op.kind, op.counted, op.receptive_field) for op in it.ops[1:-1]] == [
        ("F.conv2d", "conv", "1,728", (3, 3)),
        ("F.relu", "act", "", (3, 3)),
        ("F.convolution", "conv", "1,728", (7, 7)),
        ("F.getitem", "reshape", "", (7, 7)),
        ("F.convolution", "conv", "576", (11, 11)),
        ("F.max_pool2d", "pool", "", (15, 15)),
        ("F.add", "merge", "", (15, 15)),
        ("F.mean", "pool", "", None),
        ("F.linear", "linear", "20", None),
    ]
    assert it.parameters == sum(op.parameters for op in it.ops) == 108 + 20
    assert it.macs == counted(Exported(), torch.randn(1, 3, 8, 8))


TABLE = torch.ones(4, 1, 1)


class Constants(nn.Module):
    """Tensors from a file, a dictionary, an attribute, a learned scalar, one made in passing: all the same for every image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gain = nn.Conv2d(3, 4, 1), nn.Parameter(torch.ones(()))
        self.tables, self.plain = {"deep": [torch.ones(1, 4, 5, 5)]}, torch.ones(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) * TABLE * self.plain * self.gain + self.tables["deep"][0] + torch.tensor(2.0)


def test_constants_are_known_wherever_a_model_keeps_them() -> None:
    it = architecture(Constants(), (3, 5, 5))
    assert [op.id for op in it.ops if op.kind != "input"] == [
        "conv", "F.mul", "F.mul@2", "F.mul@3", "F.add", "F.add@2", "@output"
    ]  # fmt: skip
    assert {op.id: op.parameters for op in it.ops if op.parameters} == {"conv": 16, "F.mul@3": 1}


@pytest.mark.parametrize("dims", [(0, 2, 3), (0, 1, 2, 3)])
def test_a_vector_or_a_number_that_came_past_the_recorder_is_drawn_and_noted(dims: tuple[int, ...]) -> None:
    class Past(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            scale = torch.as_tensor(torch.from_numpy(y.detach().mean(dims, keepdim=True).numpy().reshape(-1) + 1))
            return y * scale[:, None, None]

    it = architecture(Past(), (3, 5, 5))
    assert it.by_id["?"].note == "Where this comes from could not be seen."
    assert ("?", "F.as_tensor") in lines(it)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient * 2


def test_what_an_autograd_function_gives_is_known_in_the_midst_of_a_forward() -> None:
    class Midst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(Doubled.apply(self.a(x)))

    assert lines(architecture(Midst(), (3, 5, 5))) == [
        ("@input", "a"),
        ("a", "F.mul"),
        ("F.mul", "b"),
        ("b", "@output"),
    ]


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_larger_of_two_tensors_is_elementwise_and_the_largest_of_one_a_reduction(name: str) -> None:
    function = getattr(torch, name)

    class Compared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            a, b = self.a(x), self.b(x)
            return function(function(function(a, b), other=b), 1).values + getattr(a, name)(b)[:, 0]

    it = architecture(Compared(), (3, 8, 8))
    kinds = [(op.id, op.kind, op.receptive_field) for op in it.ops if op.op == f"F.{name}"]
    assert kinds == [
        (f"F.{name}", "merge", (3, 3)),
        (f"F.{name}@2", "merge", (3, 3)),
        (f"F.{name}@3", "pool", (3, 3)),
        (f"F.{name}@4", "merge", (3, 3)),
    ]


@pytest.mark.parametrize(("dtype", "size"), [(torch.bfloat16, 2), (torch.float32, 4), (torch.float64, 8)])
def test_memory_is_that_of_the_model_s_own_numbers(dtype: torch.dtype, size: int) -> None:
    it = architecture(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).to(dtype), (3, 5, 5))
    assert [op.memory for op in it.ops] == [75 * size, 100 * size, 100 * size, 0]


def test_every_leaf_has_a_family_and_whatever_has_one_is_a_leaf() -> None:
    assert all(module_family(kind.__new__(kind)) != "unknown" for kind in LEAVES if not kind.__name__.startswith("_"))
    assert not is_leaf(nn.Sequential()) and module_family(nn.Sequential()) == "unknown"


class Slotted:
    __slots__ = ("__dict__", "__own", "unset", "x")

    def __init__(self, x: Tensor) -> None:
        self.x = self.__own = x


@dataclass
class Unset:
    x: Tensor
    later: Tensor = field(init=False)


class Held:
    """Holds itself, in a list."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.log = x, [self]


class Packs(nn.Module):
    """Hands its maps on in an object of some kind, and returns one."""

    def __init__(self, pack: Callable[[Tensor], object], take: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.pack, self.take = pack, take
        self.a, self.b = nn.Conv2d(3, 3, 1), Unpacks(take)

    def forward(self, x: Tensor) -> object:
        return self.pack(self.b(self.pack(self.a(x))))


class Unpacks(nn.Module):
    def __init__(self, take: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.take, self.conv, self.act = take, nn.Conv2d(3, 3, 1), nn.ReLU()

    def forward(self, packed: object) -> Tensor:
        return self.act(self.conv(self.take(packed)))


@pytest.mark.parametrize(
    ("pack", "take"),
    [
        (Slotted, lambda it: it.x),
        (Unset, lambda it: it.x),
        (Held, lambda it: it.log[0].x),
        (lambda x: {x}, lambda it: next(iter(it))),
        (lambda x: [frozenset([x])], lambda it: next(iter(it[0]))),
    ],
    ids=["slots", "unset", "itself", "set", "frozenset"],
)
def test_tensors_are_found_in_objects_of_any_make(
    pack: Callable[[Tensor], object], take: Callable[[Any], Tensor]
) -> None:
    it = architecture(Packs(pack, take), (3, 4, 4))
    assert lines(it) == [("@input", "a"), ("a", "b.conv"), ("b.conv", "b.act"), ("b.act", "@output")]
    found = describe(Packs(pack, take), (3, 4, 4))
    assert [layer.name for layer in found.layers] == ["a", "b.conv", "b.act", "b"]


class Shy(nn.Module):
    """Refuses to be watched."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv._forward_hooks:
            raise RuntimeError("watched")
        return self.conv(x)


def test_a_model_that_cannot_be_watched_is_not_blamed_on_the_size_of_its_input() -> None:
    with pytest.raises(UserError, match=r"the model runs, but not while .*watched.* \(watched\): the command draw"):
        describe(Shy(), (3, 8, 8))
    with pytest.raises(UserError, match=r"Kernel size.*: set model.input.size"):
        describe(Shy(), (3, 2, 2))


class Hyper(nn.Module):
    """A layer whose weights another works out from the image."""

    def __init__(self, which: str) -> None:
        super().__init__()
        self.conv, self.weights, self.which = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(3, 108), which
        self.register_buffer("one", torch.ones(1, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.weights(x.mean((2, 3)) if self.which == "image" else self.one)[0].view(4, 3, 3, 3)
        return torch.func.functional_call(self.conv, {"weight": made}, (x,))


@pytest.mark.parametrize(("which", "field"), [("image", None), ("constant", (3, 3))])
def test_what_makes_a_layer_s_weights_leads_to_it(which: str, field: tuple[int, int] | None) -> None:
    it = architecture(Hyper(which), (3, 8, 8))
    assert [op.id for op in it.ops if op.macs] == ["weights", "conv"]
    leading = {edge.source for edge in it.edges if edge.target == "conv"}
    assert leading == ({"@input", "F.view"} if which == "image" else {"@input", "weights"})
    assert it.by_id["conv"].receptive_field == field
    assert it.unused == ("conv.weight",)
