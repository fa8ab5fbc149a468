"""Frames in 3-D blocks: their names are clear of the lines around them."""

from __future__ import annotations

from itertools import pairwise

from generator.diagrams.scene import Wire, Words
from generator.diagrams.styles.blocks import Blocks
from generator.diagrams.svg import text_width
from tests.diagrams.test_blocks import drawn, of


def test_no_line_comes_down_through_the_name_of_a_frame():
    """A ConvNeXt's repeated blocks have a line around them that ends inside their frame."""
    _, scene = drawn("convnext_tiny", Blocks())
    names = [words for words in of(scene, Words) if words.text.startswith("features.") and words.anchor == "start"]
    assert [words.text for words in names] == [
        "features.1.0 … 2", "features.3.0 … 2", "features.5.0 … 8", "features.7.0 … 2"
    ]  # fmt: skip
    lines = [pair for wire in of(scene, Wire) for pair in pairwise(wire.points)]
    for words in names:
        (x, y), wide = words.at, text_width(words.text, words.size)
        beside = [(a, b) for a, b in lines if min(a[1], b[1]) < y and max(a[1], b[1]) > y - words.size]
        assert [a for a, b in beside if a[0] == b[0] > x]
        assert not [a for a, b in beside if x < max(a[0], b[0]) and min(a[0], b[0]) < x + wide]
