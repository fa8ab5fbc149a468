"""The page in use: mouse, touch and keyboard, file, drop, paste; nothing leaves; by double-click; as found by axe."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from generator.artifacts import NotApplicable
from generator.live.lacking import Lacking
from tests.live.conftest import Page as Live
from tests.live.made import live, report
from tests.pages.conftest import Built, build
from tests.pages.fixture_report import HOSTILE
from tests.pages.opened import Opened, audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SLOW = 60_000
"""Milliseconds that a page may take where everything else runs at once; nothing is measured by it."""


@pytest.fixture(scope="module")
def png() -> bytes:
    out = io.BytesIO()
    y, x = np.mgrid[0:90, 0:120]
    Image.fromarray(np.stack([x * 2, y * 2, (x + y)], -1).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def ran(page: Page, name: str) -> None:
    """A picture of this name has been run and its first layer is there."""
    page.wait_for_function(
        "(name) => document.querySelector('.lv-first figcaption b')?.textContent === name && document.querySelector('.lv-unit h3')",
        arg=name,
        timeout=SLOW,
    )


@contextmanager
def run_sample(browser: Browser, at: Live, k: int = 0, **how: object) -> Iterator[Opened]:
    """The page with the k-th picture of the report run."""
    with opened(browser, at.http + "live.html", **how) as seen:  # type: ignore[arg-type]
        seen.page.locator(".lv-samples input").nth(k).check(force=True)
        ran(seen.page, at.model_name(k))
        yield seen


def test_a_sample_is_run_and_shown(browser: Browser, lite: Live):
    with run_sample(browser, lite) as seen:
        page = seen.page
        assert "with the maps of all 157 layers" in page.locator("[data-status]").first.inner_text()
        assert page.locator(".lv-class").count() == 5
        assert page.locator(".lv-class input:checked").count() == 1
        assert page.locator(".lv-map").count() == 3
        assert page.locator(".lv-map heat-overlay").count() == 1  # the exact one at once
        assert page.locator("atlas-wall [role=option]").count() == 32  # the stem's units
        assert page.locator(".lv-seen").evaluate("(c) => [c.width, c.height]") == [224, 224]
        seen.check()


def test_nothing_leaves_and_nothing_is_asked_for_but_the_sites_own_files(browser: Browser, lite: Live, png: bytes):
    asked: list[tuple[str, str, str | None]] = []
    with opened(browser, lite.http + "live.html") as seen:
        page = seen.page
        page.context.on("request", lambda r: asked.append((r.method, r.url, r.post_data)))
        assert "Nothing leaves this computer" in page.locator(".lv-private").inner_text()
        page.locator("[data-pick]").set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": png})
        ran(page, "mine.png")
        loaded = len(asked)
        page.locator("[data-pick]").set_input_files({"name": "again.png", "mimeType": "image/png", "buffer": png})
        ran(page, "again.png")
        page.locator("live-layers select").select_option("60")
        page.wait_for_function(
            "() => document.querySelector('.lv-unit h3').textContent.includes('_blocks')", timeout=SLOW
        )
        icon = lite.http + "assets/favicon.svg"  # which Chromium asks for again where the address has another layer
        assert all(url.startswith(("blob:", "data:")) or url == icon for _, url, _ in asked[loaded:])
        page.locator("live-task").nth(1).locator("select").first.select_option("64 px")
        page.locator("live-task").nth(1).locator("button").click()
        page.wait_for_function("() => document.querySelectorAll('.lv-map heat-overlay').length === 2", timeout=SLOW)
        files = {path.relative_to(lite.built.site).as_posix() for path in lite.built.site.rglob("*") if path.is_file()}
        for method, url, body in asked:
            if url.startswith(("blob:", "data:")):
                continue
            assert (method, body) == ("GET", None)
            assert url.startswith(lite.http)
            assert url.removeprefix(lite.http) in files, url
        seen.check()


def test_a_file_a_drop_and_a_paste(browser: Browser, tinyvgg: Live, png: bytes):
    given = base64.b64encode(png).decode()
    transfer = """([given, name, type]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(given), (x) => x.charCodeAt(0))], name, {type}));
      return data;
    }"""
    with opened(browser, tinyvgg.http + "live.html") as seen:
        page = seen.page
        with page.expect_file_chooser() as chooser:
            page.locator("[data-act=choose]").click()
        chooser.value.set_files({"name": "chosen.png", "mimeType": "image/png", "buffer": png})
        ran(page, "chosen.png")
        data = page.evaluate_handle(transfer, [given, "dropped.png", "image/png"])
        page.dispatch_event("body", "dragenter", {"dataTransfer": data})
        assert page.locator(".lv-drop--over").count() == 1
        page.dispatch_event("body", "drop", {"dataTransfer": data})
        ran(page, "dropped.png")
        assert page.locator(".lv-drop--over").count() == 0
        data = page.evaluate_handle(transfer, [given, "pasted.png", "image/png"])
        page.evaluate("(data) => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))", data)
        ran(page, "pasted.png")
        data = page.evaluate_handle(transfer, [given, "notes.txt", "text/plain"])
        page.dispatch_event("body", "drop", {"dataTransfer": data})
        assert page.locator("[data-status]").first.inner_text() == "notes.txt is no picture."
        seen.check()


def test_the_model_loads_while_a_picture_is_chosen(browser: Browser, tinyvgg: Live, png: bytes):
    with opened(browser, tinyvgg.http + "live.html") as seen:
        page = seen.page
        assert not any(
            "data/live/" in url for url in page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
        )
        with page.expect_file_chooser() as chooser:
            page.locator("[data-act=choose]").click()
        page.wait_for_function("() => document.querySelector('.lv-status').textContent === 'The model is ready for a picture.'", timeout=SLOW)  # fmt: skip
        chooser.value.set_files({"name": "chosen.png", "mimeType": "image/png", "buffer": png})
        ran(page, "chosen.png")
        seen.check()


def test_what_is_no_picture_inside_is_told_and_the_page_goes_on(browser: Browser, tinyvgg: Live, png: bytes):
    with opened(browser, tinyvgg.http + "live.html") as seen:
        page = seen.page
        page.locator("[data-pick]").set_input_files({"name": "broken.png", "mimeType": "image/png", "buffer": b"no"})
        page.wait_for_function("() => document.querySelector('.lv-status').textContent.startsWith('broken.png could not be run')", timeout=SLOW)  # fmt: skip
        page.locator("[data-pick]").set_input_files({"name": "whole.png", "mimeType": "image/png", "buffer": png})
        ran(page, "whole.png")
        seen.check()


def test_by_keyboard_alone(browser: Browser, tinyvgg: Live):
    with opened(browser, tinyvgg.http + "live.html") as seen:
        page = seen.page
        page.locator("[data-act=choose]").focus()
        for _ in range(2):  # the camera, then the pictures
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        ran(page, shown(HOSTILE[0]))
        page.keyboard.press("ArrowRight")
        ran(page, shown(HOSTILE[1]))
        page.locator(".lv-class input:checked").focus()
        before = page.locator(".lv-class input:checked").get_attribute("value")
        page.keyboard.press("ArrowDown")
        assert page.locator(".lv-class input:checked").get_attribute("value") != before
        assert page.evaluate("document.activeElement.name") == "class"
        page.locator("live-task button").last.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelectorAll('.lv-map heat-overlay').length === 1", timeout=SLOW)
        page.locator(".ca-wall").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        second = page.locator("atlas-wall [role=option]").nth(1).get_attribute("data-unit")
        page.wait_for_function("(n) => document.querySelector('.lv-unit h3').textContent.startsWith(`Unit ${n} of`)", arg=second)  # fmt: skip
        assert seen.address.endswith(f"#l=0&u={second}")
        page.locator("live-layers button", has_text="›").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("(name) => document.querySelector('.lv-unit h3').textContent.endsWith(name)", arg=str(tinyvgg.model.outputs.layers[1]))  # fmt: skip
        seen.check()


def test_by_touch(browser: Browser, tinyvgg: Live):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(tinyvgg.http + "live.html")
    page.locator(".lv-samples label").first.tap()
    ran(page, shown(HOSTILE[0]))
    page.locator(".lv-class").nth(2).tap()
    assert page.locator(".lv-class").nth(2).locator("input").is_checked()
    page.locator("atlas-wall [role=option]").nth(3).tap()
    fourth = page.locator("atlas-wall [role=option]").nth(3).get_attribute("data-unit")
    page.wait_for_function("(n) => document.querySelector('.lv-unit h3').textContent.startsWith(`Unit ${n} of`)", arg=fourth)  # fmt: skip
    page.locator("live-task button").first.tap()
    page.wait_for_function("() => document.querySelectorAll('.lv-map heat-overlay').length === 1", timeout=SLOW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_every_picture_of_the_report_can_be_reached_on_a_telephone(browser: Browser, lite: Live):
    with opened(browser, lite.http + "live.html", width=390) as seen:
        page, samples = seen.page, seen.page.locator(".lv-samples")
        assert samples.locator("label").count() > 0
        more = "(box) => { while (box.children.length < 12) box.append(box.lastElementChild.cloneNode(true)); }"
        samples.evaluate(more)  # a report has up to twelve
        for box in samples.locator("img").evaluate_all(
            "(all) => all.map((one) => one.getBoundingClientRect().toJSON())"
        ):
            assert box["left"] >= 0 and box["right"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        seen.check()


def test_a_task_shows_how_far_it_is_and_is_stopped(browser: Browser, lite: Live):
    with run_sample(browser, lite) as seen:
        page = seen.page
        task = page.locator("live-task").nth(1)
        task.locator("select").first.select_option("16 px")
        assert task.locator("[role=status]").inner_text() == "730 runs"
        task.locator("button").click()
        page.wait_for_function("() => document.querySelectorAll('live-task progress')[1].value > 0", timeout=SLOW)
        assert task.locator("button").inner_text() == "Stop"
        assert " of 730 runs, some " in task.locator("[role=status]").inner_text()
        task.locator("button").click()
        page.wait_for_function("() => document.querySelectorAll('live-task')[1].textContent.includes('Stopped.')", timeout=SLOW)  # fmt: skip
        assert task.locator("button").inner_text() == "Compute"
        assert task.locator("progress").is_hidden()
        seen.check()


def test_another_class_is_found_by_its_name(browser: Browser, lite: Live):
    with run_sample(browser, lite) as seen:
        page = seen.page
        page.locator(".lv-other input").fill("tiger cat")
        page.locator(".lv-other input").press("Enter")
        assert page.locator(".lv-class input:checked").get_attribute("value") == "282"
        assert page.locator(".lv-class").count() == 6
        page.wait_for_function("() => document.querySelector('.lv-map').textContent.includes('tiger cat')")
        seen.check()


def test_where_class_activation_maps_are_not_exact_it_says_so(browser: Browser, tinyvgg: Live):
    with run_sample(browser, tinyvgg) as seen:
        first = seen.page.locator(".lv-map").first.inner_text()
        assert "does not end in global average pooling and one linear layer" in first
        assert "Score-CAM" in first
        seen.check()


def test_the_wall_shows_the_strongest_units_and_all_on_demand(browser: Browser, lite: Live):
    with run_sample(browser, lite) as seen:
        page = seen.page
        page.locator("live-layers select").select_option(label="_swish@2")
        page.wait_for_function(
            "() => document.querySelector('.lv-unit h3').textContent.endsWith('_swish@2')", timeout=SLOW
        )
        assert page.locator("atlas-wall [role=option]").count() == 96
        page.locator("live-layers button", has_text="Show all 1280").click()
        assert page.locator("atlas-wall [role=option]").count() == 1280
        tops = page.evaluate("(({atlas, order}) => order.map((k) => Math.max(Math.abs(atlas.rlo[k]), atlas.rhi[k])))(document.querySelector('live-layers'))")  # fmt: skip
        assert tops == sorted(tops, reverse=True)
        seen.check()


def test_every_layer_has_its_own_order_on_the_wall(browser: Browser, tinyvgg: Live):
    """A layer and the next have as many units, and often the same strongest one: the order is not the last layer's."""
    drawn = """() => {
      const layers = document.querySelector('live-layers');
      return [[...layers.querySelectorAll('atlas-wall [role=option]')].map((one) => Number(one.dataset.unit)), [...layers.order].slice(0, 96)];
    }"""
    with run_sample(browser, tinyvgg) as seen:
        page = seen.page
        for name in tinyvgg.model.outputs.layers[1:]:
            page.locator("live-layers button", has_text="›").click()
            page.wait_for_function("(name) => document.querySelector('.lv-unit h3').textContent.endsWith(name)", arg=str(name), timeout=SLOW)  # fmt: skip
            shown_, order = page.evaluate(drawn)
            assert shown_ == order, name
        seen.check()


