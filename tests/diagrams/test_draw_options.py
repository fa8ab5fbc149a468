"""`convatlas draw` with the styles that there are: ends of options, weights of dense layers, and the input that it advises."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import nn

from generator import cli
from generator.command.draw import styled
from generator.diagrams.plain import options
from generator.diagrams.source import fitting, read
from generator.diagrams.styles import styles
from generator.errors import UserError

NET = """
import torch
from torch import nn

def net():
    made = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        made[1].weight.copy_(torch.tensor([[4.0, -2.0], [1.0, 0.0]]))
        made[3].weight.copy_(torch.tensor([[-3.0, 1.5]]))
    return made
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)


@pytest.mark.parametrize("style", sorted(styles()))
def test_numbers_have_the_ends_that_the_form_has(style: str):
    cls = styles()[style].cls
    bounded = {one.name for one in fields(cls) if "min" in one.metadata}
    for one in options(cls):
        if one.name not in bounded:
            continue
        for end, beyond in ((one.least, one.least - 1), (one.most, one.most + 1)):
            assert getattr(styled(style, [f"{one.name}={end:g}"]), one.name) == end
            with pytest.raises(
                UserError, match=rf"--set {one.name}: expected .* from \S+ to \S+, received '{beyond:g}'"
            ):
                styled(style, [f"{one.name}={beyond:g}"])


@pytest.mark.parametrize("style", ["lenet", "alexnet", "fcnn"])
def test_colours_are_six_digits(style: str):
    names = [one.name for one in options(styles()[style].cls) if one.kind == "colour"]
    assert names
    used = {
        one.name: [f"{other}={value}" for other, value in one.metadata.get("where", {}).items()]
        for one in fields(styles()[style].cls)
    }
    for name in names:
        assert getattr(styled(style, [f"{name}=#A0b1C2", *used[name]]), name) == "#A0b1C2"
        for wrong in ("red", "#fff", "#12345g", '#123456"/><script>'):
            with pytest.raises(UserError, match=rf"--set {name}: expected a colour as #rrggbb"):
                styled(style, [f"{name}={wrong}"])


@pytest.mark.parametrize(
    ("style", "given", "needs"),
    [
        ("lenet", ["second_colour=#123456"], "colours=two"),
        ("lenet", ["border_colour=#123456", "colours=kind"], "colours=two"),
        ("alexnet", ["tensor_colour=#123456"], "by_kind=false"),
        ("fcnn", ["positive_colour=#123456", "colour_by_weight=false"], "colour_by_weight=true"),
    ],
)
def test_a_colour_in_which_nothing_is_drawn_is_refused(style: str, given: list[str], needs: str):
    key = given[0].partition("=")[0]
    with pytest.raises(UserError, match=f"^--set {key}: nothing is drawn in it but with {needs}: set that too"):
        styled(style, given)
    assert getattr(styled(style, [given[0], needs]), key) == "#123456"


def edges(svg: str) -> list[tuple[str, float, float]]:
    """(colour, width, opacity) of each line."""
    found = re.findall(r'<line [^>]*stroke="(#\w+)" stroke-width="([\d.]+)" stroke-opacity="([\d.]+)"', svg)
    return [(colour, float(width), float(opacity)) for colour, width, opacity in found]


