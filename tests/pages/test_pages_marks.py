"""What is wrong with a unit has one name: in the filter of a layer's page and in the panel what the search means by it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.dataset.answers import NONE
from generator.pages.views import LayerView, Report
from tests.pages.conftest import build
from tests.pages.fixture_report import tiny_report
from tests.pages.fixture_units import answered
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("marks")
    return build(answered(tiny_report(folder / "store")), folder).site.as_uri() + "/"


@pytest.mark.parametrize(
    ("mark", "words", "meant", "said"),
    [
        ("never_on", "never on", [3, 7], "Never on: no image of the dataset raises it."),
        ("certain", "dead", [3], "Dead on these images: none raises it or comes near it."),
        # what a link of an earlier report meant by it
        ("dead", "never on", [3, 7], "Never on: no image of the dataset raises it."),
    ],
)
def test_a_layers_page_means_by_dead_and_never_on_what_the_search_means(
    browser: Browser, base: str, mark: str, words: str, meant: list[int], said: str
):
    with opened(browser, f"{base}layers/layer-1.html#f={mark}", base=base) as seen:
        page = seen.page
        page.wait_for_function(f"document.querySelectorAll('atlas-wall [role=option]').length === {len(meant)}")
        tiles = page.locator("atlas-wall [role=option]")
        assert [int(tiles.nth(k).get_attribute("data-unit") or -1) for k in range(len(meant))] == meant
        assert page.locator("[data-control=filter] option:checked").inner_text() == f"{len(meant)} {words}"
        tiles.last.click()
        marks = page.locator(".ca-marks li")
        marks.first.wait_for()
        assert [text.split(" Whether")[0].split(" How")[0] for text in marks.all_inner_texts()] == [said]
        assert (marks.locator("a").get_attribute("href") or "").endswith("findings.html#dead_units")
        seen.check()


@pytest.mark.parametrize("how", ["mean", "highest", "fires", "rare", "selectivity", "colour"])
def test_units_that_gave_no_number_come_last_and_leave_the_others_in_order(browser: Browser, base: str, how: str):
    with opened(browser, f"{base}layers/layer-1.html", base=base) as seen:
        found = seen.page.evaluate(
            """(how) => {
              const rising = [1, NaN, 3, 2, NaN, 5, NaN, 4];
              const falling = rising.map((value) => -value);
              const arrays = {mean: rising, highest: rising, sparsity: how === 'fires' ? falling : rising, selectivity: rising, colour: rising};
              return convatlas.answers.order({arrays}, {n: 8}, how);
            }""",
            how,
        )
        assert found == [5, 7, 2, 3, 0, 1, 4, 6]


def silent(report: Report) -> Report:
    """The report of a model of which no image raises any unit."""

    def off(view: LayerView) -> LayerView:
        found = view.answers
        if found is None:
            return view
        none = {"images": found.images * 0 + NONE, "values": found.values * 0, "highest": found.highest * 0}
        return replace(view, answers=replace(found, **none, sparsity=found.sparsity * 0 + 1))

    return replace(report, layers=tuple(off(view) for view in report.layers), examples=(), shown=Counter())


def test_where_no_image_raises_any_unit_the_panels_say_so(browser: Browser, tmp_path: Path):
    site = build(silent(answered(tiny_report(tmp_path / "store"))), tmp_path).site
    base = site.as_uri() + "/"
    with opened(browser, f"{base}layers/layer-1.html#u=5", base=base) as seen:
        marks = seen.page.locator(".ca-marks li")
        marks.first.wait_for()
        assert marks.first.inner_text().startswith("Never on: no image of the dataset raises it.")
        assert "12 never on" in seen.page.locator("[data-control=filter] option").all_inner_texts()
        seen.check()
