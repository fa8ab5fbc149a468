"""The report's network beside others, on a page: the numbers of `convatlas compare`, its drawing, its CSV."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.diagrams.compare import compare
from generator.diagrams.compare_drawing import ComparisonDrawing
from generator.diagrams.compare_table import blocks, csv_text
from generator.pages.networks import numbers
from generator.pages.views import Report
from tests.diagrams.drawn import HOSTILE, architectures
from tests.pages import fixture_drawings
from tests.pages.conftest import Built, build
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OTHERS = ("residual", "hostile")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The tiny report, with its network beside one of ours and one whose every name is an attack."""
    folder = tmp_path_factory.mktemp("beside")
    return build(beside(folder / "store"), folder)


def beside(store: Path) -> Report:
    report = tiny_report(store)
    it = fixture_drawings.architecture(report.title, report.all_layers)
    return replace(report, architecture=it, others=tuple(architectures()[name] for name in OTHERS))


def test_files_are_those_of_the_command(tiny: Built):
    for k, name in enumerate(OTHERS, 1):
        it = compare(tiny.report.architecture, architectures()[name])
        (svg,), (rows,) = (list((tiny.site / "networks").glob(f"{k}-*.{kind}")) for kind in ("svg", "csv"))
        assert svg.read_text("utf-8") == f"{ComparisonDrawing().draw(it).svg}\n"
        assert rows.read_text("utf-8") == csv_text(it)


def test_sums_are_those_of_both_networks(tiny: Built):
    it = compare(tiny.report.architecture, replace(architectures()["residual"], parameters=2468))
    found = {one.key: one for one in numbers(it)}
    assert (found["parameters"].a, found["parameters"].b, found["parameters"].ratio) == (1234, 2468, "2.00")
    assert found["field"].ratio == ""
    assert [one.key for one in numbers(it)] == ["parameters", "macs", "memory", "depth", "ops", "field"]


def test_the_page_says_every_number_and_every_block(browser: Browser, tiny: Built, base: str):
    with opened(browser, base + "networks.html", base=base) as seen:
        sections = seen.page.locator("section[aria-labelledby^=n]")
        assert sections.count() == 2
        for k, name in enumerate(OTHERS):
            it = compare(tiny.report.architecture, architectures()[name])
            section = sections.nth(k)
            titles = section.locator(".nw-sums table").first.locator("td.ca-r[title]")
            said = [int(one.replace(",", "")) for one in titles.evaluate_all("all => all.map((one) => one.title)")]
            assert said == [value for one in numbers(it) for value in (one.a, one.b) if isinstance(value, int)]
            rows = section.locator(".nw-blocks tbody tr")
            assert rows.count() == len(it.rows) == len(blocks(it))
            values = rows.evaluate_all(
                "all => all.map((row) => [...row.querySelectorAll('[data-value]')].map((one) => Number(one.dataset.value)))"
            )
            none = {"parameters": -1, "macs": -1, "layers": -1}
            assert values == [
                [none[key] if part is None else getattr(part, key) for key in none for part in (row.a, row.b)]
                for row in it.rows
            ]
            assert section.locator("img").evaluate("img => img.decode().then(() => img.naturalWidth > 300)")
        seen.check()


def test_the_architecture_page_leads_there(browser: Browser, base: str):
    with opened(browser, base + "architecture.html", base=base) as seen:
        seen.page.locator("a[href$='networks.html']").click()
        seen.page.wait_for_url("**/networks.html")
        assert seen.page.locator("h1").inner_text() == "Networks side by side"
        seen.check()


def test_names_of_strangers_stay_text(browser: Browser, http: str):
    with opened(browser, http + "networks.html", base=http) as seen:
        assert "<script>window.pwned=1</script>" in HOSTILE
        assert "<script>window.pwned=1</script>" in seen.page.locator("h2").nth(1).inner_text()
        assert seen.page.evaluate("window.pwned") is None
        seen.check()


def test_on_a_phone_tables_scroll_and_the_page_does_not(browser: Browser, http: str):
    with opened(browser, http + "networks.html", base=http, width=390, height=844) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seen.page.locator(".nw-sheet").first.evaluate("(one) => one.scrollWidth > one.clientWidth")
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(browser: Browser, http: str, scheme: str, width: int):
    with opened(browser, http + "networks.html", base=http, scheme=scheme, width=width) as seen:
        assert audit(seen.page) == []


def test_without_others_there_is_neither_page_nor_link(tmp_path: Path, rebuild: Callable[..., Built]):
    made = rebuild(replace(beside(tmp_path / "store"), others=()), tmp_path)
    assert not (made.site / "networks.html").exists() and not (made.site / "networks").exists()
    assert "networks.html" not in (made.site / "architecture.html").read_text("utf-8")
