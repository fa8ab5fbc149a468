"""Two networks side by side: sums and depths by hand, blocks beside the ones that they stand for."""

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from generator import cli
from generator.command.compare import architecture
from generator.diagrams.align import aligned
from generator.diagrams.architecture import Architecture, Block, Edge, Op
from generator.diagrams.compare import Comparison, Part, compare, parts, summary
from generator.diagrams.compare_drawing import ComparisonDrawing
from generator.diagrams.compare_table import blocks, csv_text, sums, text
from generator.diagrams.prototxt import read
from generator.resources import packaged

EVIL = '</text><script>alert(1)</script>"\u202e\n=1+1'


def made(title: str, wide: int, extra: bool = False, name: str = "stage") -> Architecture:
    """input, conv, a stage of two convolutions of which one is on a way round, a sum, perhaps one more, output."""
    ops = [
        Op("in", "input", "input", (3, 8, 8), memory=768, receptive_field=(1, 1)),
        Op("conv", "conv", "Conv2d", (wide, 8, 8), path="conv", parameters=10, macs=100, memory=40, receptive_field=(3, 3)),
        Op(f"{name}.a", "conv", "Conv2d", (wide, 4, 4), path=f"{name}.a", parameters=20 * wide, macs=50, memory=4, receptive_field=(7, 7)),
        Op(f"{name}.b", "conv", "Conv2d", (wide, 4, 4), path=f"{name}.b", parameters=5, macs=5, memory=4, receptive_field=(3, 3)),
        Op(f"{name}.c", "conv", "Conv2d", (wide, 4, 4), path=f"{name}.c", parameters=7, macs=7, memory=4, receptive_field=(9, 9)),
        Op(f"{name}.sum", "merge", "F.add", (wide, 4, 4), path=f"{name}.sum", memory=4, receptive_field=(9, 9)),
        Op("out", "output", "output", (wide, 4, 4)),
    ]  # fmt: skip
    ways = [("in", "conv"), ("conv", "a"), ("conv", "b"), ("a", "c"), ("c", "sum"), ("b", "sum"), ("sum", "out")]
    full = {"a": f"{name}.a", "b": f"{name}.b", "c": f"{name}.c", "sum": f"{name}.sum"}
    edges = [Edge(full.get(a, a), full.get(b, b), ()) for a, b in ways]
    if extra:
        ops.insert(-1, Op("fc", "linear", "Linear", (7,), path="fc", parameters=1000, macs=900, memory=28))
        edges[-1:] = [Edge(f"{name}.sum", "fc", ()), Edge("fc", "out", ())]
    block = Block(name, "Stage", 2, 6, (wide, 4, 4), 12 + 20 * wide, 62, name, (9, 9))
    return Architecture(
        title, tuple(ops), tuple(edges), (block,), sum(op.parameters for op in ops), sum(op.macs for op in ops)
    )


def test_sums_by_hand():
    said = summary(made("net", 2, extra=True))
    assert (said.title, said.parameters, said.macs, said.ops) == ("net", 10 + 40 + 12 + 1000, 100 + 62 + 900, 6)
    assert said.memory == 40 + 16 + 28  # the image is nobody's work
    assert said.kinds == (("conv", 4), ("linear", 1), ("merge", 1))
    assert said.depth == 4  # conv, a, c, fc: b is on the shorter way
    assert (said.receptive_field, said.whole) == ((9, 9), True)  # fc sees everything


def test_blocks_stand_beside_each_other():
    it = compare(made("a", 2), made("b", 3, extra=True), depth=0)
    assert [(row.a and row.a.name, row.b and row.b.name) for row in it.rows] == [
        ("conv", "conv"),
        ("stage", "stage"),
        (None, "fc"),
    ]
    assert [row.b.parameters for row in it.rows if row.b] == [10, 72, 1000]
    assert [row.b.layers for row in it.rows if row.b] == [1, 3, 1]
    assert it.kinds == (("conv", 4, 4), ("merge", 1, 1), ("linear", 0, 1))
    opened = compare(made("a", 2), made("b", 3))  # with so few parts, blocks are opened by themselves
    assert [row.a.name for row in opened.rows if row.a] == ["conv", "stage.a", "stage.b", "stage.c", "stage.sum"]


def part(name: str, op: str = "Block", kind: str = "block", side: int = 8) -> Part:
    return Part(name, op, kind, 1, 1, 1, 1, (4, side, side))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("a", "b", "pairs"),
    [
        (["x", "y"], ["x", "y"], ["x=x", "y=y"]),
        (["x", "y", "z"], ["x", "z"], ["x=x", "y=", "z=z"]),
        (["x", "z"], ["w", "z"], ["x=w", "z=z"]),  # the same class
        (["y", "x"], ["x", "y"], ["y=", "x=x", "=y"]),  # one by name, 6 + 3 + 1, outweighs two by class, 2 (3 + 1)
        ([], ["x"], ["=x"]),
    ],
)
def test_pairs_keep_the_order(a: list[str], b: list[str], pairs: list[str]):
    found = aligned([part(name) for name in a], [part(name) for name in b])
    assert [f"{x.name if x else ''}={y.name if y else ''}" for x, y in found] == pairs


