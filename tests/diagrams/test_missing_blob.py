"""A tensor that nothing gives is a dashed box with its name and a question mark, and no input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generator import cli
from generator.diagrams.styles.blocks import Blocks
from generator.diagrams.styles.graph import Graph
from tests.diagrams.networks import ghost

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "ghost" top: "sum" }
"""


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_in_a_graph_of_a_file_it_is_dashed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "net.prototxt"
    file.write_text(NET)
    assert cli.run(["draw", str(file)]) == 0
    out, err = capsys.readouterr()
    assert err == "net.prototxt:3:60: No layer before sum gives the blob ghost.\n"
    assert texts(out).count("input") == 1
    node = re.search(r'<g class="ca-node ca-is-input"[^>]*data-id="ghost">.*?</text>', out)
    assert node and node[0].endswith(">ghost ?</text>")
    assert 'rx="4" stroke-dasharray="4 3"' in node[0]
    assert out.count("stroke-dasharray") == 1


def test_in_blocks_its_faces_are_dashed_and_its_name_stands_below():
    svg = Blocks().draw(ghost()).svg
    assert "ghost ?" in texts(svg) and texts(svg).count("input") == 1
    dashed = re.findall(r'<polygon [^>]*stroke-dasharray="4 3"[^>]*class="([^"]*)"', svg)
    assert dashed == ["ca-k-input ca-front", "ca-k-input ca-top", "ca-k-input ca-side"]
    assert Blocks().tex(ghost()).count("dash pattern") == 3


def test_what_is_given_is_not_dashed():
    known = ghost().ops[:1]
    it = type(ghost())("given", known, ())
    assert "dasharray" not in Graph().draw(it).svg + Blocks().draw(it).svg
