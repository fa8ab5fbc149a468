"""LeNet, AlexNet and FCNN: every coordinate of a tiny network by hand."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from generator.diagrams.architecture import Architecture, Op
from generator.diagrams.extras import with_faces
from generator.diagrams.palette import LINE
from generator.diagrams.styles import styles
from generator.diagrams.styles.alexnet import AlexNet
from generator.diagrams.styles.fcnn import FCNN
from generator.diagrams.styles.lenet import LeNet
from generator.diagrams.svg import text_width
from tests.diagrams.drawn import PIXEL, architectures, chain, conv, hand

NS = "{http://www.w3.org/2000/svg}"
PLAIN = LeNet(
    scale="linear",
    size=80,
    sheets=4,
    offset=5,
    spacing=20,
    dense_length=40,
    channel_scale="linear",
    labels=False,
    names=False,
)


def tiny() -> Architecture:
    """Three stacks and one dense layer."""
    return chain(
        Op("@input", "input", "input", (1, 8, 8)),
        conv("conv", (2, 8, 8)),
        Op("pool", "pool", "MaxPool2d", (2, 4, 4), attributes=(("kernel", "2×2"),)),
        Op("fc", "linear", "Linear", (4,)),
    )


def elements(svg: str, tag: str, *names: str) -> list[tuple[str | None, ...]]:
    return [tuple(one.get(name) for name in names) for one in ET.fromstring(svg).iter(NS + tag)]


def test_lenet_by_hand():
    made = PLAIN.draw(tiny())
    assert (made.width, made.height) == (307, 101)
    assert 'viewBox="-8 -50.5 307 101"' in made.svg
    assert elements(made.svg, "rect", "x", "y", "width", "height") == [
        ("0", "-40", "80", "80"),
        ("100", "-42.5", "80", "80"),
        ("105", "-37.5", "80", "80"),
        ("205", "-22.5", "40", "40"),
        ("210", "-17.5", "40", "40"),
        ("34", "-6", "30", "30"),  # 3 of 8 pixels of 80, 0.68 of the way over the other 50
        ("145.8", "3.3", "20", "20"),
    ]
    assert elements(made.svg, "polygon", "points") == [("270,-20 279,-20 291,20 282,20",)]
    assert elements(made.svg, "line", "x1", "y1", "x2", "y2") == [
        ("64", "-6", "130.6", "2.5"),
        ("64", "24", "130.6", "2.5"),
        ("165.8", "3.3", "222.8", "2.5"),
        ("165.8", "23.3", "222.8", "2.5"),
        ("245", "-20", "270", "-20"),  # a stack's upper far edge is a step back
        ("250", "20", "282", "20"),
    ]


def test_lenet_downwards_is_the_same_turned():
    made = replace(PLAIN, direction="down").draw(tiny())
    assert elements(made.svg, "rect", "x", "y")[:3] == [("-40", "0"), ("-42.5", "100"), ("-37.5", "105")]
    assert elements(made.svg, "polygon", "points") == [("-20,270 -20,279 20,291 20,282",)]
    assert elements(made.svg, "line", "x1", "y1", "x2", "y2")[-1] == ("20", "250", "20", "282")


def test_lenet_texts_by_hand():
    made = replace(PLAIN, labels=True, names=True, font_size=10, spacing=60).draw(tiny())
    assert [one.text for one in ET.fromstring(made.svg).iter(NS + "text")] == [
        "1@8×8", "2@8×8", "Convolution", "2@4×4", "Max-Pool", "4", "Dense",
    ]  # fmt: skip
    at = elements(made.svg, "text", "x", "y", "text-anchor")
    assert at[:3] == [("40", "-48", "middle"), ("182.5", "-50.5", "middle"), ("110", "60.5", "middle")]
    # bodies at 0, 140, 285, 390; the dense label over its upper end
    assert at[5][0] == "394.5"


def test_lenet_lays_real_maps_on_the_sheets_in_front():
    made = PLAIN.draw(hand())
    images = elements(made.svg, "image", "x", "y", "width", "href")
    assert images == [("105", "-37.5", "80", PIXEL)]
    assert "<image" not in replace(PLAIN, faces=False).draw(hand()).svg


def test_alexnet_by_hand():
    """Linear scales; the depth rises as in a triangle of 3, 4 and 5, drawn as long as it is."""
    angle = math.degrees(math.atan2(3, 4))
    options = AlexNet(
        scale="linear", channel_scale="linear", size=50, length=20, dense_length=60, spacing=30, angle=angle, foreshortening=1,
        labels=False, names=False,
    )  # fmt: skip
    made = options.draw(tiny())
    found = [points for (points,) in elements(made.svg, "polygon", "points")]
    # channels 1 of 2 are 10 px, 8 rows 50 px, 8 columns 50 px deep: 40 to the right, 30 up; the whole is 80 high
    assert found[:3] == [
        "0,-10 10,-10 50,-40 40,-40",
        "0,-10 10,-10 10,40 0,40",
        "10,-10 50,-40 50,10 10,40",
    ]
    # a window of 3 of 8: shares 0.3125 to 0.6875 of 50 px, in depth and height
    assert found[4] == "22.5,-3.75 37.5,-15 37.5,3.75 22.5,15"
    # the pyramid ends in the middle of the next one's near side: it begins 30 px on at 80, plus half its depth
    assert found[5].endswith(" 100,0")
    dense = found[-3:]
    # at 80 + 20 + 40 + 30 = 170: pool, 20 long, 25 high and deep: 20 to the right; dense 30 px on at 240
    assert dense[1].startswith("240,") and dense[1].split(" ")[1].startswith("248,")
    # all to all: 0.4 of the lower one's 25 px off it, from the middle of one side to the middle of the other
    assert elements(made.svg, "line", "x1", "y1", "x2", "y2")[-5:-3] == [
        ("200", "-10", "243.2", "-10"),
        ("200", "10", "243.2", "10"),
    ]


def test_alexnet_numbers_stand_beside_their_sides():
    made = AlexNet(names=False).draw(tiny())
    assert [one.text for one in ET.fromstring(made.svg).iter(NS + "text")] == [
        "1",
        "8",
        "8",
        "2",
        "8",
        "8",
        "2",
        "4",
        "4",
        "4",
    ]


def test_alexnet_skews_a_real_map_onto_the_far_side():
    options = AlexNet(
        scale="linear", channel_scale="linear", size=50, length=20, angle=60, foreshortening=0.5, labels=False
    )
    (transform, href) = elements(options.draw(hand()).svg, "image", "transform", "href")[0]
    # 25 px at 60 degrees: 12.5 to the right, 21.65 up; in between 0, and 50 px down
    assert href == PIXEL
    assert re.match(r"matrix\(12\.5,-21\.65,0,50,", transform or "")


def test_fcnn_by_hand():
    options = FCNN(node_size=10, node_spacing=10, layer_spacing=100, units=4, labels=False)
    made = options.draw(hand())
    circles = elements(made.svg, "circle", "cx", "cy")
    # 4 of 32 units and three dots: places of 20 px around 0, the third is the dots'
    assert circles[:4] == [("5", "-40"), ("5", "-20"), ("5", "20"), ("5", "40")]
    assert circles[4:7] == [("5", "-4"), ("5", "0"), ("5", "4")]
    assert circles[7:] == [("105", "-30"), ("105", "-10"), ("105", "10"), ("105", "30"), ("205", "-10"), ("205", "10")]
    lines = elements(made.svg, "line", "x1", "y1", "x2", "y2", "stroke", "stroke-width", "stroke-opacity")
    assert len(lines) == 16 + 8
    assert lines[0] == ("10", "-40", "100", "-30", options.edge_colour, "0.6", "0.8")  # weights of fc1 are not known
    # to unit 0 of fc2 its row is 0.1, 0.2, -0.3, 2 from units 3, 0, 2, 1; the largest of all is 2
    assert [line[4:] for line in lines[16:20]] == [
        (options.positive_colour, "0.16", "0.08"),
        (options.positive_colour, "1.6", "0.8"),
        (options.negative_colour, "0.24", "0.12"),
        (options.positive_colour, "0.13", "0.06"),
    ]
    assert lines[20][2:5] == ("200", "10", options.negative_colour)


def test_fcnn_draws_the_strongest_units():
    made = FCNN(units=2, bias=True).draw(hand())
    titles = [one.text for one in ET.fromstring(made.svg).iter(NS + "title")]
    assert titles == ["unit 0", "unit 1", "bias", "unit 0", "unit 3", "bias", "unit 0", "unit 1"]
    widths = elements(made.svg, "line", "stroke", "stroke-width")
    # of fc2: from units 0 and 3, then the bias, to unit 0 and to unit 1; the largest is the bias -4
    assert [line[1] for line in widths[-6:]] == ["0.13", "0.13", "1.6", "0.4", "0.2", "0.2"]
    assert widths[-4][0] == FCNN.negative_colour


def test_fcnn_says_what_each_column_is():
    made = FCNN(names=True).draw(hand())
    assert [one.text for one in ET.fromstring(made.svg).iter(NS + "text")] == [
        "Input layer", "∈ ℝ³²", "Hidden layer", "∈ ℝ⁴", "fc1", "Output layer", "∈ ℝ²", "fc2",
    ]  # fmt: skip


def test_fcnn_edges_bend_and_point():
    made = FCNN(bezier=True, arrows=True, units=4).draw(hand())
    assert not elements(made.svg, "line", "x1")
    assert elements(made.svg, "path", "d")[0][0].startswith("M16,-46 C83,-46 83,-34.5 150,-34.5")  # type: ignore[union-attr]
    assert len(elements(made.svg, "polygon", "points")) == 24


def test_where_there_is_nothing_a_sentence_is_drawn():
    said = [one.text for one in ET.fromstring(FCNN().draw(architectures()["unet"]).svg).iter(NS + "text")]
    assert said == ["This network has no fully connected layer."]
    for style in (LeNet(), AlexNet()):
        assert "No operation is known." in style.draw(architectures()["nothing"]).svg


@pytest.mark.parametrize("name", ["lenet", "alexnet", "fcnn"])
@pytest.mark.parametrize("of", sorted(architectures()))
def test_no_text_is_cut_and_none_lies_on_another(name: str, of: str):
    made = styles()[name].cls().draw(architectures()[of])
    root = ET.fromstring(made.svg)
    x, y, width, height = map(float, root.get("viewBox", "").split())
    boxes = []
    for one in root.iter(NS + "text"):
        size, words = float(one.get("font-size", 0)), one.text or ""
        wide = text_width(words, size)
        left = float(one.get("x", 0)) - {"middle": wide / 2, "end": wide}.get(one.get("text-anchor", ""), 0)
        boxes.append((left, float(one.get("y", 0)) - 0.75 * size, left + wide, float(one.get("y", 0)) + 0.2 * size))
    for k, (left, top, right, bottom) in enumerate(boxes):
        assert x <= left and right <= x + width and y <= top and bottom <= y + height
        for other in boxes[k + 1 :]:
            assert other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top


@pytest.mark.parametrize("name", ["lenet", "alexnet", "fcnn"])
def test_hostile_names_stay_text(name: str):
    root = ET.fromstring(
        styles()[name].cls(**({"names": True} if name == "fcnn" else {})).draw(architectures()["hostile"]).svg
    )
    assert not [one for one in root.iter() if "script" in one.tag or any(key.startswith("on") for key in one.attrib)]


def test_alexnet_downwards_by_hand():
    """Channels downwards; a map's width to the right and its height into the depth, as in a triangle of 3, 4 and 5."""
    angle = math.degrees(math.atan2(3, 4))
    options = AlexNet(
        direction="down", scale="linear", channel_scale="linear", size=50, length=20, dense_length=60, spacing=30, angle=angle,
        foreshortening=1, labels=False, names=False,
    )  # fmt: skip
    made = options.draw(tiny())
    found = [points for (points,) in elements(made.svg, "polygon", "points")]
    # 8 columns are 50 px to the right, 8 rows 50 px deep: 40 to the right and 30 up; 1 of 2 channels 10 px down.
    # the box is 90 wide, in the middle of which the row stands, and 40 high from 0 on
    assert found[:3] == [
        "5,30 45,0 45,10 5,40",  # the right side
        "-45,30 -45,40 5,40 5,30",  # the front
        "-45,30 -5,0 45,0 5,30",  # the map, on top
    ]
    # a window of 3 of 8 on the lower side: shares 0.3125 to 0.6875 across and deep
    assert found[4] == "-16.87,30.63 -1.87,19.38 16.88,19.38 1.88,30.63"
    # the pyramid ends in the middle of the next one's upper side: it begins 30 px on at 70 and is 20 px in depth off it
    assert found[5].endswith(" 0,85")
    assert elements(made.svg, "line", "x1", "x2")[-5:-3] == [("-10", "-10"), ("10", "10")]


