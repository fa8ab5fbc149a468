"""A signed map on the input in use: diverging colours, both true ends said, and values beyond the scale called so."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.pages.conftest import Built
from tests.pages.fixture_compare import known, ready, report, saved
from tests.pages.fixture_report import picture
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def summed(tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built]) -> str:
    """The address of a site whose saliency maps are sums drawn full from ±0.5, with ends at -2 and 3."""
    folder = tmp_path_factory.mktemp("summed")
    made = report(folder / "store")
    values = np.zeros((32, 32), np.float32)
    values[0, 0], values[0, 1], values[0, 2] = -2, 3, 0.25
    heat = replace(known(folder, values, signed=True), lo=-0.5, hi=0.5, raw_lo=-2.0, raw_hi=3.0, reach=1.0)
    rgb = picture(folder, np.full((32, 32, 3), 128, np.uint8))
    images = tuple(replace(one, gradients={("saliency", t): (heat, rgb) for t in range(2)}) for one in made.images)
    return rebuild(replace(made, images=images), folder).site.as_uri() + "/"


def test_the_image_page_draws_it_in_two_colours_and_says_its_ends(browser: Browser, summed: str):
    with opened(browser, summed + "images/image-0.html", base=summed) as seen:
        figure = seen.page.locator("[data-gradients] figure").first
        assert "diverging" in figure.locator(".ca-overlay__map").get_attribute("style")  # type: ignore[operator]
        assert figure.locator(".ca-bar[role=img]").get_attribute("aria-label") == "Colour bar from −0.5 to 0.5"
        assert figure.locator(".ca-note").all_inner_texts() == [
            "The channels summed: above zero for tabby, below it against. Values from −2 to 3."
        ]
        assert figure.locator(".ca-pair__signed").inner_text() == "Gray is zero; full colour from ±1."
        seen.check()


def test_the_large_view_says_both_ends_and_what_is_beyond_the_scale(browser: Browser, summed: str):
    address = summed + "compare.html#large=image-0&left=photo&right=saliency.input.0"
    with opened(browser, address, base=summed) as seen:
        page = seen.page
        page.wait_for_selector(".ca-large__side canvas")
        facts = [fact.split() for fact in page.locator(".ca-large__facts div").all_inner_texts()]
        assert facts == [["largest", "value", "3"], ["smallest", "value", "−2"]]
        said = []
        for x in range(3):
            page.evaluate("(x) => document.querySelector('map-large').read((x + 0.5) / 32, 0.01, 1)", x)
            said.append(page.locator(".ca-large__value b").inner_text())
        assert said == ["at most −0.5", "at least 0.5", "0.25"]
        seen.check()


def test_the_table_has_both_ends_and_no_end_that_is_not_known(browser: Browser, summed: str):
    with opened(browser, summed + "compare.html#m=cam.saliency&i=image-0", base=summed) as seen:
        table = list(csv.DictReader(io.StringIO(saved(ready(seen), "csv").decode("utf-8"))))
        ends = {row["Method"]: (row["Largest value"], row["Smallest value"]) for row in table}
        assert ends["Saliency"] == ("3", "-2")
        assert ends["CAM"][1] == ""
        seen.check()
