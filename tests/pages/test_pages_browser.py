"""Walks through the site with mouse and keys: pages, units, images, maps side by side, search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from generator.pages.numbers import raw
from generator.pages.views import Atlas
from tests.pages.conftest import Built
from tests.pages.opened import opened, search

if TYPE_CHECKING:
    from playwright.sync_api import Browser


KINDS = ("index.html", "tour.html", "architecture.html", "layers/index.html", "units.html", "layers/layer-0.html", "layers/layer-3.html", "images/index.html", "images/image-0.html",
         "methods/index.html", "methods/grad_cam.html", "run.html", "404.html")  # fmt: skip


def test_a_walk_from_home_to_layer_to_unit_to_image_to_method(browser: Browser, base: str):
    with opened(browser, base + "index.html", base=base) as seen:
        page = seen.page
        page.locator(".ca-way__steps a[href^='layers/']").first.click()
        page.wait_for_selector("atlas-wall [role=option]")
        assert page.locator("h1").inner_text() == "stem"
        page.locator("atlas-wall [role=option]").nth(4).click()
        assert page.locator("unit-panel h2").inner_text().startswith("Unit 4")
        assert re.search(r"#u=4&i=image-0&v=maps", seen.address)
        page.locator("unit-panel a").click()
        page.wait_for_selector(".ca-cams")
        assert page.locator("h1").inner_text() == "chelsea"
        page.locator(".ca-cams th a[href*='grad_cam.html']").click()
        page.wait_for_selector("math")
        assert page.locator("h1").inner_text() == "Grad-CAM"
        page.locator(".ca-nav a").filter(has_text="Run").click()
        assert page.locator("h1").inner_text() == "Run"
        seen.check()


def test_keys_walk_the_wall_and_the_address_follows(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        page.locator(".ca-wall").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert "Unit 2 ·" in page.locator("[data-status]").inner_text()
        across = page.evaluate("document.querySelector('atlas-wall').across")
        page.keyboard.press("ArrowDown")
        assert f"Unit {2 + across} ·" in page.locator("[data-status]").inner_text()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowRight")
        assert "#u=" not in seen.address
        page.keyboard.press("Enter")
        assert "#u=1&" in seen.address
        page.keyboard.press("End")
        assert "#u=11&" in seen.address
        assert page.locator("[aria-selected]").get_attribute("aria-label").startswith("Unit 11,")  # type: ignore[union-attr]
        page.keyboard.press("Escape")
        assert "#u=" not in seen.address
        assert page.locator("unit-panel h2").inner_text() == "Feature maps of stem on chelsea"
        seen.check()


def test_a_link_brings_the_view_back(browser: Browser, base: str, tiny: Built):
    with opened(browser, base + "layers/layer-0.html#u=7&i=image-1&v=maps&c=magma&s=layer", base=base) as seen:
        page = seen.page
        page.wait_for_selector("unit-panel figure")
        assert page.locator("[name=image][value=image-1]").is_checked()
        assert page.locator("[name=scale][value=layer]").is_checked()
        assert page.locator("colour-menu summary").inner_text() == "magma"
        item = tiny.report.layers[0].maps["image-1"]
        assert isinstance(item, Atlas)
        shown = page.locator("unit-panel .ca-bar").first.get_attribute("aria-label")
        assert shown == f"Colour bar from {raw(min(item.lo))} to {raw(max(item.hi))}"
        assert page.locator("unit-panel figcaption").first.inner_text() == "Map on two cups"


def test_the_picker_changes_the_image(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        before = page.evaluate("document.querySelector('.ca-wall').style.getPropertyValue('--atlas')")
        page.locator(".ca-thumbs label").nth(1).click()
        page.wait_for_function("() => document.querySelector('unit-panel h2').textContent.includes('two cups')")
        assert page.evaluate("document.querySelector('.ca-wall').style.getPropertyValue('--atlas')") != before
        assert "i=image-1" in seen.address
        assert "i=image-1" in page.locator(".ca-pager a").first.get_attribute("href")  # type: ignore[operator]
        seen.check()


def test_a_photograph_that_is_not_square_stands_whole_beside_its_maps(browser: Browser, tiny: Built):
    base = tiny.site.as_uri() + "/"
    with opened(browser, base + "layers/layer-0.html", base=base) as seen:
        photo = seen.page.locator("unit-panel .ca-panel__photo")
        photo.wait_for()
        rem = seen.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
        for wide, high in ((90, 40), (40, 90), (600, 300)):
            made = """async (e, [w, h]) => {
              e.src = Object.assign(document.createElement('canvas'), {width: w, height: h}).toDataURL();
              await e.decode();
              return [e.offsetWidth, e.offsetHeight, getComputedStyle(e).objectFit];
            }"""
            w, h, fit = photo.evaluate(made, [wide, high])
            assert fit == "fill"
            assert w / h == pytest.approx(wide / high, rel=0.05), "neither cut nor stretched"
            assert w <= 6 * rem + 1 and h <= 3.2 * rem + 1


def test_the_zoom_buttons_make_tiles_larger_and_smaller(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html", base=base) as seen:
        page = seen.page
        tile = page.locator("atlas-wall [role=option]").first
        tile.wait_for()

        def wide() -> float:
            box = tile.bounding_box()
            assert box
            return box["width"]

        before = wide()
        page.get_by_role("button", name="Larger tiles").click()
        page.wait_for_function(f"() => document.querySelector('atlas-wall [role=option]').offsetWidth > {before}")
        larger = wide()
        page.get_by_role("button", name="Smaller tiles").click()
        page.wait_for_function(f"() => document.querySelector('atlas-wall [role=option]').offsetWidth < {larger}")
        assert wide() == before
        seen.check()


def test_sorting_by_strength(browser: Browser, http: str, tiny: Built):
    item = tiny.report.layers[0].maps["image-0"]
    assert isinstance(item, Atlas)
    order = sorted(item.units, key=lambda u: -max(abs(item.raw_lo[u]), abs(item.raw_hi[u])))
    with opened(browser, http + "layers/layer-0.html") as seen:
        seen.page.locator("[data-control=sort]").select_option("strongest")
        labels = seen.page.locator("atlas-wall [role=option]").evaluate_all(
            "(all) => all.map((e) => e.getAttribute('aria-label'))"
        )
        assert [int(re.findall(r"Unit (\d+)", label)[0]) for label in labels] == order


def test_cam_comparison(browser: Browser, base: str, tiny: Built):
    image = tiny.report.images[0]
    layer = tiny.report.cam_layers[1]
    with opened(browser, base + "images/image-0.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-cams")
        assert "No value above zero" in page.locator(".ca-cams").inner_text()
        assert (
            page.locator(".ca-cams .ca-na")
            .inner_text()
            .endswith("Not drawn: the model does not end in global average pooling and one linear layer.")
        )
        bar = page.locator("[data-best] .ca-bar")

        def expected(target: int) -> str:
            heat = image.cams["grad_cam", layer, target]
            return f"Colour bar from {raw(heat.lo)} to {raw(heat.hi)}"  # type: ignore[union-attr]

        assert bar.get_attribute("aria-label") == expected(0)
        page.locator("[name=target][value='1']").check(force=True)
        assert bar.get_attribute("aria-label") == expected(1)
        assert "espresso" in page.locator("[data-best] figcaption").inner_text()
        page.locator("[name=resolution][value=raw]").check(force=True)
        assert (
            page.evaluate("getComputedStyle(document.querySelector('[data-best] .ca-crisp canvas')).imageRendering")
            == "pixelated"
        )
        page.locator("[data-control=opacity]").fill("20")
        page.wait_for_function(
            "() => getComputedStyle(document.querySelector('[data-best] .ca-overlay__map')).opacity === '0.2'"
        )
        page.locator("[name=scale][value=common]").check(force=True)
        bars = (
            page.locator(".ca-cams tbody tr")
            .nth(0)
            .locator(".ca-bar")
            .evaluate_all("(all) => all.map((e) => e.getAttribute('aria-label'))")
        )
        heats = [image.cams["grad_cam", name, 1] for name in tiny.report.cam_layers]
        assert bars == [f"Colour bar from {raw(min(h.lo for h in heats))} to {raw(max(h.hi for h in heats))}"] * 2  # type: ignore[union-attr]
        seen.check()


def test_the_wipe_between_two_maps(browser: Browser, base: str):
    with opened(browser, base + "images/image-0.html", base=base) as seen:
        page = seen.page
        page.locator(".ca-cams tbody tr").nth(1).locator("button").first.click()
        dialog = page.locator("dialog[open]")
        assert dialog.count() == 1
        dialog.locator("input[type=range]").fill("25")
        assert page.evaluate("document.querySelector('.ca-wipe__over').style.clipPath") == "inset(0px 0px 0px 25%)"
        dialog.locator("select").first.select_option("grad_cam_pp/1")
        assert "Grad-CAM++" in dialog.locator(".ca-wipe__bars b").first.inner_text()
        box = dialog.locator(".ca-wipe__stage").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 30)
        page.mouse.up()
        assert dialog.locator("input[type=range]").input_value() == "75"
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")
        seen.check()


def test_the_layer_table_sorts_and_filters(browser: Browser, base: str):
    with opened(browser, base + "layers/index.html", base=base) as seen:
        page = seen.page
        visible = page.locator("tbody tr:visible th")
        page.locator("[data-filter]").fill("conv3")
        assert visible.all_inner_texts() == ["layer4.2.conv3"]
        page.locator("[data-filter]").fill("nothing like it")
        assert page.locator("[data-none]").is_visible()
        page.locator("[data-filter]").fill("")
        page.locator("[name=kind][value=conv]").check(force=True)
        assert visible.all_inner_texts() == ["stem", "_blocks.10._depthwise_conv"]
        page.locator("[name=kind][value='']").check(force=True)
        page.locator("thead button").filter(has_text="Units").click()
        assert visible.all_inner_texts() == ["_blocks.10._depthwise_conv", "stem", "layer4.2.conv3", "head"]
        page.locator("thead button").filter(has_text="Units").click()
        assert visible.first.inner_text() == "head"
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
        seen.check()


@pytest.mark.parametrize(
    ("word", "title"), [("depthwise", "_blocks.10._depthwise_conv"), ("conv3", "layer4.2.conv3"), ("cups", "two cups")]
)
def test_search_finds_any_part_of_a_name(browser: Browser, base: str, word: str, title: str):
    with opened(browser, base + "methods/index.html", base=base) as seen:
        assert title in search(seen.page, word)
        seen.check()


@pytest.mark.parametrize(
    ("word", "names"),
    [("onv3", ["layer4.2.conv3"]), ("10._depthwise_conv", ["_blocks.10._depthwise_conv"]), ("pthwise", ["_blocks.10._depthwise_conv"]),
     ("4.2 NV", ["layer4.2.conv3"]), ("head", ["head"]), ("v", ["layer4.2.conv3", "_blocks.10._depthwise_conv"]), ("zzz", [])],
)  # fmt: skip
def test_search_lists_layers_by_any_part_of_their_name_first(browser: Browser, base: str, word: str, names: list[str]):
    with opened(browser, base + "methods/index.html", base=base) as seen:
        page = seen.page
        found = search(page, word)
        assert found[: len(names)] == names
        assert page.locator(".ca-found h1").all_inner_texts() == names
        links = page.locator(".md-search-result__item:visible").evaluate_all(
            "(all) => all.map((item) => item.querySelector('a').pathname)"
        )
        assert len(set(links)) == len(links)
        assert not [link for link in links if link.endswith(("images/index.html", "run.html"))]
        if names:
            page.keyboard.press("Enter")
            page.wait_for_selector("atlas-wall")
            assert page.locator("h1").first.inner_text() == names[0]
        seen.check()


def test_all_views_are_in_sight_on_a_telephone(browser: Browser, http: str):
    with opened(browser, http + "layers/layer-0.html", width=390, height=800) as seen:
        boxes = seen.page.locator("[data-control=view] label").evaluate_all(
            "(all) => all.map((e) => e.getBoundingClientRect().right)"
        )
        assert len(boxes) == 4
        assert max(boxes) <= 390