def test_what_is_something_else_is_no_pair():
    assert aligned([part("x", "Conv2d", "conv")], [part("x")]) == (
        (part("x", "Conv2d", "conv"), None),
        (None, part("x")),
    )
    assert aligned([part("x", "Conv2d", "conv")], [part("y", "Convolution", "conv")])[0][1] is not None
    assert aligned([part("x", "Foo", "other")], [part("y", "Bar", "other")])[0][1] is None
    stages = aligned([part("a", "A", side=8), part("b", "A", side=4)], [part("c", "B", side=4)])
    assert [(x and x.name, y and y.name) for x, y in stages] == [("a", None), ("b", "c")]


def test_the_table_by_hand():
    assert text(compare(made("one", 2), made("two", 3, extra=True), depth=0)).splitlines() == [
        "                           one              two  B / A",
        "parameters                  62            1,082   17.5",
        "multiply-accumulates       162            1,062   6.56",
        "activations, bytes          56               84   1.50",
        "layers deep                  3                4   1.33",
        "operations                   5                6   1.20",
        "receptive field, pixels  9 × 9  9 × 9, then all",
        "",
        "operations",
        "  conv                       4                4   1.00",
        "  merge                      1                1   1.00",
        "  linear                     0                1",
        "",
        "block by block  parameters A      B  MACs A    B  layers A  B",
        "conv                      10     10     100  100         1  1",
        "stage                     52     72      62   62         3  3",
        "| fc                          1,000          900            1",
    ]


def test_rows_are_plain_values_for_pages_and_sheets():
    it = compare(made("one", 2), made(EVIL, 3, extra=True, name=EVIL), depth=0)
    assert json.loads(json.dumps([*sums(it), *blocks(it)]))[0] == {"what": "parameters", "a": 62, "b": 1082}
    assert blocks(it)[0] == {
        "name_a": "conv", "op_a": "Conv2d", "shape_a": "2 × 8 × 8", "layers_a": 1, "parameters_a": 10, "macs_a": 100, "bytes_a": 40,
        "name_b": "conv", "op_b": "Conv2d", "shape_b": "3 × 8 × 8", "layers_b": 1, "parameters_b": 10, "macs_b": 100, "bytes_b": 40,
    }  # fmt: skip
    assert blocks(it)[-1]["name_a"] is None
    sheet = list(csv.DictReader(io.StringIO(csv_text(it))))
    assert [row["parameters_b"] for row in sheet] == ["10", "72", "1000"]
    formula = replace(it, rows=tuple(replace(row, a=replace(part("=1+1"))) for row in it.rows))
    assert next(csv.DictReader(io.StringIO(csv_text(formula))))["name_a"] == "'=1+1"


def test_hostile_names_are_one_line_of_text():
    it = made(EVIL, 2, name=EVIL)
    shown = text(compare(it, it, depth=0))
    assert len(shown.splitlines()) == 1 + 6 + 1 + 3 + 1 + 3
    assert "\u202e" not in shown
    drawn = ComparisonDrawing().draw(compare(it, it, depth=0)).svg
    assert not [element for element in ET.fromstring(drawn).iter() if "script" in element.tag]


def bars(it: Comparison) -> list[tuple[float, float]]:
    drawn = ET.fromstring(ComparisonDrawing(bar=100).draw(it).svg)
    rects = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if one.get("height") == "15.6"]
    return [(float(one.get("x", 0)), float(one.get("width", 0))) for one in rects]


def test_bars_are_as_long_as_their_numbers_and_grow_outwards():
    (macs_a, sum_a, macs_b, sum_b) = bars(compare(made("a", 2), made("b", 2), depth=0))[:4]
    assert [width for _, width in (macs_a, sum_a, macs_b, sum_b)] == [
        100,
        100 * 10 / 52 // 0.01 / 100,
        100,
        100 * 10 / 52 // 0.01 / 100,
    ]
    middle = (macs_a[0] + macs_a[1] + macs_b[0]) / 2
    assert sum_a[0] < macs_a[0] < middle < macs_b[0] < sum_b[0]


def test_the_drawing_as_it_was_looked_at():
    """CONVATLAS_GOLDEN=write writes it anew: look at it then."""
    a, b = (read(packaged(f"inputs/prototxt/{name}.prototxt")) for name in ("lenet", "alexnet"))
    kept = Path(__file__).parent / "golden" / "compare-lenet-alexnet.svg"
    text = ComparisonDrawing().draw(compare(a, b)).svg.replace("><", ">\n<") + "\n"
    if os.environ.get("CONVATLAS_GOLDEN") == "write":
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


