"""A live model as an architecture: in-place operations, calls, control flow, what is unused, and models that cannot run."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.diagrams.from_graph import from_graph
from generator.diagrams.from_model import architecture, by_shapes
from generator.diagrams.simplify import at_depth, without
from generator.engine.invoke import Invocation
from generator.model.describe import describe
from tests.diagrams.watched import Branching, InPlace, Token, dashed, ids


def test_what_writes_into_its_input_or_looks_at_it_takes_no_memory():
    it = architecture(InPlace(), (3, 6, 6))
    found = {op.id: (op.call, op.in_place, op.memory) for op in it.ops}
    one = 4 * 4 * 4 * 4  # 4 maps of 4 x 4, 4 bytes each
    assert found == {
        "@input": (1, False, 4 * 3 * 36),
        "conv": (1, False, one),
        "act": (1, True, 0),
        "norm": (1, False, one),
        "act@2": (2, True, 0),
        "F.add": (1, True, 0),
        "F.relu": (1, True, 0),
        "F.flatten": (1, False, 0),
        "@output": (1, False, 0),
    }


class Flat(nn.Module):
    """Writes into a map, or into a view that a module gave of it, and reads one of them."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.conv, self.flat, self.again = nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Unflatten(1, (4, 9))
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(36, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        flat = self.flat(y)
        if self.how == "map":
            self.relu(y)
        elif self.how == "view":
            self.relu(flat)
        elif self.how == "both":
            parts = self.again(flat)
            self.relu(y)
            return self.head(flat) + parts.sum()
        elif self.how == "view of a view":
            flat = self.again(flat)
            self.relu(y)
            flat = flat.flatten(1)
        elif self.how == "read before":
            flat = flat.exp() + flat
            self.relu(y)
            return self.head(flat) + y.sum()
        return self.head(flat)


@pytest.mark.parametrize(
    ("how", "ways"),
    [
        ("map", ["conv flat", "flat relu", "relu head"]),
        ("view", ["conv flat", "flat relu", "relu head"]),
        ("both", ["conv flat", "flat again", "again relu", "relu head", "relu F.sum"]),
        ("view of a view", ["conv flat", "flat again", "again relu", "relu F.flatten", "F.flatten head"]),
        ("read before", ["conv flat", "flat F.exp", "flat F.add", "conv relu", "relu F.sum"]),
    ],
)
def test_a_view_that_a_module_gave_is_no_dead_end_where_it_is_written_over(how: str, ways: list[str]):
    it = architecture(Flat(how), (3, 5, 5))
    assert {*ways} <= {f"{edge.source} {edge.target}" for edge in it.edges}
    assert [op.id for op in it.ops if op.kind != "output" and not it.outputs_of[op.id]] == []
    silent = without(it)
    assert len(silent.edges) == len({(edge.source, edge.target) for edge in silent.edges})
    assert it.by_id["relu"].kind == "act"


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.relu = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.relu(self.b(self.relu(self.a(x)))) + x)


def test_a_module_called_three_times_is_three_ops():
    it = architecture(nn.Sequential(nn.Conv2d(3, 4, 1), Block()), (3, 5, 5))
    calls = [(op.id, op.path, op.call) for op in it.ops if "relu" in op.id]
    assert calls == [("1.relu", "1.relu", 1), ("1.relu@2", "1.relu", 2), ("1.relu@3", "1.relu", 3)]


def test_a_name_with_an_at_is_no_call():
    model = nn.Sequential()
    model.add_module("conv@2", nn.Conv2d(3, 4, 1))
    it = architecture(model, (3, 5, 5))
    assert [(op.id, op.call) for op in it.ops[1:-1]] == [("conv@2", 1)]


