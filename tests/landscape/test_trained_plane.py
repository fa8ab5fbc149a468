"""The loss on the plane of a training: directions and places are numpy's, losses torch's, and all of it is drawn."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from generator.config import ModelConfig
from generator.images import load as load_picture
from generator.images import scan
from generator.model.load import load
from tests.landscape.test_report import flat, network
from tests.pages.opened import opened
from tests.whole import Built, build, convatlas, copied, digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES, GRID = 5, 5
STEPS = (0, 2, 5, 11, 22, 44, 88, 176, 308, 440)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("trained")
    copied(digits(IMAGES), folder / "images")
    (folder / "truth.csv").write_text("".join(f"{n}-a.png,{n}\n" for n in range(IMAGES)))
    config = {
        "model": "tinyvgg_digits", "images": "images", "truth": "truth.csv", "landscape": {"grid": GRID},
        "methods": ["feature_maps"], "trust": "none", "explain": "none", "effective_fields": 0,
    }  # fmt: skip
    return build(folder, config)


@pytest.fixture(scope="module")
def batch(trained: Built) -> tuple[Tensor, Tensor]:
    preprocess = load(ModelConfig(source="tinyvgg_digits")).preprocess
    images = scan(trained.folder / "images").images
    x = torch.stack([preprocess(load_picture(image, preprocess.channels)) for image in images])
    return x, torch.arange(IMAGES)


def places(report: Built) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((report.site / "landscape-path.csv").read_text())))


def test_checkpoints_choose_the_plane_and_numpy_agrees(trained: Built, batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    apart = np.stack([flat(network(step)) for step in STEPS]) - flat(network(440))
    left, sizes, _ = np.linalg.svd(apart, full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    rows = places(trained)
    assert [row["checkpoint"] for row in rows] == [f"step {step}" for step in STEPS] + [""]
    found = np.array([[float(row["across"]), float(row["up"])] for row in rows])
    np.testing.assert_allclose(np.abs(found[:-1]), np.abs(expected), atol=1e-3)
    rest = np.sqrt((apart**2).sum(axis=1) - (expected**2).sum(axis=1))
    np.testing.assert_allclose([float(row["off"]) for row in rows[:-1]], rest, atol=2e-3)
    own = flat(network()) - flat(network(440))
    assert np.hypot(*found[-1]) ** 2 + float(rows[-1]["off"]) ** 2 == pytest.approx(float(own @ own), rel=1e-3)
    for row, step in zip(rows, (*STEPS, None), strict=True):
        with torch.no_grad():
            assert float(row["loss"]) == pytest.approx(float(F.cross_entropy(network(step)(x), y)), rel=1e-3)
    held = float((sizes[:2] ** 2).sum() / (sizes**2).sum())
    page = html.unescape((trained.site / "landscape.html").read_text("utf-8"))
    assert f"hold {100 * held:.1f}" in page
    assert "At the last checkpoint, step 440, the loss is" in page


def test_a_place_of_that_plane_is_the_loss_of_the_weights_there(trained: Built, batch: tuple[Tensor, Tensor]) -> None:
    """0, 0 is the last checkpoint, and the weights of any other place follow from the checkpoints' own places."""
    x, y = batch
    rows = list(csv.DictReader(io.StringIO((trained.site / "landscape.csv").read_text())))
    assert len(rows) == GRID * GRID
    known = np.array([[float(row["across"]), float(row["up"])] for row in places(trained)[:-1]])
    apart = np.stack([flat(network(step)) for step in STEPS]) - flat(network(440))
    plane = np.linalg.lstsq(known, apart, rcond=None)[0]  # (2, weights): both directions, as the places tell them
    for row in rows[:: GRID + 2]:
        module = network(440)
        moved = flat(module) + np.array([float(row["across"]), float(row["up"])]) @ plane
        torch.nn.utils.vector_to_parameters(torch.from_numpy(moved).float(), module.parameters())
        with torch.no_grad():
            assert float(row["loss"]) == pytest.approx(float(F.cross_entropy(module(x), y)), rel=5e-3)
    middle = next(row for row in rows if float(row["across"]) == 0 == float(row["up"]))
    assert float(middle["loss"]) == pytest.approx(float(places(trained)[-2]["loss"]), rel=1e-4)


def test_what_the_plane_of_the_training_takes_is_planned(trained: Built) -> None:
    passes = trained.run["passes"]
    assert passes["planned"] == passes["run"]
    plane = GRID * GRID + 31 + 10 + 1  # with the line, each checkpoint, and the model
    assert passes["run"]["forward"] == IMAGES + 4 + 10 * (4 + 1) + plane
    said = convatlas(trained.folder, "build", "--plan").out
    (row,) = (line.split() for line in said.splitlines() if line.startswith("landscape"))
    assert row == ["landscape", "model", "-", str(plane), "0", "-"]


def test_principal_directions_without_checkpoints_are_refused_in_one_line(tmp_path: Path) -> None:
    copied(digits(1), tmp_path / "images")
    (tmp_path / "report.yml").write_text(
        "model: tinyvgg_digits\nimages: images\ncheckpoints: []\nlandscape: {directions: pca}\ndevice: cpu\n"
    )
    outcome = convatlas(tmp_path, "build")
    assert outcome.code == 2
    assert "landscape.directions: `pca` needs at least two checkpoints, received 0" in outcome.err


def test_the_landscape_can_be_saved_as_png(trained: Built) -> None:
    with Image.open(trained.site / "landscape.png") as made:
        assert made.size == (1110, 1176)
        seen = np.asarray(made.convert("RGB"), np.int16)
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 14
    assert seen[4, 4].tolist() == [255, 255, 255]


def test_the_training_is_on_the_contours_and_the_surface(
    browser: Browser, trained: Built, site_server: Callable[[Path], str], tmp_path: Path
) -> None:
    base = site_server(trained.site)
    with opened(browser, base + "landscape.html", base=base) as seen:
        page = seen.page
        assert page.locator(".la-contours svg svg circle").count() == 10
        assert page.locator(".la-contours svg svg title").first.text_content() == "step 0"
        assert page.locator(".la-way tbody tr").count() == 11
        box = page.locator(".la-contours svg rect").first.bounding_box()
        dot = page.locator(".la-contours svg svg circle").first.bounding_box()
        assert box and dot
        steps, rows = (
            sorted({float(row[name]) for row in csv.DictReader(io.StringIO((trained.site / "landscape.csv").read_text()))})
            for name in ("across", "up")
        )  # fmt: skip
        first = places(trained)[0]
        x = box["x"] + box["width"] * (float(first["across"]) - steps[0]) / (steps[-1] - steps[0])
        y = box["y"] + box["height"] * (rows[-1] - float(first["up"])) / (rows[-1] - rows[0])
        assert abs(dot["x"] + dot["width"] / 2 - x) < 1.5
        assert abs(dot["y"] + dot["height"] / 2 - y) < 1.5
        trails = page.evaluate("() => document.querySelector('surface-view').what.trails.map((t) => t.points.length)")
        assert trails == [10, *[1] * 12], "the line, a dot for each checkpoint, the model, the last checkpoint"
        with page.expect_download() as waiting:
            page.locator("[data-relief]").click()
        waiting.value.save_as(tmp_path / "surface.png")
        with Image.open(tmp_path / "surface.png") as saved:
            assert saved.format == "PNG"
        seen.check()
