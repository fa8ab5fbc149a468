"""The comparison page in use: drawn to the number, chosen, linked, sorted, read large; and how it looks."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator.pages.numbers import raw
from tests.pages.conftest import Built
from tests.pages.fixture_compare import cell, content, known, ramp, ready, report
from tests.pages.fixture_report import picture, tiny_report
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def test_maps_are_upsampled_as_torch_does(browser: Browser, server: str):
    values = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    with opened(browser, server + "compare.html") as seen:
        for size in ((16, 11), (5, 7), (3, 4), (224, 224)):
            found = seen.page.evaluate(
                "([v, w, h, W, H]) => Array.from(convatlas.maps.resize(Float32Array.from(v), w, h, W, H))",
                [values.ravel().tolist(), 7, 5, size[1], size[0]],
            )
            expected = torch.nn.functional.interpolate(
                torch.from_numpy(values)[None, None], size=size, mode="bilinear", align_corners=False
            )[0, 0]
            np.testing.assert_allclose(np.reshape(found, size), expected.numpy(), rtol=1e-5, atol=1e-6)


def canvas(place: Any) -> NDArray[np.int64]:
    """What a cell's canvas holds, (h, w, 4)."""
    found = place.locator("canvas").evaluate(
        "(c) => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    return np.reshape(found[2], (found[0], found[1], 4))


def test_maps_are_drawn_from_numbers_to_the_pixel(browser: Browser, where: str, compared: Built):
    image = compared.report.images[1]
    deep = compared.report.cam_layers[1]
    with opened(browser, where + "compare.html#r=raw&c=magma", base=where) as seen:
        page = ready(seen)
        table = np.array(page.evaluate("convatlas.colours.table.magma"))
        place = cell(page, "Grad-CAM", "two cups")
        drawn = canvas(place)
        np.testing.assert_array_equal(drawn[..., :3], table[np.rint(ramp(255.0)).astype(int)])
        assert (drawn[..., 3] == 255).all()
        assert place.locator(".ca-bar").get_attribute("aria-label") == "Colour bar from 0 to 11"
        signed = image.cams["cam", deep, 0]
        diverging = np.array(page.evaluate("convatlas.colours.table.diverging"))
        values = signed.values.read()  # type: ignore[union-attr]
        entries = 128 + np.rint(values / np.abs(values).max() * 127).astype(int)
        np.testing.assert_array_equal(canvas(cell(page, "CAM", "two cups"))[..., :3], diverging[entries])
        seen.check()


def test_smooth_maps_are_at_least_as_large_as_their_cell(browser: Browser, server: str):
    with opened(browser, server + "compare.html#c=gray") as seen:
        page = ready(seen)
        drawn = canvas(cell(page, "Grad-CAM", "chelsea"))
        h, w = drawn.shape[:2]
        assert w >= page.locator(".ca-grid td .ca-overlay").first.bounding_box()["width"] - 1  # type: ignore[index]
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(ramp(255.0))[None, None], size=(h, w), mode="bilinear", align_corners=False
        )[0, 0]
        assert np.abs(drawn[..., 0] - expected.numpy()).max() < 0.51