def test_alexnet_downwards_has_its_sizes_beside_it():
    made = AlexNet(direction="down").draw(tiny())
    texts = [one.text for one in ET.fromstring(made.svg).iter(NS + "text")]
    assert texts == ["1@8×8", "2@8×8", "2@4×4", "4", "Convolution", "Max-Pool", "Dense"]


def test_tokens_are_a_strip():
    """16 tokens of 64 features: a sheet in that proportion, as long as the largest map; a slab, features where channels are."""
    it = chain(
        Op("@input", "input", "input", (3, 32, 32)),
        conv("patches", (64, 4, 4), 8),
        Op("blocks", "block", "Block", (16, 64)),
    )
    svg = LeNet(scale="linear", size=80, labels=False, names=False).draw(it).svg
    sheet = re.search(r'data-id="blocks">.*?<rect [^>]*width="(\S+)" height="(\S+)"', svg)
    assert sheet and sheet.groups() == ("80", "20")
    plain = AlexNet(
        scale="linear", channel_scale="linear", size=100, length=40, names=False, angle=30, foreshortening=0.5
    )
    for way, (wide, high) in (("right", (40, 50)), ("down", (50, 40))):
        made = replace(plain, direction=way).draw(it).svg
        faces = re.search(r'data-id="blocks">.*?</g>', made)
        assert faces
        corners = [
            [tuple(map(float, at.split(","))) for at in one.split()]
            for one in re.findall(r'points="([^"]+)"', faces[0])
        ]
        (x0, y0), (x1, y1) = corners[1][0], corners[1][2]
        assert (abs(x1 - x0), abs(y1 - y0)) == pytest.approx((wide, high))
        assert (
            ">16×64</text>" in made
            if way == "down"
            else {">16</text>", ">64</text>"} <= set(re.findall(r">\d+</text>", made))
        )


