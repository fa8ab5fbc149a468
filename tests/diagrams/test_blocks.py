"""3-D blocks: sizes and lines by hand, nothing on top of anything else, readable in print, the same bytes always."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from generator.diagrams.architecture import Architecture, Op
from generator.diagrams.scene import Area, Disc, Photo, Scene, Wire, Words
from generator.diagrams.simplify import without
from generator.diagrams.solids.captions import caption, wrapped
from generator.diagrams.solids.sizes import extent, share, sign_of
from generator.diagrams.solids.wires import STEP
from generator.diagrams.styles import styles
from generator.diagrams.styles.blocks import Blocks
from generator.diagrams.svg import ROOM, Point, text_width
from tests.diagrams.golden import check
from tests.diagrams.nets import net

ROOT = Path(__file__).resolve().parents[2]
PLAIN = Blocks(scale="linear", channels="linear", height=80, thickness=40, slant=0.5, angle=45, spacing=20, captions="none", legend=False)  # fmt: skip
ALL = ("tinyvgg_digits", "efficientnet_lite0", "alexnet", "vgg16", "resnet50", "densenet121", "unet", "wide", "vit_b_16", "resnet152", "densenet201", "resnet18", "googlenet", "branches", "nested", "odd")  # fmt: skip


def drawn(name: str, how: Blocks) -> tuple[Architecture, Scene]:
    it = how.prepared(net(name))
    return it, how.scene(it)


def of(scene: Scene, kind: type) -> list:
    return [shape for shape in scene.shapes if isinstance(shape, kind)]


def test_boxes_by_hand():
    scene = PLAIN.scene(net("hand"))
    fronts = [a.corners for a in of(scene, Area) if a.classes.endswith("ca-front")]
    # Depth is 0.5 * 80 * cos 45 = 28.4 (cos and sin to hundredths), and the axis is at the middle of box and depth.
    (x, y), _, (x1, y1), _ = fronts[0]  # the input: a plate 4 wide
    assert (x1 - x, y1 - y) == pytest.approx((4, 80))
    (x, y), (x1, _), (_, y1), _ = fronts[1]  # the convolution: its body, then its activation's band
    assert (x1 - x, y1 - y) == pytest.approx((40, 80))
    assert fronts[2][1][0] - fronts[2][0][0] == pytest.approx(3)
    side = next(a.corners for a in of(scene, Area) if a.classes == "ca-k-act ca-side")
    assert side[1] == pytest.approx((side[0][0] + 28.4, side[0][1] - 28.4))
    assert [disc.radius for disc in of(scene, Disc)] == [8]
    bar = fronts[-1]  # two of at most two features: as high as the largest map
    assert (bar[2][1] - bar[0][1], bar[1][0] - bar[0][0]) == pytest.approx((80, 9))


def test_scales_by_hand():
    assert share(7, 224, "log") == pytest.approx(math.log(8) / math.log(225))
    assert share(56, 224, "sqrt") == 0.5 and share(56, 224, "linear") == 0.25
    assert extent((3, 10, 20), True) == ("map", 3, 10, 20)
    assert extent((56, 56, 96), True) == ("map", 96, 56, 56)  # channels last, as Swin has them
    assert extent((16, 16, 48), False) == ("map", 16, 16, 48)  # of an input that is not square
    assert extent((197, 768), True) == ("tokens", 768, 197, 1)
    assert extent((10,), True) == ("vector", 10, 1, 1) and extent((), True) == ("unknown", 1, 1, 1)


def test_an_arc_goes_over_what_it_passes():
    scene = PLAIN.scene(net("hand"))
    arc = next(w for w in of(scene, Wire) if len(w.points) == 4)
    times = next(w for w in of(scene, Words) if w.text == "×3")
    assert [a[0] == b[0] for a, b in zip(arc.points, arc.points[1:], strict=False)] == [True, False, True]
    assert arc.points[1][1] < times.at[1] - 8  # above the words over the box
    disc = of(scene, Disc)[-1]
    assert arc.points[3] == pytest.approx((disc.centre[0] - 4, disc.centre[1] - 6.93))


def test_skips_across_a_u_net_are_nested():
    _, scene = drawn("unet", Blocks(width=4000, captions="none"))
    arcs = [w.points for w in of(scene, Wire) if len(w.points) == 4]
    assert len(arcs) == 4
    for (a0, a1, a2, _), (b0, b1, b2, _) in combinations(sorted(arcs), 2):  # from the outermost inwards
        assert a0[0] < b0[0] and b2[0] < a2[0] and a1[1] <= b1[1] - STEP
        assert b0[1] > b1[1]


def test_branches_are_stacked_about_the_axis_of_what_they_leave_and_join():
    it = net("branches")
    layout = PLAIN.layout(it)
    assert [(fork.source, fork.lanes, fork.join) for fork in layout.forks] == [(1, ((2, 4), (4, 5)), 5), (5, ((6, 7), (7, 8)), 8)]  # fmt: skip
    a1, a2, b, join, c, d = (layout.placed[k] for k in (2, 3, 4, 5, 6, 7))
    # the first branch above the axis and the second below, boxes of each touching; both begin one below the other
    assert a1.axis == a2.axis < 0 < b.axis and a1.x == b.x and a2.x == a1.x + a1.solid.w
    assert b.top - max(a1.bottom, a2.bottom) > 12 and c.axis < 0 < d.axis
    assert join.x > max(a2.right, b.right)
    scene = PLAIN.scene(it)
    lines = [wire.points for wire in of(scene, Wire) if wire.thickness == 1.75]
    dots = [disc.centre for disc in of(scene, Disc) if disc.radius == 3]
    assert len(dots) == 2
    # a line to each branch leaves where they part; what goes by them all is an arc
    assert [sum(dot in points for points in lines) for dot in dots] == [2, 2]
    ball = next(disc.centre for disc in of(scene, Disc) if disc.radius == 8)
    into = sorted(
        points[-1] for points in lines if abs(points[-1][0] - ball[0]) < 5 and abs(points[-1][1] - ball[1]) < 9
    )
    assert into == sorted([(ball[0] - 4, ball[1] - 6.93), (ball[0], ball[1] - 8), (ball[0], ball[1] + 8)])
    # nobody stands on one line as if one followed the other
    assert not [p for p in lines if len(p) == 2 and p[1] == (b.x, b.axis)]


def test_branches_that_part_again_are_stacked_inside_their_branch():
    layout = PLAIN.layout(net("nested"))
    assert [(fork.source, fork.lanes, fork.join) for fork in layout.forks] == [
        (3, ((4, 5), (5, 6)), 6),  # b1: c1, c2
        (2, ((3, 7), (7, 8)), 8),  # a: b1 with all of that, b2
        (1, ((2, 9), (9, 10)), 10),  # stem: a with all of that, d
    ]
    stem, a, b1, c1, c2, inmost, b2, inner, d, outer, fc = layout.placed[1:]
    # each join stands on the axis of what parted, its ways above and below it, and every way clear of the others
    assert (stem.axis, outer.axis, fc.axis) == (0, 0, 0)
    assert a.axis == inner.axis < 0 < d.axis
    assert b1.axis == inmost.axis < a.axis < b2.axis
    assert c1.axis < b1.axis < c2.axis
    ways = sorted((one.top, one.bottom) for one in (c1, c2, b2, d))
    assert all(low + 12 < high for (_, low), (high, _) in pairwise(ways))
    for one, other in ((stem, a), (a, b1), (b1, c1), (c1, inmost), (c2, inmost), (inmost, inner), (b2, inner), (inner, outer), (d, outer), (outer, fc)):  # fmt: skip
        assert one.right < other.x
    assert b1.x == b2.x and c1.x == c2.x and a.x == d.x


def test_inception_v3_stacks_its_branches_and_those_inside_them():
    how = Blocks(depth=1)
    layout = how.layout(how.prepared(net("inception_v3")))
    # eleven modules, of which two are alike and drawn once; the last two part twice inside
    assert sorted(len(fork.lanes) for fork in layout.forks) == [2] * 4 + [3] * 2 + [4] * 8
    names = {item.index: item.op.id for item in layout.placed}
    inner = [(names[fork.source], *(names[a] for a, _ in fork.lanes)) for fork in layout.forks if len(fork.lanes) == 2]
    assert inner == [
        (f"Mixed_7{x}.branch3x3{part}", f"Mixed_7{x}.branch3x3{way}a", f"Mixed_7{x}.branch3x3{way}b")
        for x in "bc"
        for part, way in (("_1", "_2"), ("dbl_2", "dbl_3"))
    ]


def test_branches_wider_than_three_quarters_of_a_row_are_drawn_as_they_run():
    it = net("branches")
    assert len(Blocks(width=320, thickness=150).layout(it).forks) < len(Blocks().layout(it).forks) == 2


@pytest.mark.parametrize(
    "name, depth", [("branches", -1), ("nested", -1), ("googlenet", 1), ("googlenet", 2), ("resnet18", 2)]
)
def test_no_line_of_a_branch_runs_through_words_or_boxes(name: str, depth: int):
    for how in (Blocks(depth=depth), Blocks(depth=depth, direction="left", width=700)):
        it, scene = drawn(name, how)
        assert how.layout(it).forks
        outlines = [outline(one) for one in of(scene, Words)]
        boxes = [area.corners for area in of(scene, Area) if area.classes.endswith("ca-front")]
        for wire in of(scene, Wire):
            if wire.thickness != 1.75:
                continue
            for (x0, y0), (x1, y1) in pairwise(wire.points):
                left, right, high, low = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
                thin = [(left, high), (right + 0.1, high), (right + 0.1, low + 0.1), (left, low + 0.1)]
                assert not [
                    words for words, corners in zip(of(scene, Words), outlines, strict=True) if meet(thin, corners)
                ]
                if x0 == x1:
                    assert not [corners for corners in boxes if meet(thin, corners)]


def test_captions_by_hand():
    def said(*names: str, op: str = "Block", times: int = 1) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = caption(
            [Op(names[0], "block", op, (1, 2, 2), last=names[-1] if times > 1 else "", times=times)], "", "both"
        )
        return found.names, found.classes

    assert said("layer1.0", "layer1.5", times=6) == (("layer1.0 …\u00a05",), ("Block ×6",))
    # numbers alone differ; on two lines at most, where leaving out what is outermost can do it
    assert said("features.denseblock1.denselayer1", "features.denseblock1.denselayer16", times=16)[0] == ("…denseblock1.", "denselayer1 …\u00a016")  # fmt: skip
    assert said("encoder.pos_embedding")[0] == ("encoder.", "pos_embedding")
    # a function's name is what it does, which is said once; one inside a module says where
    assert said("F.adaptive_avg_pool2d", op="F.adaptive_avg_pool2d") == ((), ("adaptive_avg_pool2d",))
    assert said("head.F.relu", op="F.relu") == (("head.F.relu",), ("relu",))
    # nothing is cut that can be broken
    assert wrapped("a_function_with_a_very_long_name_indeed") == ("a_function_with_a_", "very_long_name_", "indeed")


def test_a_pool_that_touches_says_its_size():
    scene = drawn("vgg16", Blocks())[1]
    said = {one.text: one for one in of(scene, Words)}
    for before, after in ((224, 112), (112, 56), (56, 28), (28, 14), (14, 7)):
        pool = said[f"pool {after}×{after}"]
        slanted = said[f"{before}×{before}"]
        assert pool.angle == 0 and slanted.angle == -45 and pool.at[1] > slanted.at[1]
    assert not [one for one in of(drawn("vgg16", Blocks(sizes=False))[1], Words) if "pool " in one.text]


def test_what_has_no_known_shape_is_a_small_box_with_its_name():
    _, scene = drawn("odd", Blocks(captions="none"))
    said = [one.text for one in of(scene, Words)]
    assert "nonzero" in said and "RoIHeads" in said and "?" not in said
    front = next(a.corners for a in of(scene, Area) if a.classes == "ca-k-other ca-front")
    assert front[2][1] - front[0][1] == pytest.approx(27.5)  # a quarter of the largest map's 110


def test_signs():
    it = net("resnet50")
    assert {sign_of(op) for op in it.ops} == {"", "+"}
    assert {sign_of(op) for op in net("densenet121").ops} == {"", "∥"}


def test_maps_that_are_not_square_stay_so():
    how = Blocks(scale="linear")
    it = how.prepared(net("wide"))
    first = how.layout(it).placed[0].solid
    assert (first.dx / 0.71) / (0.5 * first.h) == pytest.approx(3, rel=0.02)
    assert first.side == "64×192"


def test_what_is_drawn_of_each():
    def names(name: str) -> list[str]:
        return [f"{op.op} ×{op.times}" if op.times > 1 else op.op for op in Blocks().prepared(net(name)).ops]

    assert names("resnet152")[1:-2] == [
        "Conv2d", "MaxPool2d", "Bottleneck", "Bottleneck ×2", "Bottleneck", "Bottleneck ×7", "Bottleneck",
        "Bottleneck ×35", "Bottleneck", "Bottleneck ×2",
    ]  # fmt: skip
    assert [name for name in names("densenet201") if "Dense" in name] == [f"_DenseLayer ×{k}" for k in (6, 12, 48, 32)]
    assert [b.times for b in Blocks().layout(Blocks().prepared(net("vit_b_16"))).frames] == [12]
    assert sum(name == "Conv2d" for name in names("vgg16")) == 13
    assert sum(op.parameters for op in Blocks().prepared(net("resnet152")).ops) == net("resnet152").parameters


@pytest.mark.parametrize("name", ALL)
def test_nothing_overlaps_and_print_is_readable(name: str):
    for how in (Blocks(), Blocks(width=476), Blocks(direction="left", angle=30), Blocks(angle=58)):
        _, scene = drawn(name, how)
        assert scene.width <= how.width + 1
        words = of(scene, Words)
        assert min(one.size for one in words) * 17.5 / 2.54 * 72 / 980 >= 5  # points, where 980 pixels are 17.5 cm
        outlines = [outline(one) for one in words]
        for corners in outlines:
            assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in corners)
        for (a, one), (b, other) in combinations(zip(outlines, words, strict=True), 2):
            assert not meet(a, b), (one.text, other.text)
        boxes = [area for area in of(scene, Area) if area.classes.endswith(("ca-front", "ca-side", "ca-top"))]
        for one, corners in zip(words, outlines, strict=True):
            clear = off(corners, 1.5) if one.angle else corners  # what stands along an edge is clear of it
            assert not [box for box in boxes if meet(clear, box.corners)], one.text


@pytest.mark.parametrize("name", ["efficientnet_lite0", "vgg16", "resnet50", "densenet121", "unet"])
def test_sizes_along_edges_are_clear_of_the_channels(name: str):
    """By a pixel and a half all around, in the widest font; and the row of EfficientNet-Lite0 is one still."""
    for how in (Blocks(), Blocks(width=476), Blocks(angle=30), Blocks(angle=58)):
        words = of(drawn(name, how)[1], Words)
        slanted = [grown(outline(one, 1), 1.5) for one in words if one.angle]
        level = [outline(one, 1) for one in words if not one.angle and one.text.replace(",", "").isdigit()]
        assert slanted and level
        assert not [one for one in slanted for other in level if meet(one, other)]
    assert name != "efficientnet_lite0" or Blocks().layout(Blocks().prepared(net(name))).rows == 1


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet50", "densenet121", "googlenet"])
def test_sizes_of_small_boxes_are_clear_of_the_arrows(name: str):
    """By a pixel all around, in the widest font."""
    for how in (Blocks(), Blocks(width=476), Blocks(angle=30), Blocks(depth=0)):
        scene = drawn(name, how)[1]
        heads = [area.corners for area in of(scene, Area) if len(area.corners) == 3]
        assert heads
        for one in (one for one in of(scene, Words) if "×" in one.text and one.text[0].isdigit()):
            assert not [head for head in heads if meet(grown(outline(one, 1), 1), head)], one.text


def grown(corners: list[Point], by: float) -> list[Point]:
    """A turned rectangle that is larger by so much on each side."""
    (ax, ay), (bx, by_), _, (dx, dy) = corners
    long, high = math.hypot(bx - ax, by_ - ay), math.hypot(dx - ax, dy - ay)
    along = (by * (bx - ax) / long, by * (by_ - ay) / long)
    down = (by * (dx - ax) / high, by * (dy - ay) / high)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return [
        (x + s * along[0] + t * down[0], y + s * along[1] + t * down[1])
        for (x, y), (s, t) in zip(corners, signs, strict=True)
    ]


def outline(words: Words, room: float = ROOM) -> list[Point]:
    """The rectangle around a line of text, in a font as wide as Helvetica."""
    wide = text_width(words.text, words.size, bold=words.bold) / room
    x0 = {"start": 0, "middle": -wide / 2, "end": -wide}[words.anchor]
    turn = math.radians(words.angle)
    corners = [(x0, -0.7 * words.size), (x0 + wide, -0.7 * words.size), (x0 + wide, 0), (x0, 0)]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(words.at[0] + x * cos - y * sin, words.at[1] + x * sin + y * cos) for x, y in corners]


def off(corners: list[Point], by: float) -> list[Point]:
    """The same, with an upper side that lies further out."""
    (ax, ay), _, _, (dx, dy) = corners
    high = math.hypot(ax - dx, ay - dy)
    x, y = by * (ax - dx) / high, by * (ay - dy) / high
    return [(px + x, py + y) if k < 2 else (px, py) for k, (px, py) in enumerate(corners)]


def meet(a: list[Point] | tuple[Point, ...], b: list[Point] | tuple[Point, ...]) -> bool:
    """Whether two convex polygons overlap: no side of either has the other beyond it."""
    for ours in (a, b):
        for (x0, y0), (x1, y1) in zip(ours, (*ours[1:], ours[0]), strict=True):
            across = (y0 - y1, x1 - x0)
            left, right = ([x * across[0] + y * across[1] for x, y in which] for which in (a, b))
            if max(left) <= min(right) + 1e-6 or max(right) <= min(left) + 1e-6:
                return False
    return True


def test_polygons_meet():
    square = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    assert meet(square, [(1, 1), (3, 1), (3, 3), (1, 3)])
    assert not meet(square, [(2, 0), (3, 0), (3, 2)])
    assert not meet(square, [(3, 1.5), (1.5, 3), (3, 3)])


def test_a_picture_lies_on_the_inputs_face():
    how = Blocks(picture="data:image/png;base64,AAAA")
    _, scene = drawn("tinyvgg_digits", how)
    (photo,) = of(scene, Photo)
    face = next(a.corners for a in of(scene, Area) if a.classes == "ca-k-input ca-side")
    assert photo.at == face[0] and photo.width == pytest.approx(face[1][0] - face[0][0])
    assert photo.at[1] - photo.rise == pytest.approx(face[1][1]) and photo.slant == -45
    assert math.tan(math.radians(45)) * photo.width == pytest.approx(photo.rise)
    mirrored = next(s for s in scene.mirrored().shapes if isinstance(s, Photo))
    assert mirrored.at == pytest.approx((scene.width - face[1][0], face[1][1])) and mirrored.slant == 45


def test_right_to_left_is_the_same_mirrored():
    right, left = (drawn("resnet18", Blocks(direction=way))[1] for way in ("right", "left"))
    fronts = [[a.corners for a in of(s, Area) if a.classes.endswith("ca-front")] for s in (right, left)]
    assert fronts[1][0] == tuple((right.width - x, y) for x, y in fronts[0][0])
    assert [w.text for w in of(right, Words)] == [w.text for w in of(left, Words)]


def test_options_that_make_no_sense():
    with pytest.raises(ValueError, match="kinds are"):
        Blocks(colours="conv=red")
    with pytest.raises(ValueError, match="angle"):
        Blocks(angle=5)


def test_colours_and_classes_of_kinds():
    _, scene = drawn("tinyvgg_digits", Blocks(colours="conv=#AABBCC, pool=#000000"))
    fronts = {a.classes: a.fill for a in of(scene, Area) if a.classes.endswith("ca-front")}
    assert fronts["ca-k-conv ca-front"] == "#aabbcc" and fronts["ca-k-pool ca-front"] == "#000000"


def test_hostile_names_stay_text():
    found = ET.fromstring(Blocks().draw(net("hostile")).svg)
    assert not [one for one in found.iter() if "script" in one.tag or any(key.startswith("on") for key in one.attrib)]
    assert "window.pwned" in ET.tostring(found, encoding="unicode")


def test_a_network_of_nothing_but_an_input():
    it = net("hand")
    alone = without(it, ("conv", "merge", "linear"))
    assert Blocks().draw(alone).svg.startswith("<svg")


@pytest.mark.parametrize("name", ALL)
def test_golden(name: str):
    check(f"blocks-{name}", styles()["blocks"].cls().draw(net(name)).svg)


def test_golden_of_branches():
    check("blocks-googlenet-branches", Blocks(depth=1).draw(net("googlenet")).svg)


def test_golden_in_a_column():
    check("blocks-unet-column", Blocks(width=476, direction="left", captions="name").draw(net("unet")).svg)


DRAW = """
import hashlib
from generator.diagrams.styles.blocks import Blocks
from tests.diagrams.nets import net
for name in ("hand", "unet", "hostile"):
    print(name, hashlib.sha256((Blocks().draw(net(name)).svg + Blocks().tex(net(name))).encode()).hexdigest())
"""


def hashes() -> Iterator[bytes]:
    for seed in ("0", "1"):
        how = {**os.environ, "PYTHONHASHSEED": seed}
        yield subprocess.run([sys.executable, "-c", DRAW], cwd=ROOT, env=how, check=True, capture_output=True).stdout


def test_the_same_bytes_at_every_hash_seed():
    said = set(hashes())
    assert len(said) == 1 and len(next(iter(said)).splitlines()) == 3
