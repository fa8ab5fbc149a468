"""What a forward does outside modules is a block where it is much: hundreds of functions never fill a drawing unasked."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.architecture import FUNCTIONS, Architecture, Block, Edge, Op
from generator.diagrams.from_model import architecture
from generator.diagrams.plain import as_json
from generator.diagrams.shown import fitting, prepared, view
from generator.diagrams.simplify import at_depth, levels
from generator.diagrams.styles import styles
from tests.diagrams.watched import ids

if TYPE_CHECKING:
    from playwright.sync_api import Page

from tests.diagrams.test_simplify_port import in_the_page, page

__all__ = ["page"]


def worked_out(x: Tensor, steps: int) -> Tensor:
    """So many functions in a row."""
    for _ in range(steps):
        x = x.sin()
    return x


class Detector(nn.Module):
    """A body, and much that is worked out of what it says, in a method and a function of another file's kind."""

    def __init__(self, steps: int, after: int = 0) -> None:
        super().__init__()
        self.steps, self.after = steps, after
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()))

    def decode(self, x: Tensor) -> Tensor:
        return worked_out(x, self.steps - 1) + 1  # one with no name of its own in between

    def forward(self, x: Tensor) -> Tensor:
        found = self.decode(self.body(x).mean((2, 3)))
        return worked_out(found, self.after).exp()


def functions(it: Architecture) -> list[tuple[str, int]]:
    return [(block.id, block.stop - block.start) for block in it.blocks if block.op == FUNCTIONS]


def test_a_method_that_calls_many_functions_is_a_block_by_its_name():
    it = architecture(Detector(30, 12), (3, 9, 9))
    assert functions(it) == [("decode", 30), ("worked_out", 12)]
    block = next(block for block in it.blocks if block.id == "decode")
    assert [op.id for op in it.ops[block.start : block.stop]] == [
        "F.sin", *(f"F.sin@{k}" for k in range(2, 30)), "F.add"
    ]  # fmt: skip
    assert (block.path, block.shape, block.parameters, block.macs) == ("", (4,), 0, 0)
    assert ids(at_depth(it, 0)) == ["@input", "body", "F.mean", "decode", "worked_out", "F.exp", "@output"]


@pytest.mark.parametrize("steps", [1, 18])
def test_a_screen_of_functions_stays_as_it_is(steps: int):
    """18, the mean before and the one after are 20."""
    assert functions(architecture(Detector(steps), (3, 9, 9))) == []
    assert functions(architecture(Detector(19), (3, 9, 9))) == [("decode", 19)]


class Direct(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        for k in range(24):
            x = x.cos() if k % 2 else next(one.sin() for one in (x,))
        return x


class Helped(nn.Module):
    """Calls many small functions, each of which does little."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(24):
            x = torch.sigmoid(worked_out(x, 1))
        return x


@pytest.mark.parametrize(("part", "many"), [(Direct, 24), (Helped, 48)])
def test_what_the_forward_calls_itself_or_through_many_is_named_forward(part: type[nn.Module], many: int):
    it = architecture(nn.Sequential(nn.Conv2d(3, 3, 1), part()), (3, 5, 5))
    assert functions(it) == []  # the module closes by itself
    assert "1" in ids(at_depth(it, 0))

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return part.forward(self, self.conv(x))

    found = functions(architecture(Outer(), (3, 5, 5)))
    assert found == [("forward", many)]


class Named(nn.Module):
    """A module has the method's name."""

    def __init__(self) -> None:
        super().__init__()
        self.worked_out = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        one = worked_out(self.worked_out(x), 21)
        return worked_out(self.worked_out(one), 21)


def test_each_has_an_id_of_its_own():
    assert functions(architecture(Named(), (3, 5, 5))) == [("worked_out@3", 21), ("worked_out@4", 21)]


def test_what_costs_is_never_hidden_among_functions():
    class Costly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 8))

        def forward(self, x: Tensor) -> Tensor:
            return worked_out(worked_out(x, 15) @ self.weight, 15)

    assert functions(architecture(Costly(), (3, 8, 8))) == []


def test_they_open_after_every_module():
    it = prepared(architecture(Detector(50), (3, 9, 9)))
    deepest = max(level for name, level in levels(it).items() if name != "decode") + 1
    assert levels(it)["decode"] == deepest
    assert "decode" in ids(view(it, deepest))
    assert "decode" not in ids(view(it, deepest + 1))
    assert "decode" not in ids(view(it, 0, ["decode"]))
    assert fitting(it, 40) == deepest  # the modules stand open, the functions do not


def test_levels_are_the_same_in_a_page(page: Page):
    alone = Architecture(
        "net",
        (Op("x", "input", "input", (1,)), *(Op(f"F.{k}", "other", "F.sin", (1,)) for k in range(3))),
        tuple(Edge(a, b, (1,)) for a, b in (("x", "F.0"), ("F.0", "F.1"), ("F.1", "F.2"))),
        (Block("decode", FUNCTIONS, 1, 4),),
    )
    for it in (prepared(architecture(Detector(50), (3, 9, 9))), alone):
        made = page.evaluate("(it) => [...convatlas.simplify.levels(it)]", json.loads(json.dumps(as_json(it))))
        assert made == [list(pair) for pair in levels(it).items()]
        assert in_the_page(page, it, "fitting(it, 40)") == fitting(it, 40)


@pytest.mark.parametrize("style", ["graph", "blocks", "lenet", "alexnet"])
def test_six_hundred_functions_leave_a_drawing_of_a_page(style: str):
    """Ninety that are alike and hang on one, as the classes of a detector do, took minutes to find no repetition in."""

    class Classes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())

        def select(self, x: Tensor) -> Tensor:
            kept = []
            for k in range(200):
                one = x[:, k % 8]
                kept.append((one * one.sigmoid()).sin())
            return torch.stack(kept)

        def forward(self, x: Tensor) -> Tensor:
            return self.select(self.body(x).flatten(2))

    it = architecture(Classes(), (3, 9, 9))
    assert functions(it) == [("select", 801)]
    began = time.process_time()
    made = styles()[style].cls().draw(it)
    assert time.process_time() - began < 10
    assert max(made.width, made.height) < 1200