def drawn(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert cli.run(["draw", *arguments, "--style", "fcnn"]) == 0
    return tuple(capsys.readouterr())  # type: ignore[return-value]


def test_edges_are_as_the_weights_of_a_model_of_one_s_own(capsys: pytest.CaptureFixture[str]):
    out, _ = drawn(capsys, "python:net.py:net", "--input", "2")
    red, blue = "#b4442a", "#2f62b3"
    # widest 1.6, most opaque 0.8; 4 and -3 are the largest of their layers; a weight of 0 is drawn at 0.08 of the most
    assert edges(out) == [
        (red, 1.6, 0.8), (blue, 0.8, 0.4), (red, 0.4, 0.2), (red, 0.13, 0.06), (blue, 1.6, 0.8), (red, 0.8, 0.4),
    ]  # fmt: skip


def test_edges_are_as_the_weights_of_a_file(capsys: pytest.CaptureFixture[str]):
    state = {
        "1.weight": torch.tensor([[0.0, 1.0], [-1.0, 0.0]]),
        "1.bias": torch.zeros(2),
        "3.weight": torch.tensor([[1.0, 1.0]]),
    }
    torch.save(state, "w.pth")
    out, _ = drawn(capsys, "python:net.py:net", "--input", "2", "--weights", "w.pth")
    assert [(colour, width) for colour, width, _ in edges(out)] == [
        ("#b4442a", 0.13), ("#b4442a", 1.6), ("#2f62b3", 1.6), ("#b4442a", 0.13), ("#b4442a", 1.6), ("#b4442a", 1.6),
    ]  # fmt: skip


def test_weights_that_would_be_downloaded_are_not_drawn(capsys: pytest.CaptureFixture[str]):
    out, err = drawn(capsys, "torchvision:alexnet", "--set", "units=4")
    assert {colour for colour, *_ in edges(out)} == {"#8a91a3"}
    assert "nothing is downloaded: its edges are drawn alike (--weights FILE, or --weights random)" in err
    out, err = drawn(capsys, "torchvision:alexnet", "--set", "units=4", "--weights", "random")
    assert {colour for colour, *_ in edges(out)} == {"#b4442a", "#2f62b3"}
    assert "downloaded" not in err


def test_of_wide_layers_the_strongest_units_weights_are_kept_alone():
    it = read("torchvision:alexnet", weights="random")
    kept = [json.loads(text) for key, text in it.extra.items() if key.startswith("dense:")]
    assert [(len(one["weights"]), len(one["weights"][0])) for one in kept] == [(32, 32)] * 3
    assert sum(map(len, it.extra.values())) < 40_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tinyvgg_digits", "--style", "graph", "--weights", "random"], "--weights: the style graph draws no weights: draw in fcnn"),
        (["a.prototxt", "--style", "fcnn", "--weights", "random"], "--weights: expected a model, received a.prototxt"),
        (["python:net.py:net", "--input", "2", "--style", "fcnn", "--weights", "none.pth"], "none.pth"),
    ],
)  # fmt: skip
def test_weights_that_cannot_be_drawn_are_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["draw", *arguments]) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1


def test_the_input_that_is_advised_has_the_channels_of_the_first_convolution(capsys: pytest.CaptureFixture[str]):
    assert fitting(nn.Sequential(nn.ReLU(), nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3))) == (1, 224, 224)
    assert fitting(nn.Sequential(nn.Conv1d(5, 4, 3))) == (5, 224)
    assert fitting(nn.Sequential(nn.LazyConv2d(4, 3))) == fitting(nn.ReLU()) == (3, 224, 224)
    assert cli.run(["draw", "tinyvgg_digits", "--input", "3x32x32"]) == 2
    assert "give what it expects, as --input 1x32x32, or --input none" in capsys.readouterr().err
    Path("gray.py").write_text("from torch import nn\ndef net():\n    return nn.Conv2d(1, 4, 3)\n")
    assert cli.run(["draw", "python:gray.py:net"]) == 2
    assert "received none: give --input 1x224x224, or" in capsys.readouterr().err


PHASED = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
layer { name: "relu" type: "ReLU" bottom: "data" top: "relu" }
layer { name: "drop" type: "Dropout" bottom: "relu" top: "drop" include { phase: TRAIN } }
"""


def test_a_file_of_two_nets_says_that_there_is_another(capsys: pytest.CaptureFixture[str]):
    Path("two.prototxt").write_text(PHASED)
    other = "Drawn is the net of the phase TEST; the file holds one for TRAIN too (--phase TRAIN)."
    for asked, said in (([], True), (["--phase", "TEST"], False), (["--phase", "TRAIN"], False)):
        assert cli.run(["draw", "two.prototxt", "--style", "graph", *asked]) == 0
        assert (other in capsys.readouterr().err) is said
    Path("one.prototxt").write_text(PHASED.replace(" include { phase: TRAIN }", ""))
    assert cli.run(["draw", "one.prototxt", "--style", "graph"]) == 0
    assert "phase" not in capsys.readouterr().err


def test_a_file_is_not_drawn_without_a_run_for_it_has_none(capsys: pytest.CaptureFixture[str]):
    Path("two.prototxt").write_text(PHASED)
    for arguments in (["draw", "two.prototxt", "--style", "graph"], ["compare", "two.prototxt", "two.prototxt"]):
        assert cli.run([*arguments, "--input", "none"]) == 2
        told = capsys.readouterr()
        assert (
            "--input: expected channels, height and width as 3x224x224, received none: two.prototxt is drawn without"
            in told.err
        )
        assert told.out == "" and told.err.count("\n") == 1
    assert cli.run(["compare", "two.prototxt", "python:net.py:net", "--input", "none"]) == 0


def test_a_name_where_a_list_is_wanted_is_told_how(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["draw", "tinyvgg_digits", "--style", "graph", "--set", "opened=layer1"]) == 2
    assert "--set opened: expected a list, as [layer1], received 'layer1'\n" in capsys.readouterr().err
