"""Where boxes stand: nothing overlaps, lines lead down, the trunk is straight, and all of it is the same again."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import pytest

from generator.diagrams.architecture import Architecture
from generator.diagrams.layout import Box, Frame, Heads, Layout, Rect, Spacing, Wire, Words, arrange, beside
from generator.diagrams.layout.level import _over
from generator.diagrams.layout.reduce import redundant
from generator.diagrams.shown import prepared, view
from generator.diagrams.simplify import levels
from tests.diagrams.networks import EIGHT, named


def chain(n: int, more: tuple[tuple[int, int], ...] = ()) -> Layout:
    edges = [(k, k + 1) for k in range(n - 1)]
    return arrange([Box(40, 20)] * n, edges + list(more))


def middle(box: Rect) -> float:
    return box.x + box.width / 2


def test_a_chain_by_hand():
    laid = chain(3)
    assert laid.boxes == (Rect(0, 0, 40, 20), Rect(0, 56, 40, 20), Rect(0, 112, 40, 20))
    assert [wire.path for wire in laid.wires] == [
        (("M", (20, 20)), ("L", (20, 56))),
        (("M", (20, 76)), ("L", (20, 112))),
    ]
    assert (laid.width, laid.height) == (40, 132)


def test_a_skip_by_hand():
    # 0 -> 1 -> 2 and 0 -> 2: it leaves 16 above box 1, runs in the lane at 20 + 6 + 6 from the trunk, and ends at 2's side
    skip = next(wire for wire in chain(3, ((0, 2),)).wires if wire.kind == "skip")
    assert skip.tip == (40, 122, "back")
    assert skip.path == (
        ("M", (20, 20)), ("L", (20, 32)), ("Q", (20, 40, 28, 40)), ("L", (44, 40)), ("Q", (52, 40, 52, 48)),
        ("L", (52, 114)), ("Q", (52, 122, 44, 122)), ("L", (40, 122)),
    )  # fmt: skip


def test_an_edge_is_redundant_where_a_longer_way_leads_there():
    edges = [(0, 1), (1, 2), (0, 2), (0, 2), (0, 3)]
    assert redundant(4, edges) == {2, 3}
    assert redundant(3, [(0, 1), (0, 1), (1, 2)]) == set()


def slow_redundant(n: int, edges: list[tuple[int, int]]) -> set[int]:
    """By walking every way."""

    def ways(a: int, b: int, steps: int) -> bool:
        if a == b:
            return steps > 1
        return any(ways(to, b, steps + 1) for start, to in edges if start == a)

    return {k for k, (a, b) in enumerate(edges) if ways(a, b, 0)}


@pytest.mark.parametrize("seed", range(20))
def test_redundancy_against_every_way(seed: int):
    import random

    rng = random.Random(seed)
    n = rng.randint(2, 9)
    pairs = [pair for pair in itertools.combinations(range(n), 2) if rng.random() < 0.4]
    assert redundant(n, pairs) == slow_redundant(n, pairs)


def test_four_branches_stand_side_by_side_in_the_order_they_ran():
    # 0 parts into 1, 2 -> 3, 4, 5, and 6 joins them: 2 -> 3 is the longest way, and the trunk
    edges = [(0, 1), (0, 2), (2, 3), (0, 4), (0, 5), (1, 6), (3, 6), (4, 6), (5, 6)]
    laid = arrange([Box(40, 20)] * 7, edges)
    at = [middle(box) for box in laid.boxes]
    assert at[0] == at[2] == at[3] == at[6]
    assert at[1] < at[2] < at[4] < at[5]
    # neighbours are a box and a gap apart
    assert (at[2] - at[1], at[4] - at[2], at[5] - at[4]) == (62, 62, 62)


def test_a_line_enters_a_frame_once_and_parts_inside():
    # two boxes in a frame read the box before it
    laid = arrange([Box(40, 20)] * 4, [(0, 1), (0, 2), (1, 3), (2, 3)], [Frame(1, 3)])
    entering = [wire for wire in laid.wires if wire.source == 0 and wire.tip is None]
    assert [wire.edges for wire in entering] == [(0, 1)]
    inside = [wire for wire in laid.wires if wire.source == 0 and wire.tip is not None]
    assert [wire.edges for wire in inside] == [(0,), (1,)]
    assert {wire.start for wire in inside} == {entering[0].path[-1][1]}


def test_what_joins_inside_a_frame_stands_beside_the_way_of_the_image():
    # 0 enters the frame of 1, 2 and 3, and is joined by 1 in 2
    laid = arrange(
        [Box(40, 20), Box(40, 20, weight=0.25), Box(40, 20), Box(40, 20)], [(0, 2), (1, 2), (2, 3)], [Frame(1, 4)]
    )
    at = [middle(box) for box in laid.boxes]
    assert at[0] == at[2] == at[3] < at[1]
    straight = [wire.path for wire in laid.wires if wire.source == 0]
    assert all({x for _, (x, *_) in path} == {at[0]} and {c for c, _ in path} <= {"M", "L"} for path in straight)


def test_a_branch_is_as_near_as_what_stands_beside_it():
    # 0 and 4 are wide; 1 -> 2 and 3 between them are not: a gap of 22 between 2 and 3
    boxes = [Box(200, 20), Box(40, 20), Box(40, 20), Box(40, 20), Box(200, 20)]
    laid = arrange(boxes, [(0, 1), (1, 2), (0, 3), (2, 4), (3, 4)])
    assert middle(laid.boxes[3]) - middle(laid.boxes[1]) == 20 + 22 + 20
    beside_wide = arrange(boxes, [(0, 1), (1, 2), (2, 4), (3, 4)])  # 3 reads nothing: it stands in front of 4, beside 2
    assert middle(beside_wide.boxes[3]) - middle(beside_wide.boxes[2]) == 62


def test_many_shortcuts_become_arcs():
    n = 8
    laid = chain(n, tuple(pair for pair in itertools.combinations(range(n), 2) if pair[1] - pair[0] > 1))
    kinds = [wire.kind for wire in laid.wires]
    assert (kinds.count("trunk"), kinds.count("arc"), kinds.count("skip")) == (n - 1, (n - 1) * (n - 2) // 2, 0)


def laid_out(it: Architecture) -> Layout:
    place = {op.id: k for k, op in enumerate(it.ops)}
    boxes = [Box(60 + 7 * (k % 5), 20 + 3 * (k % 4)) for k in range(len(it.ops))]
    edges = [(place[edge.source], place[edge.target]) for edge in it.edges]
    return arrange(boxes, edges, [Frame(block.start, block.stop, 90) for block in it.blocks])


def apart(a: Rect, b: Rect) -> bool:
    tiny = 1e-6
    return (
        a.x + a.width <= b.x + tiny or b.x + b.width <= a.x + tiny or a.y + a.height <= b.y + tiny or b.y + b.height <= a.y + tiny
    )  # fmt: skip


def inside(a: Rect, b: Rect) -> bool:
    return b.x <= a.x and b.y <= a.y and a.x + a.width <= b.x + b.width and a.y + a.height <= b.y + b.height


@pytest.mark.parametrize("depth", [0, 1, 2, 9])
@pytest.mark.parametrize("name", [*EIGHT, "forked"])
def test_nothing_overlaps_and_lines_lead_down(name: str, depth: int):
    it = view(prepared(named(name)), depth)
    laid = laid_out(it)
    for a, b in itertools.combinations(laid.boxes, 2):
        assert apart(a, b)
    for k, frame in enumerate(laid.frames):
        block = it.blocks[k]
        for n, box in enumerate(laid.boxes):
            assert inside(box, frame) if block.start <= n < block.stop else apart(box, frame)
        for n, other in enumerate(laid.frames):
            holds = block.start <= it.blocks[n].start and it.blocks[n].stop <= block.stop
            assert n == k or (inside(other, frame) if holds else inside(frame, other) or apart(other, frame))
    place = {op.id: k for k, op in enumerate(it.ops)}
    for edge in it.edges:
        a, b = laid.boxes[place[edge.source]], laid.boxes[place[edge.target]]
        assert a.y + a.height <= b.y
    assert all(box.x >= 0 and box.y >= 0 and box.x + box.width <= laid.width for box in laid.boxes)
    # every edge ends in exactly one arrow
    ends = [k for wire in laid.wires if wire.tip is not None for k in wire.edges]
    assert sorted(ends) == list(range(len(it.edges)))


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "efficientnet_lite0", "vit_b_16"])
def test_the_trunk_is_a_straight_line(name: str):
    it = view(prepared(named(name)), 9)
    laid = laid_out(it)
    assert middle(laid.boxes[0]) == pytest.approx(middle(laid.boxes[-1]))
    assert max(levels(prepared(named(name))).values(), default=0) < 9  # all that opens is open
    straight = sum(abs(middle(box) - middle(laid.boxes[0])) < 1e-6 for box in laid.boxes)
    assert straight >= 0.9 * len(laid.boxes)


SCRIPT = """
import hashlib
from generator.diagrams.styles.graph import Graph
from tests.diagrams.networks import named
for name in ("forked", "unet", "densenet121"):
    for options in ({}, {"depth": 9}, {"direction": "right", "depth": 1}):
        print(hashlib.sha256(Graph(**options).draw(named(name)).svg.encode()).hexdigest())
