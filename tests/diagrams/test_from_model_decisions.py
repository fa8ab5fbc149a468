"""Where a model decides by its input's numbers: early exits, gates, and choices by how much an operation gave."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.architecture import Architecture
from generator.diagrams.from_model import architecture
from generator.diagrams.shown import prepared
from generator.model.describe import describe
from generator.model.trace import trace
from tests.diagrams.watched import dashed, ids


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Which way a model takes hangs on its weights."""
    torch.manual_seed(2)


class Exit(nn.Module):
    """Returns what it has, or goes on."""

    def __init__(self, leaves: bool) -> None:
        super().__init__()
        self.stem, self.more, self.least = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3), -1e9 if leaves else 1e9

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        if y.mean() > self.least:
            return y
        return self.more(y)


def noted(it: Architecture) -> list[str]:
    return [op.id for op in it.ops if "decide" in op.note]


@pytest.mark.parametrize("leaves", [True, False])
def test_an_early_exit_is_dashed_whether_it_was_taken_or_not(leaves: bool):
    it = architecture(Exit(leaves), (3, 6, 6))
    assert ids(it) == ["@input", "stem", "F.mean", "F.gt", *([] if leaves else ["more"]), "@output"]
    assert dashed(it) == ([("stem", "@output")] if leaves else [("stem", "more"), ("more", "@output")])
    assert noted(it) == ["F.gt"]
    assert "In one place" in it.notes[1]
    assert it.notes[1].endswith(
        "lines are dashed, and modules that were never touched may run." if leaves else "are dashed."
    )
    assert it.unused == (("more",) if leaves else ())


class Gate(nn.Module):
    """Hands through what it is given, or works on it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > -1e9 else self.conv(x)


class Gated(nn.Module):
    """Reads the same before the gate and after it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.before, self.gate, self.after = nn.Conv2d(3, 4, 1), nn.ReLU(), Gate(), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        return self.before(y) + self.after(self.gate(y))


def test_what_a_gate_hands_through_is_open_to_those_behind_it_alone():
    it = architecture(Gated(), (3, 5, 5))
    assert dashed(it) == [("stem", "after")]
    assert noted(it) == ["gate.F.gt"]
    assert it.unused == ("gate.conv",)


class Word(nn.Module):
    def forward(self, x: Tensor) -> dict[str, str]:
        return {"way": "one" if x.sum() > -1e9 else "two"}


class ByWord(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.choose = Word()
        self.ways = nn.ModuleDict({"one": nn.Conv2d(3, 4, 1), "two": nn.Conv2d(3, 4, 1)})

    def forward(self, x: Tensor) -> Tensor:
        return self.ways[self.choose(x)["way"]](x)


def test_a_word_that_a_module_returns_decides_in_the_one_that_called_it():
    it = architecture(ByWord(), (3, 5, 5))
    assert dashed(it) == [("@input", "ways.one"), ("ways.one", "@output")]


class Sees(nn.Module):
    """Returns no tensor of its input's, and tells all the same."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.found, self.tables = how, False, [nn.Buffer(torch.ones(1)), nn.Buffer(torch.ones(1))]

    def forward(self, x: Tensor) -> Tensor | None:
        self.found = bool(x.sum() > -1e9)
        if self.how == "raises" and self.found:
            raise ValueError("found")
        return self.tables[self.found] if self.how == "constant" else None


class Told(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.sees, self.a, self.b = Sees(how), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        try:
            table = self.sees(x)
        except ValueError:
            return self.b(x)
        y = self.a(x) if self.sees.found else self.b(x)
        return y if table is None else y * table


@pytest.mark.parametrize(("how", "taken"), [("kept", "a"), ("raises", "b"), ("constant", "a")])
def test_what_a_module_keeps_or_raises_decides_in_the_one_that_called_it(how: str, taken: str):
    it = architecture(Told(how), (3, 5, 5))
    assert dashed(it)[0] == ("@input", taken)
    assert dashed(it)[-1][1] == "@output"


class Again(nn.Module):
    """Adds on what its batch normalisation read, for another input than this."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        z = self.norm(y)
        return z if z.sum() > -1e9 else z + y


def test_nothing_is_written_over_or_merged_that_another_input_may_read():
    facts = describe(Again(), (3, 8, 8)).facts
    assert facts.overwriting == () and facts.mergeable == () and facts.rising == {}
    plain = describe(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), (3, 8, 8)).facts
    assert plain.overwriting == ("1",) and plain.mergeable == (("0", "1"),)


