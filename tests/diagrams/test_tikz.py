"""Drawings as TeX: nothing from outside is a command, the geometry is the SVG's, and pdflatex makes one page of it."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from generator.diagrams.scene import Area, Photo, Scene, Wire, Words
from generator.diagrams.styles.blocks import Blocks
from generator.diagrams.tikz import CELLS, tex, to_tex
from tests.diagrams.nets import net


def missing() -> str:
    """Why nothing can be compiled here; empty where it can."""
    if not shutil.which("pdflatex"):
        return "there is no pdflatex: run tools/latex.sh as root, or install texlive-latex-base and texlive-pictures"
    found = subprocess.run(["kpsewhich", "tikz.sty"], capture_output=True, text=True)
    return "" if found.stdout.strip() else "there is no TikZ: install texlive-pictures"


def picture(width: int, height: int) -> str:
    """Red above, blue below, as a data address."""
    made = Image.new("RGB", (width, height), "#ff0000")
    made.paste("#0000ff", (0, height // 2, width, height))
    made.save(file := io.BytesIO(), "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_signs_of_tex_by_hand():
    assert tex(r"a_b\{c}") == r"a\_b\textbackslash{}\{c\}"
    assert tex("50% $x^2 & #1 ~ 4×4 --") == r"50\% \$x\textasciicircum{}2 \& \#1 \textasciitilde{} 4$\times$4 {-}{-}"
    assert tex("\u4e2d\u202e\x00é") == r"\hanzi{中}{U+4E2D} \'{e}"
    assert tex("龘") == "U+9F98"  # the font lacks it


def test_letters_that_its_fonts_lack_can_be_read():
    assert tex("Größe façade Škoda ﬁn") == r"Gr\"{o}U+00DFe fa\c{c}ade \v{S}koda fin".replace("U+00DF", r"{\ss}")
    assert tex("Привет Щука") == "Privet Shchuka"
    assert tex("σλ ひらカナ 한글") == "sigmalamda hirakana hangeul"
    scene = Scene(9, 9)
    scene.add(Words((1, 1), "层.中", 10, "#000000", "ca-ink"), Words((1, 2), "plain × 3", 10, "#000000", "ca-ink"))
    nodes = [line for line in to_tex(scene, "").splitlines() if line.startswith(r"\node")]
    assert nodes[0].endswith(r"{\hanzi{层}{U+5C42}.\hanzi{中}{U+4E2D}}; % 层.中") and "%" not in nodes[1]
    assert r"\IfFileExists{CJKutf8.sty}" in to_tex(scene, "") and "CJK" not in to_tex(Scene(9, 9), "")


def test_chinese_is_set_where_its_package_is_and_numbered_where_not(tmp_path: Path):
    """A stand-in for the package tells which way was taken; the other way has none."""
    if why := missing():
        pytest.skip(why)
    scene = Scene(90, 9)
    scene.add(Words((1, 8), "中", 10, "#000000", "ca-ink", "start"))
    (tmp_path / "cn.tex").write_text(to_tex(scene, ""), "utf-8")
    named = compiled(tmp_path)
    environment = (
        r"\newenvironment{CJK}[2]{\typeout{set in #1 #2}}{}\AtBeginDocument{\DeclareUnicodeCharacter{4E2D}{x}}"
    )
    (tmp_path / "CJKutf8.sty").write_text(rf"\ProvidesPackage{{CJKutf8}}{environment}" + "\n")
    found = compiled(tmp_path)
    assert "set in UTF8 gbsn" in found and "set in" not in named


def compiled(folder: Path) -> str:
    """What pdflatex says of cn.tex."""
    command = [
        "pdflatex",
        "-no-shell-escape",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "cn.tex",
    ]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert said.returncode == 0, said.stdout[-2000:]
    return said.stdout


def test_shapes_by_hand():
    scene = Scene(40, 20)
    scene.add(
        Area(((0, 0), (10, 0), (10, 5.5)), "#ffd28a", "#a86a00", "ca-k-conv", 0.5),
        Wire(((0, 0), (4, 0)), "#a86a00", "ca-line", 2, True),
        Words((3, 4), "a_b", 10, "#12151c", "ca-ink", "end", -45, True),
    )
    lines = to_tex(scene, "net\n\\input{x}").splitlines()
    assert lines[0] == r"% net \input{x}"
    assert r"\pdfpagewidth=30bp \pdfpageheight=15bp" in lines
    assert r"\definecolor{ca0}{HTML}{FFD28A}" in lines and r"\definecolor{ca1}{HTML}{A86A00}" in lines
    start = lines.index(r"\path[use as bounding box] (0,0) rectangle (40,20);")
    assert lines[start + 1 : -2] == [
        r"\path[fill=ca0, fill opacity=0.5, draw=ca1, line width=0.56bp] (0,0) -- (10,0) -- (10,5.5) -- cycle;",
        r"\draw[ca1, line width=1.5bp, dash pattern=on 3bp off 2.25bp] (0,0) -- (4,0);",
        r"\node[anchor=base east, scale=0.75, text=ca2, rotate=45] at (3,4) {\textbf{a\_b}};",
    ]


def test_a_picture_is_a_grid_of_cells():
    scene = Scene(40, 40)
    scene.add(Photo((0, 10), 8, 16, -45, 8, picture(20, 40)))
    cells = [line for line in to_tex(scene, "").splitlines() if line.startswith(r"\fill")]
    assert len(cells) == CELLS // 2 * CELLS
    assert "red,255;green,0;blue,0" in cells[0] and "(0,10) -- (8,2) -- (8,18) -- (0,26)" in cells[0]
    assert "red,0;green,0;blue,255" in cells[CELLS - 1] and "(0,25.5) -- (8,17.5)" in cells[CELLS - 1]
    scene.shapes[:] = [Photo((0, 10), 8, 16, -45, 8, "data:image/png;base64,AAAA")]
    assert r"\fill" not in to_tex(scene, "")


def test_the_geometry_is_that_of_the_svg():
    how = Blocks()
    it = net("tinyvgg_digits")
    corners = re.findall(r'<polygon points="([^"]+)"', how.draw(it).svg)
    paths = re.findall(r"\\path\[fill=[^]]*\] (.*) -- cycle;", how.tex(it))
    assert len(corners) > 20
    assert [numbers(path) for path in paths] == [numbers(found) for found in corners]


def numbers(text: str) -> list[str]:
    return re.findall(r"-?[\d.]+", text)


def test_pdflatex_compiles_it_to_one_page(tmp_path: Path):
    if why := missing():
        pytest.skip(why)
    for name, how in {
        "unet": Blocks(picture=picture(8, 8), opacity=0.8),
        "vit_b_16": Blocks(direction="left"),
        "hostile": Blocks(),
        "foreign": Blocks(),
    }.items():
        it = net(name)
        (tmp_path / f"{name}.tex").write_text(how.tex(it), "utf-8")
        command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert said.returncode == 0, said.stdout[-2000:]
        assert "(1 page," in said.stdout
        assert "Missing character" not in (tmp_path / f"{name}.log").read_text("latin-1")
        data = (tmp_path / f"{name}.pdf").read_bytes()
        box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
        made = how.draw(it)
        if box:  # it may stand in a compressed stream
            assert [float(side) for side in box.groups()] == pytest.approx(
                [made.width * 0.75, made.height * 0.75], abs=0.2
            )
