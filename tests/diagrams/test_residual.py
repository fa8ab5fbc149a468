"""Which closed blocks add what they read: by hand, and of networks; and the arc over each that says so."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.residual import residual
from generator.diagrams.scene import Area, Wire, Words
from generator.diagrams.simplify import without
from generator.diagrams.styles.blocks import Blocks
from tests.diagrams.nets import net, traced
from tests.diagrams.test_blocks import drawn, meet, of, outline


class Adds(nn.Module):
    """Two convolutions, and what `around` makes of the input beside them; `how` they are put together."""

    def __init__(self, around: nn.Module, how: str) -> None:
        super().__init__()
        self.one, self.two, self.around, self.how = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), around, how

    def forward(self, x: Tensor) -> Tensor:
        made, other = self.two(self.one(x).relu()), self.around(x)
        if self.how == "cat":
            return torch.cat([made, other], 1)[:, :4]
        return made + other if self.how == "add" else made * other


def conv() -> nn.Module:
    return nn.Conv2d(4, 4, 1)


@pytest.mark.parametrize(
    "block, is_one",
    [
        (Adds(nn.Identity(), "add"), True),
        (Adds(conv(), "add"), True),  # a projection of what it reads
        (Adds(nn.Sequential(conv(), conv()), "add"), False),  # two branches alike: no way is short
        (Adds(nn.Identity(), "mul"), False),  # a gate
        (Adds(nn.Identity(), "cat"), False),  # a dense layer: joined, not added
        (nn.Sequential(conv(), nn.ReLU(), conv()), False),
    ],
)
def test_blocks_by_hand(block: nn.Module, is_one: bool):
    it = without(traced(nn.Sequential(conv(), nn.Sequential(block), conv()), (4, 8, 8), "net"), ("reshape", "copy"))
    assert any(op.op in ("F.add", "F.mul", "F.cat") for op in it.ops) == isinstance(block, Adds)
    assert bool(residual(it)) is is_one


def test_a_stage_of_such_blocks_is_none():
    stage = nn.Sequential(Adds(nn.Identity(), "add"), Adds(nn.Identity(), "add"))
    it = traced(nn.Sequential(conv(), stage), (4, 8, 8), "net")
    assert residual(it) == {("1.0.one", "1.0.F.add"), ("1.1.one", "1.1.F.add")}
    assert [op.residual for op in Blocks(depth=0).prepared(it).ops] == [False] * 3
    # at depth 1 both are one box, ×2
    assert [(op.id, op.times) for op in Blocks(depth=1).prepared(it).ops if op.residual] == [("1.0", 2)]


@pytest.mark.parametrize(
    "name, ids",
    [
        ("resnet50", ["layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0", "layer3.1", "layer4.0", "layer4.1"]),
        ("efficientnet_lite0", ["_blocks.2", "_blocks.4", "_blocks.6", "_blocks.9", "_blocks.12"]),
        ("densenet121", []),
        ("googlenet", []),
    ],
)
def test_blocks_of_networks(name: str, ids: list[str]):
    """Of EfficientNet-Lite0 those whose stride is 1 and whose channels stay."""
    assert [op.id for op in Blocks().prepared(net(name)).ops if op.residual] == ids


@pytest.mark.parametrize("name", ["resnet50", "efficientnet_lite0", "resnet152"])
@pytest.mark.parametrize(
    "how", [Blocks(), Blocks(width=476), Blocks(direction="left", angle=30)], ids=["", "narrow", "left"]
)
def test_each_has_an_arc_from_the_box_before_it_which_runs_through_no_words(name: str, how: Blocks):
    it, scene = drawn(name, how)
    arcs = [wire.points for wire in of(scene, Wire) if wire.thickness == 1.75 and len(wire.points) == 4 and wire.points[1][1] == wire.points[2][1] < min(wire.points[0][1], wire.points[3][1])]  # fmt: skip
    tops = [area.corners for area in of(scene, Area) if area.classes == "ca-k-block ca-side"]
    assert len(arcs) == sum(op.residual for op in it.ops)
    landed = set()
    for start, high, _, end in arcs:
        # it ends on the upper edge of the face of a block, a quarter along
        on = [k for k, (a, b, *_) in enumerate(tops) if abs(end[0] - (a[0] + 0.25 * (b[0] - a[0]))) < 0.02 and abs(end[1] - (a[1] + 0.25 * (b[1] - a[1]))) < 0.02]  # fmt: skip
        assert len(on) == 1
        landed.add(on[0])
        assert high[1] <= min(start[1], end[1]) - 9
    blocks = [op for op in it.ops if op.kind == "block"]
    assert landed == {k for k, op in enumerate(blocks) if op.residual}
    outlines = [(one.text, outline(one)) for one in of(scene, Words)]
    for points in arcs:
        for (x0, y0), (x1, y1) in pairwise(points):
            left, right, top, low = min(x0, x1) - 0.9, max(x0, x1) + 0.9, min(y0, y1) - 0.9, max(y0, y1) + 0.9
            thin = [(left, top), (right, top), (right, low), (left, low)]
            assert not [text for text, corners in outlines if meet(thin, corners)]
