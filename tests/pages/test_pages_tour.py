"""The tour in a browser, from a report of a real model: columns and wires held against the weights, by mouse, touch and
keyboard, how it looks, and reports that lack what it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from generator.artifacts import NotApplicable
from generator.pages.context import NOT_ASKED
from tests.pages.conftest import Built
from tests.pages.fixture_report import HOSTILE, tiny_report
from tests.pages.fixture_tour import COLUMNS, CONFIG, column, data, edges, ready, step, weights
from tests.pages.opened import audit, opened
from tests.whole import built_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "tour", CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def test_every_layer_is_a_column_and_every_unit_is_reached(browser: Browser, site: Path, base: str):
    found = data(site)
    assert [one["key"] for one in found["columns"]] == [*COLUMNS]
    with opened(browser, f"{base}tour.html#n=all", base=base, width=2400) as seen:
        page = ready(seen, "relu2-2")
        for key, units in (("conv1-1", 12), ("relu1-2", 12), ("conv2-1", 20), ("relu2-2", 20)):
            links = (
                column(page, key).locator(".tour-tiles a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
            )
            assert sorted(int(re.search(r"#u=(\d+)", link)[1]) for link in links) == list(range(units))  # type: ignore[index]
            assert all(f"layers/{key}.html" in link for link in links)
        seen.check()


def test_wires_are_what_the_weights_say_strongest_first(browser: Browser, base: str):
    W = weights("conv1_2")
    unit = 3
    expected = torch.linalg.vector_norm(W[unit], dim=(1, 2)).argsort(descending=True)[:6].tolist()
    readers = (lambda V: (torch.linalg.vector_norm(V, dim=(2, 3)) / torch.linalg.vector_norm(V, dim=(1, 2, 3))[:, None])[:, unit])(weights("conv2_1"))  # fmt: skip
    fed = readers.argsort(descending=True)[:6].tolist()
    with opened(browser, f"{base}tour.html#n=all", base=base, width=2400) as seen:
        page = ready(seen, "conv2-1")
        at = COLUMNS.index("conv1-2")
        column(page, "conv1-2").locator(f"[data-unit='{unit}']").hover()
        page.wait_for_selector(f".tour-edge[data-to='{at} {unit}']", state="attached")
        assert edges(page, "to", f"{at} {unit}") == [f"{at - 1} {k}" for k in expected]
        assert sorted(edges(page, "from", f"{at} {unit}")) == sorted(f"{COLUMNS.index('conv2-1')} {k}" for k in fed)
        for k in expected:  # the rectifier reads the convolution's map of the same number
            assert page.locator(f".tour-edge[data-from='{at - 2} {k}'][data-to='{at - 1} {k}']").count() == 1
            sign = "for" if W[unit, k].sum() > 0 else "against"
            assert page.locator(f".tour-edge--{sign}[data-from='{at - 1} {k}'][data-to='{at} {unit}']").count() == 1
        assert re.match(r"conv1_2 · Unit 3 · [−\d]", page.locator("[data-status]").inner_text())
        page.mouse.move(5, 5)
        page.wait_for_function(f"!document.querySelector(\".tour-edge[data-to='{at} {unit}']\")")
        seen.check()


def test_a_map_that_is_not_in_its_column_is_lent_to_it_while_a_wire_needs_it(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html#n=4", base=base) as seen:
        page = ready(seen, "conv1-2")
        assert column(page, "relu1-1").locator(".tour-tiles a").count() == 4
        column(page, "conv1-2").locator(".tour-tiles a").first.hover()
        guests = column(page, "relu1-1").locator(".tour-guests > *")
        page.wait_for_function("() => document.querySelectorAll('.tour-guests > *').length > 0")
        lent = guests.evaluate_all("all => all.map((one) => one.dataset.guest)")
        own = column(page, "relu1-1").locator(".tour-tiles a").evaluate_all("all => all.map((one) => one.dataset.unit)")
        assert lent and not {*lent} & {*own}
        seen.check()


def test_a_click_shows_a_map_in_the_walk_and_its_link_leads_to_how_it_is_computed(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = ready(seen)
        assert "a click on a map shows it below" in page.locator(".ca-note").first.inner_text()
        tile = column(page, "conv1-1").locator(".tour-tiles a").nth(2)
        unit = tile.get_attribute("data-unit")
        tile.click()
        page.wait_for_selector(f".tour-pick__open:has-text('Open unit {unit} on the page of conv1_1')")
        assert "tour.html#" in seen.address and f"u={unit}" in seen.address
        page.wait_for_selector(f"tour-walk explain-view[data-own='{unit}']")
        tile.click()
        assert page.evaluate("document.activeElement.matches('.tour-pick__open')"), "clicked again: the way on"
        page.keyboard.press("Enter")
        page.wait_for_selector(f"layer-page explain-view[data-own='{unit}'][data-step='conv1_1']")
        assert "layers/conv1-1.html" in seen.address and f"u={unit}" in seen.address and "v=how" in seen.address
        seen.check()


def test_a_map_that_is_read_is_gone_to_within_the_tour(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html#s=conv1-2&u=3", base=base) as seen:
        page = ready(seen)
        one = page.locator(".tour-units li a").first
        unit = one.locator("b").inner_text()
        one.click()
        assert step(page) == "relu1-1"
        assert f"u={unit}" in seen.address and "tour.html" in seen.address
        seen.check()


@pytest.mark.parametrize("width", [390, 700, 820, 1024, 1280])
def test_a_map_stays_where_it_is_when_it_is_pointed_at(browser: Browser, base: str, width: int):
    with opened(browser, f"{base}tour.html", base=base, width=width, height=900) as seen:
        page = ready(seen)
        tile = page.locator("[data-column='1'] .tour-tiles a").nth(1)
        page.locator("h1").hover()
        tile.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
        before = tile.bounding_box()
        tile.hover(force=True)
        page.wait_for_function("() => document.querySelector('[data-status]').textContent.includes('Unit')")
        assert tile.bounding_box() == before
        seen.check()


def test_a_tap_shows_the_wires_and_stays(browser: Browser, base: str):
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True)
    try:
        page = context.new_page()
        page.goto(f"{base}tour.html")
        page.wait_for_selector("[data-column='1'] .tour-tiles")
        tile = page.locator("[data-column='1'] .tour-tiles a").nth(1)
        unit = tile.get_attribute("data-unit")
        tile.tap()
        page.wait_for_selector(f".tour-edge[data-from='1 {unit}']", state="attached")
        assert page.locator("[aria-current=step]").get_attribute("data-column") == "1"
        assert "tour.html" in page.url
        tile.tap()
        assert page.evaluate("document.activeElement.matches('.tour-pick__open')")
        assert "tour.html" in page.url
        page.goto(f"{base}tour.html")
        page.locator("[data-act=after]").tap()
        assert page.locator("[aria-current=step]").get_attribute("data-column") == "1"
    finally:
        context.close()


@pytest.mark.parametrize("kind", ["conv 3 × 3, stride 2, depthwise", "Normalisation", "Global average pooling"])
def test_the_kind_over_a_column_is_whole(browser: Browser, base: str, kind: str):
    with opened(browser, f"{base}tour.html", base=base, width=2400) as seen:
        head = column(ready(seen, "relu1-1"), "conv1-2").locator(".tour-column__head b")
        cut = head.evaluate(
            "(b, kind) => { b.textContent = kind;"
            " return b.scrollHeight > b.clientHeight + 1 || b.scrollWidth > b.clientWidth; }",
            kind,
        )
        assert not cut


def test_the_keyboard_walks_and_opens(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = ready(seen)
        for key in COLUMNS[1:]:
            page.keyboard.press("ArrowRight")
            assert step(page) == key
        page.keyboard.press("ArrowRight")
        assert step(page) == "answer", "it ends there"
        assert page.locator("[data-act=after]").is_disabled()
        page.keyboard.press("Home")
        assert step(page) == "image"
        page.keyboard.press("End")
        assert step(page) == "answer"
        for key in COLUMNS[-2:-5:-1]:
            page.keyboard.press("ArrowLeft")
            assert step(page) == key
        assert step(page) == "relu2-2"
        page.wait_for_selector("[data-column='9'] .tour-tiles a[tabindex='0']")
        assert page.locator(".tour-tiles a[tabindex='0']").count() == 1, "one stop for the tab key"
        tile = page.locator(".tour-tiles a[tabindex='0']")
        tile.focus()
        first = tile.get_attribute("data-unit")
        page.keyboard.press("ArrowDown")
        page.wait_for_function(f"document.activeElement.dataset.unit !== '{first}'")
        second = page.evaluate("document.activeElement.dataset.unit")
        assert f"u={second}" in seen.address
        page.wait_for_selector(f".tour-pick__open:has-text('Open unit {second} ')")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.matches('.tour-pick__open')")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"layer-page explain-view[data-own='{second}']")
        seen.check()


def test_without_scripts_it_is_a_list_to_read(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base, scripts=False) as seen:
        text = seen.page.locator("article").inner_text()
        assert "12 kernels of 3 × 3 slide over the picture" in text
        assert "One number a map" not in text, "no map is pooled to one number here"
        for head in ("What pooling keeps", "What a score is", "From scores to shares"):
            assert head in text
        lesson = seen.page.locator(".tour-said details", has_text="From scores to shares")
        assert not lesson.locator("p").is_visible()
        lesson.locator("summary").click()
        assert lesson.locator("p").is_visible(), "folded, and opened without scripts too"
        assert seen.page.locator(".tour-said").first.is_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize(
    "view", ["", "#s=conv1-2&k=layer", "#s=between-5&n=all", "#s=relu1-1&i=3-a", "#s=between-11", "#s=answer&k=global"]
)
def test_axe_finds_nothing(
    browser: Browser, site: Path, site_server: Callable[[Path], str], view: str, scheme: str, width: int
):
    base = site_server(site)
    with opened(browser, f"{base}tour.html{view}", base=base, scheme=scheme, width=width) as seen:
        seen.page.wait_for_timeout(700)
        assert audit(seen.page) == []


def test_hostile_names_do_nothing_in_any_step(browser: Browser, hostile: Built, site_server: Callable[[Path], str]):
    for base in (site_server(hostile.site), hostile.site.as_uri() + "/"):
        with opened(browser, f"{base}tour.html", base=base) as seen:
            page = seen.page
            page.wait_for_selector(".tour-tiles")
            for _ in range(6):
                page.keyboard.press("ArrowRight")
                page.wait_for_timeout(100)
            assert HOSTILE[0] in page.locator(".tour-strip").inner_text()
            assert (
                page.evaluate(
                    "document.querySelectorAll('tour-page [onclick], tour-page [onerror], tour-walk script').length"
                )
                == 0
            )
            address = seen.address
            page.goto("about:blank")
            page.goto(address)
            page.wait_for_selector("[aria-current=step]")
            seen.check()


def test_a_report_without_maps_or_images_says_so_and_still_walks(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    report = tiny_report(tmp_path / "store")
    bare = replace(
        report,
        layers=tuple(replace(v, maps={i.slug: NotApplicable(NOT_ASKED) for i in report.images}) for v in report.layers),
    )
    for number, (made, text) in enumerate(
        ((bare, "This report has no feature maps"), (replace(report, images=()), "No image was drawn in this run"))
    ):
        built = rebuild(made, tmp_path / str(number))
        base = built.site.as_uri() + "/"
        with opened(browser, f"{base}tour.html", base=base) as seen:
            page = seen.page
            page.wait_for_selector("tour-walk h2")
            assert text in page.locator(".ca-na").first.inner_text()
            for _ in range(3):
                page.keyboard.press("ArrowRight")
            assert page.locator(".tour-walk__text").inner_text()
            page.wait_for_timeout(200)
            seen.check()
