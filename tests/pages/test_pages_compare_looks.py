"""How the comparison looks: axe, the dark, a telephone, no scripts, reports with few maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.pages.conftest import Built
from tests.pages.fixture_compare import canvas, ready, report
from tests.pages.fixture_report import picture, tiny_report
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(
    "view",
    [
        "",
        "#rows=image&cols=method&o=deletion",
        "#cols=layer",
        "#large=image-0&left=cam.layer-2.0&right=saliency.layer-2.0",
    ],
)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, server: str, view: str, scheme: str, width: int):
    with opened(browser, f"{server}compare.html{view}", scheme=scheme, width=width) as seen:
        page = ready(seen)
        if "large" in view:
            page.wait_for_selector(".ca-large__side canvas")
        else:
            page.locator("[data-numbers] summary").click()
            page.locator("[data-pick=rows] summary").click()
        assert audit(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        seen.check()


def test_the_dark_redraws_signed_maps(browser: Browser, server: str):
    with opened(browser, server + "compare.html#m=cam&r=raw") as seen:
        page = ready(seen)
        light = canvas(page.locator(".ca-grid td").nth(1))
        page.locator("label[title='Switch to dark']").click()
        page.wait_for_function("() => convatlas.colours.table.diverging[128][0] < 32")
        page.wait_for_timeout(300)
        dark = canvas(page.locator(".ca-grid td").nth(1))
        assert light.shape == dark.shape and (light != dark).any()
        seen.check()


def test_a_telephone_shows_maps_first(browser: Browser, server: str):
    with opened(browser, server + "compare.html", width=390, height=844) as seen:
        page = ready(seen)
        assert not page.locator("[name=scale]").first.is_visible()
        assert page.locator(".ca-grid td .ca-overlay").first.bounding_box()["y"] < 600  # type: ignore[index]
        page.locator("[data-tune]").click()
        assert page.locator("colour-menu").is_visible()
        assert page.locator("[data-tune]").get_attribute("aria-expanded") == "true"


def test_without_scripts_there_is_a_sentence_and_a_way_on(browser: Browser, where: str):
    with opened(browser, where + "compare.html", scripts=False, base=where) as seen:
        assert seen.page.locator("noscript a[href='images/index.html']").is_visible()
        assert not seen.page.locator(".ca-toolbar").is_visible()
        assert seen.page.locator(".ca-archives a").count() == 2


def test_a_report_without_maps_says_so(tmp_path: Path, rebuild: Callable[..., Built]):
    made = tiny_report(tmp_path / "store")
    bare = replace(
        made, images=tuple(replace(i, cams={}, gradients={}) for i in made.images), cam_layers=(), default_layer=None
    )
    built = rebuild(bare, tmp_path)
    text = (built.site / "compare.html").read_text("utf-8")
    assert "No map was drawn in this run." in text and "<compare-page>" not in text
    assert not (built.site / "raw").exists()


def test_a_report_of_maps_on_the_input_alone_is_compared(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = report(tmp_path / "store")
    bare = replace(made, images=tuple(replace(i, cams={}) for i in made.images), cam_layers=(), default_layer=None)
    built = rebuild(bare, tmp_path)
    base = built.site.as_uri() + "/"
    for view in ("", "#cols=target", "#large=image-0&left=photo&right=saliency..0"):
        with opened(browser, base + "compare.html" + view, base=base) as seen:
            page = ready(seen)
            assert page.locator(".ca-grid tbody th").all_inner_texts()[0].startswith("Saliency")
            assert not page.locator("[data-one=layer]").is_visible()
            assert (page.locator("dialog[open]").count() == 1) == ("large" in view)
            seen.check()


def test_pictures_that_are_not_square_stay_so(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    made = report(tmp_path / "store")
    wide = picture(tmp_path / "store", np.random.default_rng(0).integers(0, 255, (24, 48, 3)).astype(np.uint8), "JPEG")
    built = rebuild(replace(made, images=tuple(replace(i, photo=wide) for i in made.images)), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html#large=image-0&left=photo&right=grad_cam.layer-2.0", base=base) as seen:
        page = ready(seen)
        page.wait_for_selector(".ca-large__side canvas")
        for selector in (".ca-grid td .ca-overlay", ".ca-large__stage"):
            box = page.locator(selector).first.bounding_box()
            assert box and box["width"] / box["height"] == pytest.approx(2, rel=0.02)
