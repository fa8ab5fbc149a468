"""What pages write beside what is drawn: numbers, counts, captions, signs, and what nobody asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from generator.artifacts import NotApplicable
from generator.pages.numbers import raw
from generator.pages.views import Atlas, Passes
from tests.pages.conftest import Built, build
from tests.pages.fixture_report import atlas, tiny_report
from tests.pages.opened import opened
from tests.pages.test_behind import handing as handing_on

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_raw_range_of_a_unit_is_shown(browser: Browser, http: str, tiny: Built):
    item = tiny.report.layers[1].maps["image-0"]
    assert isinstance(item, Atlas)
    with opened(browser, http + "layers/layer-1.html") as seen:
        seen.page.locator("atlas-wall [role=option]").nth(5).hover()
        assert (
            seen.page.locator("[data-status]").inner_text()
            == f"Unit 5 · {raw(item.raw_lo[5])} to {raw(item.raw_hi[5])}"
        )


def test_scripts_and_pages_write_numbers_alike(browser: Browser, http: str):
    values = [
        0,
        1,
        -1,
        0.5,
        4.8149,
        999.6,
        1000,
        -1234.5,
        99999.4,
        123456.7,
        0.001,
        0.00099,
        -4.35e-5,
        1e12,
        31.25,
        100,
    ]
    with opened(browser, http + "run.html") as seen:
        assert seen.page.evaluate("(all) => all.map(convatlas.number)", values) == [raw(v) for v in values]


def test_no_view_is_offered_that_has_nothing_to_show_and_the_pictures_of_a_unit_behind_are_led_to(
    browser: Browser, tmp_path: Path, site_server: Callable[[Path], str]
):
    made = tiny_report(tmp_path / "store")
    stem, act, conv, head = made.layers
    why = NotApplicable("it searches the layers that its option `layers` names (conv), and not this one.")
    handing = replace(act, pictures=why, wires=handing_on(act.layer.units, str(stem.layer.name)))
    report = replace(made, layers=(stem, handing, replace(conv, pictures=why), replace(head, pictures=why)))
    base = site_server(build(report, tmp_path).site)
    with opened(browser, base + "layers/layer-1.html#v=pictures&i=image-1", base=base) as seen:
        page = seen.page
        said = page.locator("[data-main] .ca-na")
        assert "option layers names (conv)" in said.inner_text() and "`" not in said.inner_text()
        assert said.locator("code").inner_text() == "layers"
        assert [one.get_attribute("value") for one in page.locator("[name=view]").all()][:2] == ["maps", "pictures"]
        said.locator("a").click()
        page.wait_for_function("() => document.querySelector('h1')?.textContent === 'stem'")
        page.wait_for_selector("unit-panel h2")
        assert page.locator("[name=view]:checked").get_attribute("value") == "pictures"
        assert page.locator("[name=image]:checked").get_attribute("value") == "image-1"
        page.goto(base + "layers/layer-3.html#v=pictures")
        page.wait_for_selector("atlas-wall [role=option]")
        assert page.locator("[name=view][value=pictures], [name=view][value=kernels]").count() == 0
        page.goto(base + "layers/layer-2.html#v=pictures")
        page.wait_for_selector("[data-main] .ca-na:has-text('not this one')")
        seen.check()


def test_every_view_says_what_it_shows_or_why_not(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-3.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        assert page.locator("[name=view][value=kernels]").count() == 0, "it has none"
        page.locator(".ca-seg label").filter(has_text="What units look for").click()
        page.wait_for_function(
            "() => document.querySelector('unit-panel h2') && document.querySelector('unit-panel h2').textContent.includes('look for')"
        )
        assert page.locator("atlas-wall [role=option]").count() == 4
        page.locator("atlas-wall [role=option]").nth(2).hover()
        assert "never left its start" in page.locator("[data-status]").inner_text()
        page.locator(".ca-seg label").filter(has_text="Grad-CAM here").click()
        page.wait_for_selector("[data-main] heat-overlay")
        assert page.locator("[data-main] heat-overlay").count() == 2
        seen.check()


def test_the_run_page_has_passes_and_times(browser: Browser, base: str):
    with opened(browser, base + "run.html", base=base) as seen:
        rows = seen.page.locator("run-facts tbody tr").all_inner_texts()
        assert [row.split() for row in rows] == [
            ["planned", "4", "6"],
            ["run", "4", "6"],
            ["passes", "1.50", "s"],
            ["pages", "0.25", "s"],
        ]
        seen.check()


def test_bibtex_is_copied(browser: Browser, http: str):
    with opened(browser, http + "methods/grad_cam.html") as seen:
        seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        seen.page.locator("copy-button button").click()
        seen.page.wait_for_function("() => document.querySelector('copy-button').textContent === 'Copied'")
        assert seen.page.evaluate("navigator.clipboard.readText()").startswith("@inproceedings{selvaraju2017,")


def test_searched_units_are_counted_and_numbered(browser: Browser, http: str):
    with opened(browser, http + "layers/layer-0.html#v=pictures", base=http) as seen:
        page = seen.page
        tile = page.locator("atlas-wall [role=option]").nth(2)
        tile.wait_for()
        assert page.locator("[data-status]").inner_text() == "searched for: 4 of 12 units"
        assert page.locator("colour-menu").is_hidden()
        for _ in range(6):
            page.get_by_role("button", name="Larger tiles").click()
        page.wait_for_selector(".ca-wall--numbered")
        assert tile.evaluate("(i) => getComputedStyle(i, '::after').content") == '"4"'
        for _ in range(8):
            page.get_by_role("button", name="Smaller tiles").click()
        page.wait_for_selector(".ca-wall:not(.ca-wall--numbered)")
        seen.check()


def test_a_unit_that_was_not_searched_says_how_many_were(browser: Browser, http: str):
    with opened(browser, http + "layers/layer-0.html#u=1") as seen:
        line = seen.page.locator(".ca-panel__line")
        line.wait_for()
        assert line.inner_text() == "What it looks for was not searched: 4 of 12 units were."
        assert seen.page.locator("unit-panel .ca-none").count() == 0


def test_kernel_captions_end_in_one_full_stop(browser: Browser, http: str):
    with opened(browser, http + "layers/layer-0.html#v=kernels") as seen:
        seen.page.wait_for_function("() => /Kernels of/.test(document.querySelector('unit-panel').textContent)")
        text = seen.page.locator("unit-panel").inner_text()
        assert "One tile a filter: input channel 0 of 2." in text
        assert ".." not in text


def test_signed_walls_are_told_as_they_are_drawn(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    report = tiny_report(tmp_path / "store")
    maps = np.random.default_rng(1).normal(size=(12, 16, 16)).astype(np.float32)
    first = replace(report.layers[0], maps={"image-0": atlas(tmp_path / "store", maps, signed=True)})
    built = rebuild(replace(report, layers=(first, *report.layers[1:])), tmp_path)
    with opened(browser, built.site.as_uri() + "/layers/layer-0.html", base=built.site.as_uri()) as seen:
        page = seen.page
        page.locator("atlas-wall [role=option]").first.wait_for()
        wall = page.locator("atlas-wall").evaluate(
            "(w) => [w.atlas.w * w.zoom, w.tiles.style.getPropertyValue('--gap')]"
        )
        assert wall[0] >= 32
        assert wall[1] == "2px"
        assert page.locator(".ca-slab--signed").count() == 1
        assert "Warm where a unit answers above zero" in page.locator("unit-panel").inner_text()
        page.locator("[name=scale][value=layer]").check(force=True)
        assert "c=" not in seen.address
        page.locator("colour-menu summary").click()
        page.locator("colour-menu input[value=gray]").check(force=True)
        page.wait_for_function(
            "() => /Bright above zero, dark below/.test(document.querySelector('unit-panel').textContent)"
        )
        assert "c=gray" in seen.address
        page.locator("colour-menu summary").click()
        page.locator("colour-menu input[value=diverging]").check(force=True)
        page.wait_for_function("() => /Warm where/.test(document.querySelector('unit-panel').textContent)")
        assert "c=" not in seen.address
        page.goto(built.site.as_uri() + "/index.html")
        assert "where a layer answers on both sides of it" in page.locator(".ca-way .ca-note").inner_text()
        seen.check()


def test_what_nobody_asked_for_is_left_out(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], http: str):
    report = tiny_report(tmp_path / "store")
    nothing = NotApplicable("it was not asked for.")
    built = rebuild(
        replace(
            report,
            layers=tuple(replace(v, pictures=nothing) for v in report.layers),
            images=tuple(replace(i, response=dict.fromkeys(i.response, nothing)) for i in report.images),
            run=Passes(0, 0),
            not_applicable=(("cam", "stem", "it needs `torch.fx` and a ` alone"),),
        ),
        tmp_path,
    )
    base = built.site.as_uri()
    with opened(browser, base + "/images/image-0.html#s=common", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-cams")
        assert page.locator("[data-response]").count() == 0
        assert page.locator("[data-common]").is_visible()
        assert page.locator(".ca-pair__signed").first.inner_text() == "Gray is zero."
        page.goto(base + "/layers/layer-0.html#v=pictures")
        page.locator("atlas-wall [role=option]").first.wait_for()
        assert page.locator("[name=view][value=pictures]").count() == 0
        page.goto(base + "/run.html")
        assert "Nothing had to run: all results were kept" in page.locator("run-facts").inner_text()
        assert page.locator("[aria-labelledby=missing] td code").all_inner_texts() == ["torch.fx"]
        assert "and a ` alone" in page.locator("[aria-labelledby=missing]").inner_text()
        seen.check()
    with opened(browser, http + "images/image-0.html") as seen:
        assert seen.page.locator("[data-response]").count() == 1
        assert seen.page.locator("[data-common]").is_hidden()
        seen.page.goto(http + "run.html")
        assert seen.page.locator("[data-kept]").is_hidden()
