"""`convatlas draw`, with a style of the test's own: what it writes where, its options, and what it says of mistakes."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pypdfium2
import pytest
from PIL import Image

from generator import cli
from generator.command import draw as command
from generator.diagrams.architecture import Architecture, shape_words
from generator.diagrams.svg import Canvas, Drawing
from generator.discovery import Entry

TOP = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Lines:
    """A line of text for each op."""

    size: float = field(default=11.0, metadata={"doc": "Font size."})
    bold: bool = False
    order: Literal["down", "up"] = "down"
    colours: tuple[str, ...] = ("#000",)
    most: int | None = None

    def draw(self, it: Architecture) -> Drawing:
        canvas = Canvas()
        lines = [f"{op.id} {shape_words(op.shape)}" for op in it.ops][: self.most]
        for k, line in enumerate(lines if self.order == "down" else lines[::-1]):
            weight = "bold" if self.bold else None
            canvas.text((4, 14 + 14 * k), line, self.size, font_weight=weight, fill=self.colours[0])
        return canvas.drawing(300, 20 + 14 * len(lines), title=it.title)


@dataclass(frozen=True)
class Deep:
    """Has a depth of its own, and TikZ."""

    depth: int = 7

    def draw(self, it: Architecture) -> Drawing:
        return Canvas().drawing(self.depth, len(it.ops), title=it.title)

    def tex(self, it: Architecture) -> str:
        return f"% {it.title}, {self.depth}, {len(it.ops)} ops\n"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = {"deep": Entry("deep", Deep, "Deep: one."), "lines": Entry("lines", Lines, "Lines: one.")}
    monkeypatch.setattr(command, "styles", lambda: found)
    monkeypatch.chdir(tmp_path)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert cli.run(["draw", *arguments]) == 0
    told = capsys.readouterr()
    return told.out, told.err


def test_without_a_file_the_svg_goes_to_standard_output(capsys: pytest.CaptureFixture[str]):
    out, err = shown(capsys, "tinyvgg_digits", "--style", "lines")
    assert out.startswith("<svg ") and out.endswith("</svg>\n")
    assert ">conv1_1 12 × 32 × 32</text>" in out
    assert err == "Shapes, costs and receptive fields are those of one input of 1 channel, 32x32 pixels.\n"


def test_the_ending_of_the_file_says_the_format(capsys: pytest.CaptureFixture[str]):
    for name in ("a.svg", "new/b.PDF", "c.png"):
        out, _ = shown(capsys, "tinyvgg_digits", "--style", "lines", "-o", name)
        assert out == ""
    assert Path("a.svg").read_text(encoding="utf-8").startswith("<svg ")
    assert "conv1_1" in pypdfium2.PdfDocument("new/b.PDF")[0].get_textpage().get_text_range()
    width = Image.open(io.BytesIO(Path("c.png").read_bytes())).width
    shown(capsys, "tinyvgg_digits", "--style", "lines", "-o", "c", "--format", "png", "--scale", "1")
    assert (width, Image.open(io.BytesIO(Path("c").read_bytes())).width) == (600, 300)


def test_options_have_the_types_of_the_style_s_fields(capsys: pytest.CaptureFixture[str]):
    pairs = ("size=9.5", "bold=yes", "order=up", "colours=['#123', '#456']", "most=3")
    out, _ = shown(capsys, "tinyvgg_digits", "--style", "lines", *(part for pair in pairs for part in ("--set", pair)))
    assert 'font-size="9.5" font-weight="bold" fill="#123">relu1_1 ' in out
    assert out.count("<text") == 3
    assert command.styled("lines", ["most=null"]) == Lines()


def test_depth_is_the_style_s(capsys: pytest.CaptureFixture[str]):
    out, _ = shown(capsys, "tinyvgg_digits", "--style", "deep", "--depth", "2")
    assert 'width="2"' in out


def test_tex_is_for_styles_that_have_it(capsys: pytest.CaptureFixture[str]):
    out, _ = shown(capsys, "tinyvgg_digits", "--style", "deep", "--format", "tex")
    assert out == "% TinyVGG on digits, 7, 14 ops\n"
    assert cli.run(["draw", "tinyvgg_digits", "--style", "lines", "-o", "x.tex"]) == 2
    assert "the style lines has no tex: draw in deep, or take svg, pdf, png" in capsys.readouterr().err


def test_a_model_of_one_s_own_with_its_size_or_without_a_run(capsys: pytest.CaptureFixture[str]):
    Path("net.py").write_text(
        "from torch import nn\ndef net():\n    return nn.Sequential(nn.Linear(6, 4), nn.ReLU())\n"
    )
    out, _ = shown(capsys, "python:net.py:net", "--style", "lines", "--input", "6")
    assert ">0 4</text>" in out and ">1 4</text>" in out
    out, err = shown(capsys, "python:net.py:net", "--style", "lines", "--input", "none")
    assert ">0 ?</text>" in out
    assert err.startswith("No run was asked for")


NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 6 dim: 6 } } include { phase: TEST } }
layer { name: "read" type: "MemoryData" top: "data" include { phase: TRAIN }
  memory_data_param { batch_size: 1 channels: 1 height: 8 width: 8 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 3 } }
"""


