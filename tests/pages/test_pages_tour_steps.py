"""The steps of the tour in a browser: where they stand in a narrow window, how one goes to any of them, what is folded, what is
said first and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pages.fixture_tour import COLUMNS, CONFIG, column, data, ready, step
from tests.pages.opened import audit, opened
from tests.whole import Built, build, built_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BLOCKS = """import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.wide, self.act = nn.Conv2d(i, o, 3, padding=1), nn.ReLU()
        self.mix, self.bend = nn.Conv2d(o, o, 1), nn.ReLU()

    def forward(self, x):
        return self.bend(self.mix(self.act(self.wide(x))))


def build():
    torch.manual_seed(0)
    blocks = [Block(4 + k, 5 + k) for k in range(10)] + [Block(14, 14) for _ in range(2)]
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(14, 3))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "tour", CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The report of a network of twelve blocks of one kind, ten of them in sizes of their own."""
    folder = tmp_path_factory.mktemp("tour-blocks")
    (folder / "net.py").write_text(BLOCKS)
    model = {"source": f"python:{folder / 'net.py'}:build", "input": {"size": 24, "crop": "none"}}
    return build(folder, {**CONFIG, "model": model, "layers": ["conv", "act"], "limit": 1})


def stands(page: Page) -> tuple[float, float, float, float]:
    """Where the step's heading begins, where the header over it ends, and the corner of the button that leads on."""
    found = page.evaluate("""() => {
        const box = (what) => document.querySelector(what).getBoundingClientRect();
        return [box('tour-walk h2').top, box('.md-header').bottom, box('[data-act=after]').top, box('[data-act=after]').left];
    }""")
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_on_a_telephone_every_step_begins_at_the_top_and_the_button_stays_under_the_thumb(
    browser: Browser, base: str, motion: str
):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion=motion)  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.goto(f"{base}tour.html")
        page.wait_for_selector("[data-column='1'] .tour-tiles")
        button = stands(page)[2:]
        assert button[0] + 30 < 844, "in sight before the first step"
        for key in COLUMNS[1:]:
            page.touchscreen.tap(button[1] + 12, button[0] + 12)
            assert step(page) == key
            page.wait_for_selector(".tour-walk__figure > *")
            page.wait_for_timeout(700)  # until the figure has its room
            head, header, *there = stands(page)
            assert header - 1 <= head <= header + 60, f"{key}: the heading at the top of the view"
            assert there == pytest.approx(list(button), abs=1), f"{key}: the button where it was"
        page.evaluate("scrollBy(0, 260)")
        page.locator("[data-act=before]").tap()
        page.wait_for_timeout(700)
        head, header, *there = stands(page)
        assert header - 1 <= head <= header + 60, "back as well"
        assert there == pytest.approx(list(button), abs=1)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1
    finally:
        context.close()


def test_whoever_scrolls_is_left_where_they_are(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base, width=390, height=844) as seen:
        page = ready(seen)
        page.evaluate("document.querySelector('tour-page').step(1)")
        page.mouse.move(200, 400)
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(200)
        before = page.evaluate("scrollY")
        page.wait_for_selector("tour-walk explain-view")
        page.wait_for_timeout(500)
        assert page.evaluate("scrollY") == pytest.approx(before, abs=2)
        seen.check()


def test_a_tapped_map_stays_under_the_finger_when_the_walk_comes_to_it(browser: Browser, base: str):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    try:
        page = context.new_page()
        page.goto(f"{base}tour.html#s=conv1-1")
        page.wait_for_selector("tour-walk explain-view")
        tile = column(page, "relu1-2").locator(".tour-tiles a").nth(1)
        column(page, "relu1-2").scroll_into_view_if_needed()
        tile.wait_for()
        # Rows above may still be drawn while the finger comes: what counts is where the map is when it is touched.
        top = "e => e.getBoundingClientRect().top"
        tile.evaluate(
            f"e => e.addEventListener('click', () => {{ e.dataset.touched = ({top})(e); }}, {{capture: true}})"
        )
        tile.tap()
        assert step(page) == "relu1-2"
        before = float(tile.get_attribute("data-touched") or "nan")
        assert tile.evaluate(top) == pytest.approx(before, abs=2)
        column(page, "relu1-2").locator("explain-view[data-step=relu1_2]").wait_for()
        page.evaluate(
            "() => new Promise((seen) => { let n = 12; const next = () => (n-- ? requestAnimationFrame(next) : seen()); next(); })"
        )
        assert tile.evaluate(top) == pytest.approx(before, abs=2), "and once its figure has its room"
    finally:
        context.close()


