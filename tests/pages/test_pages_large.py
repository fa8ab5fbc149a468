"""A layer of 2,048 units in a browser: a step does the same small work as on a small layer, sorting by the length of kernels, all
of it by keyboard, and a link that brings the view back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from generator.config import ModelConfig
from generator.model.load import load
from generator.resources import packaged
from tests.pages.opened import opened
from tests.whole import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MODEL = {"source": "torchvision:resnet50", "weights": "random", "input": {"size": 64}}
LARGE, SMALL = "layer4.2.conv3", "layer1.0.conv1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    (folder / "images").mkdir()
    for name in ("chelsea", "coffee"):
        shutil.copy(packaged(f"inputs/images/{name}.jpg"), folder / "images")
    config = {"model": MODEL, "images": "images", "layers": [LARGE, SMALL], "methods": ["feature_maps", "kernels", "dataset_examples"], "trust": "none"}  # fmt: skip
    return build(folder, config).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def address(layer: str) -> str:
    return f"layers/{layer.replace('.', '-')}.html"


def norms(layer: str) -> torch.Tensor:
    module = load(ModelConfig(**MODEL)).module.get_submodule(layer)  # type: ignore[arg-type]
    return module.weight.detach().flatten(1).norm(dim=1)  # type: ignore[union-attr, operator]


def order(page: Page) -> list[int]:
    return [int(u) for u in page.evaluate("[...document.querySelectorAll('.ca-wall > i')].map((i) => i.dataset.unit)")]


WATCHED = """(many) => new Promise((done) => {
    const wall = document.querySelector('.ca-wall');
    const seen = {elements: 0, attributes: 0};
    const watch = new MutationObserver((all) => {
        for (const one of all) {
            if (one.type === 'childList') seen.elements += one.addedNodes.length + one.removedNodes.length;
            else if (one.target !== wall) seen.attributes += 1;
        }
    });
    watch.observe(wall, {subtree: true, childList: true, attributes: true});
    let left = many;
    const step = () => {
        if (!left) { watch.disconnect(); done({...seen, panel: document.querySelectorAll('unit-panel *').length}); return; }
        left -= 1;
        document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
        setTimeout(step, 60);
    };
    document.body.tabIndex = -1; document.body.focus();
    const real = document.dispatchEvent.bind(document);
    document.dispatchEvent = (event) => (event.type === 'keydown' ? document.body.dispatchEvent(event) : real(event));
    step();
})"""


def test_a_step_touches_two_tiles_of_two_thousand(browser: Browser, base: str):
    work = {}
    for layer, units in ((LARGE, 2048), (SMALL, 64)):
        with opened(browser, f"{base}{address(layer)}#u=7", base=base) as seen:
            page = seen.page
            page.wait_for_selector("unit-panel figure")
            assert page.locator(".ca-wall > i").count() == units
            work[layer] = page.evaluate(WATCHED, 10)
            assert re.search(r"#u=17\b", seen.address)
            seen.check()
    for seen_ in work.values():
        assert seen_["elements"] == 0, "the wall is not built again"
        assert seen_["attributes"] == 10 * 2, "the unit before is unmarked, the next one marked"
    assert work[LARGE]["panel"] < 3 * work[SMALL]["panel"], "the panel is of one unit, whatever the layer has"


def test_pointing_at_a_tile_changes_no_tile(browser: Browser, base: str):
    with opened(browser, base + address(LARGE), base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-wall > i")
        page.evaluate("""() => {
            window.changed = 0;
            new MutationObserver((all) => { window.changed += all.length; }).observe(document.querySelector('.ca-wall'), {subtree: true, childList: true, attributes: true});
        }""")
        for at in (3, 90, 41):
            page.locator(".ca-wall > i").nth(at).hover()
            assert f"Unit {at} " in page.locator("[data-status]").inner_text()
        assert page.evaluate("window.changed") == 0
        seen.check()


def test_by_keyboard_units_are_sorted_by_the_length_of_their_kernels_and_the_link_brings_it_back(
    browser: Browser, base: str
):
    wanted = norms(LARGE)
    with opened(browser, base + address(LARGE), base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-wall > i")
        page.locator("[data-control=sort]").focus()
        page.keyboard.type("longest")
        page.wait_for_function("() => document.querySelector('.ca-wall > i').dataset.unit !== '0'")
        found = order(page)
        assert sorted(found) == list(range(2048))
        sorted_ = wanted[found]
        assert (sorted_[:-1] >= sorted_[1:] * (1 - 1e-4)).all()
        page.locator(".ca-wall").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector("unit-panel figure")
        assert f"#u={found[1]}&" in seen.address and "o=norm" in seen.address
        length = page.locator("unit-panel figure", has_text="Its length is").inner_text()
        said = re.search(r"Its length is ([\d.]+)\.$", length)
        assert said and float(said[1]) == pytest.approx(float(wanted[found[1]]), rel=5e-3)
        link = seen.address
        seen.check()
    with opened(browser, link, base=base) as seen:
        page = seen.page
        page.wait_for_selector("unit-panel figure")
        assert order(page) == found
        assert page.locator("[data-control=sort]").input_value() == "norm"
        assert page.locator("[aria-selected]").get_attribute("data-unit") == str(found[1])
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"() => location.hash.includes('u={found[2]}')")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"() => location.hash.includes('u={found[0]}')")
        page.keyboard.press("Escape")
        assert "u=" not in seen.address
        seen.check()
