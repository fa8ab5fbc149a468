"""What the colours of the loss say: round numbers where they belong, beside the contours, the surface and what is saved of both."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from generator.pages.contour_scale import bar, spread, ticks
from generator.pages.contours import contours
from tests.pages.opened import opened
from tests.whole import Built, build, copied, digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.002, 9.0, [0.01, 0.1, 1.0]),
        (0.05, 4.0, [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]),
        (1e-12, 1.0, [1e-12, 1e-9, 1e-6, 1e-3, 1.0]),
        (2.2, 3.4, [2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4]),
        (0.95, 1.05, [0.96, 0.98, 1.0, 1.02, 1.04]),
    ],
)
def test_ticks_are_round_few_and_within(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == found


@pytest.mark.parametrize(("low", "high"), [(1e-12, 1.001e-12), (2.3, 2.3023), (1e-4, 1.0), (3e-5, 250.0), (0.5, 0.6)])
def test_numbers_stand_where_a_logarithm_has_them_and_never_touch(low: float, high: float) -> None:
    levels = np.geomspace(low, high, 15).tolist()
    found = spread(levels, 320)
    assert 2 <= len(found) <= 9
    for value, x in found:
        assert np.interp(x, np.linspace(0, 320, 15), np.log(levels)) == pytest.approx(np.log(value), rel=1e-6)
    wide = {v: 6.2 * len(f"{v:g}") for v, _ in found}
    for (a, x), (b, y) in pairwise(found):
        assert y - x > (wide[a] + wide[b]) / 2


def test_the_bar_is_in_the_bands_own_colours_and_says_where_it_is_cut_off() -> None:
    values = np.geomspace(0.01, 10, 81, dtype=np.float32).reshape(9, 9)
    axis = tuple(np.linspace(-1, 1, 9).tolist())
    plain = contours(values, axis, axis)
    assert not plain.below
    drawn = ElementTree.fromstring(plain.svg("x", "loss"))
    hues = [
        one.get("fill") for one in drawn.iter("{http://www.w3.org/2000/svg}path") if one.get("stroke-width") == "0.4"
    ]
    steps = re.findall(r'H320V9H[\d.]+z" fill="(#\w+)"', plain.svg("x", "loss"))
    assert steps == hues
    assert len(steps) == 14
    values[0, 0] = 1e-5  # more than ten thousand times below the largest
    cut = contours(values, axis, axis)
    assert cut.below
    point = "M0.2 0L-4.5 4.5L0.2 9z"
    assert point in cut.svg("x", "loss")
    assert point not in plain.svg("x", "loss")
    assert "&#60;" in bar(cut.levels, 320, "<b>", "#000")


# ---- in a report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("scaled")
    copied(digits(3), folder / "images")
    (folder / "truth.csv").write_text("".join(f"{n}-a.png,{n}\n" for n in range(3)))
    config = {
        "model": "tinyvgg_digits", "images": "images", "truth": "truth.csv", "landscape": {"grid": 5, "directions": "random"},
        "methods": ["feature_maps"], "trust": "none", "explain": "none", "effective_fields": 0, "checkpoints": [],
    }  # fmt: skip
    return build(folder, config)


@pytest.fixture(params=["http", "file"])
def where(request: pytest.FixtureRequest, report: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(report.site) if request.param == "http" else report.site.as_uri() + "/"


def numbers(page: Page, bar_: str) -> list[tuple[str, dict[str, float], float]]:
    """Each number of a bar, where it is, and the size of its type on the screen."""
    return page.locator(f"{bar_} text").evaluate_all(  # type: ignore[no-any-return]
        """(all) => all.map((one) => { const {left, right, top, bottom} = one.getBoundingClientRect();
        return [one.textContent, {left, right, top, bottom}, 11 * one.ownerSVGElement.getScreenCTM().a]; })"""
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_says_what_a_colour_is_beside_both(browser: Browser, report: Built, where: str, width: int) -> None:
    losses = [float(r["loss"]) for r in csv.DictReader(io.StringIO((report.site / "landscape.csv").read_text()))]
    with opened(browser, where + "landscape.html", base=where, width=width) as seen:
        for name in (".la-contours > svg > g:last-child", ".la-relief > svg"):
            found = numbers(seen.page, name)
            assert found[-1][0] == "loss"
            assert all(size > 9 for _, _, size in found), "can be read"
            values = [(float(text), box) for text, box, _ in found[:-1]]
            assert len(values) >= 3
            assert all(min(losses) * 0.99 <= value <= max(losses) * 1.01 for value, _ in values)
            for (_, a), (_, b) in pairwise(values):
                assert a["right"] < b["left"]
            assert all(box["left"] >= 0 and box["right"] <= width for _, box in values)
        relief = seen.page.locator(".la-relief > svg title").text_content() or ""
        assert re.fullmatch(r"Colours of the surface: loss from [\d.]+ to [\d.]+, logarithmic", relief)
        seen.check()


def test_a_place_of_the_contours_has_the_colour_that_the_bar_has_for_its_loss(
    browser: Browser, report: Built, where: str
) -> None:
    text = (report.site / "data/landscape.js").read_text("utf-8")
    data = json.loads(text[text.index("{") : text.rindex("}") + 1])
    levels = data["levels"]
    with opened(browser, where + "landscape.html", base=where) as seen:
        picture = Image.open(io.BytesIO(seen.page.locator(".la-contours > svg").screenshot(scale="css"))).convert("RGB")
        one = picture.width / 370
        checked = 0
        for row in range(5):
            for column in range(5):
                loss = data["loss"][row * 5 + column]
                share = np.log(loss / levels[0]) / np.log(levels[-1] / levels[0]) * 14
                if (row, column) == (2, 2) or abs(share - round(share)) < 0.2:
                    continue  # under the cross, or at a border of two bands
                x = min(max(column * 80, 2), 318)
                y = min(max(320 - row * 80, 2), 318)
                at = (round((40 + x) * one), round((10 + y) * one))
                near = np.asarray(picture.crop((at[0] - 3, at[1] - 3, at[0] + 4, at[1] + 4))).reshape(
                    -1, 3
                )  # it may be steep
                there = picture.getpixel((round((40 + (int(share) + 0.5) * 320 / 14) * one), round((362 + 4.5) * one)))
                assert np.abs(near.astype(int) - there).max(axis=1).min() <= 3, (row, column)
                checked += 1
        assert checked >= 8
        seen.check()


def test_what_is_saved_says_it_too(browser: Browser, report: Built, where: str, tmp_path: Path) -> None:
    drawing = ElementTree.fromstring((report.site / "landscape.svg").read_bytes())
    texts = [one.text for one in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-1] == "loss"
    with opened(browser, where + "landscape.html", base=where) as seen:
        assert texts[-4:-1] == [text for text, _, _ in numbers(seen.page, ".la-relief > svg")][-4:-1]
        with seen.page.expect_download() as waiting:
            seen.page.locator("[data-relief]").click()
        waiting.value.save_as(tmp_path / "surface.png")
        with Image.open(tmp_path / "surface.png") as made:
            pixels = np.asarray(made.convert("RGB")).astype(int)
        one = pixels.shape[1] / 370
        line = pixels[round(pixels.shape[0] - 34 * one + (4 + 4.5) * one)]
        for share in (0.1, 0.5, 0.9):
            hue = np.array(colormaps["viridis"](share)[:3]) * 255
            assert np.abs(line[round((40 + 320 * share) * one)] - hue).max() < 6
        assert (pixels[-round(18 * one) :].min(axis=2) < 100).any(), "the numbers"
        seen.check()
