"""What lies in inputs/: light, credited, made again by its script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.dataset.sources import open_dataset
from generator.images import scan
from generator.images.credits import MOST, credits_of

IMAGES = Path(__file__).parents[1] / "inputs" / "images"


def test_photographs_are_light_and_credited() -> None:
    files = sorted(IMAGES.glob("*.jpg"))
    assert 8 <= len(files) <= 12
    (credits,) = credits_of([IMAGES])
    for file in files:
        assert file.stat().st_size <= 150_000
        assert f"- {file.name}: " in credits
    assert scan(IMAGES).skipped == ()


def test_make_images_makes_these_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(IMAGES.parent))
    sys.modules.pop("make_images", None)
    import make_images

    assert sorted(make_images.PHOTOGRAPHS) == [file.stem for file in sorted(IMAGES.glob("*.jpg"))]
    for stem, (package, inside) in make_images.PHOTOGRAPHS.items():
        make_images.write_photograph(make_images.package_file(package, inside), tmp_path / f"{stem}.jpg")
        with Image.open(tmp_path / f"{stem}.jpg") as made, Image.open(IMAGES / f"{stem}.jpg") as kept:
            # Another version of the JPEG library may round differently.
            assert np.abs(np.asarray(made).astype(int) - np.asarray(kept)).mean() < 1


def test_examples_are_light_listed_and_apart_from_the_project() -> None:
    folder = IMAGES.parent / "examples"
    listed = open_dataset(folder / "list.txt")
    there = {file.resolve() for file in (*IMAGES.glob("*.jpg"), *folder.rglob("*.jpg"))}
    assert {Path(str(one.locator)).resolve() for one in listed} == there
    assert len(listed) == len(there) == 188
    sizes = [file.stat().st_size for file in folder.rglob("*.jpg")]
    assert max(sizes) < 25_000
    assert sum(sizes) < 2_000_000
    (credits,) = credits_of([folder / "list.txt"])
    drawn = {file.stem for file in (folder / "pages").iterdir()}
    photographed = {file.stem for file in (folder / "surfaces").iterdir()}
    assert f"{len(sizes) - len(drawn) - len(photographed)} cut-outs" in credits
    assert all(f"{stem}.jpg" in credits for stem in photographed)
    assert "GNU General Public License, version 2 or later" in credits
    assert "GNU GENERAL PUBLIC LICENSE" in (folder / "COPYING").read_text()
    assert set(listed.written) == {None}  # the model's own first answers stand for classes


def test_an_example_is_a_cut_out_in_the_middle_of_a_white_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(IMAGES.parent))
    sys.modules.pop("make_images", None)
    import make_images

    stamp = np.zeros((50, 120, 4), np.uint8)
    stamp[10:30, 20:100] = (200, 30, 30, 255)  # 80 by 20
    Image.fromarray(stamp).save(tmp_path / "stamp.png")
    make_images.write_cut_out(tmp_path / "stamp.png", tmp_path / "tools/saw.jpg")
    with Image.open(tmp_path / "tools/saw.jpg") as made:
        pixels = np.asarray(made).astype(int)
    assert pixels.shape == (256, 256, 3)
    red = np.abs(pixels - (200, 30, 30)).max(axis=2) < 20
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert (columns[0], columns[-1]) == (pytest.approx(15, abs=1), pytest.approx(240, abs=1))
    assert (rows[-1] - rows[0] + 1, rows[0] + rows[-1]) == (pytest.approx(226 / 4, abs=3), pytest.approx(255, abs=2))
    assert (pixels[~red] > 235).mean() > 0.95


def test_make_images_makes_these_pages_and_surfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(IMAGES.parent))
    sys.modules.pop("make_images", None)
    import make_images

    folder = IMAGES.parent / "examples"
    fonts = make_images.package_file("matplotlib", make_images.FONTS)
    for stem, page in make_images.PAGES.items():
        make_images.write_page(page, fonts, tmp_path / "pages" / f"{stem}.jpg")
    for stem, (package, inside) in make_images.SURFACES.items():
        source = make_images.package_file(package, inside)
        make_images.write_surface(source, tmp_path / "surfaces" / f"{stem}.jpg")
    for kind in ("pages", "surfaces"):
        made = {file.name: file for file in (tmp_path / kind).iterdir()}
        assert set(made) == {file.name for file in (folder / kind).iterdir()}
        for name, file in made.items():
            with Image.open(file) as new, Image.open(folder / kind / name) as kept:
                # Another version of the JPEG or the font library may round differently.
                assert np.abs(np.asarray(new).astype(int) - np.asarray(kept)).mean() < 2


def test_credits_lie_in_the_folder_or_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a/CREDITS.txt").write_text(" by Ann\n")
    (tmp_path / "CREDITS.md").write_text("x" * (MOST + 1))
    (tmp_path / "list.txt").write_text("a/1.png\n")
    assert credits_of([tmp_path / "a", tmp_path / "b", tmp_path / "a"]) == ("by Ann",)
    assert credits_of([tmp_path / "list.txt"]) == ("x" * MOST,)
    assert credits_of([tmp_path / "nowhere/train-{0..9}.tar"]) == ()


def made(*given: str) -> list[str]:
    """What make would run."""
    top = IMAGES.parents[1]
    return subprocess.run(
        ["make", "-n", *given], cwd=top, check=True, capture_output=True, text=True
    ).stdout.splitlines()


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", True),
        ("--preset standard", True),
        ("--config my.yml", False),
        ("--model=a --images b", False),
        ("--dataset c", False),
    ],
)
@pytest.mark.parametrize("target", ["report", "demo"])
def test_make_asks_for_the_examples_with_the_default_model_and_images_alone(
    target: str, given: str, asked: bool
) -> None:
    lines = made(target, f"ARGS={given}")
    (build,) = [line for line in lines if "convatlas build" in line]
    assert ("--dataset inputs/examples/list.txt" in build) is asked
    assert ("--live" in build.split()) is (target == "demo")
    assert build.endswith(given)


def test_make_demo_has_what_the_live_page_needs_before_it_builds() -> None:
    lines = made("demo", "-W", "pyproject.toml")  # as if it had just been changed: everything is installed anew
    needs = ("install -q -c constraints.txt -e '.[lrp,live]'", "tools/runtime.sh", "convatlas build --live")
    places = [next(k for k, line in enumerate(lines) if need in line) for need in needs]
    assert places == sorted(places)
    assert not any("live" in line for line in made("report", "-W", "pyproject.toml") if "install" in line)
