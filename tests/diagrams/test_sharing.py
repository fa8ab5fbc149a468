"""Weights that several operations share have one number, and a class token and positions come in by themselves."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.architecture import Architecture
from generator.diagrams.simplify import at_depth
from generator.diagrams.stages import main_path
from generator.diagrams.styles.blocks import Blocks
from generator.diagrams.styles.graph import Graph
from tests.diagrams.networks import Twice, drawn, named


def shared(it: Architecture) -> dict[str, int]:
    return {op.id: op.shared for op in it.ops if op.shared}


def test_calls_of_one_module_and_tied_weights_have_a_number():
    it = drawn(Twice(), "twice", 8)
    # block is called twice (1), and so is what it holds (2, 3); side too (4); out's weight is head's (5); act has no weights
    assert [(block.id, block.shared) for block in it.blocks] == [("block", 1), ("block@2", 1)]
    assert shared(it) == {
        "block.0": 2, "block.1": 3, "block.0@2": 2, "block.1@2": 3, "side": 4, "side@2": 4, "head": 5, "out": 5,
    }  # fmt: skip
    assert it.by_id["side@2"].note == "Shares its weights with side."
    assert it.by_id["out"].note == "Shares its weights with head."
    assert it.by_id["block.0@2"].parameters == 0
    assert shared(at_depth(it, 0)) == {"block": 1, "block@2": 1, "side": 4, "side@2": 4, "head": 5, "out": 5}


class Queries(nn.Module):
    """A learned query that two layers are given."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.seen = nn.Parameter(torch.randn(1, 2, 4)), nn.Conv2d(3, 4, 1)
        self.first = nn.MultiheadAttention(4, 1, batch_first=True)
        self.norm, self.out = nn.LayerNorm(4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.seen(x).flatten(2).mT
        y = self.first(self.norm(self.query), y, y)[0]
        return y + self.out(self.query)


def test_what_layers_are_given_to_work_on_is_none_of_their_weights():
    it = drawn(Queries(), "queries", 4)
    assert shared(it) == {}
    assert not any(op.note for op in it.ops)
    assert it.parameters == sum(op.parameters for op in it.ops)


def test_a_note_says_at_most_three_names():
    class Often(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(6):
                x = self.conv(x)
            return x

    it = drawn(Often(), "often", 4)
    assert it.by_id["conv@3"].note == "Shares its weights with conv, conv@2, conv@4 and 2 more."


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "tinyvgg_digits", "unet"])
def test_networks_that_share_nothing(name: str):
    assert shared(named(name)) == {}
    assert [op.id for op in named(name).ops if op.kind == "input"] == ["@input"]


def test_a_class_token_and_positions_are_inputs_of_their_own():
    it = named("vit_b_16")
    learned = [op for op in it.ops if op.learned]
    assert [(op.id, op.shape, op.parameters) for op in learned] == [
        ("class_token", (1, 768), 0),
        ("encoder.pos_embedding", (197, 768), 0),
    ]
    token, positions = ([edge.target for edge in it.outputs_of[op.id]] for op in learned)
    assert [it.by_id[target].op for target in (*token, *positions)] == ["F.cat", "F.add"]
    # they are counted where they join
    assert [it.by_id[target].parameters for target in (*token, *positions)] == [768, 197 * 768]
    encoder = next(block for block in it.blocks if block.path == "encoder")
    assert it.ops[encoder.start].id == "encoder.pos_embedding"  # the frame holds what is its own
    assert main_path(it)[0].id == "@input"
    assert not any(op.learned for op in main_path(it))


def test_biases_and_scales_are_no_inputs():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain, self.bias = nn.Parameter(torch.ones(3, 1, 1)), nn.Parameter(torch.ones(3, 1, 1))
            self.places = nn.Parameter(torch.ones(1, 3, 4, 4))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.gain + self.bias + self.places

    it = drawn(Scaled(), "scaled", 4)
    assert [op.id for op in it.ops if op.kind == "input"] == ["@input", "places"]
    assert it.by_id["places"].shape == (3, 4, 4)


def test_a_parameter_that_joins_twice_comes_in_twice():
    class Again(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.places = nn.Parameter(torch.ones(1, 3, 4, 4))

        def forward(self, x: Tensor) -> Tensor:
            return (x + self.places).relu() + self.places

    it = drawn(Again(), "again", 4)
    assert [op.id for op in it.ops if op.learned] == ["places", "places#2"]
    assert len(it.by_id) == len(it.ops)
    assert it.parameters == 48


@pytest.mark.parametrize("style", [Graph(depth=0, fold=False), Blocks(depth=0, fold="none")])
def test_the_numbers_are_drawn_and_explained(style: Graph | Blocks):
    svg = style.draw(drawn(Twice(), "twice", 8)).svg
    assert svg.count('class="ca-share"') == 6 + 1  # and one in the legend
    assert ">shared weights</text>" in svg
    assert "ca-share" not in style.draw(named("resnet50")).svg


@pytest.mark.parametrize("style", [Graph(), Blocks()])
def test_names_of_parameters_are_drawn(style: Graph | Blocks):
    svg = style.draw(named("vit_b_16")).svg
    assert ">class_token</text>" in svg and "pos_embedding</text>" in svg
    assert svg.count(">input</text>") == 1
