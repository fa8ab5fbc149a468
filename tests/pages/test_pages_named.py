"""A unit that a finding names says so, in its panel and on its card; filters, searches and findings mean the same by redundant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.findings.finding import Finding, Place
from generator.names import LayerName
from generator.pages.findings_views import Findings
from generator.pages.views import Report
from tests.pages.conftest import Built, build
from tests.pages.fixture_findings import checked
from tests.pages.fixture_report import tiny_report
from tests.pages.fixture_units import answered, put
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TWINS = ("Redundant: it gives the same values as unit 2, but for a factor.", "Redundant: it gives the same as unit 0.")


def told(report: Report) -> Report:
    """Units 0 and 2 of the rectifier are one; units 1 and 2 of the stem have a scale near zero, in a normalisation that has no
    page. The answers of the stem alone would call its units 6 and 7 one as well."""
    stem, act, conv, head = report.layers
    norm = replace(stem.layer, name=LayerName("stem_bn"), kind="norm", inputs=(stem.layer.name,))
    assert stem.answers is not None and report.findings is not None
    alike, r = put(stem.answers.alike, 6, 7), put(stem.answers.correlation, 6, 1)
    one = replace(stem.answers, alike=alike, correlation=r, histogram_lo=np.full(12, -1, np.float32))
    twins = Place(act.layer.name, "1 of 12: 0 = 2", (0, 2), "redundant", "redundant", TWINS)
    near = Place(norm.name, "2 of 12", (1, 2), said=("Scale near zero.",))
    (dead,) = report.findings.checked
    assert isinstance(dead.result, Finding)
    gone = replace(dead.result.places[0], said=("Dead: nothing raises it.",), front=stem.layer.name)
    return replace(
        report,
        layers=(replace(stem, answers=one), act, conv, head),
        all_layers=(*report.all_layers, norm),
        findings=Findings(
            (
                checked("near_zero_scale", "Scales", Finding("warning", "2 of 12.", "From one on.", (near,))),
                replace(dead, result=replace(dead.result, places=(gone,))),
                checked("redundant_units", "Twins", Finding("note", "2 say so.", "One.", (twins,), query="redundant")),
            ),
            2,
            3,
        ),
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder: Path = tmp_path_factory.mktemp("named")
    return build(told(answered(tiny_report(folder / "store"))), folder)


@pytest.fixture
def base(built: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(built.site)


@pytest.mark.parametrize(
    ("address", "sign", "said", "link"),
    [
        ("layer-1.html#u=0", "Note", TWINS[0], "redundant_units"),
        ("layer-1.html#u=2", "Note", TWINS[1], "redundant_units"),
        ("layer-1.html#u=3", "Note", "Dead: nothing raises it.", "dead_units"),
        (
            "layer-0.html#u=3",
            "Note",
            "Dead: nothing raises it. Counted in layer4.2.conv3, behind this layer.",
            "dead_units",
        ),
        ("layer-0.html#u=2", "Warning", "Scale near zero. Counted in stem_bn, behind this layer.", "near_zero_scale"),
        ("layer-1.html#u=4", "", "Always on: its rectifier never cuts anything.", "always_on"),
        ("layer-1.html#u=7", "", "Never on: no image of the dataset raises it.", "dead_units"),
    ],
)
def test_the_panel_says_what_findings_say_once_and_leads_there(
    browser: Browser, base: str, address: str, sign: str, said: str, link: str
):
    with opened(browser, f"{base}layers/{address}", base=base) as seen:
        rows = seen.page.locator("unit-panel .ca-marks li")
        rows.first.wait_for()
        assert rows.count() == 1
        assert said in rows.first.inner_text()
        assert (rows.first.locator("a").get_attribute("href") or "").endswith(f"findings.html#{link}")
        marks = rows.first.locator(".fi-mark")
        assert [marks.nth(k).get_attribute("aria-label") for k in range(marks.count())] == ([sign] if sign else [])
        seen.check()


@pytest.mark.parametrize("unit", [5, 6])
def test_a_unit_that_no_finding_names_says_nothing(browser: Browser, base: str, unit: int):
    with opened(browser, f"{base}layers/layer-0.html#u={unit}", base=base) as seen:
        seen.page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit} ')")
        seen.page.locator("unit-panel .ca-bins").wait_for()
        assert seen.page.locator(".ca-marks").count() == 0
        seen.check()


def test_redundant_is_one_notion_in_filters_search_and_findings(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-1.html", base=base) as seen:
        assert seen.page.locator("[data-control=filter] [value=redundant]").inner_text() == "2 redundant"
    with opened(browser, f"{base}layers/layer-0.html", base=base) as seen:
        assert seen.page.locator("[data-control=filter] [value=redundant]").inner_text() == "0 redundant"
    with opened(browser, f"{base}findings.html", base=base) as seen:
        seen.page.locator("#redundant_units .fi-query a").click()
        seen.page.wait_for_function("() => document.querySelector('unit-search')?.found")
        assert seen.page.locator("[data-status]").inner_text().startswith("2 of ")
        assert seen.page.locator(".ca-hit__tags", has_text="redundant").count() == 2
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_card_has_the_sign_of_what_its_panel_says(browser: Browser, base: str, scheme: str, width: int):
    with opened(browser, f"{base}layers/layer-0.html#v=units", base=base, scheme=scheme, width=width) as seen:
        page = seen.page
        page.wait_for_selector(".ca-seen")
        marks = page.locator(".ca-seen__mark")
        assert marks.count() == 1
        assert marks.get_attribute("title") == "Scale near zero. Counted in stem_bn, behind this layer."
        card = page.locator(".ca-seen[data-unit='2']")
        assert card.locator(".ca-seen__mark").count() == 1
        assert "Scale near zero." in (card.get_attribute("aria-label") or "")
        assert audit(page) == []
        seen.check()