"""


def test_the_same_bytes_over_runs_and_hash_seeds():
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1 and len(found.pop().split()) == 9


def test_spacing_is_what_it_says():
    laid = arrange([Box(40, 20)] * 2, [(0, 1)], spacing=Spacing(gap=50))
    assert laid.boxes[1].y - laid.boxes[0].height == 50


def drawn_points(path: tuple[tuple[str, tuple[float, ...]], ...]) -> list[tuple[float, float]]:
    """Many places on a path."""
    at, found = (0.0, 0.0), []
    for _, numbers in path:
        ends = [at, *zip(numbers[::2], numbers[1::2], strict=True)]
        n = len(ends) - 1
        for k in range(101):
            t = k / 100
            weights = [math.comb(n, j) * (1 - t) ** (n - j) * t**j for j in range(n + 1)]
            found.append(tuple(sum(w * end[axis] for w, end in zip(weights, ends, strict=True)) for axis in (0, 1)))
        at = ends[-1]
    return found[101:]


@pytest.mark.parametrize("wide", [40, 90, 300])
def test_an_arc_goes_around_what_is_wide_between_its_ends(wide: float):
    n = 8
    boxes = [Box(wide if k in (2, 5) else 40, 20) for k in range(n)]
    laid = arrange(boxes, [(a, b) for a in range(n) for b in range(a + 1, n)])
    arcs = [wire for wire in laid.wires if wire.kind == "arc"]
    assert len(arcs) == (n - 1) * (n - 2) // 2
    for arc in arcs:
        places = drawn_points(arc.path)
        assert max(x for x, _ in places) <= laid.width
        for box in laid.boxes:
            inside = [
                (x, y)
                for x, y in places
                if box.x < x - 1e-6 < box.x + box.width - 2e-6 and box.y < y < box.y + box.height
            ]
            assert not inside
    assert {len(arc.path) for arc in arcs} == ({2, 4} if wide == 300 else {2})


def test_words_are_moved_on_behind_the_lines_that_would_run_through_them():
    words = ((0.0, 20.0), (8.0, 30.0), (6.0, 10.0))
    assert beside(words, 8, ()) == [8, 36, 72, 82]
    assert beside(words, 8, [(32, 32)]) == [8, 36, 72, 82]  # between them
    assert beside(words, 8, [(32, 34)]) == [8, 38, 74, 84]
    assert beside(words, 8, [(31, 31)])[0] == 35  # nearer than four pixels to the first
    assert beside(words, 8, [(10, 10)]) == [14, 42, 78, 88]
    assert beside(words, 8, [(50, 50), (60, 60)]) == [8, 64, 100, 110]


def test_a_frame_is_as_wide_as_its_words_need_beside_the_line_that_comes_in():
    def framed(words: Words) -> tuple[Rect, float]:
        laid = arrange([Box(40, 20)] * 3, [(0, 1), (1, 2)], [Frame(1, 3, 64, words=words)])
        (frame,) = laid.frames
        line = laid.boxes[1].x + 20
        assert Heads(laid.wires).through(frame) == [(line, line)]
        return frame, line

    narrow, line = framed(())
    assert (narrow.width, line - narrow.x) == (64, 32)
    wide, line = framed(((0.0, 20.0), (8.0, 40.0)))  # the name is in front of the line
    assert (wide.x, wide.width, line - wide.x) == (narrow.x, 32 + 4 + 40 + 5, 32)
    longer, line = framed(((0.0, 26.0), (8.0, 20.0)))  # a little more before it, for the name
    assert (line - longer.x, longer.width) == (8 + 26 + 4, 8 + 26 + 4 + 32)
    assert framed(((0.0, 90.0), (8.0, 90.0)))[0].width == 64  # too much: it stands on a strip over the line


def test_curves_through_a_head_are_met_where_they_are():
    wire = Wire(0, (0,), (("M", (0.0, 0.0)), ("C", (0.0, 40.0, 80.0, -20.0, 80.0, 20.0)), ("L", (80.0, 50.0))))
    found = Heads([wire]).through(Rect(0, 2, 200, 60))
    assert found[0][0] == 0 and found[-1][1] == 80
    assert Heads([wire]).through(Rect(0, 30, 200, 60)) == [(80, 80)]
    assert Heads([wire]).through(Rect(90, 2, 200, 60)) == []


def test_a_line_around_turns_to_the_side_on_which_it_goes_on():
    # Caffe's training nets: 0 gives the labels, 2 the scores, and 3 and 4 read both; 4 stands right of the lane that leads there
    laid = arrange([Box(40, 20)] * 5, [(0, 1), (1, 2), (2, 3), (2, 4), (0, 3), (0, 4)])
    skip = next(
        wire for wire in laid.wires if wire.kind == "skip" and wire.tip and wire.tip[0] == middle(laid.boxes[4])
    )
    assert middle(laid.boxes[4]) == 82  # right of the trunk's box, 22 and half its own width
    assert skip.path[-5:] == (
        ("L", (64, 144)), ("Q", (64, 152, 72, 152)), ("L", (74, 152)), ("Q", (82, 152, 82, 160)), ("L", (82, 168))
    )  # fmt: skip


def test_corners_are_as_round_as_there_is_room_for():
    # out of a frame beside its axis: the lane is nearer than two corners are wide
    for to in (20.0, 26.0, 4.0, -30.0, 90.0):
        (_, start), (_, (corner, _, on, _)), (_, (back, _)), (_, (end, *_)) = _over(20.0, to, 50.0, 8.0)
        assert (start[0], corner, end) == (20, 20, to)
        assert [20.0, on, back, to] == sorted([20.0, on, back, to], reverse=to < 20)


def test_the_trunk_leaves_a_frame_straight_down_where_branches_leave_beside_it():
    edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]
    laid = arrange([Box(40, 20)] * 5, edges, [Frame(1, 4)])
    trunk = middle(laid.boxes[0])
    assert [middle(laid.boxes[k]) for k in (1, 4)] == [trunk, trunk]
    for source in (1, 2, 3):
        down = middle(laid.boxes[source])
        inside = next(wire for wire in laid.wires if wire.source == source and wire.tip is None)
        assert {numbers[-2] for _, numbers in inside.path} == {down}  # none goes around another
