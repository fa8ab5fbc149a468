"""Fewer boxes for the same network, on a small one whose every box can be said by hand."""

import random

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.architecture import SHARES, Architecture, Block, Edge, Op, shape_words
from generator.diagrams.from_graph import from_graph
from generator.diagrams.simplify import at_depth, fused, levels, without
from generator.model.trace import trace


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)) + x)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.stage = nn.Sequential(Residual(), Residual())
        self.fc = nn.Linear(4, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.stage(self.stem(x)).mean((2, 3), keepdim=True).flatten(1))


def small() -> Architecture:
    graph, _ = trace(Small().eval(), torch.randn(1, 3, 8, 8))
    return from_graph(graph, "small", parameters=1)


def ids(it: Architecture) -> list[str]:
    return [op.id for op in it.ops]


def links(it: Architecture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in it.edges]


def test_a_run_as_an_architecture_by_hand():
    it = small()
    first = ["@input", "stem", *(f"stage.0.{name}" for name in ("conv", "norm", "F.add", "act"))]
    second = [f"stage.1.{name}" for name in ("conv", "norm", "F.add", "act")]
    assert ids(it) == [*first, *second, "F.mean", "F.flatten", "fc", "@output"]
    assert [op.kind for op in it.ops[:6]] == ["input", "conv", "conv", "norm", "merge", "act"]
    assert [(block.id, block.start, block.stop) for block in it.blocks] == [
        ("stage", 2, 10),
        ("stage.0", 2, 6),
        ("stage.1", 6, 10),
    ]
    stem = it.by_id["stem"]
    assert (stem.shape, stem.parameters, stem.macs, stem.memory) == ((4, 4, 4), 112, 27 * 64, 4 * 64)
    assert stem.receptive_field == (3, 3)
    assert it.by_id["stage.0.conv"].receptive_field == (7, 7)
    assert it.by_id["F.mean"].receptive_field is None
    assert [edge.source for edge in it.inputs_of["stage.0.F.add"]] == ["stage.0.norm", "stem"]
    assert it.macs == 27 * 64 + 2 * 36 * 64 + 28
    assert shape_words(it.by_id["@output"].shape) == "7"


def test_what_only_hands_on_is_passed_through():
    it = without(small())
    assert "F.flatten" not in ids(it)
    assert ("F.mean", "fc") in links(it)
    assert [(block.id, block.start, block.stop) for block in it.blocks] == [
        ("stage", 2, 10),
        ("stage.0", 2, 6),
        ("stage.1", 6, 10),
    ]


def test_chains_are_fused_and_keep_their_sums():
    plain = without(small())
    it = fused(plain)
    conv = it.by_id["stage.0.conv"]
    assert [part.id for part in conv.parts] == ["stage.0.conv", "stage.0.norm"]
    assert conv.parameters == 4 * 36 + 8
    assert ("stage.0.conv", "stage.0.F.add") in links(it)
    assert sum(op.parameters for op in it.ops) == sum(op.parameters for op in plain.ops)
    assert sum(op.macs for op in it.ops) == it.macs


def test_blocks_close_by_depth():
    it = fused(without(small()))
    assert ids(at_depth(it, 0)) == ["@input", "stem", "stage", "F.mean", "fc", "@output"]
    assert ids(at_depth(it, 1)) == ["@input", "stem", "stage.0", "stage.1", "F.mean", "fc", "@output"]
    assert links(at_depth(it, 1))[1:3] == [("stem", "stage.0"), ("stage.0", "stage.1")]
    assert at_depth(it, 0).by_id["stage"].parameters == 2 * (4 * 36 + 8)
    assert ids(at_depth(it, 9)) == ids(it)