def test_the_wall_is_drawn_from_the_numbers(browser: Browser, tinyvgg: Live):
    """The picture of the wall: each tile's gray stands for its values, as in the report's own atlases."""
    from tests.live.made import photographs

    value = tinyvgg.model.expected(photographs(tinyvgg.model, HOSTILE[:4])[0][2][None])["m0"][0].numpy()
    with run_sample(browser, tinyvgg) as seen:
        atlas, encoded = seen.page.evaluate(
            """async () => {
              const {blob, ...atlas} = document.querySelector('live-layers').atlas;
              const bytes = new Uint8Array(await blob.arrayBuffer());
              return [atlas, btoa(String.fromCharCode(...bytes))];
            }"""
        )
        sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L")).astype(float)
        units, h, w = value.shape
        assert (atlas["n"], atlas["h"], atlas["w"], atlas["signed"]) == (units, h, w, bool(value.min() < 0))
        for k in range(units):
            y, x = k // atlas["cols"] * (h + 1), k % atlas["cols"] * (w + 1)
            hi = atlas["hi"][k]
            drawn = (sheet[y : y + h, x : x + w] - 128) / 127 * hi
            assert np.abs(drawn - value[k]).max() <= hi / 127 * 0.51 + 1e-6
            assert atlas["rlo"][k] == pytest.approx(float(value[k].min()), abs=1e-5)
            assert atlas["rhi"][k] == pytest.approx(float(value[k].max()), abs=1e-5)


