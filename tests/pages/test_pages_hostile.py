"""A report of hostile strings, in a browser, by http and by double-click: nothing of them runs, nothing leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pages.conftest import Built
from tests.pages.fixture_report import HOSTILE
from tests.pages.opened import opened, search

if TYPE_CHECKING:
    from playwright.sync_api import Browser

KINDS = ("index.html", "tour.html", "architecture.html", "layers/index.html", "units.html", "layers/layer-0.html", "layers/layer-2.html", "images/index.html", "images/image-3.html",
         "images/image-4.html", "methods/index.html", "methods/grad_cam.html", "compare.html", "live.html", "trust.html", "findings.html", "drawings.html",
         "learn/index.html", "learn/convolution.html", "learn/receptive_field.html", "learn/batch_norm.html", "learn/activation.html", "learn/cam.html", "run.html")  # fmt: skip


@pytest.fixture(params=["http", "file"])
def base(request: pytest.FixtureRequest, hostile: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(hostile.site) if request.param == "http" else hostile.site.as_uri() + "/"


@pytest.mark.parametrize("name", KINDS)
def test_nothing_runs_on_any_kind_of_page(browser: Browser, base: str, name: str):
    with opened(browser, base + name, base=base) as seen:
        seen.page.wait_for_timeout(150)
        seen.check()
        assert seen.page.locator("h1").first.inner_text()
        assert seen.page.evaluate("document.querySelectorAll('[onerror],[onclick],[onmouseover]').length") == 0
        assert (
            seen.page.evaluate(
                "[...document.links].filter(a => a.protocol === 'javascript:' && !a.closest('.md-search')).length"
            )
            == 0
        )


def test_nothing_runs_on_the_page_for_not_found(browser: Browser, hostile: Built, site_server: Callable[[Path], str]):
    # Only a server answers with it: its addresses start at the site's root.
    with opened(browser, site_server(hostile.site) + "404.html") as seen:
        seen.check()


def test_every_view_of_a_layer(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html", base=base) as seen:
        for view in ("kernels", "pictures", "cams", "maps"):
            seen.page.locator(f"[name=view][value={view}]").check(force=True)
            seen.page.wait_for_timeout(100)
        seen.page.locator("atlas-wall [role=option]").first.click()
        seen.page.locator("unit-panel [data-act=after]").click()
        assert HOSTILE[0] in seen.page.locator("h1").inner_text()
        seen.check()


def test_nothing_runs_after_searching(browser: Browser, base: str):
    for word in ("script", "pwned", "onerror", "depthwise"):
        with opened(browser, base + "index.html", base=base) as seen:
            assert search(seen.page, word)
            seen.page.wait_for_timeout(150)
            seen.check()


def test_names_are_shown_as_they_are(browser: Browser, base: str, hostile: Built):
    with opened(browser, base + "images/index.html", base=base) as seen:
        shown = " ".join(seen.page.locator(".ca-cards b").all_inner_texts())
        assert "<script>window.pwned=1</script>" in shown
        assert "{{7*7}}" in shown
        assert "[x](javascript:window.pwned=3)" in shown
        assert "&lt;script&gt;window.pwned=10&lt;/script&gt;" in shown
        assert "abcgnp.exe" in shown
        assert seen.page.locator(".ca-cards li").first.bounding_box()
        assert seen.page.locator(".ca-cards > li").count() == len(HOSTILE)


def test_titles_are_text(browser: Browser, base: str):
    with opened(browser, base + "images/image-3.html", base=base) as seen:
        assert seen.page.title() == f"{HOSTILE[3]} – Conv Atlas"
        seen.check()


def test_the_policy_is_in_force_over_http(browser: Browser, hostile: Built, site_server: Callable[[Path], str]):
    with opened(browser, site_server(hostile.site) + "index.html") as seen:
        seen.page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.injected = 1'; document.body.append(s); }"
        )
        assert seen.page.evaluate("window.injected") is None
        assert any(v.startswith("script-src") for v in seen.page.evaluate("window.violations"))
