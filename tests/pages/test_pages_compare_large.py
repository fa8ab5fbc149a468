"""Two maps of the comparison side by side: keys, numbers, the wipe, values beyond the scale, rows sorted by a metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.pages.numbers import raw
from tests.pages.conftest import Built
from tests.pages.fixture_compare import cell, content, known, ready, report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


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