def test_what_a_prototxt_leaves_open_is_a_warning_and_what_breaks_it_is_an_error(capsys: pytest.CaptureFixture[str]):
    Path("a.prototxt").write_text(
        NET.replace('bottom: "data"', 'bottom: "dat"').replace('"Convolution"', '"Convolutoin"')
    )
    out, err = shown(capsys, "a.prototxt", "--style", "lines")
    assert ">dat ?</text>" in out
    missing, unknown, phases = err.splitlines()
    assert missing == "a.prototxt:5:50: No layer before conv gives the blob dat (the nearest: `data`)."
    assert unknown.startswith(
        "a.prototxt:5:28: conv: Convolutoin is none of Caffe's layers (the nearest: `Convolution`"
    )
    assert phases == "Drawn is the net of the phase TEST; the file holds one for TRAIN too (--phase TRAIN)."
    Path("a.prototxt").write_text(NET.replace("num_output: 2", "num_output: }"))
    assert cli.run(["draw", "a.prototxt", "--style", "lines"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "convatlas: a.prototxt:5:101: expected a value, received `}`\n")


def test_a_prototxt_is_read_in_its_phase_and_at_another_size(capsys: pytest.CaptureFixture[str]):
    Path("a.prototxt").write_text(NET)
    assert ">conv 2 × 4 × 4<" in shown(capsys, "a.prototxt", "--style", "lines")[0]
    assert ">conv 2 × 6 × 6<" in shown(capsys, "a.prototxt", "--style", "lines", "--phase", "train")[0]
    assert ">conv 2 × 8 × 10<" in shown(capsys, "a.prototxt", "--style", "lines", "--input", "1x10x12")[0]
    for arguments, said in [
        (["a.prototxt", "--phase", "both"], "--phase: expected TRAIN or TEST, received both"),
        (["b.prototxt"], "found none at b.prototxt"),
        (["tinyvgg_digits", "--phase", "TEST"], "--phase: expected a .prototxt file"),
    ]:
        assert cli.run(["draw", *arguments, "--style", "lines"]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--style", "line"], "--style: there is no style `line` (the nearest: `lines`); there are deep, lines"),
        (["--set", "sise=3"], "--set: lines has no option `sise` (the nearest: `size`); it has size, bold, order"),
        (["--set", "size"], "--set: expected key=value, received size; lines has size, bold"),
        (["--set", "size=big"], "--set size: expected a number, received 'big'"),
        (["--set", "bold=perhaps"], "--set bold: expected true or false, received 'perhaps'"),
        (["--set", "order=left"], "--set order: expected 'down' or 'up', received 'left'"),
        (["--set", "most=1.5"], "--set most: expected a whole number, received '1.5'"),
        (["--format", "gif"], "--format: expected svg, pdf, png, tex, received gif"),
        (["-o", "a.jpg"], "-o: expected a file that ends in svg, pdf, png, tex, received a.jpg"),
        (["-o", "a"], "-o: expected a file that ends in svg"),
        (["--format", "pdf"], "-o: expected a file to write the PDF to, received none: give -o drawing.pdf"),
        (["--depth", "1"], "--depth: the style lines has no blocks that open: leave it out, or draw in deep"),
        (["--style", "deep", "--depth", "1", "--set", "depth=2"], "--depth: expected it once, received --depth 1 and --set depth=2"),
        (["--set", "size=3", "--set", "size=4"], "--set size: expected it once, received 3.0 and 4.0"),
        (["--scale", "3"], "--scale: it is of a PNG, and SVG was asked for: leave it out, or take --format png"),
        (["--input", "3x224"], "the model cannot run on an input of shape 3x224 ("),
        (["--input", "3x32x32"], "the model cannot run on an input of 3 channels, 32x32 pixels ("),
        (["--input", "big"], "--input: expected channels, height and width as 3x224x224, or `none`, received big"),
        (["--input", "0x3"], "--input: expected channels"),
        (["--depth", "-1"], "Invalid value for '--depth'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_2(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]):
    style = [] if "--style" in arguments else ["--style", "lines"]
    assert cli.run(["draw", "tinyvgg_digits", *style, *arguments]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"convatlas: {line}")
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("", "MODEL: expected a source"),
        ("resnet50", "there is no built-in model `resnet50` (the nearest: `torchvision:resnet50`"),
        ("torchvision:resnet5", "torchvision has no model `resnet5` (the nearest: `resnet50`"),
        (
            "python:net.py:net",
            "--input: expected the size of one input of python:net.py:net, received none: give --input 3x",
        ),
        ("python:net.py:two", "the model takes other inputs than one image"),
        ("python:net.py:gone", "there is no `gone` in it"),
        ("python:none.py:net", "found none at none.py"),
    ],
)
def test_models_that_cannot_be_drawn_are_one_line_and_2(model: str, said: str, capsys: pytest.CaptureFixture[str]):
    Path("net.py").write_text(
        "from torch import nn\n"
        "class Two(nn.Module):\n    def forward(self, a, b):\n        return a + b\n"
        "def net():\n    return nn.Conv2d(3, 4, 3)\n"
        "def two():\n    return Two()\n"
    )
    size = ["--input", "3x8x8"] if model.endswith("two") else []
    assert cli.run(["draw", model, "--style", "lines", *size]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1


def test_a_place_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str]):
    Path("file").write_text("")
    assert cli.run(["draw", "tinyvgg_digits", "--style", "lines", "-o", "file/a.svg"]) == 2
    assert capsys.readouterr().err.startswith("convatlas: -o: file/a.svg cannot be written (")


def test_a_drawing_loads_nothing_that_it_does_not_need():
    program = (
        "import sys\nfrom generator.diagrams.source import read\n"
        "it = read('tinyvgg_digits', None, None)\n"
        "print(len(it.ops), [n for n in ('torchvision', 'timm', 'matplotlib', 'cv2', 'mkdocs') if n in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "14 []\n"


def test_the_search_for_cycles_rests_while_a_drawing_is_made(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(command, "read", lambda *_, **__: seen.append(gc.isenabled()) or Architecture("x", (), ()))
    assert cli.run(["draw", "tinyvgg_digits", "--style", "lines"]) == 0
    assert cli.run(["draw", "tinyvgg_digits", "--style", "nothing"]) == 2
    assert seen == [False] and gc.isenabled()
    gc.disable()
    try:
        assert cli.run(["draw", "tinyvgg_digits", "--style", "lines"]) == 0
        assert not gc.isenabled()
    finally:
        gc.enable()