def test_the_drawing_is_the_same_bytes_under_every_hash_seed():
    program = """
import sys
from pathlib import Path
from generator.diagrams.compare import compare
from generator.diagrams.compare_drawing import ComparisonDrawing
from generator.diagrams.prototxt import read
a, b = (read(Path(name)) for name in sys.argv[1:])
print(ComparisonDrawing().draw(compare(a, b)).svg)
"""
    files = [str(packaged(f"inputs/prototxt/{name}.prototxt")) for name in ("alexnet", "googlenet")]
    command, top = [sys.executable, "-c", program, *files], Path(__file__).parents[2]
    first, second = (
        subprocess.run(command, capture_output=True, check=True, cwd=top, env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert b"</svg>" in first


def test_resnet_18_beside_resnet_50():
    it = compare(architecture("torchvision:resnet18"), architecture("torchvision:resnet50"))
    assert (it.a.depth, it.b.depth) == (18, 50)
    assert (it.a.parameters, it.b.parameters) == (11_689_512, 25_557_032)
    assert (it.a.macs, it.b.macs) == (1_814_073_344, 4_089_184_256)
    assert (it.a.receptive_field, it.b.receptive_field) == ((435, 435), (427, 427))
    names = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    assert [(row.a.name, row.b.name) for row in it.rows if row.a and row.b] == [(name, name) for name in names]
    assert [row.a.layers for row in it.rows if row.a] == [1, 0, 4, 5, 5, 5, 0, 1]
    assert [row.b.layers for row in it.rows if row.b] == [1, 0, 10, 13, 19, 10, 0, 1]
    assert sum(row.b.macs for row in it.rows if row.b) == it.b.macs


def test_googlenet_is_22_layers_deep_and_vgg_16_16():
    nets = [read(packaged(f"inputs/prototxt/{name}.prototxt")) for name in ("googlenet", "vgg16", "alexnet", "lenet")]
    assert [summary(it).depth for it in nets] == [22, 16, 8, 4]
    assert [one.name for one in parts(nets[0])][8:11] == ["inception_3b", "pool3", "inception_4a"]


def test_the_command_prints_a_table_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    a, b = (str(packaged(f"inputs/prototxt/{name}.prototxt")) for name in ("lenet", "alexnet"))
    assert cli.run(["compare", a, b]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[1].split() == ["parameters", "431,080", "60,965,224", "141"]
    for ending in ("svg", "csv", "txt"):
        assert cli.run(["compare", a, b, "--phase", "TRAIN", "-o", str(tmp_path / f"c.{ending}")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "c.svg").read_text().startswith("<svg ")
    assert (tmp_path / "c.csv").read_text().startswith("name_a,op_a,shape_a,")
    assert "parameters" in (tmp_path / "c.txt").read_text()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["none.prototxt"],
            "convatlas: expected a prototxt file, found none at none.prototxt",
        ),
        (["{net}", "-o", "c.pdf"], "convatlas: --out: expected a name that ends in .svg, .csv, .txt, received c.pdf"),
        (["{net}", "-o", "no/where.svg"], "convatlas: --out: no/where.svg cannot be written: No such file"),
        (["{net}", "--phase", "VAL"], "convatlas: --phase: expected TRAIN or TEST, received VAL"),
    ],
)
def test_the_command_s_errors_are_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]):
    net = str(packaged("inputs/prototxt/lenet.prototxt"))
    assert cli.run(["compare", net, *(one.replace("{net}", net) for one in arguments)]) == 2
    assert capsys.readouterr().err.startswith(line)


def test_notes_go_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "odd.prototxt").write_text('name: "odd" layer { type: "Magic" bottom: "x" top: "y" }')
    assert cli.run(["compare", *(str(tmp_path / "odd.prototxt"),) * 2]) == 0
    assert "odd: odd.prototxt:1:27: y: Magic is none of Caffe's layers" in capsys.readouterr().err


def test_work_that_is_not_counted_is_said_wherever_costs_are():
    one, two = made("one", 2), made("two", 3)
    partly = replace(one, ops=tuple(replace(op, uncounted=op.id == "stage.a") for op in one.ops))
    never = replace(two, macs=0, ops=tuple(replace(op, macs=0, uncounted=op.kind == "conv") for op in two.ops))
    it = compare(partly, never, depth=9)
    lines = text(it).splitlines()
    assert lines[2].split() == ["multiply-accumulates", "≥", "162", "not", "counted"]
    assert sum("≥" in line for line in lines) == 2 and sum("not counted" in line for line in lines) > 2
    assert {row["macs_b"] for row in blocks(it)} >= {"not counted"}
    drawn = ComparisonDrawing().draw(it).svg
    assert "≥ 162 multiply-accumulates" in drawn and ">multiply-accumulates not counted<" in drawn
    assert "multiply-accumulates" in text(compare(one, two)).splitlines()[2] and "≥" not in text(compare(one, two))
