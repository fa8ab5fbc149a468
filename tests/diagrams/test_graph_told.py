"""What the graph tells in words: what is unused, what is not counted, and the shape of what a box itself gives."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import pytest

from generator.diagrams.graph_lines import shown_shapes
from generator.diagrams.shown import prepared
from generator.diagrams.simplify import at_depth
from generator.diagrams.styles.graph import BELOW, UNUSED, Graph
from generator.diagrams.svg import text_width
from generator.pages.architecture import facts, table
from tests.diagrams.networks import named


def words(svg: str) -> list[str]:
    return re.findall(r">([^<>]+)</text>", svg)


def test_below_a_box_stands_what_it_gives_itself():
    it = prepared(named("told"))
    shapes = dict(zip((op.id for op in it.ops), shown_shapes(it, "changes"), strict=True))
    assert shapes["patch"] == "6 × 8 × 8"  # and not the 64 × 6 that a flatten and a transpose make of it
    assert shapes["F.cat"] == "65 × 6"  # and not the one token that is taken out of it
    vit = prepared(named("vit_b_16"))
    found = dict(zip((op.id for op in vit.ops), shown_shapes(vit, "changes"), strict=True))
    assert found["conv_proj"].startswith("768 × ")
    assert found["conv_proj"].count("×") == 2


def test_what_is_unused_stands_below_the_title_in_one_line():
    it = named("told")
    assert len(it.unused) == 40
    drawing = Graph().draw(it)
    said = next(text for text in words(drawing.svg) if "unused" in text)
    assert said.startswith("40 unused: spare0, spare1, ")
    assert said.endswith("…")
    assert text_width(said, 10) <= UNUSED
    few = Graph().draw(replace(it, unused=("aux",)))
    assert "1 unused: aux" in words(few.svg)
    none = Graph().draw(replace(it, unused=()))
    assert none.height == few.height - BELOW
    assert "unused" not in none.svg
    assert "unused" not in Graph(title=False).draw(it).svg


@pytest.mark.parametrize("depth", [0, 9])
def test_what_is_not_counted_says_so_wherever_macs_are_told(depth: int):
    it = named("told")
    drawing = Graph(depth=depth).draw(it)
    assert any(text.endswith("MACs") and "at least" in text for text in words(drawing.svg))
    assert "MACs not counted" in drawing.svg
    assert facts(it)["uncounted"]
    rows = {row["name"]: row["macs"] for row in csv.DictReader(table(it).splitlines())}
    assert rows["F.fft_fft2"] == "not counted"
    assert rows["mix.1"] == "0"
    assert "at least" not in Graph(depth=depth).draw(named("twice")).svg


def test_a_closed_block_and_a_repetition_say_that_there_is_more():
    it = named("told")
    hidden = replace(it, blocks=(replace(it.blocks[0], id="all", path="all", start=0, stop=len(it.ops)),))
    (closed,) = at_depth(hidden, 0).ops
    assert closed.uncounted
    assert closed.counted.endswith(", and what is not counted")


def test_the_legend_shows_a_number_that_stands_in_the_drawing():
    it = named("twice")
    numbers = re.findall(r'class="ca-share"/><text[^>]*>(\d+)<', Graph(depth=9).draw(it).svg)
    assert len(numbers) > 1
    assert numbers[-1] in numbers[:-1]  # that of the legend is the last
