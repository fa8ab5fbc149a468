"""The graph as a drawing: golden files of the eight networks, labels that are not cut, hostile names, each option.

`CONVATLAS_GOLDEN=write` rewrites the golden files; look at them after that.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from dataclasses import fields, replace
from pathlib import Path

import pytest

from generator.diagrams.architecture import Architecture, Block, Edge, Op
from generator.diagrams.shown import count, fitting, prepared, tidied, view
from generator.diagrams.styles import styles
from generator.diagrams.styles.graph import Graph
from generator.diagrams.words import begun, fitted, short, title
from tests.diagrams.networks import EIGHT, named

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", EIGHT)
def test_golden(name: str):
    made = f"{Graph().draw(named(name)).svg}\n"
    kept = GOLDEN / f"graph-{name}.svg"
    if os.environ.get("CONVATLAS_GOLDEN") == "write":
        kept.write_text(made, "utf-8")
    assert made == kept.read_text("utf-8")
    assert len(made) < 100_000


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
    assert sum(count(op) for op in view(whole, 0).ops) == sum(count(op) for op in whole.ops)


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
    assert texts(deep, depth=1, labels="all").count("256 × 56 × 56") == 3
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
    from generator.diagrams.svg import text_width

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
