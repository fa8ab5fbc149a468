"""The tour of what is no plain classifier, and the scales of its signed maps, in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened
from tests.pages.recorded import config
from tests.whole import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NETS = Path(__file__).resolve().parents[1] / "explain/nets.py"
ANSWERS = {
    "detection": ("What comes out are boxes", "From maps to boxes", "the best box of each class"),
    "segmentation": ("At every place there are", "From maps to classes, place by place", "what the model says"),
}


@pytest.mark.parametrize("head", ["detection", "segmentation"])
def test_the_answer_is_what_such_a_head_gives(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], head: str):  # fmt: skip
    report = tiny_report(tmp_path / "store")
    first, *others = report.images
    none = replace(first, predictions=tuple(replace(p, probability=0.0) for p in first.predictions))
    built = rebuild(replace(report, head=head, images=(none, *others)), tmp_path / "out")
    base = built.site.as_uri() + "/"
    said, lesson, caption = ANSWERS[head]
    with opened(browser, f"{base}tour.html#s=answer&i={others[0].slug}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-walk__figure .ca-bars")
        words = page.locator(".tour-walk__text").inner_text()
        assert said in words
        assert lesson in (page.locator(".tour-walk__more").text_content() or "")
        assert "Of the" not in words, "no single class is named"
        assert caption in page.locator(".tour-walk__figure").inner_text()
        assert "to what comes out" in page.locator(".ca-note").first.inner_text()
        page.locator(f"[name=image][value='{first.slug}']").check(force=True)
        page.wait_for_function(f"document.querySelector('tour-page').state.i === '{first.slug}'")
        bars = page.locator(".tour-column--answer .ca-bars li").count()
        none = page.locator(".tour-column--answer .tour-column__none").count()
        assert none == (head == "detection"), "no box, and that is said"
        assert bars == (0 if head == "detection" else len(first.predictions)), "no box, no bar"
        seen.check()


@pytest.mark.parametrize(
    ("shares", "doubts"), [((0.166, 0.121), True), ((0.52, 0.45), True), ((0.55, 0.1), False), ((0.9, 0.05), False)]
)
def test_an_answer_that_the_model_is_not_sure_of_is_told_with_both_numbers(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], shares: tuple[float, float], doubts: bool
):
    report = tiny_report(tmp_path / "store")
    first, *others = report.images
    said = tuple(replace(p, probability=share) for p, share in zip(first.predictions, (*shares, 0.01, 0.01, 0.01), strict=False))  # fmt: skip
    sure = tuple(replace(p, probability=1.0 if p is others[0].predictions[0] else 0.0) for p in others[0].predictions)
    images = (replace(first, predictions=said), replace(others[0], predictions=sure), *others[1:])
    built = rebuild(replace(report, images=images), tmp_path / "out")
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html#s=answer", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-walk__figure .ca-bars")
        told = page.locator(".tour-walk__text [data-more]")
        assert told.count() == doubts
        if doubts:
            text = told.inner_text()
            assert f"not sure of {first.name}" in text and "best guess" in text
            for p, share in zip(said[:2], shares, strict=True):
                assert p.label in text and f"{100 * share:.3g} %" in text
        page.locator(f"[name=image][value='{others[0].slug}']").check(force=True)
        page.wait_for_function(f"document.querySelector('tour-page').state.i === '{others[0].slug}'")
        assert told.count() == 0, "of this one it is sure"
        page.locator("[data-act=before]").click()
        assert told.count() == 0
        seen.check()


def test_signed_maps_are_drawn_full_at_a_quantile_and_the_legend_says_so(browser: Browser, tmp_path: Path):
    config = {"model": "tinyvgg_digits", "images": "inputs/digits", "limit": 1, "methods": ["feature_maps"], "trust": "none", "layers": ["conv", "act"], "explain": {"images": 0}}  # fmt: skip
    built = build(tmp_path, config)
    file = next((built.site / "data/maps/conv1-1").glob("*.js")).read_text("utf-8")
    hi, full = (json.loads(re.search(rf'"{key}":(\[[^\]]*\])', file)[1]) for key in ("hi", "full"))  # type: ignore[index]
    ends = [max(f, h / 4) for f, h in zip(full, hi, strict=True)]
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-column='1'] .tour-tiles a")
        assert "95th percentile" in page.locator("[data-legend]").inner_text()
        drawn = page.locator("[data-column='1'] .tour-tiles a").evaluate_all(
            "all => all.map((a) => [Number(a.dataset.unit), a.style.filter])"
        )
        assert len(drawn) == 6
        for unit, filtered in drawn:
            gain = hi[unit] / ends[unit]
            assert gain == pytest.approx(float(re.sub(r"[^\d.]", "", filtered or "1")), abs=2e-3)
        assert any(filtered for _, filtered in drawn)
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(".tour-walk__figure .ca-bar")
        unit = int(page.evaluate("document.querySelector('tour-page').state.u"))
        bar = page.locator(".tour-walk__figure .ca-bar span:not(.ca-bar__ramp)").last.inner_text()
        assert float(bar) == pytest.approx(ends[unit], rel=6e-3), "the bar ends where the colours do"
        for row in page.locator("[data-column='2'] .tour-tiles a").all():
            assert "contrast" not in (row.get_attribute("style") or ""), "rectified maps have their own ends"
        page.locator("[name=scale][value=layer]").check(force=True)
        page.wait_for_selector("[data-column='1'] .tour-bar .ca-bar")
        top = max(ends)
        for tile in page.locator("[data-column='1'] .tour-tiles a").all():
            unit = int(tile.get_attribute("data-unit") or -1)
            style = tile.get_attribute("style") or ""
            assert ("contrast" in style) == (hi[unit] > top * 1.0005)
        seen.check()


def test_layers_without_a_page_are_not_taken_for_the_image(browser: Browser, tmp_path: Path):
    """Links go past them: a transformer's linear layers have no page where only activations and blocks do."""
    built = build(tmp_path, config(f"python:{NETS}:few", tmp_path, ["conv", "norm", "fused.attn"]))
    base = built.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("tour-walk h2")
        steps = int(page.evaluate("document.querySelector('tour-page').strip.steps().length"))
        assert steps > 12
        for k in range(1, steps):
            page.evaluate("document.querySelector('tour-page').step(1)")
            role = page.evaluate("(k) => { const t = document.querySelector('tour-page'); return t.columns[t.state.s].data.role; }", k)  # fmt: skip
            if role == "layer":
                page.wait_for_selector(".tour-walk__units .tour-pick")
                page.wait_for_selector(".tour-walk__figure > *")
            links = page.evaluate("() => { const t = document.querySelector('tour-page'); return t.links(t.state.s, t.state.u).then(({links}) => links.filter(({from}) => from[0] === 0).map(({from}) => from[1])); }")  # fmt: skip
            assert all(unit < 3 for unit in links), "the image has three colours"
        seen.check()
