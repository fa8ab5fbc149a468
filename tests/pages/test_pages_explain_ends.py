"""Where the budget has room for all numbers of one image only, the others have those of the first and of the last layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tests.pages import fixture_tour_blocks
from tests.pages.fixture_tour import data
from tests.pages.fixture_tour_numbers import CLOSE, at, number, number_of, numbers, place, unit
from tests.pages.opened import opened
from tests.whole import Built

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BUDGET = 0.18
"""Millions of bytes: of one image all numbers, of more images the ends."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return fixture_tour_blocks.made(tmp_path_factory.mktemp("explain-ends"), images=3, budget_mb=BUDGET)


def test_of_one_image_all_is_recorded_and_of_the_others_the_ends_within_the_budget(built: Built):
    assert len(built.run["explain"]["images"]) == 1
    assert 0 < built.run["explain"]["bytes"] <= BUDGET * 1e6
    assert built.run["explain"]["left_out"] == []
    assert built.run["passes"]["planned"] == built.run["passes"]["run"]
    files = sorted(path.parent.name for path in (built.site / "data/explain/maps").glob("*/*.js"))
    (first, *others) = (image["slug"] for image in data(built.site)["images"])
    each = {slug: files.count(slug) for slug in (first, *others)}
    assert each[first] > 5
    assert {each[slug] for slug in others} == {4} != {each[first]}, (
        "the picture; what the last two convolutions' sum, and the scores, are made of"
    )


def test_a_step_at_either_end_has_the_numbers_of_every_image_and_one_between_leads_to_that_which_has_them(
    browser: Browser, built: Built
):
    base = built.site.as_uri() + "/"
    columns, slug = data(built.site)["columns"], data(built.site)["images"][2]["slug"]
    module, x = fixture_tour_blocks.seen_by(built, 2)
    net = list(module.children())
    with torch.no_grad():
        score = module(x)[0]
        first = net[0](x)[0]
    with opened(browser, f"{base}tour.html#i={slug}&f=0", base=base) as seen:
        page = at(seen, number_of(built, "0"))
        u, (y, x_) = unit(page), place(page)
        assert u == columns[number_of(built, "0")]["picks"][slug][0]
        assert number(page, "[data-summed] [data-out]") == pytest.approx(float(first[u, y, x_]), **CLOSE)
        page = at(seen, len(columns) - 2)
        assert unit(page) == int(score.argmax())
        assert sum(numbers(page, "[data-product]")) + number(page, "[data-bias]") == pytest.approx(float(score.max()), **CLOSE)  # fmt: skip
        between = number_of(built, "2.conv")
        assert slug not in columns[between].get("picks", {})
        page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", between)
        page.locator("tour-walk [data-act=numbers]").click()
        page.wait_for_selector("tour-walk explain-view[data-step='2.conv']")
        assert page.locator("[name=image]").first.is_checked()
        seen.check()


def test_a_page_says_of_how_many_images_its_step_has_numbers(browser: Browser, built: Built):
    base = built.site.as_uri() + "/"
    other = data(built.site)["images"][1]["slug"]
    with opened(browser, f"{base}layers/0.html#v=how&i={other}", base=base) as seen:
        seen.page.wait_for_selector("explain-view[data-step='0'] .ca-x")
        assert "Numbers were recorded for" not in seen.page.locator("explain-view .ca-x-foot").inner_text()
    with opened(browser, f"{base}layers/2-conv.html#v=how&i={other}", base=base) as seen:
        seen.page.wait_for_selector("explain-view[data-step='2.conv'] .ca-x")
        assert "Numbers were recorded for 1 of the images" in seen.page.locator("explain-view .ca-x-foot").inner_text()