@pytest.mark.parametrize("how", ["bool", "item", "float", "int", "tolist"])
def test_where_a_number_decides_the_way_taken_is_dashed(how: str):
    model = Branching(how)
    it = architecture(model, (3, 8, 8))
    taken = "a" if "a" in ids(it) else "b"
    (other,) = {"a", "b"} - {taken}
    decider = "F.gt" if how == "bool" else "F.mean"
    assert ids(it) == [
        "@input",
        "stem",
        "F.mean",
        *(["F.gt"] if how == "bool" else []),
        taken,
        "F.mean@2",
        "head",
        "@output",
    ]
    assert dashed(it) == [("stem", taken), (taken, "F.mean@2"), ("F.mean@2", "head"), ("head", "@output")]
    assert [op.id for op in it.ops if "decide" in op.note] == [decider]
    assert it.unused == (other,)
    assert "In one place" in it.notes[1]
    assert by_shapes(model, (3, 8, 8), Invocation()) is None  # shapes do not tell


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x)
        return self.two(y) if y.sum() > -1e9 else y


class Chooser(nn.Module):
    def forward(self, x: Tensor) -> int:
        return int(x.sum() > -1e9)


class Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.choose, self.experts = Chooser(), nn.ModuleList([nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)])

    def forward(self, x: Tensor) -> Tensor:
        return self.experts[self.choose(x)](x)


def test_a_decision_reaches_to_the_end_of_its_container_and_no_further():
    it = architecture(nn.Sequential(nn.Conv2d(3, 4, 1), Inner(), nn.ReLU(), nn.Conv2d(4, 2, 1)), (3, 5, 5))
    assert dashed(it) == [("1.one", "1.two"), ("1.two", "2")]


def test_a_number_that_a_module_returns_decides_in_the_one_that_called_it():
    it = architecture(nn.Sequential(nn.Conv2d(3, 4, 1), Experts(), nn.ReLU()), (3, 5, 5))
    assert dashed(it) == [("0", "1.experts.1"), ("1.experts.1", "2")]
    assert it.unused == ("1.experts.0",)


class Looks(nn.Module):
    """Looks at shapes and at its own numbers, which decide nothing that another input could change."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gain = nn.Conv2d(3, 4, 3), nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        assert y.shape[1] == 4
        (y > 0).any()  # a check whose answer nobody reads
        return y * 2 if self.gain > 0 else y


def test_shapes_weights_and_answers_that_nobody_reads_leave_no_trace():
    it = architecture(Looks(), (3, 5, 5))
    assert ids(it) == ["@input", "conv", "F.mul", "@output"]
    assert not dashed(it)
    assert len(it.notes) == 1


class Masked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0)[0].float() + x[x > 0]


def test_sizes_that_depend_on_the_numbers_are_noted():
    it = architecture(Masked(), (1, 4, 4))
    assert [op.id for op in it.ops if "How much" in op.note] == ["F.where", "F.float", "F.getitem", "F.add"]


class Leftovers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.aux = nn.Conv2d(3, 4, 1), nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU())
        self.weights = nn.Linear(4, 5)  # whose weight a function takes
        self.lost, self.idle, self.drop = nn.Parameter(torch.zeros(3)), nn.Identity(), nn.Dropout()
        self.parts = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(2, 2)})
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.parts["a"](self.used(x)).flatten(2).transpose(1, 2)
        return F.linear(self.attention(y, y, y)[0], self.weights.weight)


def test_what_is_unused_is_told_by_module():
    it = architecture(Leftovers(), (3, 2, 2))
    assert it.unused == ("aux", "parts.b", "lost", "weights.bias")
    assert sum(op.parameters for op in it.ops) == it.parameters - (4 * 2 + 2) - 6 - 3 - 5


def test_every_parameter_is_counted_once_where_it_is_read():
    it = architecture(Token(), (4, 2, 3))
    assert {op.id: op.parameters for op in it.ops if op.parameters} == {"F.cat": 4, "up": 16, "down": 4, "F.mul@2": 4}
    assert it.parameters == sum(op.parameters for op in it.ops) == 28


class Table(nn.Module):
    """What is worked out from parameters alone, by a layer, and then read."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.project, self.conv = (
            nn.Parameter(torch.ones(1, 3, 4, 4)),
            nn.Conv2d(3, 2, 1),
            nn.Conv2d(3, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.project(self.table).flip(3)


def test_a_layer_that_reads_no_input_is_joined_to_what_reads_it():
    it = architecture(Table(), (3, 4, 4))
    assert [(edge.source, edge.target) for edge in it.edges] == [
        ("@input", "conv"), ("conv", "F.add"), ("project", "F.add"), ("F.add", "@output")
    ]  # fmt: skip
    assert {op.id: op.parameters for op in it.ops if op.parameters} == {"conv": 8, "project": 48 + 8}
    assert it.by_id["F.add"].kind == "merge"


class Unit(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1).softmax(1)


def test_a_vector_of_length_one_is_no_softmax():
    assert [op.kind for op in architecture(Unit(), (3, 4, 4)).ops] == ["input", "norm", "softmax", "output"]


class OneNumber(nn.Module):
    """A yes or no for each image of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1)).squeeze(1)


def test_one_number_has_a_shape():
    it = architecture(OneNumber(), (3, 2, 2))
    assert [op.shape for op in it.ops] == [(3, 2, 2), (12,), (1,), (1,), (1,)]
    assert it.edges[-1].shape == (1,)
    assert architecture(Branching("bool"), (3, 8, 8)).by_id["F.gt"].shape == (1,)


@pytest.mark.parametrize("shape", [(784,), (1, 28, 28)])
def test_a_perceptron_is_drawn(shape: tuple[int, ...]):
    it = architecture(nn.Sequential(nn.Flatten(), nn.Linear(784, 30), nn.ReLU(), nn.Linear(30, 10)), shape)
    assert [(op.kind, op.shape) for op in it.ops][-4:] == [
        ("linear", (30,)), ("act", (30,)), ("linear", (10,)), ("output", (10,))
    ]  # fmt: skip
    assert (it.parameters, it.macs) == (784 * 30 + 30 + 310, 784 * 30 + 300)


class Score(nn.Module):
    """One number an image, without a dimension of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(12, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x.flatten(1)).squeeze(1)


def test_a_single_number_an_image_has_a_shape():
    it = architecture(Score(), (3, 2, 2))
    assert [op.shape for op in it.ops[-3:]] == [(1,), (1,), (1,)]
    assert [edge.shape for edge in it.inputs_of["@output"]] == [(1,)]


class Wrapped(nn.Module):
    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.conv, self.spare, self.relu = conv, nn.Linear(2, 2), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x))


