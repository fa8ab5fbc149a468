"""Where a model decides by its input's numbers: early exits, gates, and choices by how much an operation gave."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.architecture import Architecture
from generator.diagrams.from_model import architecture
from generator.model.describe import describe
from tests.diagrams.watched import dashed, ids


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
