"""`convatlas descent`: an animation frame by frame, pictures, and what it says to mistakes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.cli import run
from generator.command.descent import FIRST, FRAMES, LAST, PER_FRAME, descended, frames
from generator.descent.optimizers import OPTIMIZERS
from generator.descent.picture import FOOT, LEFT, MAP, TOP, _lens, picture, where
from generator.descent.surfaces import SURFACES


def command(*arguments: str) -> int:
    return run(["descent", *arguments])


def test_frames_go_from_the_start_to_the_last_step():
    assert frames(3) == [0, 1, 2, 3]
    assert frames(1) == [0, 1]
    many = frames(1000)
    assert (len(many), many[0], many[-1]) == (FRAMES, 0, 1000)
    assert len(set(many)) == FRAMES


@pytest.mark.parametrize("form", ["webp", "gif"])
def test_an_animation_shows_each_step_where_the_run_is(tmp_path: Path, form: str):
    out = tmp_path / f"two.{form}"
    assert command("--optimizers", "sgd,momentum", "--steps", "12", "-o", str(out)) == 0
    with Image.open(out) as film:
        assert (film.n_frames, film.size, film.format) == (13, (960, 540), form.upper())
        assert film.info["loop"] == 0
        surface, runs = descended("two_wells", ["sgd", "momentum"], None, [], [], 12)
        x, y = _lens(surface)
        times, shown = [], []
        for k in range(13):
            film.seek(k)
            film.load()
            times.append(film.info["duration"])
            shown.append(np.asarray(film.convert("RGB"), np.int16))
        assert times == [FIRST, *[PER_FRAME] * 11, LAST]
        for k, pixels in enumerate(shown):  # the middle of the mark that is drawn last has that optimizer's colour
            px, py = runs[1].points[k].tolist()
            seen = pixels[round(y(py)), round(x(px))]
            wanted = [int(OPTIMIZERS["momentum"].colour[a : a + 2], 16) for a in (1, 3, 5)]
            assert np.abs(seen - wanted).max() < 30, (k, seen, wanted)
        # Nothing flickers: a place that no run comes near is the same in all frames.
        corner = [one[FOOT - 30 : FOOT - 4, LEFT + 4 : LEFT + 60] for one in shown]
        assert max(np.abs(one - corner[0]).mean() for one in corner) < 2


def test_a_picture_is_the_last_moment_and_the_same_bytes_again(tmp_path: Path):
    for form in ("svg", "png"):
        files = [tmp_path / f"{k}.{form}" for k in range(2)]
        for file in files:
            assert command("--surface", "saddle", "--steps", "30", "--lr", "adam=0.1", "-o", str(file)) == 0
        assert files[0].read_bytes() == files[1].read_bytes()
    svg = (tmp_path / "0.svg").read_text("utf-8")
    assert "step 30 of 30" in svg
    for one in OPTIMIZERS.values():
        assert f">{one.title}<" in svg and one.colour in svg
    assert re.search(r">0\.1<", svg)
    with Image.open(tmp_path / "0.png") as made:
        assert made.size == (1920, 1080)


def test_every_surface_is_drawn_and_no_trail_leaves_its_frame():
    for surface in SURFACES.values():
        found, runs = descended(surface.name, None, None, ["sgd=1.5"], [], 60)
        drawn = picture(found, runs)
        assert "nan" not in drawn.svg and "inf" not in drawn.svg
        assert f'<clipPath id="map"><rect x="{LEFT}" y="{TOP}" width="{MAP - LEFT}"' in drawn.svg


def test_where_a_run_is_in_words():
    surface, (one,) = descended("two_wells", ["momentum"], None, [], [], 200)
    assert where(surface, one, 0) == "on its way"
    assert where(surface, one, 200) == "left well"
    rosenbrock, (lost,) = descended("rosenbrock", ["sgd"], None, ["sgd=1"], [], 60)
    assert where(rosenbrock, lost, 60) == "lost"


def test_settings_reach_the_optimizers():
    _, (adam, momentum) = descended(
        "two_wells", ["adam", "momentum"], "1,-0.5", ["adam=0.2"], ["adam.beta1=0.5", "momentum.momentum=0.1"], 5
    )
    assert adam.settings == {"lr": 0.2, "beta1": 0.5, "beta2": 0.999}
    assert momentum.settings == {"lr": 0.1, "momentum": 0.1}
    assert adam.points[0].tolist() == [1.0, -0.5] and len(adam.points) == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--view", "4d"], "--view: expected 2d or 3d, received 4d"),
        (["--surface", "two_well"], "--surface: there is no surface `two_well`; did you mean `two_wells`?"),
        (["--optimizers", "adm"], "--optimizers: there is no optimizer `adm`"),
        (["--optimizers", ","], "--optimizers: expected at least one of sgd"),
        (["--lr", "adam"], "--lr: expected NAME=NUMBER, as adam=0.2, received adam"),
        (["--lr", "adam=x"], "--lr: expected a number, received x"),
        (["--lr", "adam=7"], "--lr: adam.lr is from 1e-05 to 2, received 7"),
        (["--set", "sgd.momentum=0.5"], "--set: sgd has no setting `momentum`; it has lr"),
        (["--set", "beta1=0.5"], "--set: expected OPTIMIZER.SETTING=NUMBER"),
        (["--start", "1"], "--start: expected X,Y, as 2.2,1.3, received 1"),
        (["--start", "1,inf"], "--start: expected a number, received inf"),
        (["--steps", "0"], "--steps: expected 1 to 2000, received 0"),
        (["--format", "mp4"], "--format: expected webp, gif, png, svg, received mp4"),
        (["-o", "a.mov"], "-o: expected a file that ends in webp, gif, png, svg, received a.mov"),
    ],
)
def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str):
    assert command(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said.replace("; did you mean `two_wells`?", "") in lines[0]


def test_without_a_place_to_write_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert command("--steps", "2", "-o", str(file / "a.svg")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_drawing_is_svg_that_any_program_reads():
    from xml.etree import ElementTree

    surface, runs = descended("beale", None, None, [], [], 40)
    root = ElementTree.parse(io.StringIO(picture(surface, runs, 20).svg)).getroot()
    assert root.get("viewBox") == "0 0 960 540"
