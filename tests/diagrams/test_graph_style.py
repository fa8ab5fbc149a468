"""The graph as a drawing: golden files of the eight networks, labels that are not cut, hostile names, each option.

`CONVATLAS_GOLDEN=write` rewrites the golden files; look at them after that.
"""

from __future__ import annotations

import html
import itertools
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import fields, replace
from pathlib import Path

import pytest

from generator.diagrams.architecture import Architecture, Block, Edge, Op
from generator.diagrams.prototxt import read
from generator.diagrams.shown import count, depths, fitting, prepared, tidied, view
from generator.diagrams.styles import styles
from generator.diagrams.styles.graph import Graph
from generator.diagrams.svg import text_width
from generator.diagrams.words import begun, fitted, short, title
from tests.diagrams.networks import EIGHT, named

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/drawings.md").read_text("utf-8")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", EIGHT)
def test_golden(name: str):
    made = f"{Graph().draw(named(name)).svg}\n"
    kept = GOLDEN / f"graph-{name}.svg"
    if os.environ.get("CONVATLAS_GOLDEN") == "write":
        kept.write_text(made, "utf-8")
    assert made == kept.read_text("utf-8")
    assert len(made) < 100_000


@pytest.mark.parametrize("source", ["efficientnet_lite0", "torchvision:resnet50", "inputs/prototxt/unet_like.prototxt"])
def test_closed_graphs_are_readable_in_a_papers_column(source: str):
    """5 pt and more in a column of 8.5 x 24 cm, and the guide to printing says how high they are."""
    it = read(ROOT / source) if source.endswith("prototxt") else named(source.rpartition(":")[2])
    drawing = Graph(depth=0).draw(it)
    smallest = min(float(size) for size in re.findall(r'font-size="([0-9.]+)"', drawing.svg))
    wide, high = (side / 96 * 2.54 for side in (drawing.width, drawing.height))
    points = 0.75 * smallest * min(1, 8.5 / wide, 24 / high)
    assert points >= 5
    assert f"| {high:.1f} cm | {points:.3g} pt |" in next(
        row for row in GUIDE.splitlines() if f"draw {source} --depth 0" in row
    )


def places(svg: str, size: str) -> list[tuple[float, float, float, float]]:
    """Where the dim words of this size stand, with the room of a ground around them: (x, y, width, height)."""
    found = re.findall(rf'<text x="(\S+)" y="(\S+)" [^>]*font-size="{size}"([^>]*)class="ca-dim">([^<]+)<', svg)
    return [
        (float(x) - 1, float(y) - 8, text_width(html.unescape(words), float(size), bold="bold" in how), 10)
        for x, y, how, words in found
    ]


def test_words_stand_on_a_ground_only_where_something_runs_behind_them():
    assert "ca-ground" not in Graph().draw(named("unet")).svg
    svg = Graph(depth=1, direction="right").draw(named("vgg16")).svg
    assert svg.count("ca-ground") == 1  # a shape beside the line that leaves a frame reaches over the frame's rim


@pytest.mark.parametrize("depth", [0, 1])
def test_the_ground_of_a_shape_covers_no_skip(depth: int):
    svg = Graph(depth=depth).draw(named("unet")).svg
    grounds = places(svg, "9")
    skips = re.findall(r'<g class="ca-wire ca-wire-skip"[^>]*><path d="([^"]+)"', svg)
    assert grounds and skips
    for d in skips:
        for (_, x0, y0), (letter, x1, y1) in itertools.pairwise(ends(d)):
            if letter == "L" and y0 == y1:  # half of a line's width, 1.4
                assert not [
                    at
                    for at in grounds
                    if min(x0, x1) < at[0] + at[2] and at[0] < max(x0, x1) and at[1] - 0.7 < y0 < at[1] + at[3] + 0.7
                ]


def ends(d: str) -> list[tuple[str, float, float]]:
    """(letter, x, y) of where each command of a path ends."""
    found = [(part[0], [float(number) for number in part[1:].split()]) for part in re.findall("[MLQC][^MLQC]*", d)]
    return [(letter, numbers[-2], numbers[-1]) for letter, numbers in found]


