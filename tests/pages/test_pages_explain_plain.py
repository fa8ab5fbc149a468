"""Figures on how a layer is computed, as somebody reads them who has never seen one: what they say follows from what they show, and
every part of them does what it looks as if it did."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import pytest

from tests.pages.fixture_tour_numbers import at, made, network, number_of, place, unit
from tests.pages.opened import Opened, opened
from tests.whole import Built

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return made(tmp_path_factory.mktemp("explain-plain"))


@pytest.fixture
def base(built: Built) -> str:
    return built.site.as_uri() + "/"


def shown(seen: Opened, step: str) -> Page:
    seen.page.wait_for_selector(f"explain-view[data-step='{step}'] .ca-x")
    return seen.page


def value(text: str) -> float:
    return float(text.replace("−", "-"))


def test_folding_is_drawn_on_one_scale_so_that_what_the_factor_does_is_seen(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}layers/0.html#v=how&x=1&u=2", base=base) as seen:
        page = shown(seen, "1")
        page.locator(".ca-x-folded summary").click()
        drawn = page.locator(".ca-x-slices").evaluate_all(
            """rows => rows.map((row) => [...row.querySelectorAll('canvas')].map((one) =>
               [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data].join()))"""
        )
        assert len(drawn) == 2
        assert len(drawn[0]) == len(drawn[1]) == 3
        factor = float(page.locator("[data-fact=a]").get_attribute("data-v") or "nan")
        assert abs(abs(factor) - 1) > 0.1
        assert drawn[0] != drawn[1], "other numbers have other colours"
        kernel = network(built)[0].weight[2].abs().max().item()
        ends = page.locator(".ca-x-fold [data-both] .ca-bar span").last.inner_text()
        assert value(ends) == pytest.approx(kernel * max(1, abs(factor)), rel=5e-3)
        seen.check()


def test_a_map_of_one_place_has_nothing_to_play(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}layers/4.html#v=how&x=7", base=base) as seen:
        page = shown(seen, "7")
        for gone in ("[data-act=play]", "[data-act=on]", "[data-act=back]", "[data-act=speed]", "[data-place]", "#ca-x-keys"):  # fmt: skip
            assert page.locator(f"explain-view {gone}").count() == 0, gone
        assert page.locator("explain-view [data-act=unit]").count() == 1
        page.locator("[role=tab]").first.click()
        page.wait_for_selector("explain-view[data-step='4']")
        assert page.locator("explain-view [data-act=play]").count() == 1
        seen.check()


def test_a_line_says_about_where_its_shown_numbers_give_another_last_digit(browser: Browser, base: str):
    """Of every sum of products that is written out at twenty places: read as a reader does, with a calculator."""
    said = set()
    with opened(browser, f"{base}layers/4.html#v=how&x=4&u=1", base=base) as seen:
        page = shown(seen, "4")
        for k in range(20):
            page.evaluate("([y, x]) => document.querySelector('explain-view').go({y, x})", [k % 16, 3 * k % 16])
            line = page.locator("[data-written]").inner_text()
            sum_, sign, result = re.fullmatch(r"(.*) ([=≈]) (\S+)", line.strip()).groups()  # type: ignore[union-attr]
            terms = [math.prod(value(one.strip("()")) for one in term.split("·")) for term in sum_.split(" + ")]
            gives = f"{sum(terms):.4g}" == f"{value(result):.4g}"
            assert sign == ("=" if gives else "≈"), line
            said.add(sign)
        assert "≈" in said
        page.locator("[role=tab]").nth(1).click()
        page = shown(seen, "5")
        page.evaluate("document.querySelector('explain-view').go({y: 3, x: 4})")
        line = page.locator("[data-written]").inner_text()
        x, mean, variance, eps, gamma, beta, sign, out = re.fullmatch(
            r"\((\S+) − (\S+)\) ÷ √\((\S+) \+ (\S+)\) · (\S+) \+ (\S+) ([=≈]) (\S+)", line.strip()
        ).groups()  # type: ignore[union-attr]
        x, mean, variance, eps, gamma, beta = (value(one.strip("()")) for one in (x, mean, variance, eps, gamma, beta))  # type: ignore[misc]
        gives = (x - mean) / math.sqrt(variance + eps) * gamma + beta  # type: ignore[operator]
        assert sign == ("=" if f"{gives:.4g}" == f"{value(out):.4g}" else "≈")
        seen.check()


def test_the_head_of_a_column_says_by_what_the_scores_were_divided(browser: Browser, base: str):
    with opened(browser, f"{base}layers/4.html#v=how&x=softmax", base=base) as seen:
        page = shown(seen, "softmax")
        head = page.locator(".ca-x-terms thead th").nth(2)
        assert head.inner_text() == "e to the score less the largest"
        page.locator("[data-temperature]").evaluate("e => { e.value = -2; e.dispatchEvent(new Event('input')); }")
        assert head.inner_text() == "e to the score less the largest, divided by T = 0.25"
        page.get_by_role("button", name="T = 1").click()
        assert head.inner_text() == "e to the score less the largest"
        seen.check()


@pytest.mark.parametrize("step", ["softmax", "9"])
def test_a_table_of_terms_is_whole_on_a_telephone(browser: Browser, base: str, step: str):
    with opened(browser, f"{base}layers/4.html#v=how&x={step}", base=base, width=390, height=844) as seen:
        page = shown(seen, step)
        wide = page.locator("explain-view .ca-scroll").evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert wide[0] <= wide[1] + 1, "nothing to scroll to"
        right = page.locator(".ca-x-terms .ca-x-num").evaluate_all("all => Math.max(...all.map((e) => e.getBoundingClientRect().right))")  # fmt: skip
        assert right <= 390
        seen.check()


def test_a_row_is_written_out_wherever_it_is_clicked(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "0"))
        rows = page.locator("tour-walk .ca-x-row[data-channel]")
        assert rows.count() == 3
        was = (unit(page), place(page))
        for k, part in ((1, ".ca-x-channel"), (2, ".ca-x-sum"), (0, ".ca-x-map >> nth=1"), (1, ".ca-x-pick")):
            rows.nth(k).locator(part).click()
            assert rows.nth(k).evaluate("e => e.classList.contains('is-chosen')"), part
            colour = rows.nth(k).locator(".ca-x-channel").inner_text()
            assert page.locator("tour-walk .ca-x-dot-product h2").inner_text().startswith(f"The window on {colour}")
        assert (unit(page), place(page)) == was
        seen.check()


def test_it_plays_from_the_upper_left_and_goes_on_where_it_was_paused(browser: Browser, built: Built, base: str):
    spot = "(({y, x}) => [y, x])(document.querySelector('explain-view').at)"
    with opened(browser, f"{base}layers/0.html#v=how&x=0&u=1&p=20.10", base=base) as seen:
        page = shown(seen, "0")
        assert page.evaluate(spot) == [20, 10]
        play = page.locator("[data-act=play]")
        play.click()
        assert play.inner_text() == "❚❚", "a sign that every font has"
        page.wait_for_function("(({y, x}) => y === 0 && x > 3)(document.querySelector('explain-view').at)")
        play.click()
        y, x = page.evaluate(spot)
        assert y == 0, "it began at the upper left"
        play.click()
        page.wait_for_function("from => { const {y, x} = document.querySelector('explain-view').at; return y > 0 || x > from; }", arg=x)  # fmt: skip
        again = page.evaluate(spot)
        assert again >= [y, x], "on from where it was paused"
        play.click()
        page.evaluate("document.querySelector('explain-view').go({y: 9, x: 9})")
        play.click()
        page.wait_for_function("document.querySelector('explain-view').at.y < 9")
        seen.check()