def test_empty_and_missing_maps_say_so(browser: Browser, where: str):
    with opened(browser, where + "compare.html#l=layer-0", base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid__na").inner_text() == "Not drawn: it is defined on one layer only."
        assert page.locator(".ca-grid__na").get_attribute("colspan") == "2"
        seen.check()
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        assert cell(page, "Layer Cam", "chelsea").inner_text().strip() == "No value above zero."
        assert "No value above zero" in page.locator(".ca-enlarge").filter(has_text="No value").first.get_attribute(
            "aria-label"
        )  # type: ignore[operator]


def bars(page: Page) -> list[str]:
    return [
        str(e)
        for e in page.locator(".ca-grid .ca-bar[role=img]").evaluate_all(
            "(all) => all.map((e) => e.getAttribute('aria-label'))"
        )
    ]


def test_scales_are_shared_as_asked(browser: Browser, server: str):
    with opened(browser, server + "compare.html#m=grad_cam.grad_cam_pp&t=1") as seen:
        page = ready(seen)
        page.wait_for_function("() => document.querySelectorAll('.ca-grid [data-drawn]').length === 4")

        def ends() -> list[str]:
            page.wait_for_timeout(100)
            return [bar.rpartition(" ")[2] for bar in bars(page)]

        assert ends() == ["101", "111", "102", "112"]
        for scale, expected in (
            ("row", ["111", "111", "112", "112"]),
            ("column", ["102", "112"] * 2),
            ("all", ["112"] * 4),
            ("own", ["101", "111", "102", "112"]),
        ):
            page.locator(f"[name=scale][value={scale}]").check(force=True)
            assert ends() == expected
            assert (f"s={scale}" in seen.address) == (scale != "own")
        seen.check()


def test_rows_and_columns_are_chosen_and_the_address_brings_them_back(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid tbody th").count() == 5
        page.locator("[data-control=columns]").select_option("layer")
        page.wait_for_selector(".ca-grid__corner img")
        assert page.locator(".ca-grid thead th a").all_inner_texts() == ["stem", "_blocks.10._depthwise_conv"]
        assert page.locator("[data-one=image]").is_visible() and not page.locator("[data-one=layer]").is_visible()
        assert (
            page.locator(".ca-grid tbody tr").last.inner_text().split("\n")[-1].strip()
            == "On the input: the same at every layer."
        )
        page.locator("[data-control=image]").select_option("image-1")
        page.locator("[data-pick=rows] summary").click()
        page.locator("[data-pick=rows] label").filter(has_text=re.compile("^CAM$")).click()
        page.keyboard.press("Escape")
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 4")
        page.locator("[name=resolution][value=raw]").check(force=True)
        page.locator("[data-control=opacity]").fill("30")
        page.locator("[data-control=opacity]").dispatch_event("change")
        said = dict(part.split("=") for part in seen.address.partition("#")[2].split("&"))
        assert said == {
            "cols": "layer",
            "m": "grad_cam.grad_cam_pp.layer_cam.saliency",
            "i": "image-1",
            "r": "raw",
            "c": "inferno",
            "overlay": "30",
        }
        assert (
            page.locator("[data-about]")
            .inner_text()
            .startswith("4 methods × 2 layers, on two cups, for the class espresso (ranked first).")
        )
        address = seen.address
        seen.check()
    with opened(browser, address, base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid tbody th").count() == 4
        assert page.locator("[data-control=image]").input_value() == "image-1"
        assert page.locator("[data-control=opacity]").input_value() == "30"
        assert page.evaluate("getComputedStyle(document.querySelector('.ca-grid canvas')).opacity") == "0.3"
        assert page.locator("[name=resolution][value=raw]").is_checked()
        assert seen.address == address


def test_the_link_to_the_view_is_copied_with_its_colours(browser: Browser, server: str):
    with opened(browser, server + "compare.html#cols=layer") as seen:
        page = ready(seen)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("[data-save] summary").click()
        page.locator("[data-copy]").click()
        page.wait_for_function("() => document.querySelector('[data-status]').textContent === 'Link copied'")
        assert (
            page.evaluate("navigator.clipboard.readText()")
            == seen.address
            == server + "compare.html#cols=layer&c=inferno"
        )
        seen.check()


def test_back_and_forward_walk_through_the_views(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        page.locator("[data-control=rows]").select_option("image")  # swaps them: columns were images
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 2")
        assert page.locator("[data-control=columns]").input_value() == "method"
        page.locator("[data-control=columns]").select_option("target")
        page.wait_for_function("() => document.querySelectorAll('.ca-grid thead th').length === 2")
        assert page.locator(".ca-grid__note").all_inner_texts() == [
            "tabby 60.0\u202f%",
            "espresso 30.0\u202f%",
            "espresso 30.0\u202f%",
            "missile 20.0\u202f%",
        ]
        page.go_back()
        page.wait_for_function("() => document.querySelectorAll('.ca-grid thead th').length === 5")
        page.go_back()
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 5")
        assert page.locator("[data-control=rows]").input_value() == "method"
        page.go_forward()
        page.wait_for_function("() => document.querySelectorAll('.ca-grid tbody th').length === 2")
        seen.check()


def test_what_the_address_cannot_mean_is_left_out(browser: Browser, server: str):
    with opened(
        browser,
        server
        + "compare.html#rows=image&cols=image&m=no.such&l=<img>&t=99&s=x&r=y&c=z&overlay=-1&o=q&large=nobody&left=a.b.c&wipe=999",
    ) as seen:
        page = ready(seen)
        assert (
            page.locator("[data-control=rows]").input_value(),
            page.locator("[data-control=columns]").input_value(),
        ) == ("image", "method")
        assert page.locator("dialog[open]").count() == 0
        seen.check()


def test_nothing_chosen_says_what_to_do(browser: Browser, server: str):
    with opened(browser, server + "compare.html") as seen:
        page = ready(seen)
        page.locator("[data-pick=rows] summary").click()
        page.locator("[data-pick=rows] button").filter(has_text="none").click()
        page.wait_for_selector(".ca-grid-box > .ca-na")
        assert (
            page.locator(".ca-grid-box").inner_text() == "Nothing is chosen to be shown. Choose rows and columns above."
        )
        page.locator("[data-pick=rows] button").filter(has_text="all").click()
        page.wait_for_selector(".ca-grid")
        seen.check()


def test_only_what_is_in_view_is_loaded_and_drawn(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    built = rebuild(report(tmp_path / "store", rows=60), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html", base=base) as seen:
        page = ready(seen)
        page.wait_for_timeout(500)
        total, drawn = (page.locator(s).count() for s in (".ca-grid .ca-enlarge", ".ca-grid [data-drawn]"))
        assert total > 100 and 0 < drawn < total / 3
        scripts = "document.querySelectorAll('head script[src*=\"data/compare/\"]').length"
        before = page.evaluate(scripts)
        page.evaluate("document.querySelector('.ca-grid tbody tr:last-child').scrollIntoView()")
        page.wait_for_function(f"() => document.querySelectorAll('.ca-grid [data-drawn]').length > {drawn}")
        page.wait_for_timeout(300)
        assert page.locator(".ca-grid [data-drawn]").count() < total / 2  # the middle was passed over
        assert page.evaluate(scripts) > before  # the maps on the input stand last, and only now were asked for
        headings = page.locator(".ca-grid thead th").first.bounding_box()
        bar = page.locator(".ca-toolbar").bounding_box()
        assert headings and bar and abs(headings["y"] - bar["y"] - bar["height"]) < 8  # they stay in sight
        seen.check()


def test_arrow_keys_walk_over_the_maps(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        assert page.locator(".ca-enlarge[tabindex='0']").count() == 1
        page.locator(".ca-enlarge[tabindex='0']").focus()
        label = "document.activeElement.getAttribute('aria-label')"
        assert page.evaluate(label).startswith("Large view: CAM, chelsea")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(label).startswith("Large view: Grad-CAM, two cups")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Escape")
        page.wait_for_function(
            "() => !location.hash.includes('large') && document.activeElement.matches('.ca-enlarge')"
        )
        assert page.locator("dialog[open]").count() == 0
        assert page.evaluate(label).startswith("Large view: Grad-CAM, two cups")
        assert "large" not in seen.address
        seen.check()


def test_the_large_view_reads_numbers_and_wipes(browser: Browser, where: str, compared: Built):
    with opened(browser, where + "compare.html#r=raw", base=where) as seen:
        page = ready(seen)
        cell(page, "Grad-CAM", "two cups").locator("button").click()
        page.wait_for_selector(".ca-large__side canvas")
        stage = page.locator(".ca-large__stage")
        box = stage.bounding_box()
        assert box and "large=image-1&left=photo&right=grad_cam.layer-2.0" in seen.address
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.9)
        assert page.locator(".ca-large__value").inner_text() == f"Row 4, column 3 of 4 × 4: {raw(14 / 15 * 11)}"
        stage.focus()
        page.keyboard.press("ArrowUp")
        assert page.locator(".ca-large__value").inner_text() == f"Row 3, column 3 of 4 × 4: {raw(10 / 15 * 11)}"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.locator(".ca-large__value").inner_text() == f"Row 3, column 4 of 4 × 4: {raw(11 / 15 * 11)}"
        page.locator("[data-side=left][data-part=method]").select_option("saliency")
        page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 2")
        facts = page.locator(".ca-large__facts div").all_inner_texts()
        largest = compared.report.images[1].gradients["saliency", 0][0].raw_hi  # type: ignore[index]
        assert [fact.split() for fact in facts] == [
            ["largest", "value", raw(largest)],
            ["completeness", "error", "25", "%"],
        ]
        rows = [row.split() for row in page.locator(".ca-large__judged tbody tr").all_inner_texts()]
        assert rows == [["Deletion", "↓", "0.3", "0.4", "0.2"], ["Insertion,", "%", "↑", "–", "0.5", "0.25"]]
        assert page.locator(".ca-large__judged th").all_inner_texts()[3] == "Grad-CAM++"  # the baseline of this report
        assert page.locator(".ca-large__judged b").count() == 0  # it is better than both
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
        page.mouse.up()
        assert page.locator(".ca-large input[type=range]").input_value() == "25"
        assert page.evaluate("document.querySelector('.ca-wipe__over').style.clipPath") == "inset(0px 0px 0px 25%)"
        page.locator("[data-part=both]").check()
        page.wait_for_function(
            "() => new Set([...document.querySelectorAll('.ca-large .ca-bar')].map((e) => e.getAttribute('aria-label'))).size === 1"
        )
        assert "wipe=25" in seen.address and "both=1" in seen.address
        address = seen.address
        seen.check()
    with opened(browser, address, base=where) as seen:
        seen.page.wait_for_function("() => document.querySelectorAll('.ca-large__side canvas').length === 2")
        assert seen.page.locator(".ca-large input[type=range]").input_value() == "25"
        assert seen.page.locator("[data-side=left][data-part=method]").input_value() == "saliency"
        assert seen.page.locator("[data-part=both]").is_checked()
        assert seen.page.locator(".ca-large__links a").first.get_attribute("href").endswith("methods/saliency.html")  # type: ignore[union-attr]
        seen.check()


def test_values_beyond_the_scale_and_coarse_ones_are_said_so(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = report(tmp_path / "store")
    rng = np.random.default_rng(3)
    values = rng.random((140, 140)).astype(np.float32)
    values[70, 70] = 2
    loud = replace(known(tmp_path, values), hi=1.0, raw_hi=2.0)
    image = replace(made.images[0], gradients={("saliency", 0): (loud, None)})
    built = rebuild(replace(made, images=(image, *made.images[1:])), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html#large=image-0&left=photo&right=saliency.layer-2.0", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-large__side canvas")
        read = "([x, y]) => document.querySelector('map-large').read((x + 0.5) / 140, (y + 0.5) / 140, 1)"
        page.evaluate(read, [70, 70])
        assert page.locator(".ca-large__value b").inner_text() == "at least 1"
        page.evaluate(read, [30, 20])
        assert (
            page.locator(".ca-large__value b").inner_text() == f"{round(float(values[20, 30]) * 63) / 63:.3f} ± 0.008"
        )
        assert "largest value" in page.locator(".ca-large__facts").inner_text()


def test_rows_are_sorted_by_a_metric_best_first(browser: Browser, where: str):
    with opened(browser, where + "compare.html", base=where) as seen:
        page = ready(seen)
        page.locator("[data-control=order]").select_option("deletion")
        page.wait_for_selector(".ca-grid__metric")
        order = [text.split("\n")[0] for text in page.locator(".ca-grid tbody th").all_inner_texts()]
        assert order == ["Grad-CAM++", "Saliency", "Grad-CAM", "CAM", "Layer Cam"]
        assert page.locator(".ca-grid__metric").all_inner_texts() == [
            "Deletion 0.15",
            "Deletion 0.25",
            "Deletion 0.35",
            "not judged",
            "not judged",
        ]
        assert cell(page, "Saliency", "two cups").locator(".ca-grid__note").inner_text() == "Deletion 0.3"
        page.locator(".ca-judged thead button").filter(has_text="Insertion").click()
        page.wait_for_function("() => document.querySelector('[data-control=order]').value === 'insertion'")
        assert [t.split("\n")[0] for t in page.locator(".ca-grid tbody th").all_inner_texts()][:2] == [
            "Grad-CAM",
            "Grad-CAM++",
        ]
        assert "o=insertion" in seen.address
        rows = [row.split("\t") for row in page.locator(".ca-judged tbody tr").all_inner_texts()]
        assert [[part.strip() for part in row] for row in rows] == [
            ["Grad-CAM", "0.35", "0.5"],
            ["Grad-CAM++ baseline", "0.15", "0.25"],
            ["Saliency", "0.25", "–"],
        ]
        assert page.locator(".ca-judged b").all_inner_texts() == ["0.5"]  # by deletion the baseline is better
        with page.expect_download() as waiting:
            page.locator("[data-csv=judged]").click()
        table = list(csv.reader(io.StringIO(content(waiting.value).decode("utf-8"))))
        assert table[0] == ["Method", "Deletion", "Deletion, n", "Insertion (%)", "Insertion, n"]
        assert len(set(table[0])) == len(table[0])
        assert [row[0] for row in table[1:]] == ["Grad-CAM", "Grad-CAM++", "Saliency"]
        assert float(table[1][1]) == pytest.approx(0.35) and table[3][3:] == ["", ""]
        page.locator("[data-control=target]").select_option("1")
        page.wait_for_function("() => !document.querySelector('.ca-judged')")
        assert "no numbers" in page.locator("[data-judged-note]").inner_text()
        seen.check()


@pytest.mark.parametrize(
    "view",
    [
        "",
        "#rows=image&cols=method&o=deletion",
        "#cols=layer",
        "#large=image-0&left=cam.layer-2.0&right=saliency.layer-2.0",
    ],
)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, server: str, view: str, scheme: str, width: int):
    with opened(browser, f"{server}compare.html{view}", scheme=scheme, width=width) as seen:
        page = ready(seen)
        if "large" in view:
            page.wait_for_selector(".ca-large__side canvas")
        else:
            page.locator("[data-numbers] summary").click()
            page.locator("[data-pick=rows] summary").click()
        assert audit(page) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        seen.check()


def test_the_dark_redraws_signed_maps(browser: Browser, server: str):
    with opened(browser, server + "compare.html#m=cam&r=raw") as seen:
        page = ready(seen)
        light = canvas(page.locator(".ca-grid td").nth(1))
        page.locator("label[title='Switch to dark']").click()
        page.wait_for_function("() => convatlas.colours.table.diverging[128][0] < 32")
        page.wait_for_timeout(300)
        dark = canvas(page.locator(".ca-grid td").nth(1))
        assert light.shape == dark.shape and (light != dark).any()
        seen.check()


def test_a_telephone_shows_maps_first(browser: Browser, server: str):
    with opened(browser, server + "compare.html", width=390, height=844) as seen:
        page = ready(seen)
        assert not page.locator("[name=scale]").first.is_visible()
        assert page.locator(".ca-grid td .ca-overlay").first.bounding_box()["y"] < 600  # type: ignore[index]
        page.locator("[data-tune]").click()
        assert page.locator("colour-menu").is_visible()
        assert page.locator("[data-tune]").get_attribute("aria-expanded") == "true"


def test_without_scripts_there_is_a_sentence_and_a_way_on(browser: Browser, where: str):
    with opened(browser, where + "compare.html", scripts=False, base=where) as seen:
        assert seen.page.locator("noscript a[href='images/index.html']").is_visible()
        assert not seen.page.locator(".ca-toolbar").is_visible()
        assert seen.page.locator(".ca-archives a").count() == 2


def test_a_report_without_maps_says_so(tmp_path: Path, rebuild: Callable[..., Built]):
    made = tiny_report(tmp_path / "store")
    bare = replace(
        made, images=tuple(replace(i, cams={}, gradients={}) for i in made.images), cam_layers=(), default_layer=None
    )
    built = rebuild(bare, tmp_path)
    text = (built.site / "compare.html").read_text("utf-8")
    assert "No map was drawn in this run." in text and "<compare-page>" not in text
    assert not (built.site / "raw").exists()


def test_a_report_of_maps_on_the_input_alone_is_compared(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = report(tmp_path / "store")
    bare = replace(made, images=tuple(replace(i, cams={}) for i in made.images), cam_layers=(), default_layer=None)
    built = rebuild(bare, tmp_path)
    base = built.site.as_uri() + "/"
    for view in ("", "#cols=target", "#large=image-0&left=photo&right=saliency..0"):
        with opened(browser, base + "compare.html" + view, base=base) as seen:
            page = ready(seen)
            assert page.locator(".ca-grid tbody th").all_inner_texts()[0].startswith("Saliency")
            assert not page.locator("[data-one=layer]").is_visible()
            assert (page.locator("dialog[open]").count() == 1) == ("large" in view)
            seen.check()


def test_pictures_that_are_not_square_stay_so(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    made = report(tmp_path / "store")
    wide = picture(tmp_path / "store", np.random.default_rng(0).integers(0, 255, (24, 48, 3)).astype(np.uint8), "JPEG")
    built = rebuild(replace(made, images=tuple(replace(i, photo=wide) for i in made.images)), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "compare.html#large=image-0&left=photo&right=grad_cam.layer-2.0", base=base) as seen:
        page = ready(seen)
        page.wait_for_selector(".ca-large__side canvas")
        for selector in (".ca-grid td .ca-overlay", ".ca-large__stage"):
            box = page.locator(selector).first.bounding_box()
            assert box and box["width"] / box["height"] == pytest.approx(2, rel=0.02)
