"""How the pages look: colours to the pixel, dark and light, a telephone, no scripts, two thousand units."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from generator.pages.views import Atlas, Gray, Heat
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.kinds import KINDS
from tests.pages.opened import Opened, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def pixels(page: Page, selector: str) -> np.ndarray[Any, Any]:
    """What is on the screen there, (h, w, 3)."""
    return np.asarray(Image.open(io.BytesIO(page.locator(selector).first.screenshot())).convert("RGB"))


@pytest.mark.parametrize("name", ["viridis", "magma", "inferno", "turbo", "gray"])
def test_tiles_are_coloured_to_the_pixel(browser: Browser, base: str, tiny: Built, name: str):
    import matplotlib as mpl

    item = tiny.report.layers[0].maps["image-0"]
    assert isinstance(item, Atlas)
    sheet = np.asarray(Image.open(io.BytesIO(item.picture.read())))
    table = (
        np.repeat(np.arange(256)[:, None], 3, 1)
        if name == "gray"
        else np.rint(mpl.colormaps[name](np.arange(256))[:, :3] * 255)
    )
    with opened(browser, f"{base}layers/layer-0.html#c={name}", base=base) as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        page.wait_for_timeout(200)
        zoom = page.evaluate("document.querySelector('atlas-wall').zoom")
        assert zoom == int(zoom) >= 1
        wall = pixels(page, ".ca-wall")
        across = page.evaluate("document.querySelector('atlas-wall').across")
        for k in (0, 1, across, 11):
            y, x = k // across * (16 * zoom + 2), k % across * (16 * zoom + 2)
            seen_tile = wall[y : y + 16 * zoom, x : x + 16 * zoom][zoom // 2 :: zoom, zoom // 2 :: zoom]
            row, column = k // item.columns * 17, k % item.columns * 17
            np.testing.assert_array_equal(seen_tile, table[sheet[row : row + 16, column : column + 16]])


def test_a_smooth_map_is_what_torch_makes_of_it_and_a_raw_one_its_own_places(browser: Browser, base: str, tiny: Built):
    image = tiny.report.images[0]
    item = image.cams["grad_cam", tiny.report.cam_layers[0], 0]
    assert isinstance(item, Heat) and isinstance(item.shown, Gray)
    gray = np.frombuffer(item.shown.data, np.uint8).reshape(8, 8)
    torched = F.interpolate(torch.from_numpy(gray.astype(np.float32))[None, None], size=(224, 224), mode="bilinear")[
        0, 0
    ]
    read = """(canvas) => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"""
    for resolution, wanted in (("smooth", torched.numpy()), ("raw", gray)):
        with opened(browser, f"{base}images/{image.slug}.html#r={resolution}", base=base) as seen:
            canvas = seen.page.locator("[data-cams] heat-overlay canvas").first
            canvas.wait_for()
            drawn = np.array(canvas.evaluate(read)).reshape(*wanted.shape, 4)
            assert (drawn[..., 3] == 255).all()
            assert np.abs(drawn[..., :3] - wanted[..., None]).max() <= (0.5 if resolution == "smooth" else 0) + 1e-3


def test_one_scale_for_the_layer(browser: Browser, http: str, tiny: Built):
    item = tiny.report.layers[0].maps["image-0"]
    assert isinstance(item, Atlas)
    sheet = np.asarray(Image.open(io.BytesIO(item.picture.read()))).astype(float)
    low, high = min(item.lo), max(item.hi)
    with opened(browser, http + "layers/layer-0.html#c=gray&s=layer") as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        page.wait_for_timeout(200)
        zoom, across = page.evaluate("(({zoom, across}) => [zoom, across])(document.querySelector('atlas-wall'))")
        wall = pixels(page, ".ca-wall").astype(float)
        for k in range(12):
            y, x = k // across * (16 * zoom + 2), k % across * (16 * zoom + 2)
            shown = wall[y : y + 16 * zoom, x : x + 16 * zoom][zoom // 2 :: zoom, zoom // 2 :: zoom, 0]
            row, column = k // item.columns * 17, k % item.columns * 17
            raw = item.lo[k] + sheet[row : row + 16, column : column + 16] / 255 * (item.hi[k] - item.lo[k])
            # The veil is an 8-bit alpha over an 8-bit gray: each may round by one.
            assert np.abs(shown - (raw - low) / (high - low) * 255).max() <= 2


def test_signed_kernels_are_diverging_with_white_at_zero(browser: Browser, http: str):
    with opened(browser, http + "layers/layer-0.html#v=kernels") as seen:
        seen.page.wait_for_selector("atlas-wall [role=option]")
        assert seen.page.locator("colour-menu summary").inner_text() == "diverging"
        assert "diverging" in seen.page.evaluate("document.querySelector('.ca-wall').style.filter")
        assert seen.page.evaluate("convatlas.colours.table.diverging[128]") == [255, 255, 255]
    with opened(browser, http + "layers/layer-0.html#v=kernels", scheme="dark") as seen:
        assert max(seen.page.evaluate("convatlas.colours.table.diverging[128]")) < 32


def test_dark_and_light(browser: Browser, base: str):
    def background(seen: Opened) -> str:
        return str(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with opened(browser, base + "index.html", scheme="dark", base=base) as seen:
        assert background(seen) == "rgb(15, 18, 23)"
    with opened(browser, base + "index.html", base=base) as seen:
        assert background(seen) == "rgb(255, 255, 255)"
        seen.page.locator("label[title='Switch to dark']").click()
        assert background(seen) == "rgb(15, 18, 23)"
        seen.page.reload()
        assert background(seen) == "rgb(15, 18, 23)"


def test_without_scripts_the_plain_pictures_stand(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html", scripts=False, base=base) as seen:
        picture = seen.page.locator("atlas-wall img")
        assert picture.get_attribute("alt") == "Feature maps of stem, all units on one sheet"
        assert picture.bounding_box()["width"] > 50  # type: ignore[index]
    with opened(browser, base + "images/image-0.html", scripts=False, base=base) as seen:
        assert seen.page.locator(".ca-photo").is_visible()
        assert seen.page.locator("[data-best] img").is_visible()


@pytest.mark.parametrize("name", KINDS)
def test_no_complaint_and_no_sideways_scroll(browser: Browser, http: str, name: str):
    for width in (1280, 390):
        with opened(browser, http + name, width=width, height=844, base=http) as seen:
            seen.page.wait_for_timeout(150)
            assert (
                seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
            )
            assert seen.page.evaluate("[...document.images].filter((i) => i.complete && !i.naturalWidth).length") == 0
            seen.check()


@pytest.mark.parametrize("more", [0, 1])
def test_the_ways_keep_clear_of_the_search_at_every_width(browser: Browser, http: str, more: int):
    """`more`: with a way for the visitor's own image, which only some reports have."""
    with opened(browser, http + "run.html", base=http) as seen:
        seen.page.emulate_media(reduced_motion="reduce")  # the search takes its width at once
        ways = seen.page.locator(".ca-nav li")
        ways.last.evaluate(
            "(one, more) => { for (let k = 0; k < more; k += 1) one.before(one.cloneNode(true)); }", more
        )
        assert ways.count() == 12 + more
        for width in (960, 1152, 1264, 1265, 1280, 1366, 1440, 1456, 1457, 1520, 1521, 1600):
            seen.page.set_viewport_size({"width": width, "height": 400})
            gap = seen.page.evaluate("""() => document.querySelector('.md-search__form').getBoundingClientRect().left
                - [...document.querySelectorAll('.ca-nav li')].at(-1).getBoundingClientRect().right""")
            assert gap >= 4, f"{width} px: {gap:.0f}"
        seen.check()


