"""The numbers of the tour's steps in a browser, held against torch: what goes into a rectifier, the dot product of a convolution and
its terms by colour, and how the last maps become scores and shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from generator.config import load_config
from generator.model.load import load
from tests.pages.fixture_tour import data
from tests.pages.fixture_tour_numbers import (
    CLOSE,
    at,
    config,
    made,
    network,
    number,
    number_of,
    numbers,
    outputs,
    place,
    tap,
    unit,
)
from tests.pages.opened import opened
from tests.pages.recorded import photographs
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BENT = """from torch import nn


def build():
    acts = nn.LeakyReLU(0.2), nn.ELU(2.5), nn.GELU(), nn.GELU(approximate="tanh"), nn.Softplus(3), nn.Hardtanh(-2, 9), nn.PReLU(6)
    layers = [layer for act in acts for layer in (nn.Conv2d(6, 6, 3, padding=1), act)]
    return nn.Sequential(nn.Conv2d(3, 6, 1), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)).eval()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return made(tmp_path_factory.mktemp("tour-numbers"))


@pytest.fixture(scope="module")
def truth(built: Built) -> list[Tensor]:
    return outputs(built)


@pytest.fixture
def base(built: Built) -> str:
    return built.site.as_uri() + "/"


@pytest.mark.parametrize(("act", "norm", "side"), [(2, 1, 32), (6, 5, 16)])
def test_a_rectifier_shows_what_goes_into_it_behind_the_normalisation(
    browser: Browser, built: Built, base: str, truth: list[Tensor], act: int, norm: int, side: int
):
    assert [one["layer"] for one in data(built.site)["columns"] if "layer" in one] == ["0", "2", "4", "6"], (
        "no column of its own"
    )
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, str(act)))
        page.locator("tour-walk explain-view [role=application]").scroll_into_view_if_needed()
        for y, x in ((3, 5), (10, 14)):
            tap(page, y, x, side)
            assert place(page) == (y, x)
            into, out = truth[norm + 1][0, unit(page), y, x], truth[act + 1][0, unit(page), y, x]
            assert number(page, "[data-written] [data-in]") == pytest.approx(float(into), **CLOSE)
            assert number(page, "[data-written] [data-out]") == pytest.approx(float(out), **CLOSE)
            before = truth[norm][0, unit(page), y, x]
            assert abs(float(into - before)) > 0.02, "the map before the normalisation is another"
        seen.check()


def test_without_its_numbers_a_box_stands_for_the_normalisation_and_the_way_to_the_numbers_beside_it(
    browser: Browser, built: Built, base: str
):
    other = data(built.site)["images"][1]["slug"]
    with opened(browser, f"{base}tour.html#i={other}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-tiles")
        page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", number_of(built, "2"))
        page.wait_for_selector(".tour-walk__figure [data-through]")
        assert page.locator(".tour-walk__figure [data-through]").inner_text() == "BatchNorm2d"
        row = page.locator(".tour-walk__figure .tour-row > *").evaluate_all(
            "all => all.map((e) => e.querySelector('[data-through]') ? 'norm' : e.matches('.tour-curve') ? 'curve' : e.matches('figure') ? 'map' : '')"
        )
        assert [one for one in row if one] == ["map", "norm", "curve", "map"]
        assert page.locator("explain-view").count() == 0, "no numbers of another image"
        page.locator("[data-act=numbers]").click()
        page.wait_for_selector("tour-walk explain-view[data-step='2']")
        assert page.locator("[name=image]").first.is_checked()
        seen.check()