class Hidden(nn.Module):
    """Decides, and works out of sight."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(4, 4, 3), nn.GroupNorm(2, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.norm(self.conv(x)))
        seen = torch.from_numpy(x.detach().numpy()).mean()
        return y * seen if y.sum() > -1e9 else y


def test_what_is_special_inside_is_told_of_what_is_closed():
    graph, _ = trace(nn.Sequential(nn.Conv2d(3, 4, 1), Hidden(), nn.Conv2d(4, 2, 1)).eval(), torch.randn(1, 3, 8, 8))
    it = fused(without(from_graph(graph, "hidden")))
    assert at_depth(it, 0).by_id["1"].note == (
        "1.?: Where this comes from could not be seen. "
        "1.F.gt: Its numbers decide what runs next; another input may go another way."
    )
    assert [(edge.source, edge.target) for edge in at_depth(it, 0).edges if edge.dashed] == [("1", "2")]


def test_a_chain_has_the_notes_of_all_its_parts_and_the_field_of_the_last():
    graph, _ = trace(Hidden().eval(), torch.randn(1, 4, 8, 8))
    conv = fused(from_graph(graph, "hidden")).by_id["conv"]
    assert [part.receptive_field for part in conv.parts] == [(3, 3), None, None]
    assert conv.receptive_field is None
    notes = ("Odd. " + f"{SHARES} a.", f"{SHARES} b.", "Odd.")
    ops = tuple(
        Op(kind, kind, kind, (1,), note=note) for kind, note in zip(("conv", "norm", "act"), notes, strict=True)
    )  # type: ignore[arg-type]
    edges = (Edge("conv", "norm", (1,)), Edge("norm", "act", (1,)))
    assert fused(Architecture("net", ops, edges)).by_id["conv"].note == f"Odd. {SHARES} a."
    block = Architecture("net", ops, edges, (Block("all", "Net", 0, 3),))
    assert at_depth(block, 0).by_id["all"].note == "conv: Odd."
    many = tuple(Op(f"{k}", "other", "Thing", (1,), note=f"{k}!") for k in range(5))
    told = at_depth(Architecture("net", many, (), (Block("all", "Net", 0, 5),)), 0).by_id["all"].note
    assert told == "0: 0! 1: 1! 2: 2! And 2 more such notes."


def test_the_blocks_around_a_block_are_counted():
    """Two of the same interval lie one in the other."""
    ops = tuple(Op(str(k), "other", "Thing", (1,)) for k in range(8))
    held = (("a", 0, 6), ("b", 0, 4), ("c", 0, 4), ("d", 1, 3), ("e", 4, 6), ("f", 6, 8))
    it = Architecture("net", ops, (), tuple(Block(name, "Net", start, stop) for name, start, stop in held))
    assert levels(it) == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 1, "f": 0}
    assert levels(Architecture("net", ops, ())) == {}
    assert [ids(at_depth(it, depth)) for depth in range(3)] == [
        ["a", "f"],
        ["b", "e", "6", "7"],
        ["c", "4", "5", "6", "7"],
    ]


def slowly_without(it: Architecture, kinds: tuple[str, ...]) -> list[Edge]:
    """The edges after one op after the other was taken out of the whole list."""
    edges = list(it.edges)
    for op in it.ops:
        if op.kind in kinds:
            into = [edge for edge in edges if edge.target == op.id]
            out = [edge for edge in edges if edge.source == op.id]
            joined = [Edge(a.source, b.target, b.shape, a.dashed or b.dashed) for a in into for b in out]
            edges = [edge for edge in edges if op.id not in (edge.source, edge.target)] + joined
    return list(dict.fromkeys(edges))


def tangled(seed: int) -> Architecture:
    """Ops of random kinds that read random ones before them, in blocks in blocks."""
    chance = random.Random(seed)
    kinds = ("conv", "norm", "act", "copy", "reshape", "merge")
    ops = tuple(Op(str(k), chance.choice(kinds), "F", (k,)) for k in range(40))
    edges = tuple(
        Edge(str(chance.choice([k - 1, chance.randrange(k)])), str(k), (k,), chance.random() < 0.1)
        for k in range(1, 40)
        for _ in range(chance.choice((1, 1, 1, 2, 3)))
    )
    blocks = [
        Block(f"b{start}.{size}", "B", start, start + size)
        for start in range(0, 40, 8)
        for size in (8, 4, 2)
        if chance.random() < 0.7
    ]
    return Architecture("tangled", ops, tuple(dict.fromkeys(edges)), tuple(blocks))


@pytest.mark.parametrize("seed", range(30))
def test_what_is_found_at_once_is_what_is_found_step_by_step(seed: int):
    it = tangled(seed)
    assert list(without(it, ("copy", "reshape")).edges) == slowly_without(it, ("copy", "reshape"))
    number = {op.id: k for k, op in enumerate(it.ops)}
    for op in fused(it).ops:
        for part in op.parts[1:]:  # a chain stands in one block
            assert it.around(number[part.id]) == it.around(number[op.id])
        after = {edge.target for edge in it.outputs_of[op.parts[-1].id]} if op.parts else set()
        if op.kind == "conv" and op.parts and op.parts[-1].kind != "act" and len(after) == 1:
            reader = it.by_id[after.pop()]  # why it ended there
            alone = len(it.inputs_of[reader.id]) == 1
            same = it.around(number[reader.id]) == it.around(number[op.id])
            assert not (alone and same and reader.kind == "act")
