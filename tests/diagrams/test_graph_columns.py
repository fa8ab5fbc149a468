"""A graph in columns fits a page of a paper: nothing overlaps, nothing is lost, and its letters are what the guide says."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest

from generator.command.draw import draw, styled
from generator.diagrams.architecture import Architecture
from generator.diagrams.layout import Box, Frame, Layout, Rect, arrange, in_columns
from generator.diagrams.prototxt import read
from generator.diagrams.styles.graph import Graph
from generator.diagrams.svg import Drawing
from generator.errors import UserError
from tests.diagrams.networks import EIGHT, named

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/drawings.md").read_text("utf-8")
SVG = "{http://www.w3.org/2000/svg}"
PROTOTXT = ("googlenet", "unet_like")


@cache
def network(name: str) -> Architecture:
    return read(ROOT / f"inputs/prototxt/{name}.prototxt") if name in PROTOTXT else named(name)


def on_a_page(drawing: Drawing) -> float:
    """Points of the smallest letters where it is fitted into 17.5 x 24 cm."""
    smallest = min(float(size) for size in re.findall(r'font-size="([0-9.]+)"', drawing.svg))
    wide, high = (side / 96 * 2.54 for side in (drawing.width, drawing.height))
    return 0.75 * smallest * min(1, 17.5 / wide, 24 / high)


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("torchvision:resnet50", 1),
        ("efficientnet_lite0", 1),
        ("torchvision:vgg16", 1),
        ("torchvision:densenet121", 1),
        ("inputs/prototxt/googlenet.prototxt", 0),
        ("inputs/prototxt/unet_like.prototxt", 0),
    ],
)
def test_a_page_has_letters_of_six_points(source: str, depth: int):
    drawing = Graph(depth=depth, columns=0).draw(network(source.rpartition(":")[2].rpartition("/")[2].split(".")[0]))
    wide, high = (side / 96 * 2.54 for side in (drawing.width, drawing.height))
    assert on_a_page(drawing) >= 6
    row = next(row for row in GUIDE.splitlines() if f"draw {source} --depth {depth} --set columns=0" in row)
    assert f"| {wide:.1f} × {high:.1f} cm | {on_a_page(drawing):.3g} pt |" in row


def test_no_number_of_columns_has_larger_letters_by_a_tenth():
    for name in (*EIGHT, *PROTOTXT):
        chosen = on_a_page(Graph(depth=1, columns=0).draw(network(name)))
        others = [on_a_page(Graph(depth=1, columns=n).draw(network(name))) for n in range(1, 9)]
        assert chosen >= max(others) / 1.1**2 and chosen >= others[0]


@pytest.mark.parametrize("direction", ["down", "right"])
@pytest.mark.parametrize("depth", [0, 1, 9])
@pytest.mark.parametrize("name", [*EIGHT, *PROTOTXT])
def test_nothing_overlaps_and_no_line_is_lost(name: str, depth: int, direction: str):
    one = ET.fromstring(Graph(depth=depth, direction=direction).draw(network(name)).svg)  # type: ignore[arg-type]
    for columns in (0, 3):
        drawing = Graph(depth=depth, direction=direction, columns=columns).draw(network(name))  # type: ignore[arg-type]
        root = ET.fromstring(drawing.svg)
        assert ends(root) == ends(one)
        boxes = rectangles(root, "ca-node")
        assert len(boxes) == len(rectangles(one, "ca-node"))
        assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
        assert all(x >= 0 and x + w <= drawing.width and y >= 0 and y + h <= drawing.height for x, y, w, h in boxes)
        rims = rectangles(root, "ca-frame")
        for box, rim in itertools.product(boxes, rims):  # a box stands in a piece of a frame or outside it
            assert not overlap(box, rim) or inside(box, rim)


def ends(root: ET.Element) -> list[tuple[str | None, str | None]]:
    """From where to where each line runs."""
    return [(g.get("data-from"), g.get("data-to")) for g in root.iter(f"{SVG}g") if "ca-wire" in g.get("class", "")]


Area = tuple[float, float, float, float]


def rectangles(root: ET.Element, kind: str) -> list[Area]:
    """(x, y, width, height) of the bodies of nodes, or of frames; of a closed block, of the sheet in front."""
    found: list[Area] = []
    for group in root.iter(f"{SVG}g"):
        if not group.get("class", "").startswith(kind):
            continue
        rims = group.findall(f"{SVG}rect")
        if rims:
            rim = max(rims, key=lambda one: float(one.get("height", 0)))
            rim = [
                one for one in rims if one.get("height") == rim.get("height") and one.get("width") == rim.get("width")
            ][-1]
            x, y, w, h = (float(rim.get(key, 0)) for key in ("x", "y", "width", "height"))
            found.append((x, y, w, h))
        else:
            disc = group.find(f"{SVG}circle")
            assert disc is not None
            found.append((float(disc.get("cx", 0)) - 11, float(disc.get("cy", 0)) - 11, 22, 22))
    return found


def overlap(a: Area, b: Area) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]


def inside(a: Area, b: Area) -> bool:
    return b[0] <= a[0] and a[0] + a[2] <= b[0] + b[2] and b[1] <= a[1] and a[1] + a[3] <= b[1] + b[3]


# ---- where it is cut, by hand


def chain(
    count: int, frames: list[Frame] | None = None, more: tuple[tuple[int, int], ...] = ()
) -> tuple[Layout, list[Box]]:
    boxes = [Box(100, 20)] * count
    return arrange(boxes, [*itertools.pairwise(range(count)), *more], frames or []), boxes


def columns_of(laid: Layout) -> list[list[int]]:
    """The boxes of each column, by where they stand."""
    at = sorted({box.x for box in laid.boxes})
    return [[k for k, box in enumerate(laid.boxes) if box.x == x] for x in at]


def test_a_chain_is_cut_in_equal_parts():
    laid, boxes = chain(6)  # a box every 56 pixels
    assert [box.y for box in laid.boxes] == [56 * k for k in range(6)]
    two = in_columns(laid, boxes, 2, [0] * 6)
    assert columns_of(two) == [[0, 1, 2], [3, 4, 5]]
    # 26 from the top of the second column to its first box; 34 between the two, and labels' room to the first box's side
    assert [(box.x, box.y) for box in two.boxes[2:4]] == [(0, 112), (134, 26)]
    led = two.wires[2]
    assert led.path[0] == ("M", (50, 132)) and led.path[-1] == ("L", (184, 26)) and led.tip == (184, 26, "along")
    assert min(xy[1] for _, xy in led.path) == 0 and max(xy[1] for _, xy in led.path) == 132 + 26
    assert ("L", (117, 8)) in led.path  # up in the middle between 100 and 134
    assert (two.width, two.height) == (234, 132 + 26)
    assert in_columns(laid, boxes, 1, [0] * 6) == laid


def test_fewer_columns_where_no_line_runs_alone():
    laid, boxes = chain(6, more=((1, 4),))  # a skip over the middle
    assert columns_of(in_columns(laid, boxes, 4, [0] * 6)) == [[0], [1, 2, 3, 4], [5]]
    laid, boxes = chain(3, more=((0, 2),))
    assert in_columns(laid, boxes, 3, [0] * 3) == laid


def test_frames_are_cut_only_where_that_lowers_the_columns_by_a_quarter():
    laid, boxes = chain(8, [Frame(1, 4), Frame(4, 7)])
    two = in_columns(laid, boxes, 2, [0] * 8)
    assert columns_of(two) == [[0, 1, 2, 3], [4, 5, 6, 7]] and two.rests == ()
    laid, boxes = chain(8, [Frame(1, 7)])
    two = in_columns(laid, boxes, 2, [0] * 8)
    assert columns_of(two) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    ((number, rest),) = two.rests
    first = two.frames[0]
    assert number == 0 and within(first, two.boxes[1:4]) and within(rest, two.boxes[4:7])
    assert rest.x > first.x + first.width
    assert in_columns(laid, boxes, 2, [0] * 8, through=False).rests == ()


def within(rim: Rect, boxes: tuple[Rect, ...]) -> bool:
    return all(inside((box.x, box.y, box.width, box.height), (rim.x, rim.y, rim.width, rim.height)) for box in boxes)


# ---- the option


def test_a_cut_frame_says_its_name_again():
    said = [
        str(text.text)
        for text in ET.fromstring(Graph(depth=1, columns=2).draw(named("efficientnet_lite0")).svg).iter(f"{SVG}text")
    ]
    assert "_blocks" in said and "… _blocks" in said


def test_one_column_is_the_drawing_as_it_was():
    for name in EIGHT:
        assert Graph(columns=1).draw(named(name)).svg == Graph().draw(named(name)).svg


def test_the_command_draws_columns_in_every_format(tmp_path: Path):
    source = str(ROOT / "inputs/prototxt/googlenet.prototxt")
    for form, begins in (("svg", b"<svg"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        tall, wide = (draw(source, "graph", form=form, options=[f"columns={n}"]).data for n in (1, 2))
        assert tall.startswith(begins) and wide.startswith(begins) and tall != wide
    with pytest.raises(UserError, match="columns: expected a whole number from 0 to 8, received '9'"):
        styled("graph", ["columns=9"])


DRAW = """
import hashlib
from pathlib import Path
from generator.diagrams.prototxt import read
from generator.diagrams.styles.graph import Graph
for name in ("googlenet", "unet_like", "vgg16"):
    for options in ({"columns": 0}, {"columns": 3, "direction": "right"}):
        print(hashlib.sha256(Graph(**options).draw(read(Path(f"inputs/prototxt/{name}.prototxt"))).svg.encode()).hexdigest())
"""


def test_the_same_bytes_at_every_hash_seed():
    said = {
        subprocess.run(
            [sys.executable, "-c", DRAW],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1 and len(next(iter(said)).splitlines()) == 6


def test_one_frame_alone_is_not_cut_for_little():
    """It could be cut behind what a skip goes over, where next to nothing stands; in two halves it is cut."""
    boxes = [Box(40, 20)] * 12
    chain = [(k, k + 1) for k in range(11)]
    for skips, columns in (([(0, 10)], 1), ([], 2)):
        laid = arrange(boxes, [*chain, *skips], [Frame(0, 12)])
        found = in_columns(laid, boxes, 2, [0.0] * 12)
        assert len(found.rests) == columns - 1
        assert (found == laid) == (columns == 1)
    free = arrange(boxes, [*chain, (0, 10)])  # where no frame is cut, what was asked for is done
    assert in_columns(free, boxes, 2, [0.0] * 12).height < free.height