class BySize(nn.Module):
    """What is found in a map, and how many of it, decides."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.stem, self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        found = (y > 0).nonzero().float() * 2
        many = {
            "shape": lambda: found.shape[0],
            "size": lambda: found.size(0),
            "sizes": lambda: found.size()[0],
            "numel": lambda: found.numel(),
            "len": lambda: len(found),
            "each": lambda: sum(1 for _ in found[:, 0]),
            "mask": lambda: len(y[y > 0]),
            "masked places": lambda: y.flatten(2)[:, :, y.flatten(1)[0, :25] > 0].shape[2],
        }[self.how]()
        return self.a(y) if many > 3 else self.b(y)


@pytest.mark.parametrize("how", ["shape", "size", "sizes", "numel", "len", "each", "mask", "masked places"])
def test_a_choice_by_how_much_was_found_is_a_decision(how: str):
    it = architecture(BySize(how), (3, 5, 5))
    assert dashed(it)[-2:] == [("stem", "a"), ("a", "@output")]
    assert "In one place" in it.notes[1]
    assert it.unused == ("b",)


class Measures(nn.Module):
    """Looks at sizes that are the same for every input, of what is found too."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        found = y[y > 0]
        rows = (y > 0).nonzero()
        if y.shape[1] == 4 and rows.size(1) == 4 and found.mean(0, keepdim=True).numel() == 1 and found.dim() == 1:
            y = self.a(y) + found.sum()
        return y


def test_sizes_that_no_number_decides_decide_nothing():
    it = architecture(Measures(), (3, 5, 5))
    assert not dashed(it)
    assert len(it.notes) == 1


class Counted(nn.Module):
    """How many there are, which who called it may use as it likes."""

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        found = x[x > 0]
        return found, found.shape[0]


class Hands(nn.Module):
    """Makes tensors by how much was found, in ways that are the same for every input."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.counted = how, Counted()
        self.stem, self.a = nn.Conv2d(3, 4, 1), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        rows = y.flatten(2).transpose(1, 2)[0]
        rows = rows[rows[:, 0] > 0]
        a = self.a(rows)

        def unpacked() -> Tensor:
            many, wide = rows.shape
            return a.view(many, wide)

        def computed() -> Tensor:
            many = len([0]) * rows.shape[0]
            return a.view(2 * many // 2 + 1 - 1, -1)

        return {
            "view": lambda: a.view(rows.shape[0], -1),
            "keyword": lambda: a.reshape(shape=(rows.size(0), 4)),
            "all sizes": lambda: a + torch.zeros(rows.shape),
            "a part of them": lambda: a.reshape(*rows.shape[:-1], 2, 2),
            "unpacked": unpacked,
            "computed": computed,
            "numel": lambda: a.view(rows.numel()),
            "slice": lambda: a[: rows.size()[0]],
            "interpolated": lambda: nn.functional.interpolate(y, size=(rows.shape[0], 8)),
            "returned": lambda: a.new_zeros(self.counted(y)[1]) + a.sum(),
        }[self.how]()


HANDED = (
    "view",
    "keyword",
    "all sizes",
    "a part of them",
    "unpacked",
    "computed",
    "numel",
    "slice",
    "interpolated",
    "returned",
)


@pytest.mark.parametrize("how", HANDED)
def test_a_size_that_is_handed_to_torch_alone_decides_nothing(how: str):
    it = architecture(Hands(how), (3, 5, 5))
    assert dashed(it) == []
    assert len(it.notes) == 1
    torch.manual_seed(0)
    model, x = Hands(how).eval(), torch.randn(1, 3, 5, 5)
    watched = trace(model, x)[1]
    assert torch.equal(watched, model(x)) and all(type(side) is int for side in watched.shape)


class Looks(nn.Module):
    """Hands a size to torch, and looks at it too."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.counted, self.a, self.b = how, Counted(), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).transpose(1, 2)[0]
        rows = rows[rows[:, 0] > 0]
        many = rows.shape[0]
        rows = rows.view(many, -1)
        chosen = {
            "compared": lambda: many > 3,
            "true": lambda: bool(many),
            "computed": lambda: (many + 1) % 2 == 0,
            "equal": lambda: rows.shape == (3, 4),
            "divided": lambda: many / 2 > 1,
            "a key": lambda: {0: False}.get(many, True),
            "least": lambda: min(7, many) > 3,
            "repeated": lambda: len([0] * many) > 3,
            "returned": lambda: self.counted(x)[1] > 3,
        }[self.how]()
        return self.a(rows) if chosen else self.b(rows)


@pytest.mark.parametrize(
    "how", ["compared", "true", "computed", "equal", "divided", "a key", "least", "repeated", "returned"]
)
def test_a_size_that_is_looked_at_decides_though_it_is_handed_to_torch_too(how: str):
    it = architecture(Looks(how), (4, 5, 5))
    assert dashed(it)[-1][1] == "@output"
    assert "In one place" in it.notes[1]


def test_what_is_made_of_what_was_found_says_that_its_size_depends_on_the_input():
    it = prepared(architecture(Hands("view"), (3, 5, 5)), fuse=True, silent=False)  # rows[mask] is passed through
    depends = [op.id for op in it.ops if "depends on the input's numbers" in op.note]
    assert depends == ["a"]
    assert [op.id for op in it.ops if "depends" in op.note and op.id in ("stem", "F.gt")] == []