def shown(text: str) -> str:
    from generator.pages import escape

    return escape.clean(text)


def test_hostile_names_and_labels_are_text(browser: Browser, tinyvgg: Live, png: bytes):
    with run_sample(browser, tinyvgg) as seen:
        page = seen.page
        labels = page.locator(".lv-class__name").all_inner_texts()
        assert any("window.pwned" in text for text in labels)
        page.locator("[data-pick]").set_input_files({"name": HOSTILE[1], "mimeType": "image/png", "buffer": png})
        page.wait_for_function("() => document.querySelector('.lv-first figcaption b').textContent.includes('onerror')")
        for k in range(2):
            page.locator("live-task").nth(k).locator("button").click()
        page.wait_for_function("() => document.querySelectorAll('.lv-map heat-overlay').length === 2", timeout=SLOW)
        assert page.evaluate("document.querySelectorAll('[onerror],[onclick],[onmouseover]').length") == 0
        seen.check()


def test_by_double_click_it_says_why_not_and_how(browser: Browser, lite: Live):
    base = lite.built.site.as_uri() + "/"
    with opened(browser, base + "live.html", base=base) as seen:
        told = seen.page.locator("[data-file]").inner_text()
        assert "Not from a file." in told and "convatlas serve" in told and "python3 -m http.server" in told
        assert seen.page.locator("[data-app]").is_hidden()
        seen.check()


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
@pytest.mark.parametrize("begun", [False, True], ids=["before", "after"])
def test_axe_finds_nothing(browser: Browser, lite: Live, scheme: str, width: int, begun: bool):
    with opened(browser, lite.http + "live.html", scheme=scheme, width=width) as seen:
        page = seen.page
        if begun:
            page.locator(".lv-samples input").first.check(force=True)
            ran(page, "waves")
        assert audit(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "page, says, addable",
    [
        (None, "it was built without it", True),
        (Lacking("onnx must be installed first."), "onnx must be installed first.", True),
        (NotApplicable("the model is a detector: no."), "the model is a detector: no.", False),
    ],
    ids=["not asked", "lacks", "cannot"],
)
def test_without_a_model_the_page_says_why_and_has_no_place_at_the_top(
    browser: Browser,
    tiny: Built,
    tmp_path: Path,
    site_server: Callable[[Path], str],
    page: NotApplicable | None,
    says: str,
    addable: bool,
):
    built = build(replace(tiny.report, live=page), tmp_path)
    with opened(browser, site_server(built.site) + "live.html") as seen:
        assert says in seen.page.locator(".ca-na").inner_text()
        assert ["convatlas live --fetch-runtime" in one for one in seen.page.locator(".lv-how").all_inner_texts()] == [
            True
        ] * addable
        assert seen.page.locator(".ca-live a", has_text="its images").count() == (not addable)
        assert "Live" not in seen.page.locator(".ca-nav").inner_text()
        seen.check()
    assert not (built.site / "data/live").exists()
    assert not (built.site / "assets/vendor/onnxruntime-web").exists()


def test_without_the_runtime_the_build_goes_on_and_says_how_to_add_it(tinyvgg: Live, tmp_path: Path):
    from generator.live.runtime import runtime

    absent = replace(
        live(tinyvgg.model), runtime=NotApplicable("x is not here: `convatlas live --fetch-runtime` gets it.")
    )
    built = build(report(tinyvgg.model, tmp_path / "store", absent), tmp_path)
    text = html.unescape((built.site / "live.html").read_text("utf-8"))
    assert "<code>convatlas live --fetch-runtime</code> gets it." in text
    assert not (built.site / "data/live").exists()
    assert not isinstance(runtime(), NotApplicable)


def test_the_files_of_the_site_are_of_a_size_that_hosts_take(lite: Live):
    folders = (lite.built.site / "data", lite.built.site / "assets")
    sizes = [path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert 18_000_000 < max(sizes) < 50_000_000
    names = {path.name for path in (lite.built.site / "assets/vendor/onnxruntime-web").iterdir()}
    assert names == {"ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"}
    assert "MIT License" in (lite.built.site / "assets/vendor/onnxruntime-web.LICENSE").read_text("utf-8")
