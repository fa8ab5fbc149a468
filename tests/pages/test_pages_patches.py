"""What a unit's panel says of its patches: their place on the photograph, the deconvnet's part, likeness, numbers and keys."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.dataset.likeness import likeness
from generator.encode import Grid, png
from generator.report.reconstructions import RULES
from generator.report.sheets import Sheet
from generator.report.vague import likenesses
from generator.store import Store
from tests.pages.fixture_thread import CONFIG
from tests.pages.opened import opened
from tests.pages.test_pages_unit import data
from tests.whole import built_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(tmp_path_factory, "thread", CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def test_a_patch_shows_its_place_on_the_photograph(browser: Browser, site: Path, base: str):
    found = data(site, "units", "conv1-2")
    k = found["k"]
    with opened(browser, f"{base}layers/conv1-2.html#u=1", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patch")
        patch = page.locator(".ca-patch").first
        patch.focus()
        page.keyboard.press("Enter")
        frame = page.locator(".ca-place__frame")
        row, column = divmod(int(found["arrays"]["places"][k]), found["map"][1])
        left = found["offset"][1] + column * found["jump"][1] + 0.5 - found["field"][1] / 2
        top = found["offset"][0] + row * found["jump"][0] + 0.5 - found["field"][0] / 2
        said = frame.evaluate("e => [e.style.left, e.style.top, e.style.width, e.style.height].map(parseFloat)")
        height, width = found["input"]
        assert said == pytest.approx([100 * left / width, 100 * top / height, 100 * found["field"][1] / width, 100 * found["field"][0] / height])  # fmt: skip
        assert f"row {row}, column {column} of its map of 32 × 32" in page.locator(".ca-place:visible").inner_text()
        assert patch.get_attribute("aria-expanded") == "true"
        page.locator(".ca-patch").nth(1).click()
        assert patch.get_attribute("aria-expanded") == "false"
        page.locator(".ca-patch").nth(1).click()
        assert page.locator(".ca-place:visible").count() == 0
        seen.check()


def test_a_patchs_place_opens_under_its_row_and_escape_closes_it_alone(browser: Browser, site: Path, base: str):
    found = data(site, "units", "conv2-2")
    unit = found["back"]["entries"][0][0]
    with opened(browser, f"{base}layers/conv2-2.html#u={unit}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patches--back .ca-patch")
        panel = page.locator("unit-panel")
        for grid in (".ca-patches--back", ".ca-patches:not(.ca-patches--back)"):
            patch = page.locator(f"{grid} .ca-patch").first
            patch.click()
            box, spot, inside = (one.bounding_box() for one in (patch, page.locator(".ca-place:visible").last, panel))
            assert box and spot and inside
            assert 0 <= spot["y"] - box["y"] - box["height"] < 40, "just under the row"
            assert spot["y"] + spot["height"] <= inside["y"] + inside["height"], "with its caption whole"
            assert box["y"] >= inside["y"], "and the row still in sight"
            page.keyboard.press("Escape")
            assert page.locator(".ca-place:visible").count() == 0
            assert patch.get_attribute("aria-expanded") == "false"
            assert patch.evaluate("e => e === document.activeElement")
            assert f"u={unit}" in seen.address and panel.locator("h2").inner_text().startswith(f"Unit {unit} ")
        page.keyboard.press("Escape")
        assert "u=" not in seen.address
        seen.check()


def test_of_one_value_alone_the_histogram_has_one_number(browser: Browser, site: Path, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#u=0", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-bins__ends span")
        slug = page.locator("layer-page").get_attribute("data-layer")
        one = """async (slug) => {
          const {answers, examples} = await convatlas.answers.load(slug, `data/units/${slug}.js`);
          answers.arrays.lo[0] = answers.arrays.hi[0] = 0;
          return convatlas.answers.figures(answers, examples, 0, 96).find(({title}) => /which value/.test(title)).body.textContent;
        }"""
        assert page.evaluate(one, slug) == "0 everywhere"
        seen.check()


def test_numbers_and_keys_are_explained_where_they_stand(browser: Browser, site: Path, base: str):
    text = (site / "data/layers/conv2-2.js").read_text("utf-8")
    unit = re.search(r'"(\d+)":\{"curve":\[[^\]]*\]\}', text)  # of which there is nothing else: no film
    assert unit
    with opened(browser, f"{base}layers/conv2-2.html", base=base) as seen:
        seen.page.wait_for_selector(".ca-strongest")
        assert seen.page.locator("unit-panel h3").inner_text() == "Strongest units, above or below zero"
        seen.page.locator("[name=view][value=pictures]").check(force=True)
        seen.page.wait_for_selector("unit-panel h3:has-text('by what their pictures reached')")
        assert (
            "and such as threads of units back to the first layer come by"
            in seen.page.locator("unit-panel").inner_text()
        )
        seen.check()
    with opened(browser, f"{base}layers/relu2-2.html", base=base) as seen:
        seen.page.wait_for_selector(".ca-strongest")
        assert seen.page.locator("unit-panel h3").inner_text() == "Strongest units"
    with opened(browser, f"{base}layers/conv2-2.html#u={unit[1]}", base=base) as seen:
        panel = seen.page.locator("unit-panel")
        seen.page.wait_for_selector(".ca-course__curve")
        reached = re.search(r"reached ([\d.−]+)\s", panel.inner_text())
        assert reached
        assert f"the finished one, seen straight, reached {reached[1]}. Such a score is the mean" in panel.inner_text()
        assert "animate and diversity" in panel.inner_text(), "no unit here has a film"
        assert "Left and right arrow: the unit before and after" in panel.inner_text()
        seen.check()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (1100, 620), (1000, 800), (760, 800), (390, 844)])
def test_neither_tools_nor_panel_cover_what_a_link_opens(browser: Browser, base: str, width: int, height: int):
    with opened(browser, f"{base}layers/conv2-2.html#u=19", base=base, width=width, height=height) as seen:
        page = seen.page
        page.wait_for_selector(".ca-panel--open .ca-thread")
        page.wait_for_timeout(300)
        head = page.evaluate(
            """() => { const box = document.querySelector('.ca-panel__head').getBoundingClientRect();
            const at = document.elementFromPoint(box.left + 12, box.top + 8);
            return Boolean(at && at.closest('unit-panel')); }"""
        )
        assert head, "the panel's own head"
        covered = page.evaluate(
            """() => { const tile = document.querySelector('atlas-wall [aria-selected]').getBoundingClientRect();
            const at = document.elementFromPoint(tile.left + tile.width / 2, tile.top + tile.height / 2);
            return !at || !at.closest('atlas-wall'); }"""
        )
        assert not covered, "the tile of the unit"


def test_a_deconvnet_that_tells_nothing_stands_last_with_the_reason(
    browser: Browser, site: Path, tmp_path: Path, site_server: Callable[[Path], str]
):
    found = data(site, "units", "conv2-2")
    assert found["back"]["vague"] == "", "this model has max-pools"
    unit = found["back"]["entries"][0][0]
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    script = copy / "data/units/conv2-2.js"
    script.write_text(script.read_text("utf-8").replace('"vague":""', '"vague":"It says little here."'), "utf-8")
    http = site_server(copy)
    with opened(browser, f"{http}layers/conv2-2.html#u={unit}", base=http) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patches--back")
        assert page.locator(".ca-patches--back > .ca-dim").all_inner_texts() == ["patch", "where it lies", "guided"]
        assert "It says little here." not in page.locator("unit-panel").inner_text()
        page.locator(".ca-deconv summary").click()
        assert page.locator(".ca-deconv__tiles .ca-single").count() == 2
        assert page.locator(".ca-deconv__tiles").is_visible()
        assert "It says little here." in page.locator("unit-panel").inner_text()
        seen.check()


def test_cards_show_what_of_each_photograph_did_it_as_the_panel_does(browser: Browser, site: Path, base: str):
    found = data(site, "units", "conv2-2")["back"]
    with opened(browser, f"{base}layers/conv2-2.html#v=units", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-seen")
        drawn = {unit for unit, _ in found["entries"]}
        unit = next(one for one in map(int, page.evaluate("[...document.querySelectorAll('.ca-seen')].map((card) => card.dataset.unit)")) if one in drawn)  # fmt: skip
        card = page.locator(f".ca-seen[data-unit='{unit}']")
        blank = found["guided"].get("dead", [0] * len(found["entries"]))
        lit = sum(
            one == unit and rank < 3 and not gone for (one, rank), gone in zip(found["entries"], blank, strict=True)
        )
        veils = card.locator(".ca-patch__box .ca-lit__veil")
        assert veils.count() == lit > 0
        photo, veiled = card.locator(".ca-seen__photos > span").first.locator("img").all()
        assert photo.get_attribute("src") == veiled.get_attribute("src")
        assert card.locator(".ca-seen__photos .ca-single:not(.ca-lit__veil)").count() == 0, "no gray tiles"
        sides = page.evaluate("[...document.querySelectorAll('.ca-seens')].map((one) => parseFloat(one.style.getPropertyValue('--side')))")  # fmt: skip
        assert 64 <= sides[0] <= 96
        seen.check()


def test_likeness_is_measured_on_the_first_tile_of_each_unit_and_kept(tmp_path: Path):
    rng = np.random.default_rng(0)
    dot = np.zeros((8, 8, 3), np.uint8) + 128
    dot[1, 1] = 255
    # unit 4 ranks 0 and 1, unit 2 ranks 0 and 1: second tiles are noise, which would not be alike
    noise = rng.integers(0, 255, (4, 8, 8, 3)).astype(np.uint8)
    alike = np.stack([dot, noise[0], np.roll(dot, 3, 0), noise[1]])
    grid = Grid.of(4, 8, 8)
    meta = {
        "entries": [[4, 0], [4, 1], [2, 0], [2, 1]],
        "tile": [8, 8],
        "columns": grid.columns,
        "size": list(grid.size),
    }
    sheets = Sheet.of(grid), Sheet.of(grid)
    for laid, tiles in zip(sheets, (alike, noise), strict=True):
        for k, tile in enumerate(tiles):
            laid.put(k, tile)
    store = Store(tmp_path)
    record = store.put("a" * 64, meta, {rule: laid.encoded() for rule, laid in zip(RULES, sheets, strict=True)})
    deconv, guided = likenesses(record, store)
    assert deconv == pytest.approx(1)
    assert guided == pytest.approx(likeness(noise[[0, 2]].astype(np.float32) - 128), abs=1e-5)
    assert likenesses(record, store) == (deconv, guided)
    one = store.put("b" * 64, {**meta, "entries": [[4, 0]]}, {rule: png(dot) for rule in RULES})  # type: ignore[arg-type]
    assert all(map(math.isnan, likenesses(one, store)))
