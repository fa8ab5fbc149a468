"""Captions of frames in the graph style: no line is seen through them, and lines run between their words."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

from PIL import ImageFont

from generator.diagrams.architecture import Op
from generator.diagrams.fonts import own_files
from generator.diagrams.graph_frames import pill
from generator.diagrams.graph_parts import TITLE, look
from generator.diagrams.styles.graph import Graph
from generator.diagrams.svg import ROOM, text_width
from tests.diagrams.networks import EIGHT, named
from tests.diagrams.test_graph_style import SVG


def test_no_line_is_seen_through_a_caption_or_a_label():
    """Whatever of a line runs where words stand lies behind their ground: drawn before it, and covered by it whole."""
    met = 0
    for name in EIGHT:
        deep = {"depth": 2 if name == "densenet121" else 9, "labels": "all"}
        for options in ({"depth": 1}, deep, {"depth": 1, "direction": "right"}):
            root = ET.fromstring(Graph(**options).draw(named(name)).svg)  # type: ignore[arg-type]
            everything = list(root.iter())
            order = {element: k for k, element in enumerate(everything)}
            lines = [
                (order[path], points)
                for group in everything
                if group.get("class", "").startswith("ca-wire")
                for path in group.findall(f"{SVG}path")
                for points in [list(walked(str(path.get("d"))))]
            ]
            for words, ground in said_on_ground(everything):
                x, y, wide = words
                for k, points in lines:
                    if min(p[1] for p in points) > y or max(p[1] for p in points) < y - 8:
                        continue
                    hits = [p for p in points if x < p[0] < x + wide and y - 8 < p[1] < y + 2]
                    met += bool(hits)
                    assert not hits or (k < order[ground] and holds(ground, words)), (name, options, words)
    assert met  # lines do run behind shapes that stand beside them


def test_lines_run_between_the_words_of_captions():
    """Where they come into a frame; on a strip of its own a caption stands where they are too many, or the frame too narrow."""
    passed = 0
    for name in (*EIGHT, "forked"):
        deep = {"depth": 2 if name == "densenet121" else 9, "labels": "all"}
        for options in ({}, deep, {"depth": 9, "columns": 3}, {"depth": 1, "direction": "right"}):
            root = ET.fromstring(Graph(**options).draw(named(name)).svg)  # type: ignore[arg-type]
            lines = [
                list(walked(str(path.get("d"))))
                for group in root.iter()
                if group.get("class", "").startswith("ca-wire")
                for path in group.findall(f"{SVG}path")
            ]
            captions = [group for group in root.iter() if group.get("class") == "ca-caption"]
            for caption in captions:
                inside = list(caption.iter())
                if any(element.get("class") == "ca-chip" for element in inside):
                    assert options, (name, caption.get("data-block"))  # none where nothing is asked for
                    continue
                words = [
                    (
                        float(element.get("x", 0)),
                        float(element.get("y", 0)),
                        text_width(element.text, 9.5, bold=element.get("font-weight") == "bold") / ROOM,
                    )
                    for element in inside
                    if element.tag == f"{SVG}text" and element.text and element.get("text-anchor") is None
                ]
                first, y, _ = words[0]
                last = words[-1][0] + words[-1][2]
                for points in lines:
                    near = [p for p in points if y - 12 < p[1] < y + 4]
                    assert not [p for p in near for x, _, wide in words if x < p[0] < x + wide], (name, options, words)
                    passed += any(first < p[0] < last for p in near)
    assert passed > 50


def said_on_ground(everything: list[ET.Element]) -> Iterator[tuple[tuple[float, float, float], ET.Element]]:
    """The words of captions and labels, as (x, baseline, width), with the rectangle that is drawn under them."""
    ground = None
    for element in everything:
        if element.get("class") in ("ca-ground", "ca-chip"):
            ground = element
        elif element.get("class", "").startswith("ca-node"):
            ground = None
        elif element.tag == f"{SVG}text" and element.get("class") == "ca-dim" and ground is not None and element.text:
            size, bold = float(element.get("font-size", 0)), element.get("font-weight") == "bold"
            if abs(float(element.get("y", 0)) - float(ground.get("y", 0))) < 16:
                place = float(element.get("x", 0)), float(element.get("y", 0))
                yield (*place, text_width(element.text, size, bold=bold) / ROOM), ground


def holds(ground: ET.Element, words: tuple[float, float, float]) -> bool:
    x, y, wide, high = (float(ground.get(name, 0)) for name in ("x", "y", "width", "height"))
    assert ground.get("fill-opacity") is None
    return x <= words[0] and words[0] + words[2] <= x + wide and y <= words[1] - 7 and words[1] <= y + high


def walked(d: str) -> Iterator[tuple[float, float]]:
    """Points along a path, four pixels or less apart: a line of text is higher."""
    at = (0.0, 0.0)
    for letter, rest in re.findall(r"([MLQC])([^MLQC]*)", d):
        numbers = [float(number) for number in rest.split()]
        corners = [at, *zip(numbers[::2], numbers[1::2], strict=True)]
        if letter != "M":
            long = sum(math.dist(a, b) for a, b in itertools.pairwise(corners))
            steps = math.ceil(long / 4) + 1
            for k in range(steps + 1):
                some = corners
                while len(some) > 1:  # as de Casteljau has it
                    t = k / steps
                    some = [(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])) for a, b in itertools.pairwise(some)]
                yield some[0]
        at = corners[-1]


def test_a_title_of_narrow_letters_does_not_run_under_how_many_there_are():
    """In DejaVu Sans, in which a drawing is set where no other font is, as in Helvetica."""
    bold = next(file for file in own_files() if file.endswith("DejaVuSans-Bold.ttf"))
    one = Op("a", "block", "Attention", (8, 4, 4), times=2, last="b", parts=(Op("a.fc", "linear", "Linear", (8,)),))
    for name in ("layers.window_attention", "layer1.0", "title.list.tilt_filter"):
        said = look(replace(one, id=name, last="grid_attention"), "", names=True)
        wide = ImageFont.truetype(bold, 1000).getlength(said.title[0]) * TITLE / 1000
        assert (said.width + wide) / 2 < said.width - pill(2) - 5  # it is in the middle, the sign 5 from the right