@pytest.mark.parametrize("images", [1, 0], ids=["with figures", "without"])
def test_curves_are_torchs_with_the_settings_of_the_step(browser: Browser, tmp_path: Path, images: int):
    """Of an image without numbers. A report without figures knows no settings, and draws none of a function that has some."""
    (tmp_path / "net.py").write_text(BENT)
    given = config(tmp_path) | {"images": str(photographs(tmp_path / "photographs", 2)), "explain": {"images": images}}
    report = build(tmp_path, given)
    module = load(load_config(None, given).model).module
    base, other = report.site.as_uri() + "/", data(report.site)["images"][1]["slug"]
    with opened(browser, f"{base}tour.html#i={other}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-tiles")
        for k in range(2, 15, 2):
            page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", number_of(report, str(k)))
            page.wait_for_selector(f".tour-walk__figure figcaption:has-text('{k}')")
            page.wait_for_function("name => document.querySelector('tour-walk h2').textContent.includes(name)", arg=type(module[k]).__name__)  # fmt: skip
            drawn = page.locator(".tour-walk__figure .tour-curve polyline")
            if k == 14 or not images:
                assert drawn.count() == 0, "a slope for each unit is no one curve"
                continue
            points = torch.tensor([[float(v) for v in pair.split(",")] for pair in str(drawn.get_attribute("points")).split()])  # fmt: skip
            torch.testing.assert_close(-points[:, 1], module[k](points[:, 0]).detach(), rtol=1e-5, atol=1e-5)
            assert float(points[-1, 0]) == (12.0 if k == 12 else 4.0), "as far as it bends"
        seen.check()


def test_a_place_of_the_new_map_is_chosen_and_its_dot_product_is_written_out(
    browser: Browser, built: Built, base: str, truth: list[Tensor]
):
    W = network(built)[4].weight.detach()
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "4"))
        output = page.locator("tour-walk explain-view [role=application]")
        output.scroll_into_view_if_needed()
        tap(page, 4, 9, 16)
        assert place(page) == (4, 9)
        step = page.evaluate("document.querySelector('tour-page').state.s")
        output.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
        assert place(page) == (5, 10)
        assert page.evaluate("document.querySelector('tour-page').state.s") == step, "the keys moved the place"
        u = unit(page)
        row = page.locator("tour-walk .ca-x-row.is-chosen")
        channel = int(row.get_attribute("data-channel") or -1)
        window = truth[4][0, channel, 4:7, 9:12].flatten()
        grids = [numbers(page, f".ca-x-grid >> nth={k} >> td") for k in range(3)]
        assert grids[0] == pytest.approx(window.tolist(), **CLOSE)
        assert grids[1] == pytest.approx(W[u, channel].flatten().tolist(), **CLOSE)
        assert grids[2] == pytest.approx((window * W[u, channel].flatten()).tolist(), **CLOSE)
        assert number(page, "[data-part]") == pytest.approx(float(window @ W[u, channel].flatten()), **CLOSE)
        assert number(page, "[data-summed] [data-out]") == pytest.approx(float(truth[5][0, u, 5, 10]), **CLOSE)
        assert page.locator("tour-walk [role=tab]").count() == 0, "the tour's steps are its own"
        page.locator("tour-walk [data-act=play]").click()
        page.wait_for_function("(({y, x}) => y !== 5 || x !== 10)(document.querySelector('tour-walk explain-view').at)")
        seen.check()


def test_the_first_convolution_says_that_it_adds_up_red_green_and_blue_with_the_three_numbers(
    browser: Browser, built: Built, base: str, truth: list[Tensor]
):
    first = network(built)[0]
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "0"))
        said = page.locator(".tour-walk__text").inner_text()
        assert "adding up at every place a number from red, one from green and one from blue" in said
        u, (y, x) = unit(page), place(page)
        window = truth[0][0, :, y - 1 : y + 2, x - 1 : x + 2]
        terms = (window * first.weight[u]).sum((1, 2)).tolist()
        line = page.locator("tour-walk [data-summed]")
        words = [word for word in line.locator(".ca-dim").all_inner_texts() if word in ("red", "green", "blue")]
        shown = numbers(page, "[data-summed] .ca-x-term .ca-x-num")
        assert sorted(words) == ["blue", "green", "red"]
        for word, value in zip(words, shown, strict=True):
            assert value == pytest.approx(terms[("red", "green", "blue").index(word)], **CLOSE)
        total = sum(shown) + number(page, "[data-summed] [data-bias]")
        assert number(page, "[data-summed] [data-out]") == pytest.approx(total, **CLOSE)
        assert total == pytest.approx(float(truth[1][0, u, y, x]), **CLOSE)
        seen.check()


