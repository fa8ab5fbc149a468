"""Arcs over a row of tensors, where a later operation reads an earlier tensor."""

from __future__ import annotations

import re

import pytest

from generator.diagrams.architecture import Architecture, Edge, Op
from generator.diagrams.frame import Frame
from generator.diagrams.skips import Place, draw, lanes
from generator.diagrams.stages import stages
from generator.diagrams.styles import styles
from tests.diagrams.drawn import architectures, conv
from tests.diagrams.nets import net


def skipped(it: Architecture, most: int = 30, depth: int = -1) -> dict[str, list[str]]:
    row = stages(it, most, depth)
    return {stage.op.id: [row[k].op.id for k in stage.skips] for stage in row if stage.skips}


def test_what_is_read_directly_or_by_ways_beside_the_main_path():
    """0 ─▶ a ─▶ b ─▶ c ─▶ sum ─▶ d, and a ─▶ side ─▶ sum, 0 ─▶ d, c ─▶ d"""
    ops = (
        Op("0", "input", "input", (1, 8, 8)), conv("a", (2, 8, 8)), conv("side", (8, 8, 8)), conv("b", (3, 8, 8)), conv("c", (4, 8, 8)),
        Op("sum", "merge", "F.cat", (12, 8, 8)), conv("d", (5, 8, 8)),
    )  # fmt: skip
    pairs = ("0a", "ab", "bc")
    edges = [Edge(a, b, ()) for a, b in pairs]
    edges += [
        Edge(*pair, ()) for pair in (("a", "side"), ("c", "sum"), ("side", "sum"), ("sum", "d"), ("0", "d"), ("c", "d"))
    ]
    it = Architecture("net", ops, tuple(edges))
    assert [stage.op.id for stage in stages(it, 30)] == ["0", "a", "b", "c", "sum", "d"]
    assert skipped(it) == {"sum": ["a"], "d": ["0", "c"]}


def test_a_u_net_has_one_at_each_size():
    found = skipped(net("unet"))
    assert len(found) == 4 and all(len(sources) == 1 for sources in found.values())
    assert skipped(net("unet"), most=6) != found
    assert all(skipped(architectures()[name]) == {} for name in ("tinyvgg_digits", "resnet50", "densenet121", "tokens"))


def test_sums_of_opened_blocks_have_one_each():
    # eight blocks, each of which adds what it read, some through a convolution beside the path
    assert len(skipped(net("resnet18"), depth=3)) == 8


def test_lanes_by_hand():
    places = [Place(10 * k, reach) for k, reach in enumerate((5, 20, 5, 5, 30, 5))]
    # short ones first: (1, 3) over 20 + 6, plus 9; (0, 3) over that one; (3, 5) touches it at a body alone and is over 30
    assert lanes([(0, 3), (1, 3), (3, 5)], places) == [44, 35, 45]


@pytest.mark.parametrize("down", [False, True])
def test_an_arc_by_hand(down: bool):
    frame = Frame()
    draw(frame, [(0, 2)], [Place(0, 10), Place(50, 20), Place(100, 10)], [True, False, False], down=down)
    d, head = (
        re.search(r'd="([^"]+)"', frame.canvas.parts[1])[1],
        re.search(r'points="([^"]+)"', frame.canvas.parts[2])[1],
    )
    if down:
        assert d == "M13,4 H30 Q35,4 35,9 V91 Q35,96 30,96 H18"
        assert head == "13,96 19,93.5 19,98.5"
        assert (frame.left, frame.right, frame.top, frame.bottom) == (13, 35, 4, 96)
    else:
        assert d == "M4,-13 V-30 Q4,-35 9,-35 H91 Q96,-35 96,-30 V-18"
        assert head == "96,-13 93.5,-19 98.5,-19"
        assert (frame.left, frame.right, frame.top) == (4, 96, -35)
    assert "dasharray" not in frame.canvas.parts[1]
    draw(frame, [(0, 2)], [Place(0, 10), Place(50, 20), Place(100, 10)], [False, False, True], down=down)
    assert 'stroke-dasharray="4 3"' in frame.canvas.parts[5]


@pytest.mark.parametrize("style", ["lenet", "alexnet"])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_arcs_cross_no_text_and_lie_in_the_picture(style: str, direction: str):
    svg = styles()[style].cls(direction=direction, tensors=30).draw(net("unet")).svg
    assert svg.count('class="ca-skip"') == 4
    left, top, width, height = map(float, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    texts = re.findall(r'<text x="([-\d.]+)" y="([-\d.]+)"[^>]*>([^<]*)<', svg)
    for d in re.findall(r'<path d="(M[^"]+)" fill="none" stroke="#8a91a3"', svg):
        x, y = map(float, re.match(r"M([-\d.]+),([-\d.]+)", d).groups())
        far = float(re.search(r"Q([-\d.]+),([-\d.]+) ", d).group(1 if direction == "down" else 2))
        ends = [float(one) for one in re.findall(r"[QHV ]([-\d.]+)", d)]
        assert ends
        if direction == "down":
            assert left < x < far < left + width
            assert all(float(at) < far for at, _, _ in texts)
        else:
            assert top < far < y < top + height
            between = [float(at) for at, _, _ in texts if x < float(at)]
            assert between
    assert (
        'class="ca-skip"' not in styles()[style].cls(direction=direction, tensors=30, skips=False).draw(net("unet")).svg
    )
