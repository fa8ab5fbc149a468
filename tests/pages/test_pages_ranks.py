"""Of units that fit about as well, those with a picture stand first; what is seldom on is not said to fire for a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.dataset.answers import NONE
from tests.pages.conftest import build
from tests.pages.fixture_report import tiny_report
from tests.pages.fixture_units import answered
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MADE = """(made) => {
  const search = document.querySelector('unit-search');
  for (const [name, at, value] of made) search.units.arrays[name][at] = value;
  search.draw();
  return [...document.querySelectorAll('.ca-hit')].map((a) => a.innerText.split('\\n').filter(Boolean));
}"""
"""Other numbers of some units: the cards, in lines."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("ranks")
    return build(answered(tiny_report(made / "store")), made).site


@pytest.fixture
def base(folder: Path, site_server: Callable[[Path], str]) -> str:
    return site_server(folder)


def numbers(cards: list[list[str]]) -> list[int]:
    return [int(lines[0].removeprefix("Unit ").split()[0]) for lines in cards]


def test_a_picture_goes_before_a_better_fit_of_the_same_rank_only(browser: Browser, base: str):
    """Units 0, 2 and 6 of the stem have pictures; all even ones fire for "tabby", and it stands out in the mean of all."""
    with opened(browser, f"{base}units.html#q=fires:tabby+layer:stem", base=base) as seen:
        seen.page.wait_for_function("() => document.querySelector('unit-search').found")
        made = [
            ["strength", unit, value] for unit, value in ((0, 90), (2, 150), (4, 250), (6, 20), (8, 200), (10, 255))
        ]
        found = numbers(seen.page.evaluate(MADE, made))
        assert found[:6] == [2, 0, 10, 4, 8, 6], "0 and 2 clear, with pictures; then by strength; 6 hardly is"
        seen.page.locator("[data-control=order]").select_option("colour")
        assert numbers(seen.page.evaluate(MADE, [["colour", 10, 65000]]))[0] == 10, "a number asked for is exact"
        seen.check()


def test_what_is_on_at_next_to_no_place_is_called_seldom_on_and_stands_behind(browser: Browser, base: str):
    with opened(browser, f"{base}units.html#q=fires:tabby+layer:stem", base=base) as seen:
        seen.page.wait_for_function("() => document.querySelector('unit-search').found")
        said = {lines[0]: " ".join(lines) for lines in seen.page.evaluate(MADE, [["on", 0, 0], ["on", 2, 655]])}
        assert [name.split()[1] for name in list(said)[4:6]] == ["0", "2"], "4, 6, 8 and 10 before them"
        seldom = [text for text in said.values() if "seldom on, most for" in text]
        assert len(seldom) == 2
        assert all("on <\u202f1\u202f%" in text for text in seldom), "not 0 %, and no class alone"
        assert all("fires for" in text for text in said.values() if text not in seldom)
        assert "Seldom on is a unit" in (seen.page.locator("[data-beyond]").text_content() or "")
        seen.check()


def test_the_class_of_the_strongest_image_is_found_where_no_class_is_beyond_chance(
    tmp_path: Path, browser: Browser, site_server: Callable[[Path], str]
):
    """One image of two hundred shows red wine: that it is in a list may be chance, and yet it is what raises the odd units most."""
    made = answered(tiny_report(tmp_path / "store"))
    layers = tuple(
        replace(view, answers=replace(view.answers, seen=200, chosen=np.full(view.layer.units, NONE, np.int32)))
        if view.answers
        else view
        for view in made.layers
    )
    made = replace(made, layers=layers, shown=Counter({"tabby": 199, "red wine": 1}), by_model=True)
    base = site_server(build(made, tmp_path).site)
    with opened(browser, f"{base}units.html#q=units+that+fire+for+wine", base=base) as seen:
        seen.page.wait_for_function("() => document.querySelector('unit-search').found")
        cards = seen.page.evaluate(MADE, [])
        assert {number % 2 for number in numbers(cards)} == {1}
        assert all("most for two cups · red wine" in lines for lines in cards)
        assert all("fires for" not in " ".join(lines) for lines in cards)
        pictured = [lines for lines in cards if lines[0] == "Unit 1"]
        assert [lines[1] for lines in pictured] == ["_blocks.10._depthwise_conv", "layer4.2.conv3", "stem"], (
            "deep first"
        )
        seen.page.locator("[type=search]").fill("wine -fires:wine")
        assert seen.page.locator("[data-status]").inner_text().startswith("0 of")
        seen.page.locator("[type=search]").fill("feeds:wine")
        assert seen.page.locator("[data-status]").inner_text().startswith("0 of")
        seen.check()