def test_blocks_that_hold_one_layer_count_it_once():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    model = nn.Sequential(Wrapped(conv), nn.Sequential(Wrapped(conv), nn.Sequential(conv, nn.ReLU())), conv)
    it = architecture(model, (4, 5, 5))
    spare = 4 + 2  # held, and touched by nobody
    assert {block.id: block.parameters for block in it.blocks} == {
        "0": 148 + spare, "1": spare, "1.0": spare, "1.1": 0,
    }  # fmt: skip
    assert sum(op.parameters for op in at_depth(it, 0).ops) == it.parameters == 148 + 2 * spare


def test_what_is_held_here_and_read_there_is_counted_where_it_is_read():
    class Lender(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.conv = nn.Parameter(torch.ones(4, 4, 1, 1)), nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.conv(x), self.weight

    class Borrows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lender = Lender()

        def forward(self, x: Tensor) -> Tensor:
            return F.conv2d(*self.lender(x))

    it = architecture(Borrows(), (4, 5, 5))
    assert {block.id: block.parameters for block in it.blocks} == {"lender": 20, "lender.conv": 20}
    assert sum(op.parameters for op in at_depth(it, 0).ops) == it.parameters == 36


def test_ids_are_the_report_s_names_of_its_layers():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), Block(), Block())
    found = describe(model, (3, 5, 5))
    it = from_graph(found.graph, "net", parameters=found.parameters, layers=found.by_name)
    linked = {op.layer for op in (*it.ops, *it.blocks) if op.layer}
    assert linked == set(found.by_name)
    for drawn in (*it.ops, *it.blocks):
        if drawn.layer is not None:
            layer = found.by_name[drawn.layer]
            assert drawn.id == layer.name
            assert (drawn.shape, drawn.macs, drawn.receptive_field) == (layer.shape, layer.macs, layer.receptive_field)
            assert (drawn.parameters, drawn.op, drawn.path) == (layer.parameters, layer.op, layer.path)
