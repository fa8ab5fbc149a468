"""Checkpoints and the loss around the weights in a whole report: the numbers are torch's, the plan is what is run."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

import generator
from generator.config import ModelConfig
from generator.images import load as load_picture
from generator.images import scan
from generator.model.load import load
from generator.resources import packaged
from tests.pages.opened import audit, opened
from tests.whole import Built, build, convatlas, copied, digits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = 5
GRID = 5
HOSTILE = "<img src=x onerror=window.pwned=1>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("learned")
    copied(digits(IMAGES), folder / "images")
    (folder / "truth.csv").write_text("".join(f"{n}-a.png,{n}\n" for n in range(IMAGES)))
    config = {
        "model": "tinyvgg_digits",
        "images": "images",
        "truth": "truth.csv",
        "landscape": {"grid": GRID, "span": 0.5, "directions": "random"},
        "methods": ["feature_maps", "kernels", "grad_cam"],
        "trust": "none",
    }
    return build(folder, config)


@pytest.fixture(scope="module")
def batch(report: Built) -> tuple[Tensor, Tensor]:
    preprocess = load(ModelConfig(source="tinyvgg_digits")).preprocess
    images = scan(report.folder / "images").images
    x = torch.stack([preprocess(load_picture(image, preprocess.channels)) for image in images])
    return x, torch.arange(IMAGES)


def network(step: int | None = None) -> nn.Module:
    module = load(ModelConfig(source="tinyvgg_digits")).module
    if step is not None:
        module.load_state_dict(load_file(packaged(f"inputs/models/tinyvgg_digits_training/step-{step:03}.safetensors")))
    return module


def flat(module: nn.Module) -> np.ndarray:
    return np.concatenate([one.detach().double().numpy().ravel() for one in module.parameters()])


def script(report: Built, name: str) -> dict[str, object]:
    text = (report.site / f"data/{name}.js").read_text("utf-8")
    found = re.fullmatch(r'convatlas\.put\("\w+","\w+",(.*)\);\s*', text, re.S)
    assert found
    return json.loads(found[1])  # type: ignore[no-any-return]


def test_the_plan_is_what_is_run_and_a_second_build_runs_nothing(report: Built) -> None:
    passes = report.run["passes"]
    assert passes["planned"] == passes["run"]
    images, checkpoints, line = 4, 10, 31
    # four images are chosen by the last checkpoint, and seen by each, with one batch of labelled images
    learned = images + checkpoints * (images + 1) + GRID * GRID + line + checkpoints
    recorded, seen = IMAGES, 1  # how layers are computed, of each image; effective fields, of all together
    assert passes["run"]["forward"] == IMAGES + learned + recorded + seen
    before = (report.site / "landscape.csv").read_bytes()
    again = convatlas(report.folder, "build")
    assert again.code == 0
    assert report.run["passes"]["run"] == {"forward": 0, "backward": 0}
    assert (report.site / "landscape.csv").read_bytes() == before


def test_the_middle_of_the_plane_is_the_models_loss(report: Built, batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    with torch.no_grad():
        scores = network()(x)
    rows = list(csv.DictReader(io.StringIO((report.site / "landscape.csv").read_text())))
    assert len(rows) == GRID * GRID
    middle = next(row for row in rows if float(row["across"]) == 0 == float(row["up"]))
    assert float(middle["loss"]) == pytest.approx(float(F.cross_entropy(scores, y)), rel=1e-4)
    assert float(middle["right"]) == pytest.approx(float((scores.argmax(dim=1) == y).float().mean()))
    assert len({row["loss"] for row in rows}) > GRID


def test_the_line_goes_through_both_checkpoints(report: Built, batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    rows = {
        round(float(row["share"]), 6): row
        for row in csv.DictReader(io.StringIO((report.site / "landscape-line.csv").read_text()))
    }
    for share, step in ((0.0, 0), (1.0, 440)):
        near = min(rows, key=lambda at: abs(at - share))
        states = [network(k).state_dict() for k in (0, 440)]
        module = network()
        module.load_state_dict({k: torch.lerp(states[0][k], states[1][k], near) for k in states[0]})
        with torch.no_grad():
            assert float(rows[near]["loss"]) == pytest.approx(float(F.cross_entropy(module(x), y)), rel=1e-3), step


def test_what_each_checkpoint_says_is_torchs(report: Built, batch: tuple[Tensor, Tensor]) -> None:
    x, y = batch
    found = script(report, "learned")
    steps = (0, 2, 5, 11, 22, 44, 88, 176, 308, 440)
    moments, images = found["moments"], found["images"]
    assert isinstance(moments, list)
    assert isinstance(images, list)
    assert [one["label"] for one in moments] == [f"step {step}" for step in steps]
    with torch.no_grad():
        last = network(440)(x).argmax(dim=1)
        for k, step in enumerate(steps):
            scores = network(step)(x)
            assert moments[k]["loss"] == pytest.approx(float(F.cross_entropy(scores, y)), rel=1e-3)
            assert moments[k]["right"] == pytest.approx(float((scores.argmax(dim=1) == y).float().mean()))
            for n, image in enumerate(images):
                assert image["says"][k]["label"] == str(int(scores[n].argmax()))
                odds = float(scores.softmax(dim=1)[n, last[n]])
                assert image["says"][k]["p"] == pytest.approx(odds, rel=1e-3, abs=1e-6)


def test_kernels_maps_and_cams_are_those_of_their_checkpoint(report: Built, batch: tuple[Tensor, Tensor]) -> None:
    x, _ = batch
    found, mine = script(report, "learned"), script(report, "learned-1")
    kernels = found["kernels"]
    assert isinstance(kernels, dict)
    layers = found["layers"]
    assert isinstance(layers, list)
    names = [layer["name"] for layer in layers]
    assert names[0] == "conv1_1"
    target = int(str(found["images"][1]["target"]))  # type: ignore[index]
    for k, step in ((0, 0), (4, 22), (9, 440)):
        module = network(step)
        reach = torch.stack([network(s).conv1_1.weight for s in (0, 2, 5, 11, 22, 44, 88, 176, 308, 440)])  # type: ignore[union-attr]
        ends = reach.abs().amax(dim=(0, 2, 3, 4)).tolist()
        assert kernels["hi"][k * 12 : k * 12 + 12] == pytest.approx(ends, rel=1e-4), "one scale over all checkpoints"
        maps = generator.activations(module, x[1:2], names)
        for n, layer in enumerate(layers):
            sheet = mine["maps"][n]  # type: ignore[index]
            units = layer["units"]
            assert len(units) == 8
            many = maps[names[n]][0, units].flatten(1)
            at = slice(k * len(units), (k + 1) * len(units))
            top = (sheet.get("rhi") or sheet["hi"])[at]
            assert top == pytest.approx(many.amax(dim=1).tolist(), rel=1e-3, abs=1e-5)
        cam = generator.attribute(module, x[1:2], "grad_cam", layers=str(found["camLayer"]), target=target)
        assert isinstance(cam, dict)
        (map_,) = cam.values()
        assert mine["cams"][k]["hi"] == pytest.approx(float(map_.max()), rel=1e-3, abs=1e-6)  # type: ignore[index]


def test_random_directions_see_next_to_nothing_of_the_training(report: Built) -> None:
    rows = list(csv.DictReader(io.StringIO((report.site / "landscape-path.csv").read_text())))
    assert len(rows) == 10
    last = flat(network())
    for row, step in zip(rows, (0, 2, 5, 11, 22, 44, 88, 176, 308, 440), strict=True):
        assert float(row["off"]) == pytest.approx(float(np.linalg.norm(flat(network(step)) - last)), rel=0.05)
    assert "next to nothing" in (report.site / "landscape.html").read_text("utf-8")


# ---- in a browser


@pytest.fixture(params=["http", "file"])
def where(request: pytest.FixtureRequest, report: Built, site_server: Callable[[Path], str]) -> str:
    return site_server(report.site) if request.param == "http" else report.site.as_uri() + "/"


def at(page: Page) -> str:
    return page.locator(".le-now").inner_text()


def test_the_slider_moves_everything(browser: Browser, where: str) -> None:
    with opened(browser, where + "learned.html", base=where) as seen:
        page = seen.page
        page.locator(".le-figure .ca-tiles i").first.wait_for()
        assert at(page) == "step 440"
        before = page.locator(".le-body").inner_html()
        slider = page.locator("input[type=range]")
        slider.focus()
        page.keyboard.press("Home")
        assert at(page) == "step 0"
        assert page.locator(".le-body").inner_html() != before
        assert page.locator(".le-curve b").first.inner_text().startswith("2.3"), "ten classes, all alike at first"
        page.keyboard.press("ArrowRight")
        assert at(page) == "step 2"
        page.locator(".le-step").nth(1).click()
        assert at(page) == "step 5"
        box = slider.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
        assert at(page) == "step 440"
        page.locator(".le-images label").nth(2).click()
        page.wait_for_function("() => location.hash.includes('i=2-a')")
        page.reload()
        page.locator(".le-figure .ca-tiles i").first.wait_for()
        assert page.locator(".le-images input").nth(2).is_checked()
        assert at(page) == "step 440"
        seen.check()


def test_the_tile_of_a_step_is_that_steps(browser: Browser, report: Built, where: str) -> None:
    kernels = script(report, "learned")["kernels"]
    assert isinstance(kernels, dict)
    with opened(browser, where + "learned.html#s=3", base=where) as seen:
        tile = seen.page.locator(".le-wall").first.locator(".ca-tiles i").nth(5)
        tile.wait_for()
        x, y = (tile.evaluate(f"e => Number(e.style.getPropertyValue('--{axis}'))") for axis in "xy")
        k = 3 * 12 + 5
        assert (x, y) == (k % kernels["cols"] * (kernels["w"] + 1), k // kernels["cols"] * (kernels["h"] + 1))
        seen.check()


def test_the_class_activation_map_of_a_step_is_that_steps(browser: Browser, where: str) -> None:
    with opened(browser, where + "learned.html#s=0", base=where) as seen:
        page = seen.page
        page.locator(".le-cam heat-overlay").wait_for()
        same = """() => {
          const scrub = document.querySelector('training-scrub'), {cams} = scrub.mine;
          return [cams.length, scrub.at, cams.indexOf(document.querySelector('.le-cam heat-overlay').heat)];
        }"""
        for k in range(3):
            count, step, drawn = page.evaluate(same)
            assert (step, drawn) == (k, k)
            page.locator(".le-step").nth(1).click()
        assert count > 3
        seen.check()


def test_tiles_have_their_own_colour_bars_and_it_is_said_what_they_are(
    browser: Browser, report: Built, where: str
) -> None:
    kernels = script(report, "learned")["kernels"]
    assert isinstance(kernels, dict)
    with opened(browser, where + "learned.html#s=3", base=where) as seen:
        page = seen.page
        page.locator(".le-figure .ca-tiles i").first.wait_for()
        bars = page.locator(".le-wall").first.locator(".le-scale")
        assert bars.count() == 12
        for f in (0, 5, 11):
            hi = float(kernels["hi"][3 * 12 + f])
            assert float(bars.nth(f).inner_text().removeprefix("± ")) == pytest.approx(hi, rel=1e-2)
            low, high = re.findall(r"[−\d.]+", bars.nth(f).get_attribute("aria-label") or "")
            assert (float(low.replace("−", "-")), float(high)) == pytest.approx((-hi, hi), rel=1e-2)
        assert "each on its own scale" in page.locator(".le-figure > figcaption").first.inner_text()
        assert page.locator(".le-figure").nth(1).locator(".le-scale").count() == 8
        seen.check()


def test_play_runs_to_the_end_and_stands_still_where_motion_is_not_wanted(browser: Browser, where: str) -> None:
    with opened(browser, where + "learned.html#s=7", base=where) as seen:
        seen.page.locator(".le-play").click()
        seen.page.wait_for_function("() => document.querySelector('.le-now').textContent === 'step 440'", timeout=8000)
        assert seen.page.locator(".le-play").inner_text() == "Play"
        seen.page.emulate_media(reduced_motion="reduce")
        seen.page.locator(".le-play").click()
        assert at(seen.page) == "step 0"
        seen.page.wait_for_timeout(1200)
        assert at(seen.page) == "step 0"
        seen.check()


def test_the_landscape_says_its_numbers_and_turns(browser: Browser, report: Built, where: str) -> None:
    rows = {
        (float(r["across"]), float(r["up"])): r
        for r in csv.DictReader(io.StringIO((report.site / "landscape.csv").read_text()))
    }
    with opened(browser, where + "landscape.html", base=where) as seen:
        page = seen.page
        box = page.locator(".la-contours rect").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.25)
        said = page.locator(".la-figure .la-read").inner_text()
        assert said.startswith("at 0.25, 0.25: loss ")
        assert float(said.split("loss ")[1].split(",")[0]) == pytest.approx(float(rows[0.25, 0.25]["loss"]), rel=1e-2)
        relief = page.locator("loss-relief")
        picture = "() => document.querySelector('loss-relief canvas').toDataURL()"
        first = page.evaluate(picture)
        relief.locator("canvas").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"before => ({picture})() !== before", arg=first)
        second = page.evaluate(picture)
        place = relief.locator("canvas").bounding_box()
        assert place
        page.mouse.move(place["x"] + 100, place["y"] + 100)
        page.mouse.down()
        page.mouse.move(place["x"] + 180, place["y"] + 120, steps=4)
        page.mouse.up()
        page.wait_for_function(f"before => ({picture})() !== before", arg=second)
        csv_ = (report.site / "landscape-line.csv").read_text()
        most = max(float(row["loss"]) for row in csv.DictReader(io.StringIO(csv_)))
        top, *rest = page.locator("loss-line .la-y").all_inner_texts()
        assert float(top) == pytest.approx(most, rel=1e-2)
        assert rest == ["0", "100 %", "0 %"]
        line = page.locator("loss-line input")
        line.focus()
        page.keyboard.press("Home")
        assert page.locator("loss-line .la-read").inner_text().startswith("at −0.25: loss ")
        seen.check()


def test_keys_move_over_the_contours(browser: Browser, report: Built, where: str) -> None:
    rows = {
        (float(r["across"]), float(r["up"])): float(r["loss"])
        for r in csv.DictReader(io.StringIO((report.site / "landscape.csv").read_text()))
    }
    with opened(browser, where + "landscape.html", base=where) as seen:
        page = seen.page
        said, ring = page.locator(".la-figure .la-read"), page.locator(".la-contours .la-here")
        assert ring.get_attribute("visibility") == "hidden"
        page.locator(".la-contours > svg").focus()
        # two steps left, where the second is the last; up; back to the middle; out to the right and on
        keys = ["ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Home", "ArrowRight", "ArrowDown"]
        places = [(0.0, 0.25), (-0.25, 0.25), (-0.5, 0.25), (-0.5, 0.25), (0.0, 0.0), (0.25, 0.0), (0.25, -0.25)]
        for key, (x, y) in zip(keys, places, strict=True):
            page.keyboard.press(key)
            text = said.inner_text().replace("−", "-")
            assert text.startswith(f"at {x:g}, {y:g}: loss ")
            assert float(text.split("loss ")[1].split(",")[0]) == pytest.approx(rows[x, y], rel=1e-2)
            assert float(ring.get_attribute("cx") or "nan") == pytest.approx((x + 0.5) * 320)
            assert float(ring.get_attribute("cy") or "nan") == pytest.approx((0.5 - y) * 320)
        page.keyboard.press("Tab")
        assert said.inner_text() == ""
        assert ring.get_attribute("visibility") == "hidden"
        seen.check()


@pytest.mark.parametrize("name", ["learned.html", "landscape.html"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(
    browser: Browser, report: Built, site_server: Callable[[Path], str], name: str, scheme: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(site_server(report.site) + name, wait_until="load")
    page.locator(".le-figure .ca-tiles i, loss-relief canvas").first.wait_for()
    assert audit(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_table_of_the_training_is_whole_on_a_telephone(
    browser: Browser, report: Built, site_server: Callable[[Path], str]
) -> None:
    site = site_server(report.site)
    with opened(browser, site + "landscape.html", base=site, width=390) as seen:
        table = seen.page.locator(".la-way")
        assert table.evaluate("(t) => t.parentNode.scrollWidth <= t.parentNode.clientWidth")
        heights = table.locator("td").evaluate_all(
            """(cells) => cells.map((cell) => { const range = document.createRange(); range.selectNodeContents(cell);
            return new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size; })"""
        )
        assert len(heights) > 10 and max(heights) == 1, "a number stands on one line"
        seen.check()
