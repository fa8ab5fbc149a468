"""How far the maps of a comparison are to be believed, where they are compared closely: failures and baselines stay in sight."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.names import INPUT
from generator.pages.trust_views import MapId, Metric, SanityCurve, Trust
from tests.pages.conftest import Built
from tests.pages.fixture_compare import content, ready, report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

METRICS = (
    Metric("deletion", "Deletion", "lower", "…"),
    Metric("insertion", "Insertion", "higher", "…"),
    Metric("increase", "Increase", "higher", "…"),
)
NUMBERS = {
    "grad_cam": (0.4, 0.5, 0.0),
    "grad_cam_pp": (0.1, 0.7, 0.0),
    "saliency": (0.2, 0.3, 0.0),
    "layer_cam": (0.3, 0.1, 0.0),
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built]) -> str:
    """Grad-CAM++ has the best numbers and fails the sanity check; Layer-CAM is the baseline."""
    folder = tmp_path_factory.mktemp("failing")
    made = report(folder / "store")
    deep = made.cam_layers[1]
    of = {m: MapId(m, INPUT if m == "saliency" else deep) for m in NUMBERS}
    names = [m.name for m in METRICS]
    numbers = {of[m]: dict(zip(names, values, strict=True)) for m, values in NUMBERS.items()}
    curves = tuple(SanityCurve(of[m], (1.0, 0.9), 2, m != "grad_cam_pp") for m in NUMBERS)
    trust = Trust(
        metrics=METRICS, baselines=("layer_cam",), images={i.slug: numbers for i in made.images}, sanity=curves
    )
    return rebuild(replace(made, trust=trust), folder).site.as_uri() + "/"


def table(page: Page, selector: str) -> list[list[str]]:
    rows = page.locator(f"{selector} tbody tr").all_inner_texts()
    return [[" ".join(part.split()) for part in row.split("\t")] for row in rows]


def test_a_row_that_fails_is_marked_and_never_bold(browser: Browser, failing: str):
    with opened(browser, failing + "compare.html", base=failing) as seen:
        page = ready(seen)
        assert table(page, ".ca-judged") == [
            ["Grad-CAM", "0.4", "0.5", "0"],
            ["Grad-CAM++ fails the sanity check", "0.1", "0.7", "0"],
            ["Layer Cam baseline", "0.3", "0.1", "0"],
            ["Saliency", "0.2", "0.3", "0"],
        ]
        # Of those that do not fail, and better than the baseline; where all are alike, none is best.
        assert page.locator(".ca-judged b").all_inner_texts() == ["0.5", "0.2"]
        seen.check()


def test_the_baselines_stand_under_the_rows_whatever_is_shown(browser: Browser, failing: str):
    for view in ("#m=grad_cam.saliency", "#rows=image&cols=layer&m=grad_cam"):
        with opened(browser, failing + "compare.html" + view, base=failing) as seen:
            page = ready(seen)
            assert table(page, ".ca-judged")[-1] == ["Layer Cam baseline", "0.3", "0.1", "0"]
            with page.expect_download() as waiting:
                page.locator("[data-csv=judged]").click()
            rows = list(csv.reader(io.StringIO(content(waiting.value).decode("utf-8"))))
            assert rows[-1][0] == "Layer Cam" and float(rows[-1][1]) == pytest.approx(0.3)
            seen.check()


def test_the_large_view_has_the_marks_and_the_baselines(browser: Browser, failing: str):
    view = "compare.html#large=image-0&left=grad_cam.layer-2.0&right=grad_cam_pp.layer-2.0"
    with opened(browser, failing + view, base=failing) as seen:
        page = seen.page
        page.wait_for_selector(".ca-large__judged")
        heads = [" ".join(t.split()) for t in page.locator(".ca-large__judged thead th").all_inner_texts()]
        assert heads == ["Judged by", "Left", "Right fails the sanity check", "Layer Cam"]
        assert table(page, ".ca-large__judged") == [
            ["Deletion ↓", "0.4", "0.1", "0.3"],
            ["Insertion ↑", "0.5", "0.7", "0.1"],
            ["Increase ↑", "0", "0", "0"],
        ]
        assert page.locator(".ca-large__judged b").count() == 0  # the better one of each fails
        page.locator("[data-side=right][data-part=method]").select_option("saliency")
        page.wait_for_function("() => document.querySelectorAll('.ca-large__judged b').length")
        assert page.locator(".ca-large__judged b").all_inner_texts() == ["0.2", "0.5"]
        seen.check()


def test_a_map_that_fails_its_own_check_is_marked_beside_it(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]
):
    made = report(tmp_path / "store")  # of saliency's first target: a completeness error of 0.25, of the second: none
    methods = tuple(
        replace(m, limits={"completeness error": 0.05}) if m.name == "saliency" else m for m in made.methods
    )
    base = rebuild(replace(made, methods=methods), tmp_path).site.as_uri() + "/"
    said = "fails its own check"
    with opened(browser, base + "compare.html", base=base) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid .ca-doubt").all_inner_texts() == [f"{said} (completeness error 25 %)"] * 2
        page.locator("[data-control=target]").select_option("1")
        page.wait_for_function("() => !document.querySelector('.ca-grid .ca-doubt')")
        seen.check()
    with opened(browser, base + "compare.html#large=image-0&left=photo&right=saliency.layer-2.0", base=base) as seen:
        seen.page.wait_for_selector(".ca-large__side canvas")
        assert said in seen.page.locator(".ca-large__facts .ca-doubt").inner_text()
        seen.check()
    with opened(browser, base + "images/image-0.html", base=base) as seen:
        seen.page.wait_for_selector("[data-gradients] figure")
        assert seen.page.locator("[data-gradients] .ca-doubt").inner_text() == f"completeness error: 25 % {said}"
        seen.check()


def test_a_row_without_a_number_says_where_it_was_judged(browser: Browser, failing: str):
    with opened(browser, failing + "compare.html#m=grad_cam.saliency&l=layer-0&o=insertion", base=failing) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid__metric").all_inner_texts() == [
            "Insertion 0.3", "not judged at this layer (judged at _blocks.10._depthwise_conv)",
        ]  # fmt: skip
        page.locator("[data-control=target]").select_option("1")
        page.wait_for_function("() => document.querySelector('.ca-grid__metric').textContent.includes('class')")
        assert page.locator(".ca-grid__metric").all_inner_texts() == ["not judged for this class"] * 2
        seen.check()
    with opened(browser, failing + "compare.html#rows=layer&m=grad_cam&o=insertion", base=failing) as seen:
        page = ready(seen)
        assert page.locator(".ca-grid__metric").all_inner_texts() == [
            "Insertion 0.5", "not judged at this layer (judged at _blocks.10._depthwise_conv)",
        ]  # fmt: skip
        seen.check()
