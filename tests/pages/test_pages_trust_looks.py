"""How the page on trust looks: axe in every state, reports with few judgements or many, its marks on other pages."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.pages.trust_views import Doubt, Metric, Trust
from tests.pages import fixture_trust
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import audit, opened
from tests.pages.trust_table import cells, first_column, row_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_intervals_are_printed_on_demand(browser: Browser, http: str):
    with opened(browser, http + "trust.html") as seen:
        ends = seen.page.locator(".tr-ends").first
        assert not ends.is_visible()
        seen.page.locator("[data-control=intervals]").check()
        assert re.fullmatch(r"[−\d.,]+ – [−\d.,]+", ends.inner_text())


def test_other_pages_carry_their_part(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    with opened(browser, base + "index.html", base=base) as seen:
        verdict = seen.page.locator(".ca-verdict", has_text="Whether to believe")  # the findings have one too
        assert trust.sentences[0] in verdict.inner_text()
        verdict.locator("a").click()
        seen.page.wait_for_load_state("load")
        assert seen.page.locator("h1").inner_text() == "Whether to believe the maps"
        seen.page.locator(".tr-cards a").first.click()
        seen.page.wait_for_load_state("load")
        assert seen.address.endswith("images/image-0.html#believe")
        assert re.search(
            r"^Insertion and ROAD both rate .+ best", seen.page.locator(".tr-image .tr-first").inner_text()
        )
        seen.page.locator(".tr-image .ca-more").click()
        seen.page.wait_for_load_state("load")
        seen.page.locator(".tr-table a[href='methods/guided_backprop.html']").click()
        seen.page.wait_for_load_state("load")
        box = seen.page.locator(".tr-here")
        assert "failed" in box.inner_text()
        row = box.locator("tbody tr").filter(has_text="Deletion").locator("td.ca-num").all_inner_texts()
        guided = next(s for s in trust.summaries if s.of.method == "guided_backprop")
        base_of = {s.of.method: s.estimates["deletion"].mean for s in trust.summaries}
        expected = [guided.estimates["deletion"].mean, *(base_of[b] for b in trust.baselines)]
        assert [float(t.split()[0]) for t in row] == pytest.approx(expected, abs=6e-4)
        assert box.locator("svg.tr-curve").is_visible()
        box.locator("a").last.click()
        seen.page.wait_for_load_state("load")
        assert seen.address.endswith("trust.html")
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_any_state(browser: Browser, http: str, scheme: str, width: int):
    with opened(browser, http + "trust.html#i=image-1", scheme=scheme, width=width, base=http) as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('alone')")
        page.locator(".tr-head button").first.click()
        page.locator(".tr-numbers summary").click()
        page.locator(".tr-matrix-scroll").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(200)
        assert audit(page) == []
        page.locator(".tr-picker input[value='']").first.check()
        page.locator("[data-control=intervals]").check()
        page.wait_for_timeout(200)
        assert audit(page) == []
        seen.check()


@pytest.mark.parametrize("trust", [None, Trust()])
def test_a_report_without_judgements_says_how_to_ask(
    browser: Browser,
    tmp_path: Path,
    rebuild: Callable[..., Built],
    site_server: Callable[[Path], str],
    trust: Trust | None,
):
    built = rebuild(replace(tiny_report(tmp_path / "store"), trust=trust), tmp_path)
    assert not (built.site / "data/trust.js").exists()
    address = site_server(built.site)
    with opened(browser, address + "trust.html") as seen:
        assert "were not judged" in seen.page.locator(".ca-na").inner_text()
        assert seen.page.locator("pre").inner_text().startswith("trust:\n  metrics: [deletion")
        assert audit(seen.page) == []
        seen.check()
    parts = {
        "index.html": ".ca-verdict a[href='trust.html']",
        "images/image-0.html": ".tr-image",
        "methods/grad_cam.html": ".tr-here",
    }
    for page, gone in parts.items():
        with opened(browser, address + page, base=address) as seen:
            assert seen.page.locator("h1").count() == 1 and seen.page.locator(gone).count() == 0
            seen.check()


def test_one_image_a_flat_map_and_parts_alone(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], site_server: Callable[[Path], str]
):
    report = tiny_report(tmp_path / "store")
    trust = fixture_trust.trust(["image-0"], report.cam_layers[-1:])
    flat = next(of for of in trust.images["image-0"] if of.method == "saliency")
    values = {of: dict.fromkeys(v, math.nan) if of == flat else v for of, v in trust.images["image-0"].items()}
    summaries = tuple(replace(s, estimates={}) if s.of == flat else s for s in trust.summaries)
    trust = replace(trust, images={"image-0": values}, summaries=summaries)
    built = rebuild(replace(report, images=report.images[:1], trust=trust), tmp_path)
    address = site_server(built.site)
    with opened(browser, address + "trust.html") as seen:
        page = seen.page
        assert "One image: there is no interval" in page.locator("[data-status]").inner_text()
        assert page.locator(".tr-table .tr-interval").count() == 0
        assert page.locator(".tr-picker").count() == 0
        assert cells(row_of(page, "Saliency")) == ["–"] * len(trust.metrics)
        assert row_of(page, "Saliency").locator("circle").count() == 0
        assert audit(page) == []
        page.locator(".tr-head button").first.click()
        assert first_column(page)[-1] == "Saliency"
        seen.check()
    with opened(browser, address + "images/image-0.html", base=address) as seen:
        page = seen.page
        assert "A dash: the map is flat" in page.locator(".tr-image").inner_text()
        seen.check()
    for part in (
        replace(trust, sanity=(), agreement={}, agreement_of_set=None),
        Trust(stages=trust.stages, sanity=trust.sanity),
        Trust(agreement=trust.agreement, agreement_of_set=trust.agreement_of_set),
    ):
        built = rebuild(replace(report, trust=part), tmp_path)
        with opened(browser, address + "trust.html") as seen:
            found = [bool(seen.page.locator(s).count()) for s in (".tr-table", ".tr-curves", ".tr-matrix")]
            assert found == [bool(part.summaries), bool(part.sanity), part.agreement_of_set is not None]
            assert audit(seen.page) == []
            seen.check()
        for name in ("images/image-0.html", "methods/grad_cam.html"):
            with opened(browser, address + name, base=address) as seen:
                assert seen.page.locator("h1").count() == 1
                seen.check()


@pytest.mark.parametrize("metrics", [fixture_trust.METRICS[:1], fixture_trust.METRICS + fixture_trust.BOXES])
def test_many_maps_fit_a_window_and_a_telephone(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], metrics: tuple[Metric, ...]
):
    report = tiny_report(tmp_path / "store")
    trust = fixture_trust.trust(
        [i.slug for i in report.images], report.cam_layers, methods=list(fixture_trust.QUALITY), metrics=metrics
    )
    slug = report.images[0].slug
    doubts = {slug: {of: Doubt("completeness error", 0.6, 0.05) for of in trust.images[slug]}}
    # as wide as numbers get: a sign before them, where a map is worse than its opposite
    negative = [
        replace(s, estimates={k: replace(e, mean=-abs(e.mean), low=-1.0, high=0.0) for k, e in s.estimates.items()})
        for s in trust.summaries
    ]
    trust = replace(trust, summaries=tuple(negative))
    built = rebuild(replace(report, trust=replace(trust, doubts=doubts)), tmp_path)
    for width in (1280, 390):
        for name in ("trust.html", "images/image-0.html", "methods/grad_cam.html"):
            with opened(browser, f"{built.site.as_uri()}/{name}", width=width, base=built.site.as_uri()) as seen:
                page = seen.page
                assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
                if width == 1280 and name == "trust.html":
                    assert page.locator(".tr-scroll").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
                if width == 390 and name == "trust.html" and len(metrics) > 1:
                    scroll = page.locator(".tr-scroll").bounding_box()
                    for deciding in ("Insertion", "ROAD"):  # its number is in sight without scrolling sideways
                        at = page.locator(".tr-head").filter(has_text=deciding).evaluate("h => h.cellIndex")
                        row = page.locator(".tr-table tbody tr").first.locator("td").nth(at - 1)
                        number = row.locator(".tr-number").bounding_box()
                        assert scroll and number and number["x"] + number["width"] <= scroll["x"] + scroll["width"]
                seen.check()


def test_maps_carry_the_mark_of_their_method(browser: Browser, base: str, tiny: Built):
    trust = tiny.report.trust
    assert trust is not None
    assert {curve.passed for curve in trust.sanity if curve.of.method == "guided_backprop"} == {False}
    with opened(browser, base + "images/image-0.html", base=base) as seen:
        figure = seen.page.locator("[data-gradients] figure").filter(has_text="Guided backprop").first
        assert figure.locator(".ca-mark").inner_text() == "fails the sanity check"
        saliency = seen.page.locator("[data-gradients] figure").filter(has_text="Saliency").first
        assert saliency.locator(".ca-mark").count() == 0
        seen.check()
    with opened(browser, base + "compare.html", base=base) as seen:
        row = seen.page.locator(".ca-grid tbody th").filter(has_text="Guided backprop").first
        assert "fails the sanity check" in row.inner_text()
        seen.check()
