"""The panel of a unit in a browser, from a report of a real model: patches, reconstructions, wires, sorting, filters, links."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch import nn

from generator.model.describe import describe
from generator.pages.units import offsets
from generator.resources import packaged
from tests.pages.opened import opened
from tests.whole import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHOWN = ("feature_maps", "kernels", {"dataset_examples": {"reconstructions": 2}})
"""Methods of every report on units."""
CONFIG = {
    "model": "tinyvgg_digits",
    "images": str(packaged("inputs/digits")),
    "layers": ["conv", "act"],
    "methods": [
        *SHOWN,
        {"activation_maximization": {"size": 32, "steps": 4, "animate": 1, "diversity": 2, "layers": "conv2_2"}},
    ],
    "units": "top:2",
    "trust": "none",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("unit"), CONFIG).site


def data(site: Path, kind: str, slug: str) -> dict[str, Any]:
    """What a data script holds, its arrays unpacked."""
    text = (site / f"data/{kind}/{slug}.js").read_text("utf-8")
    match = re.fullmatch(r'convatlas\.put\("[^"]*","[^"]*",(.*)\);\n', text, re.DOTALL)
    assert match
    value = json.loads(match[1].replace("\\u003c", "<"))
    kinds = {"f": "<f4", "i": "<i4", "u": "<u2", "b": "u1"}
    value["arrays"] = {
        name: np.frombuffer(base64.b64decode(packed), kinds[k]) for name, (k, packed) in value["arrays"].items()
    }
    return dict(value)


def slug_of(site: Path, layer: str) -> str:
    return layer.replace("_", "-").replace(".", "-")


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def test_the_panel_shows_the_units_patches_in_order_with_their_numbers(browser: Browser, site: Path, base: str):
    found = data(site, "units", "conv2-1")
    k = found["k"]
    unit = next(
        u
        for u in range(found["units"])
        if [u, 0] not in found["back"]["entries"] and found["arrays"]["images"][u * k] >= 0
    )
    entries = [v for n, v in zip(found["arrays"]["images"][unit * k : (unit + 1) * k], found["arrays"]["values"][unit * k : (unit + 1) * k], strict=True) if n >= 0]  # fmt: skip
    with opened(browser, f"{base}layers/conv2-1.html#u={unit}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patch")
        assert page.locator(".ca-patch").count() == len(entries)
        shown = [
            float(text.replace("−", "-").replace(",", "")) for text in page.locator(".ca-patch > b").all_inner_texts()
        ]
        assert shown == pytest.approx([float(v) for v in entries], rel=6e-3)
        assert shown == sorted(shown, reverse=True)
        assert page.locator(".ca-bins rect").count() == np.count_nonzero(
            found["arrays"]["bins"].reshape(-1, found["bins"])[unit]
        )
        seen.check()


def test_a_patch_is_the_part_of_the_photograph_that_the_unit_sees(browser: Browser, site: Path, base: str):
    found = data(site, "units", "conv1-1")
    with opened(browser, f"{base}layers/conv1-1.html#u=0", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patch")
        place = int(found["arrays"]["places"][0])
        row, column = divmod(place, found["map"][1])
        h, w = found["field"]
        box = page.locator(".ca-patch__box").first
        scale = float(box.evaluate("e => parseFloat(e.style.width)")) / w
        left, top = (float(box.locator("img").evaluate(f"e => parseFloat(e.style.{side})")) for side in ("left", "top"))
        x = found["offset"][1] + column * found["jump"][1] + 0.5 - w / 2
        y = found["offset"][0] + row * found["jump"][0] + 0.5 - h / 2
        assert left == pytest.approx(-x * scale, abs=0.01)
        assert top == pytest.approx(-y * scale, abs=0.01)
        assert float(box.locator("img").evaluate("e => parseFloat(e.style.width)")) == pytest.approx(
            found["input"][1] * scale
        )
        seen.check()


def test_where_fields_do_not_lie_even_each_place_in_turn_has_its_patch(browser: Browser, site: Path, base: str):
    # a convolution of 3 x 3 with a stride of 4, each of its places twice: they see pixels 0..2, 0..2, 4..6, 4..6
    model = nn.Sequential(nn.Conv2d(1, 1, 3, stride=4), nn.Upsample(scale_factor=2)).eval()
    layer = describe(model, (1, 15, 15)).layers[-1]
    answers = {
        "map": [8, 8],
        "input": [15, 15],
        "field": layer.receptive_field,
        "jump": layer.jump,
        "offset": offsets(layer),
    }
    assert answers["offset"] == [[1, -1], [1, -1]]
    with opened(browser, f"{base}layers/conv1-1.html#u=0", base=base) as seen:
        seen.page.wait_for_selector(".ca-patch")
        told = seen.page.evaluate(
            "answers => [0, 9, 18, 27].map((place) => convatlas.answers.view(answers, place))", answers
        )
        assert [(one["x"], one["y"], one["w"]) for one in told] == [(0, 0, 3), (0, 0, 3), (4, 4, 3), (4, 4, 3)]
        seen.check()


def test_chosen_units_have_their_patches_beside_both_reconstructions(browser: Browser, site: Path, base: str):
    found = data(site, "units", "conv2-2")
    unit = found["back"]["entries"][0][0]
    ranks = sum(1 for u, _ in found["back"]["entries"] if u == unit)
    with opened(browser, f"{base}layers/conv2-2.html#u={unit}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-patches--back")
        assert page.locator(".ca-patches--back .ca-patch").count() == ranks
        assert page.locator(".ca-patches--back .ca-single:not(.ca-lit__veil)").count() == 2 * ranks
        heads = page.locator(".ca-patches--back > .ca-dim").all_inner_texts()
        assert heads == ["patch", "where it lies", "guided", "deconvnet"]
        assert page.locator(".ca-deconv").count() == 0, "it stands beside them"
        # the same cut of the same photograph under a veil, as large as it, which says how much of it counts
        assert page.locator(".ca-lit .ca-lit__veil").count() == ranks
        for rank in range(ranks):
            plain = page.locator(".ca-patches--back .ca-patch__box").nth(2 * rank).bounding_box()
            lit = page.locator(".ca-lit .ca-patch__box").nth(rank)
            veil = lit.locator(".ca-lit__veil i").bounding_box()
            assert plain and veil
            assert lit.locator("img").get_attribute("style") == page.locator(".ca-patch img").nth(rank).get_attribute(
                "style"
            )
            assert (veil["width"], veil["height"]) == pytest.approx((plain["width"], plain["height"]), abs=1)
            said = page.locator(".ca-lit b").nth(rank).inner_text()
            tile = found["back"]["entries"].index([unit, rank])
            assert said.startswith("half in ") and float(said.split()[2]) == pytest.approx(
                100 * found["back"]["half"][tile], abs=0.6
            )
        seen.check()


def test_a_strongest_input_leads_back_to_the_first_layer_and_what_it_feeds_leads_on(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#u=3", base=base) as seen:
        page = seen.page
        trail = []
        for _ in range(8):
            page.wait_for_selector("unit-panel .ca-wire")
            trail.append(page.locator("h1").inner_text())
            link = (
                page.locator("unit-panel figure", has_text=re.compile("What (feeds it|it is made of)"))
                .locator(".ca-wire a")
                .first
            )
            if not link.count():
                break
            unit = re.search(r"#u=(\d+)", link.get_attribute("href") or "")
            assert unit
            link.click()
            page.wait_for_function(
                f"() => document.querySelector('unit-panel h2')?.textContent.startsWith('Unit {unit[1]} ')"
            )
        assert trail[0] == "conv2_2"
        assert trail[-1] == "conv1_1"
        assert len(trail) == len(set(trail))
        onward = page.locator("unit-panel figure", has_text="What it feeds").locator(".ca-wire a").first
        onward.click()
        page.wait_for_function("(document.querySelector('h1')?.textContent ?? 'conv1_1') !== 'conv1_1'")
        seen.check()


def test_units_are_sorted_and_filtered_by_the_dataset_and_the_address_brings_it_back(
    browser: Browser, site: Path, base: str
):
    slug = next(
        p.stem
        for p in sorted((site / "data/units").glob("*.js"))
        if data(site, "units", p.stem)["arrays"]["marks"].any()
    )
    found = data(site, "units", slug)
    marks = found["arrays"]["marks"]
    bit, name = next(
        (bit, name)
        for bit, name in ((1, "never_on"), (2, "always_on"), (4, "saturated"), (8, "redundant"))
        if (marks & bit).any()
    )
    with opened(browser, f"{base}layers/{slug}.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("atlas-wall [role=option]")
        page.select_option("[data-control=sort]", "highest")
        page.wait_for_function("location.hash.includes('o=highest')")
        page.wait_for_timeout(300)
        units = [
            int(u or 0)
            for u in page.locator("atlas-wall [role=option]").evaluate_all("all => all.map((e) => e.dataset.unit)")
        ]
        assert units == sorted(range(found["units"]), key=lambda u: (-found["arrays"]["highest"][u], u))
        page.select_option("[data-control=filter]", name)
        page.wait_for_function(
            f"() => document.querySelectorAll('atlas-wall [role=option]').length === {int((marks & bit > 0).sum())}"
        )
        assert f"{int((marks & bit > 0).sum())} of {found['units']} units" in page.locator("[data-status]").inner_text()
        address = seen.address
        seen.check()
    with opened(browser, address, base=base) as again:
        again.page.wait_for_function(
            f"document.querySelectorAll('atlas-wall [role=option]').length === {int((marks & bit > 0).sum())}"
        )
        assert again.page.locator("[data-control=sort]").input_value() == "highest"
        assert again.page.locator("[data-control=filter]").input_value() == name
        first = int(again.page.locator("atlas-wall [role=option]").first.get_attribute("data-unit") or 0)
        again.page.locator("atlas-wall [role=option]").first.click()
        again.page.wait_for_selector(".ca-marks li")
        assert f"u={first}" in again.address
        again.check()


def test_a_unit_behind_one_that_was_searched_shows_its_picture_and_says_whose_it_is(
    browser: Browser, site: Path, base: str
):
    text = (site / "data/layers/conv2-2.js").read_text("utf-8")
    searched = [int(u) for u in json.loads(text[text.index("{") : text.rindex("}") + 1])["searched"]]
    with opened(browser, f"{base}layers/relu2-2.html#u={searched[0]}", base=base) as seen:
        page = seen.page
        figure = page.locator("unit-panel figure", has_text="Looks for")
        figure.wait_for()
        background = "e => getComputedStyle(e).getPropertyValue('--atlas')"
        assert "conv2-2-pictures" in figure.locator(".ca-single").evaluate(background)
        whose = f"Searched for the unit whose channel this one hands on: conv2_2 {searched[0]}."
        assert whose in figure.inner_text()
        figure.locator("a").click()
        page.wait_for_function("() => document.querySelector('h1')?.textContent === 'conv2_2'")
        page.wait_for_selector(f"unit-panel h2:has-text('Unit {searched[0]} ')")
        seen.check()
    other = next(u for u in range(20) if u not in searched)
    with opened(browser, f"{base}layers/relu2-2.html#u={other}", base=base) as seen:
        seen.page.wait_for_selector("unit-panel figure")
        assert "Looks for" not in seen.page.locator("unit-panel").inner_text()
    with opened(browser, f"{base}units.html#q=layer:relu2_2", base=base) as seen:
        named = seen.page.get_by_role("img", name=re.compile("Looks for"))
        named.first.wait_for()
        named_lines = seen.page.locator(".ca-hit", has_text=f"Unit {searched[0]}\n").first
        assert f"picture searched for conv2_2 {searched[0]}" in named_lines.inner_text()
        labels = {named.nth(k).get_attribute("aria-label") for k in range(named.count())}
        assert labels == {f"Looks for, as searched for conv2_2, unit {u}" for u in searched}
        seen.check()


def test_the_keyboards_focus_goes_into_the_panel_and_back_to_the_button_that_opened_it(browser: Browser, base: str):
    now = "document.activeElement.closest('unit-panel') && document.activeElement.textContent"
    with opened(browser, f"{base}layers/conv2-2.html", base=base) as seen:
        page = seen.page
        button = page.locator(".ca-strongest button").nth(2)
        button.focus()
        unit = button.get_attribute("data-unit")
        page.keyboard.press("Enter")
        page.wait_for_selector(".ca-panel--open")
        assert page.evaluate(now) == f"Unit {unit} / 20"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.dataset.act") == "before"
        page.keyboard.press("Escape")
        page.wait_for_selector(".ca-panel:not(.ca-panel--open) .ca-strongest")
        assert page.evaluate("document.activeElement.dataset.unit") == unit
        # from the wall, focus stays there
        page.locator("atlas-wall [role=listbox]").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".ca-panel--open")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
        page.keyboard.press("Escape")
        page.wait_for_selector(".ca-panel:not(.ca-panel--open) .ca-strongest")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
        seen.check()


def test_the_panel_fits_a_phone(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#u=3", base=base, width=390) as seen:
        page = seen.page
        page.wait_for_selector(".ca-wire")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        seen.check()


def test_a_searched_unit_shows_its_course_its_variants_and_a_film_that_waits_to_be_asked(
    browser: Browser, site: Path, base: str
):
    text = (site / "data/layers/conv2-2.js").read_text("utf-8")
    searched = json.loads(text[text.index("{") : text.rindex("}") + 1])["searched"]
    assert len(searched) == 2
    unit = next(u for u, one in searched.items() if "course" in one)
    with opened(browser, f"{base}layers/conv2-2.html#u={unit}", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-course__curve polyline")
        points = (page.locator(".ca-course__curve polyline").get_attribute("points") or "").split(" ")
        assert len(points) == len(searched[unit]["curve"]) == 4
        film = page.locator(".ca-course__film")
        assert film.is_hidden()
        assert film.get_attribute("src") is None, "nobody asked for it yet"
        page.locator(".ca-course__play").click()
        assert film.is_visible(), "its place is kept while it loads"
        assert (film.bounding_box() or {}).get("height", 0) > 100
        page.wait_for_function("() => document.querySelector('.ca-course__film').naturalWidth > 0")
        page.locator(".ca-course__play").click()
        assert film.is_hidden()
        assert page.locator("unit-panel figure", has_text="2 different pictures").locator(".ca-single").count() == 2
        seen.check()


def test_units_that_answer_alike_open_in_the_order_that_was_chosen(browser: Browser, site: Path, base: str):
    with opened(browser, f"{base}layers/conv2-1.html#u=3&o=highest", base=base) as seen:
        page = seen.page
        link = page.locator("unit-panel .ca-units a").first
        link.wait_for()
        other = int(link.get_attribute("data-unit") or 0)
        link.click()
        page.wait_for_selector(f"unit-panel h2:has-text('Unit {other} ')")
        assert f"u={other}&" in seen.address
        assert "o=highest" in seen.address
        assert page.locator("[data-control=sort]").input_value() == "highest"
        seen.check()


def test_of_a_unit_of_one_value_the_panel_says_which_and_shows_no_patches(browser: Browser, base: str):
    made = """() => {
      const arrays = {images: [-1], places: [0], values: [0], mean: [-5], highest: [-5], sparsity: [1], lo: [-5], hi: [-5], bins: [255, 0], marks: [1]};
      return convatlas.answers.figures({k: 1, near: 0, bins: 2, seen: 1200, sampled: 64, arrays}, [], 0, 80).map(({title, note}) => [title, note]);
    }"""
    with opened(browser, f"{base}layers/conv2-1.html", base=base) as seen:
        seen.page.wait_for_selector("atlas-wall [role=option]")
        first, _ = seen.page.evaluate(made)
        assert first == ["Nothing raises it", "It gave −5 at every place of all 1,200 images."]
        seen.check()
