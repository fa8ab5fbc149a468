"""The walk of the tour: what it says of each operation, its window, its controls, before its data are there, folded repetitions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pages.fixture_tour import COLUMNS, CONFIG, column, data, ready
from tests.pages.opened import opened
from tests.whole import build, built_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "tour", CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def test_the_walk_says_what_each_operation_does_and_ends_with_the_answer(browser: Browser, site: Path, base: str):
    said = {
        "image": "The picture enters as one map of 32 × 32 numbers",
        "conv1-1": "12 kernels of 3 × 3 slide over the picture place by place: each makes one map of 32 × 32, called a feature map.",
        "relu1-1": "ReLU, a rectifier, sets every value below zero to zero",
        "conv1-2": "12 kernels of 3 × 3 slide over all 12 maps at once, place by place: each makes one new map of 32 × 32.",
        "between-5": "Of every window of 2 × 2, in steps of 2, only the largest value stays: maps of 32 × 32 become maps of 16 × 16.",
        "conv2-1": "20 kernels of 3 × 3 slide over all 12 maps at once",
        "between-11": "10 sums of all 1,280 numbers, each number with a weight of its own in every sum. Each sum is the score of a class, also called its logit.",
        "answer": "Of the 10 scores (logits) the largest names the class",
    }
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = ready(seen)
        for number, key in enumerate(COLUMNS, 1):
            text = page.locator(".tour-walk__text").inner_text()
            assert said.get(key, "") in text
            assert page.locator(".tour-walk__acts").inner_text().startswith(f"Step {number} of {len(COLUMNS)}")
            if number < len(COLUMNS):
                page.locator("[data-act=after]").click()
        best = data(site)["images"][0]["says"][0]
        page.wait_for_selector("tour-walk explain-view[data-step=softmax]")
        row = page.locator("tour-walk [data-class].is-own th")
        assert row.inner_text() == best[0]
        for head in (
            "What a convolution does",
            "What a unit is",
            "Why values are bent",
            "Why maps get smaller",
            "What pooling keeps",
            "What a score is",
            "From scores to shares",
        ):
            assert page.locator(f".tour-said h3:has-text('{head}')").count() == 1
        seen.check()


def test_the_window_lies_where_the_kernel_reads_where_an_image_has_no_numbers(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html#s=conv1-1&u=2&i=3-a", base=base) as seen:
        page = ready(seen)
        slider = page.locator(".tour-drive input")
        slider.wait_for()
        if page.locator(".tour-drive button").get_attribute("aria-pressed") == "true":
            page.locator(".tour-drive button").click()
        for place, (row, across) in ((0, (0, 0)), (32 * 5 + 7, (5, 7)), (32 * 32 - 1, (31, 31))):
            slider.evaluate(f"e => {{ e.value = {place}; e.dispatchEvent(new Event('input')); }}")
            shown = page.locator(".tour-window").evaluate(
                "e => [e.style.left, e.style.top, e.style.width, e.style.height].map(parseFloat)"
            )
            # stride 1, padding 1: place (r, c) reads rows r - 1 to r + 1
            assert shown == pytest.approx([100 * (across - 1) / 32, 100 * (row - 1) / 32, 100 * 3 / 32, 100 * 3 / 32])
            point = page.locator(".tour-point").evaluate("e => [e.style.left, e.style.top].map(parseFloat)")
            assert point == pytest.approx([100 * across / 32, 100 * row / 32])
            assert page.locator(".tour-drive output").inner_text() == f"row {row}, column {across}"
        box = page.locator(".tour-big").last.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] * 10.5 / 32, box["y"] + box["height"] * 4.5 / 32)
        assert page.locator(".tour-drive output").inner_text() == "row 4, column 10"
        page.locator(".tour-drive button").click()
        page.wait_for_function("!document.querySelector('.tour-drive output').textContent.endsWith('row 4, column 10')")
        page.wait_for_function("() => document.querySelector('.tour-drive output').textContent !== 'row 4, column 10'")
        seen.check()


def test_reduced_motion_holds_the_window(browser: Browser, base: str):
    context = browser.new_context(reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto(f"{base}tour.html#s=conv1-1&i=3-a")
        page.wait_for_selector(".tour-drive output")
        before = page.locator(".tour-drive output").inner_text()
        page.wait_for_timeout(700)
        assert page.locator(".tour-drive output").inner_text() == before
        assert page.locator(".tour-drive button").get_attribute("aria-pressed") == "false"
    finally:
        context.close()


def test_channels_scales_images_and_colours(browser: Browser, site: Path, base: str):
    images = data(site)["images"]
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = ready(seen)
        for n in ("4", "12", "6"):
            page.locator(f"[name=channels][value='{n}']").check(force=True)
            page.wait_for_function(f"document.querySelectorAll(\"[data-column='1'] .tour-tiles a\").length === {n}")
        more = column(page, "conv1-1").locator(".tour-more")
        assert more.inner_text() == "show all 12"
        more.click()
        page.wait_for_function("() => document.querySelectorAll(\"[data-column='1'] .tour-tiles a\").length === 12")
        assert column(page, "relu1-1").locator(".tour-tiles a").count() == 6, "that column alone"
        assert "a=conv1-1" in seen.address
        more.click()
        page.wait_for_function("() => document.querySelectorAll(\"[data-column='1'] .tour-tiles a\").length === 6")
        page.locator("[name=scale][value=layer]").check(force=True)
        page.wait_for_selector("[data-column='1'] .tour-bar .ca-bar")
        text = (site / f"data/maps/conv1-1/{images[0]['slug']}.js").read_text()
        hi, full = (json.loads(re.search(rf'"{key}":(\[[^\]]*\])', text)[1]) for key in ("hi", "full"))  # type: ignore[index]
        top = max(max(f, h / 4) for f, h in zip(full, hi, strict=True))
        assert top < max(hi), "a quantile, and not the loudest place"
        shown = column(page, "conv1-1").locator(".tour-bar .ca-bar span").last.inner_text()
        assert float(shown) == pytest.approx(top, rel=6e-3)
        page.locator("[name=scale][value=global]").check(force=True)
        page.wait_for_function("() => document.querySelectorAll('[data-legend] .ca-bar').length === 2")
        ends = [
            float(t.replace("−", "-"))
            for t in page.locator("[data-legend] .ca-bar span:not(.ca-bar__ramp)").all_inner_texts()
        ]
        assert ends == pytest.approx([*images[0]["plain"], *images[0]["signed"]], rel=6e-3)
        page.wait_for_function(
            "[...document.querySelectorAll(\"[data-column='1'] .tour-tiles a\")].some((a) => a.style.getPropertyValue('--veil').startsWith('rgb'))"
        )
        for slug, ends_ in (("conv1-1", images[0]["signed"]), ("relu1-1", images[0]["plain"])):
            veils, wanted = page.evaluate(
                """async ([slug, image, ends]) => {
                  const maps = await convatlas.load('maps', `${slug}/${image}`, `data/maps/${slug}/${image}.js`);
                  const column = [...document.querySelectorAll('.tour-column')].find((li) => li.querySelector(`[href*="layers/${slug}.html"]`));
                  return [...column.querySelectorAll('.tour-tiles a')].map((a) => {
                    const k = convatlas.tiles.tile(maps, Number(a.dataset.unit));
                    return [a.style.getPropertyValue('--veil'), convatlas.tiles.veil(maps.lo[k], maps.hi[k], maps.signed, ends)];
                  }).reduce(([a, b], [c, d]) => [[...a, c], [...b, d]], [[], []]);
                }""",
                [slug, images[0]["slug"], ends_],
            )
            assert len(veils) == 6
            assert veils == wanted, "each kind of map on the scale that the legend shows of it"
        page.locator(f"[name=image][value='{images[4]['slug']}']").check(force=True)
        page.wait_for_function(f"document.querySelector('.tour-photo').src.endsWith('{images[4]['photo']}')")
        assert (
            images[4]["says"][0][0]
            == column(page, "answer").locator("li").first.locator(".ca-bars__label").inner_text()
        )
        page.locator("colour-menu summary").click()
        page.locator("colour-menu label:has-text('magma')").click()
        page.wait_for_function(
            "document.querySelector(\"[data-column='2'] .tour-tiles\").style.filter.includes('magma')"
        )
        address = seen.address
        assert all(part in address for part in ("k=global", f"i={images[4]['slug']}", "c=magma"))
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_function(
            "document.querySelector(\"[data-column='2'] .tour-tiles\")?.style.filter.includes('magma')"
        )
        assert page.locator("[name=scale][value=global]").is_checked()
        seen.check()


def test_it_paints_before_its_data_and_loads_no_more_than_is_in_sight(
    browser: Browser, site: Path, site_server: Callable[[Path], str]
):
    base = site_server(site)
    context = browser.new_context(viewport={"width": 700, "height": 800})
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(f"{base}tour.html")
        page.wait_for_selector("[data-column='1'] .tour-tiles")
        page.wait_for_timeout(500)
        paint, maps = page.evaluate("""() => [performance.getEntriesByName('first-contentful-paint')[0].startTime,
            performance.getEntriesByType('resource').filter((e) => e.name.includes('/data/maps/')).map((e) => [e.startTime, e.name])]""")
        assert maps and all(paint < start for start, _ in maps), "words and the picture first, maps after"
        assert len(maps) < 10, "columns out of sight wait"
        drawn = page.locator(".tour-tiles").count()
        assert 0 < drawn < 8
    finally:
        context.close()


def test_on_a_telephone_columns_are_rows_and_the_walk_is_in_the_row(browser: Browser, base: str):
    with opened(browser, f"{base}tour.html#s=conv1-1", base=base, width=390, height=844) as seen:
        page = ready(seen)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1
        tops = [column(page, key).bounding_box()["y"] for key in COLUMNS[:4]]
        assert tops == sorted(tops) and len(set(tops)) == 4
        assert page.locator("[data-column='1'] tour-walk").count() == 1
        tiles = column(page, "conv1-1").locator(".tour-tiles a")
        tops = tiles.evaluate_all(
            "all => all.slice(0, 6).map((one) => one.offsetTop)"
        )  # at once: the page may still scroll
        assert len(tops) == 6 and len(set(tops)) == 1, "six maps in one row"
        page.locator("[data-act=after]").click()
        assert page.locator("[data-column='2'] tour-walk").count() == 1
        seen.check()


def test_repetitions_open_and_fold(browser: Browser, tmp_path: Path):
    (tmp_path / "net.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Block(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.conv = nn.Conv2d(4, 4, 3, padding=1)\n\n"
        "    def forward(self, x):\n        return x + self.conv(x).relu()\n\n\n"
        "def build():\n    torch.manual_seed(0)\n    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *[Block() for _ in range(5)], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))\n"
    )
    config = {
        **CONFIG,
        "model": {"source": f"python:{tmp_path / 'net.py'}:build", "input": {"size": 24, "crop": "none"}},
        "layers": ["conv", "block"],
    }
    site = build(tmp_path, config).site
    base = site.as_uri() + "/"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-tiles")
        every = page.locator(".tour-column:visible").count()
        assert page.locator("[name=fold][value='0']").is_checked(), "few columns stand one by one"
        page.locator("[name=fold][value='1']").check(force=True)
        folded = page.locator(".tour-column:visible").count()
        assert folded < every
        chip = page.locator(".tour-fold button")
        assert chip.get_attribute("aria-expanded") == "false" and "×5" in chip.inner_text()
        chip.focus()
        page.keyboard.press("Enter")
        assert page.locator(".tour-column:visible").count() == every
        assert chip.get_attribute("aria-expanded") == "true"
        chip.click()
        assert page.locator(".tour-column:visible").count() == folded
        number = page.locator(".tour-column[hidden]").first.get_attribute("data-column")
        key = data(site)["columns"][int(number or 0)]["key"]
        page.goto("about:blank")
        page.goto(f"{base}tour.html#s={key}&f=1")
        page.wait_for_selector(f"[data-column='{number}'][aria-current=step]:not([hidden])")
        seen.check()
