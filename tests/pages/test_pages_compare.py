"""The comparison in a browser: maps and scales to the pixel, rows and columns, the address, what is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from tests.pages.conftest import Built
from tests.pages.fixture_compare import canvas, cell, ramp, ready, report
from tests.pages.opened import opened

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