def test_maps_do_not_lie_on_tokens():
    it = with_faces(
        chain(Op("@input", "input", "input", (3, 32, 32)), Op("blocks", "block", "Block", (16, 64))),
        {"blocks": [PIXEL]},
    )
    assert "<image" not in LeNet().draw(it).svg + AlexNet().draw(it).svg


def lines_of(drawn: str, *stroke: str) -> list[bool]:
    """Whether each line of these colours is dashed, in order."""
    found = [
        one
        for one in ET.fromstring(drawn).iter()
        if one.tag in (f"{NS}line", f"{NS}path") and one.get("stroke") in stroke
    ]
    return [one.get("stroke-dasharray") == "4 3" for one in found]


@pytest.mark.parametrize("direction", ["right", "down"])
def test_what_another_input_could_change_is_dashed(direction: str):
    it = architectures()["deciding"]
    lenet = LeNet(direction=direction).draw(it).svg
    # two lines to each tensor: that of the stem alone is what it is for every input; one arc, around the two convolutions
    assert lines_of(lenet, LINE) == [False] * 2 + [True] * 13
    alexnet = AlexNet(direction=direction, pyramid_colour="#000001").draw(it).svg
    assert lines_of(alexnet, "#000001")[:5] == [False] * 4 + [True]
    assert all(lines_of(alexnet, LINE))
    assert all(
        lines_of(FCNN(direction=direction, edge_colour="#000001", colour_by_weight=False).draw(it).svg, "#000001")
    )


def test_nothing_is_dashed_where_no_number_decides():
    for name in ("unet", "mlp", "tinyvgg_digits"):
        for style in (LeNet(), AlexNet(), FCNN()):
            assert "dasharray" not in style.draw(architectures()[name]).svg