def test_the_last_maps_become_means_scores_and_shares_in_three_steps(
    browser: Browser, built: Built, base: str, truth: list[Tensor]
):
    columns = data(built.site)["columns"]
    assert [one["role"] for one in columns[-4:]] == ["layer", "between", "between", "answer"]
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, len(columns) - 3)
        assert "becomes one number, its mean" in page.locator(".tour-walk__text").inner_text()
        assert number(page, "[data-out]") == pytest.approx(float(truth[8][0, unit(page)]), **CLOSE)

        page.locator("[data-act=after]").click()
        page.wait_for_selector("tour-walk explain-view[data-step='9']")
        assert unit(page) == int(truth[10].argmax()), "the class that the model names"
        products = numbers(page, "[data-product]")
        expected = (truth[9][0] * network(built)[9].weight[unit(page)]).tolist()
        assert sorted(products) == pytest.approx(sorted(expected), **CLOSE)
        score = sum(products) + number(page, "[data-bias]")
        assert number(page, "[data-out]") == pytest.approx(score, **CLOSE)
        assert score == pytest.approx(float(truth[10].max()), **CLOSE)

        page.locator("[data-act=after]").click()
        page.wait_for_selector("tour-walk explain-view[data-step='softmax']")
        assert number(page, "[data-written] [data-out]") == pytest.approx(float(truth[10].softmax(1).max()), **CLOSE)
        assert "add up to one" in page.locator(".tour-walk__text").inner_text()
        seen.check()


@pytest.mark.parametrize("back", [3, 2, 1])
def test_each_of_them_leads_to_the_page_that_has_all_steps(browser: Browser, built: Built, base: str, back: int):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, len(data(built.site)["columns"]) - back)
        name = page.locator("tour-walk explain-view").get_attribute("data-step")
        page.locator("tour-walk .tour-pick__open").click()
        page.wait_for_selector(f"layer-page explain-view[data-step='{name}']")
        assert "layers/4.html" in seen.address and "v=how" in seen.address
        seen.check()


def test_numbers_are_loaded_for_a_step_that_is_stopped_at_and_for_no_other(browser: Browser, built: Built, base: str):
    loaded = "performance.getEntriesByType('resource').filter((e) => e.name.includes('/data/explain/')).length"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-column='1'] .tour-tiles")
        page.wait_for_selector(".tour-walk__figure > *")
        assert page.evaluate(loaded) == 0, "the first step needs none"
        asked = page.evaluate("""async () => {
            const asked = [], load = convatlas.load;
            convatlas.load = (kind, key, path) => { if (kind === 'explain') asked.push(key); return load(kind, key, path); };
            const tour = document.querySelector('tour-page');
            for (let k = 0; k < 4; k += 1) tour.step(1);
            await new Promise((resolve) => setTimeout(resolve, 900));
            return asked.filter((key) => key.startsWith('steps/'));
        }""")
        last = data(built.site)["columns"][4]["how"][0]
        assert {*asked} == {f"steps/{last}"}, "four steps on: only that of the last"
        seen.check()


@pytest.mark.parametrize(("image", "name", "map_"), [(0, "2", ".ca-x-map--live"), (1, "0", ".tour-big")])
def test_on_a_telephone_the_page_scrolls_where_a_finger_begins_on_a_map(
    browser: Browser, built: Built, base: str, image: int, name: str, map_: str
):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{base}tour.html#i={data(built.site)['images'][image]['slug']}")
    page.wait_for_selector("[data-column='0'] tour-walk")  # columns further down are drawn as they come near
    page.evaluate("n => document.querySelector('tour-page').go(n, true, -1)", number_of(built, name))
    page.wait_for_selector(f"tour-walk {map_}")
    page.locator(f"tour-walk {map_}").first.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(300)
    box = page.locator(f"tour-walk {map_}").first.bounding_box()
    assert box
    before = page.evaluate("scrollY")
    driver = context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    driver.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for k in range(1, 11):
        driver.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - 20 * k}]})
        page.wait_for_timeout(20)
    driver.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("before => scrollY > before + 100", arg=before)
    context.close()