def test_any_step_is_gone_to_by_the_list_by_its_column_and_by_keys(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = ready(seen)
        jump = page.locator("select[data-act=jump]")
        names = jump.locator("option").all_inner_texts()
        assert len(names) == len(COLUMNS)
        assert names[3] == "4 · conv 3 × 3 · conv1_2" and names[-1] == f"{len(COLUMNS)} · The answer"
        jump.select_option(label="7 · conv 3 × 3 · conv2_1")
        assert step(page) == "conv2-1" and "s=conv2-1" in seen.address
        page.wait_for_selector("tour-walk explain-view[data-step=conv2_1]")
        column(page, "relu1-2").locator(".tour-column__head .ca-num").click()
        assert step(page) == "relu1-2"
        assert jump.input_value() == str(COLUMNS.index("relu1-2"))
        page.locator("h1").click()
        page.keyboard.press("End")
        assert step(page) == "answer"
        page.keyboard.press("Home")
        assert step(page) == "image"
        seen.check()


def test_what_a_step_does_stands_before_what_the_model_calls_it(browser: Browser, base: str):
    """In its heading, over its column and in the list, and in the figure's own tab on the layer's page: a name may say nothing."""
    with opened(browser, f"{base}tour.html#s=relu1-1", base=base) as seen:
        page = ready(seen)
        assert page.locator("tour-walk h2").inner_text().split() == ["ReLU", "relu1_1", "12×32×32"]
        head = column(page, "relu1-1").locator(".tour-column__head")
        assert head.inner_text().split() == ["ReLU", "relu1_1", "12×32×32"]
        assert column(page, "between-5").locator("b").inner_text() == "Pooling 2 × 2, stride 2"
        assert column(page, "answer").locator("b").inner_text() == "The answer"
        links = page.locator("tour-walk h2 a, [data-column='2'] .tour-column__head a")
        assert links.all_inner_texts() == ["relu1_1", "relu1_1"]
        page.goto(f"{base}layers/relu1-1.html#v=how")
        page.wait_for_selector("explain-view [role=tab][aria-selected=true]")
        tab = page.locator("explain-view [role=tab][aria-selected=true]").inner_text()
        assert tab.split() == ["Activation:", "ReLU", "relu1_1"]
        seen.check()


def test_blocks_of_one_kind_wait_behind_a_click(browser: Browser, many: Built):
    columns = data(many.site)["columns"]
    assert len(columns) > 48
    base = many.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-tiles")
        options = page.locator("select[data-act=jump] option")
        shown = page.locator(".tour-column:visible").count()
        assert options.count() == shown <= 10, "the first block stands for all"
        assert page.locator(".tour-walk__acts .ca-num").inner_text() == f"Step 1 of {shown}"
        chip = page.locator(".tour-fold:visible button")
        assert chip.count() == 1
        assert chip.inner_text().split() == ["+11", "more", "of", "this", "kind,", "in", "other", "sizes:", "open"]
        chip.click()
        assert page.locator(".tour-fold:visible button").count() == 2, (
            "within them three that are alike to the last number"
        )
        assert page.locator(".tour-fold:visible b").all_inner_texts() == ["+11", "×2"]
        assert options.count() > shown + 30
        page.locator(".tour-fold:visible button").last.click()
        assert options.count() == len(columns)
        assert page.locator(".tour-column:visible").count() == len(columns)
        page.locator(".tour-fold:visible button").first.click()
        assert options.count() == shown
        deep = next(k for k, one in enumerate(columns) if one.get("layer") == "11.mix")
        page.evaluate("k => document.querySelector('tour-page').visit(k, 1)", deep)
        page.wait_for_selector(f"[data-column='{deep}'][aria-current=step]:not([hidden])")
        page.wait_for_selector("tour-walk explain-view[data-step='11.mix']")
        seen.check()


def test_the_figure_comes_after_two_sentences_at_most_and_before_what_may_be_read_on(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base, height=1000) as seen:
        page = ready(seen)
        for key in COLUMNS[1:]:
            page.keyboard.press("ArrowRight")
            assert step(page) == key
            page.wait_for_selector(f"tour-walk explain-view[data-step='{name(seen.page)}']")
            assert 1 <= page.locator(".tour-walk__text > p").count() <= 2
            assert page.locator(".tour-walk details[open]").count() == (2 if key == "conv1-1" else 0)
            tops = page.evaluate(
                "['.tour-walk__text', '.tour-walk__figure', '.tour-walk__more'].map((one) => document.querySelector(one).getBoundingClientRect().top)"
            )
            assert tops[0] < tops[1] and (tops[1] < tops[2] or not page.locator(".tour-walk__more details").count())
        page.evaluate("document.querySelector('tour-page').go(1, true, -1)")
        text = page.locator(".tour-walk__first details[open] p").first.inner_text()
        assert "laid on a place" in text and "bright" not in text
        assert "far above zero" in text, "in the words of the legend"
        assert "above zero" in page.locator("[data-legend]").inner_text()
        seen.check()


def name(page: Page) -> str:
    """The operation whose numbers the step shows."""
    return str(page.evaluate("(({layer, how}) => layer || how[1])(document.querySelector('tour-page').columns[document.querySelector('tour-page').state.s].data)"))  # fmt: skip


def test_places_and_units_count_from_0_and_that_is_said(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html#s=conv1-2&u=0", base=base) as seen:
        page = ready(seen)
        assert "Places and units count from 0" in page.locator(".ca-note").first.inner_text()
        output = page.locator("tour-walk explain-view [role=application]")
        output.scroll_into_view_if_needed()
        box = output.bounding_box()
        assert box
        page.mouse.click(box["x"] + 2, box["y"] + 2)
        assert page.locator("tour-walk [data-place]").inner_text() == "row 0, column 0"
        assert page.locator("tour-walk [data-act=unit]").input_value() == "0"
        rows = page.locator("tour-walk .ca-x-row[data-channel]").evaluate_all("all => all.map((e) => Number(e.dataset.channel))")  # fmt: skip
        assert all(0 <= one < 12 for one in rows)
        page.goto("about:blank")
        page.goto(f"{base}tour.html#s=conv1-2&u=0&i=3-a")
        page.wait_for_selector(".tour-drive input")
        page.locator(".tour-drive input").evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')); }")
        assert page.locator(".tour-drive output").inner_text() == "row 0, column 0"
        seen.check()


def test_the_place_goes_along_from_step_to_step(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html#s=conv1-2", base=base) as seen:
        page = ready(seen)
        output = page.locator("tour-walk explain-view [role=application]")
        output.scroll_into_view_if_needed()
        box = output.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] * 10.5 / 32, box["y"] + box["height"] * 20.5 / 32)
        said = page.locator("tour-walk [data-place]")
        assert said.inner_text() == "row 20, column 10"
        unit = page.locator("tour-walk [data-act=unit]").input_value()
        for key, there in (("relu1_2", "row 20, column 10"), ("pool1", "row 10, column 5")):
            page.locator("[data-act=after]").click()
            page.wait_for_selector(f"tour-walk explain-view[data-step='{key}']")
            assert said.inner_text() == there
            assert page.locator("tour-walk [data-act=unit]").input_value() == unit, "and the unit with it"
        page.locator("tour-walk [data-act=greater]").click()
        page.wait_for_function(f"document.querySelector('tour-walk [data-act=unit]').value === '{int(unit) + 1}'")
        assert re.search(rf"u={int(unit) + 1}\b", seen.address)
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_a_folded_tour(
    browser: Browser, many: Built, site_server: Callable[[Path], str], scheme: str, width: int
):
    base = site_server(many.site)
    with opened(browser, f"{base}tour.html#s=0", base=base, scheme=scheme, width=width) as seen:
        seen.page.wait_for_selector("tour-walk explain-view")
        seen.page.wait_for_timeout(300)
        assert audit(seen.page) == []


@pytest.mark.parametrize(("height", "top"), [(900, 600), (700, 600), (1100, 780)])
def test_the_step_is_in_sight_below_the_columns(browser: Browser, base: str, height: int, top: int):
    """In a low window a few maps stand side by side; in a high one below each other."""
    with opened(browser, f"{base}tour.html", base=base, width=1440, height=height) as seen:
        page = ready(seen)
        page.wait_for_selector(".tour-walk__figure > *")
        walk, tiles = page.locator("tour-walk").bounding_box(), column(page, "conv1-1").locator(".tour-tiles > a")
        assert walk
        assert walk["y"] <= top
        lefts = {round(one["x"]) for one in (tile.bounding_box() for tile in tiles.all()) if one}
        assert tiles.count() == 6
        assert len(lefts) == (1 if height > 960 else 2)
        foot = column(page, "conv1-1").locator(".tour-maps").bounding_box()
        last = tiles.last.bounding_box()
        assert foot and last and last["y"] + last["height"] <= foot["y"] + foot["height"], "its place holds them"
        seen.check()


def test_all_maps_of_a_column_find_room_in_a_low_window_and_it_follows_the_window(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html", base=base, width=1440, height=900) as seen:
        page = ready(seen)
        one = column(page, "conv1-1")
        one.locator(".tour-more").click()
        page.wait_for_function("() => document.querySelectorAll('[data-column=\"1\"] .tour-tiles > a').length > 6")
        box, strip = one.locator(".tour-tiles").bounding_box(), page.locator("[data-strip]").bounding_box()
        assert box and strip and box["y"] + box["height"] <= strip["y"] + strip["height"]
        rows = "() => getComputedStyle(document.querySelector('[data-column=\"2\"] .tour-tiles')).getPropertyValue('--rows')"
        assert page.evaluate(rows) == "3"
        page.set_viewport_size({"width": 1440, "height": 1100})
        page.wait_for_function(f"() => ({rows})() === '6'")
        seen.check()