def test_it_is_a_style_whose_options_are_explained():
    assert "graph" in styles()
    assert all(field.metadata.get("doc") for field in fields(Graph))


def texts(it: Architecture, **options: object) -> list[str]:
    root = ET.fromstring(Graph(**options).draw(it).svg)  # type: ignore[arg-type]
    return [str(element.text) for element in root.iter(f"{SVG}text")]


def test_what_a_residual_block_says():
    said = texts(named("resnet50"), depth=0, opened=("layer1", "layer1.1"))
    assert "resnet50" in said and "25.6 M parameters · 4.09 G MACs" in said
    # the stem, then the one block that is open
    assert [word for word in said if word in ("conv1", "conv2", "conv3", "+")] == [
        "conv1",
        "conv1",
        "conv2",
        "conv3",
        "+",
    ]
    assert "Sequential · 42 ops, 1.22 M" in said


def test_blocks_of_one_op_have_no_frame():
    whole = prepared(named("densenet121"))
    assert all(block.stop - block.start > 1 for block in whole.blocks)
    assert len({(block.start, block.stop) for block in whole.blocks}) == len(whole.blocks)


def test_a_depth_that_fits():
    whole = prepared(named("resnet50"))
    assert fitting(whole, 16) == 0 and len(view(whole, 0).ops) == 10
    assert fitting(whole, 40) == 1 and len(view(whole, 1).ops) == 22
    # input, stem, pool, two boxes for each of four stages, pool, linear, output
    assert len(view(whole, 1, fold=True).ops) == 14 and fitting(whole, 16, fold=True) == 1
    for shown in (view(whole, 0), view(whole, 1, fold=True)):
        assert sum(count(op) for op in shown.ops) == sum(count(op) for op in whole.ops)


def test_the_depths_that_differ():
    assert depths(prepared(named("tinyvgg_digits"))) == [0]
    assert depths(prepared(named("resnet50"))) == [0, 1, 2]
    # the list of blocks, the blocks, all
    assert depths(prepared(named("efficientnet_lite0"))) == [0, 1, 2]


def test_a_list_of_modules_is_a_block_where_it_is_not_all():
    whole = prepared(named("efficientnet_lite0"))
    listed = next(block for block in whole.blocks if block.id == "_blocks")
    assert (listed.op, whole.ops[listed.start].path) == ("list of modules", "_blocks.0._depthwise_conv")
    shown = view(whole, 0)
    assert [op.id for op in shown.ops] == ["@input", "_conv_stem", "_blocks", "_conv_head", "_avg_pooling", "_fc", "@output"]  # fmt: skip
    assert sum(op.parameters for op in shown.ops) == named("efficientnet_lite0").parameters
    assert sum(op.macs for op in shown.ops) == sum(op.macs for op in named("efficientnet_lite0").ops)
    assert "features" not in [block.op for block in prepared(named("alexnet")).blocks]


def test_repetitions_are_one_box_that_says_how_many():
    it = named("resnet50")
    said = texts(it, depth=1)
    assert [word for word in said if word.startswith("×")] == ["×2", "×3", "×5", "×2"]
    assert [word for word in said if word in ("0", "1", "1, 2", "1 … 3", "1 … 5")] == ["0", "1, 2", "0", "1 … 3", "0", "1 … 5", "0", "1, 2"]  # fmt: skip
    assert "Bottleneck · 20 ops, 141 k in all" in said  # 2 × 70,400
    each = texts(it, depth=1, each=("layer3.1",))
    assert [word for word in each if word.startswith("×")] == ["×2", "×3", "×2"]
    assert [word for word in each if word in "12345"] == ["1", "2", "3", "4", "5"]
    assert "1 … 5" in each  # the frame around them
    assert not [word for word in texts(it, depth=1, fold=False) if word.startswith("×")]