def test_two_thousand_units_are_fluent(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    built = rebuild(tiny_report(tmp_path / "store", units=2048), tmp_path)
    with opened(browser, built.site.as_uri() + "/layers/layer-0.html", base=built.site.as_uri()) as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        assert page.locator("atlas-wall [role=option]").count() == 2048
        page.locator(".ca-wall").focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert "u=2047" in seen.address
        # Elements are made once: another colour touches one style, not two thousand.
        page.evaluate("window.first = document.querySelector('[role=option]')")
        page.locator("colour-menu summary").click()
        page.locator("colour-menu label").filter(has_text="magma").click()
        assert "magma" in page.evaluate("document.querySelector('.ca-wall').style.filter")
        assert page.evaluate("window.first === document.querySelector('[role=option]')")
        seen.check()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_names_of_colour_maps_stand_on_one_line(browser: Browser, tiny: Built, width: int):
    base = tiny.site.as_uri() + "/"
    with opened(browser, f"{base}layers/layer-0.html#v=maps", base=base, width=width) as seen:
        page = seen.page
        page.locator("colour-menu summary").click()
        names = page.locator(".ca-menu__list label:visible span:last-child")
        lines = """all => all.map((one) => {
          const range = document.createRange();
          range.selectNodeContents(one);
          return new Set([...range.getClientRects()].map(({top}) => Math.round(top))).size;
        })"""
        assert names.evaluate_all(lines) == [1] * names.count()
        seen.check()