def test_what_is_open_in_the_first_is_open_in_all_of_them():
    whole = prepared(named("resnet50"))
    shown = view(whole, 0, ["layer3", "layer3.1"], fold=True)
    assert [op.id for op in shown.ops if op.id.startswith("layer3.")] == ["layer3.0", *(f"layer3.1.{name}" for name in ("conv1", "conv2", "conv3", "F.add", "relu@3"))]  # fmt: skip
    assert [(block.id, block.times, block.last) for block in shown.blocks] == [("layer3", 1, ""), ("layer3.1", 5, "layer3.5")]  # fmt: skip
    # each by itself, the first alone is open
    shown = view(whole, 0, ["layer3", "layer3.1"], fold=True, each=["layer3.1"])
    assert [op.id for op in shown.ops if op.id.startswith("layer3.") and op.kind == "block"] == [f"layer3.{k}" for k in (0, 2, 3, 4, 5)]  # fmt: skip
    assert [(block.head, block.run) for block in shown.blocks] == [("layer3", False), ("layer3.1", True), ("layer3.1", False)]  # fmt: skip


def test_the_ground_of_words_covers_no_line_that_leaves_its_column():
    """A branch is seen from where it parts: no shape stands on its bend, nor does a frame's caption."""
    svg = Graph(depth=9, labels="all").draw(named("forked")).svg
    grounds = [*places(svg, "9"), *places(svg, "9.5")]
    bends = re.findall(r"[ML] ([-\d.]+) ([-\d.]+) C" + 6 * r" ([-\d.]+)", svg)
    assert len(bends) > 8 and len(grounds) > 8
    for x0, y0, x1, y1, x2, y2, x3, y3 in (map(float, bend) for bend in bends):
        for t in (k / 40 for k in range(41)):
            share = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x = sum(a * b for a, b in zip(share, (x0, x1, x2, x3), strict=True))
            y = sum(a * b for a, b in zip(share, (y0, y1, y2, y3), strict=True))
            assert not [at for at in grounds if at[0] < x < at[0] + at[2] and at[1] < y < at[1] + at[3]]


def test_titles_are_in_two_lines_before_they_are_cut():
    it = named("efficientnet_lite0")
    said = texts(it, depth=9)
    assert "Conv2dStaticSamePadding" in said and "3×3 depthwise" in said and "Conv2dStaticSamePadding 1×1" in said
    assert not [word for word in said if word.endswith("…")]
    # two lines are as high as that is: the stem's are 13 higher than those of a title in one line
    boxes = {node.get("data-id"): node for node in ET.fromstring(Graph().draw(it).svg).iter(f"{SVG}g")}
    heights = [float(boxes[name].find(f"{SVG}rect").get("height")) for name in ("_conv_stem", "_conv_head")]  # type: ignore[union-attr, arg-type]
    assert heights == [34 + 13 + 28, 34 + 28]


def by_hand() -> Architecture:
    ops = (
        Op("@input", "input", "input", (3, 8, 8)),
        Op("a", "conv", "Conv2d", (4, 8, 8), "a", attributes=(("kernel", "3×3"), ("stride", "2"), ("groups", "3 (depthwise)"))),
        Op("b", "other", "Odd", (), "b", note="shape not known"),
        Op("@output", "output", "output", (4,)),
    )  # fmt: skip
    edges = (Edge("@input", "a", (3, 8, 8)), Edge("a", "b", (4, 8, 8), dashed=True), Edge("b", "@output", ()))
    return Architecture("net", ops, edges, (Block("all", "Net", 1, 3, (4,)),))


def test_dashed_lines_and_unknown_shapes():
    svg = Graph(depth=1).draw(by_hand()).svg
    assert svg.count('stroke-dasharray="4 3"') == 1
    assert "note shape not known" in svg
    assert "Conv2d 3×3 /2 depthwise" in texts(by_hand(), depth=1)


def test_each_option_shows():
    it = by_hand()
    whole = Graph(depth=1).draw(it)
    for change in (
        {"depth": 0},
        {"direction": "right"},
        {"labels": "none"},
        {"colours": "plain"},
        {"names": False},
        {"legend": False},
        {"title": False},
        {"shut": ("all",)},
    ):
        assert Graph(**{"depth": 1, **change}).draw(it).svg != whole.svg, change  # type: ignore[arg-type]
    assert Graph(depth=0, opened=("all",)).draw(it).svg == whole.svg
    right = Graph(depth=1, direction="right").draw(it)
    assert right.width > whole.width and right.height < whole.height
    deep = named("resnet50")
    assert texts(deep, depth=1, labels="all", fold=False).count("256 × 56 × 56") == 3
    assert texts(deep, depth=1, labels="all").count("256 × 56 × 56") == 2  # of layer1.0, and of the two that follow
    assert texts(deep, depth=1).count("256 × 56 × 56") == 1
    assert Graph(depth=9, fuse=False).draw(deep).svg != Graph(depth=9).draw(deep).svg
    assert "flatten" in texts(deep, silent=True) and "flatten" not in texts(deep)


def test_links_are_page_relative_and_only_where_there_is_a_page():
    svg = Graph(depth=1).linked(by_hand(), {"a": "layers/a.html", "all": "layers/all.html"}).svg
    assert re.findall(r'xlink:href="([^"]*)"', svg) == ["layers/all.html", "layers/a.html"]


def test_hostile_names_stay_text():
    bad = '</text><script>alert(1)</script>"\u202e'
    it = by_hand()
    ops = [replace(op, id=f"{op.id}{bad}", op=bad, path=bad, attributes=((bad, bad),)) for op in it.ops]
    edges = [replace(edge, source=f"{edge.source}{bad}", target=f"{edge.target}{bad}") for edge in it.edges]
    it = replace(it, title=bad, ops=tuple(ops), edges=tuple(edges), blocks=(replace(it.blocks[0], id=bad, op=bad),))
    for direction in ("down", "right"):
        root = ET.fromstring(Graph(depth=1, direction=direction).draw(it).svg)  # type: ignore[arg-type]
        assert not [element for element in root.iter() if "script" in element.tag]


def test_names_keep_their_end_and_operations_their_beginning():
    assert fitted("layer1.conv", 10, 1000) == "layer1.conv"
    assert re.fullmatch("….*conv", fitted("a.very.long.name.of.conv", 10, 60))
    assert re.fullmatch("Conv2d.*…", begun("Conv2dStaticSamePadding", 10, 60))


def test_numbers_in_three_digits():
    given = (0, 950, 1000, 1234, 9996, 99_960, 999_499, 999_500, 25_557_032, 4_089_184_256)
    assert [short(n) for n in given] == [
        "0",
        "950",
        "1 k",
        "1.23 k",
        "10 k",
        "100 k",
        "999 k",
        "1 M",
        "25.6 M",
        "4.09 G",
    ]


def test_titles():
    assert title(by_hand().ops[1]) == "Conv2d 3×3 /2 depthwise"
    assert title(Op("x", "merge", "F.cat", ())) == "concat"


def test_tidying_keeps_what_says_something():
    it = by_hand()
    twice = replace(it, blocks=(*it.blocks, Block("same", "Net", 1, 3), Block("one", "Net", 1, 2)))
    assert [block.id for block in tidied(twice).blocks] == ["all"]


def boxes_hold_their_words(svg: str) -> bool:
    root = ET.fromstring(svg)
    for node in root.iter(f"{SVG}g"):
        if not node.get("class", "").startswith("ca-node"):
            continue
        rects = node.findall(f"{SVG}rect")
        if not rects:
            continue
        width = max(float(rect.get("width", 0)) for rect in rects)
        for text in node.iter(f"{SVG}text"):
            if (
                text_width(str(text.text), float(text.get("font-size", 0)), bold=text.get("font-weight") == "bold")
                > width
            ):
                return False
    return True


@pytest.mark.parametrize("name", [*EIGHT, "forked"])
def test_no_label_is_wider_than_its_box(name: str):
    assert boxes_hold_their_words(Graph(depth=9).draw(named(name)).svg)
    assert boxes_hold_their_words(Graph(depth=0).draw(named(name)).svg)
