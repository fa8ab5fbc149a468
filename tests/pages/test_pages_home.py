"""The first page: a map stands over the name of the class that it is drawn for."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from generator.artifacts import NotApplicable
from generator.dataset.answers import Answers
from generator.names import LayerName
from generator.pages.views import Prediction
from tests.pages.conftest import Built
from tests.pages.fixture_compare import put
from tests.pages.fixture_report import tiny_report
from tests.pages.fixture_units import answered, answers
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOG = Prediction(7, "dog", 0.032, 1.5)
UNIT = Prediction(3, "unit 3 of stem", None, None)


def home(built: Built) -> str:
    return (built.site / "index.html").read_text("utf-8")


def cards(built: Built) -> list[list[str]]:
    """What stands under each photograph, after its name."""
    (listed,) = re.findall(r'<ul class="ca-cards">(.*?)</ul>', home(built), re.S)
    under = [card.split("</b>")[1].split("</span><span>") for card in re.findall(r"<li>(.*?)</li>", listed, re.S)]
    return [[" ".join(html.unescape(re.sub("<.*?>", "", line)).split()) for line in lines] for lines in under]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built]) -> Built:
    """Of three images the first target is the class ranked first, another class, and one that is not known and not drawn."""
    folder = tmp_path_factory.mktemp("home")
    made = tiny_report(folder / "store")
    first = made.images[0]
    unknown = NotApplicable("no true class is known.")
    nothing = {key: unknown if key[2] == 0 else item for key, item in first.cams.items()}
    images = (
        first,
        replace(first, slug="image-1", targets=(DOG, *first.predictions[:1])),
        replace(first, slug="image-2", targets=(Prediction(-1, "true class: not known", None, None),), cams=nothing),
    )
    return rebuild(replace(made, images=images, trust=None), folder)


def test_a_card_names_the_class_that_its_map_is_drawn_for(mixed: Built):
    assert cards(mixed) == [["tabby 60.0 %"], ["dog 3.2 %", "ranked first: tabby 60.0 %"], ["tabby 60.0 %"]]
    assert "evidence for the class that stands under each photograph" in home(mixed)


def test_where_all_maps_are_of_the_class_ranked_first_nothing_else_is_said(tiny: Built):
    assert [len(card) for card in cards(tiny)] == [1, 1]
    assert "ranked first" not in home(tiny) and "evidence for it" in home(tiny)


def test_a_target_that_is_no_class_has_no_number(tmp_path: Path, rebuild: Callable[..., Built]):
    made = tiny_report(tmp_path / "store")
    one = replace(made.images[0], targets=(UNIT,))
    built = rebuild(replace(made, images=(one,), trust=None), tmp_path)
    assert cards(built) == [["unit 3 of stem", "ranked first: tabby 60.0 %"]]


def test_a_layers_maps_stand_over_their_class_and_say_what_their_method_does(browser: Browser, mixed: Built):
    data = put((mixed.site / "data/layers/layer-0.js").read_text("utf-8"))
    assert [image["target"] for image in data["images"]] == ["tabby", "dog", "true class: not known"]
    base = mixed.site.as_uri()
    with opened(browser, base + "/layers/layer-0.html#v=cams", base=base) as seen:
        seen.page.wait_for_selector(".ca-cards")
        assert seen.page.locator(".ca-cards li").nth(1).inner_text().split("\n")[-1] == "dog"
        said = seen.page.locator("unit-panel").inner_text()
        assert "Where stem speaks for the class under each image." in said and "Bright places" not in said
        seen.check()


def test_without_feature_maps_there_is_no_way_through_the_layers(
    tmp_path: Path, rebuild: Callable[..., Built], tiny: Built
):
    assert 'class="ca-way"' in home(tiny)
    (shown,) = set(re.findall(r'href="layers/[^"#]+#i=([^"]+)"', home(tiny)))
    assert re.findall(r'href="tour.html#i=([^"]+)"', home(tiny)) == [shown], "the tour goes on with the same photograph"
    made = tiny_report(tmp_path / "store")
    nothing = NotApplicable("it was not asked for.")
    layers = [replace(view, maps=dict.fromkeys(view.maps, nothing)) for view in made.layers]
    some = replace(layers[1], maps=made.layers[1].maps)
    text = home(rebuild(replace(made, layers=tuple(layers)), tmp_path / "none"))
    assert "From pixels to a class" not in text and "strongest units" not in text
    part = home(rebuild(replace(made, layers=(layers[0], some, *layers[2:]), cam_layers=()), tmp_path / "some"))
    (steps,) = re.findall(r'<ol class="ca-way__steps">(.*?)</ol> *<p', part, re.S)
    assert steps.count("<atlas-mini") == 1 == len(re.findall(r'href="layers/', steps))


def test_methods_that_the_report_does_not_use_are_counted_and_not_listed(
    tmp_path: Path, rebuild: Callable[..., Built], tiny: Built
):
    def listed(built: Built) -> list[str]:
        (chips,) = re.findall(r'<ul class="ca-chips">(.*?)</ul>', home(built), re.S)
        return re.findall(r'href="methods/(\w+)\.html"', chips)

    assert listed(tiny) == [m.name for m in tiny.report.methods]
    assert "All 8 methods" in home(tiny)
    made = tiny_report(tmp_path / "store")
    methods = tuple(replace(m, asked=m.name in ("cam", "saliency")) for m in made.methods)
    built = rebuild(replace(made, methods=methods), tmp_path)
    assert listed(built) == ["cam", "saliency"]
    assert "And 6 that this report does not use" in home(built)
    assert (built.site / "methods/grad_cam.html").is_file()


def raised(values: list[list[float]], spread: list[float], places: list[int]) -> Answers:
    """Units whose three strongest images are 1, 0, 1, with these values; from the sample their values lie evenly up to `spread`."""
    made = answers(len(values), 2)
    return replace(
        made,
        values=np.array(values, np.float32),
        images=np.tile(np.array([1, 0, 1], np.int32), (len(values), 1)),
        places=np.tile(np.array(places, np.int32), (len(values), 1)),
        histogram_hi=np.array(spread, np.float32),
    )


def test_units_that_stand_out_are_shown_with_the_photographs_that_raise_them(
    tmp_path: Path, rebuild: Callable[..., Built], browser: Browser, tiny: Built
):
    made = answered(tiny_report(tmp_path / "store"))
    stem, act, conv, head = made.layers
    # Pictures are there of units 0, 2, 4 and 6; that of unit 4 is dead. Above its mean in spreads, unit 2 stands lower
    # than unit 6, though its values are higher.
    values = [[50.0, 40.0, 30.0]] * 8
    values[6], values[4] = [9.0, 8.0, 7.0], [90.0, 90.0, 90.0]
    found = raised(values, [20.0, 20, 20, 20, 20, 20, 1, 20], [0, 11, 95])
    conv = replace(conv, answers=found)
    built = rebuild(replace(made, layers=(stem, act, conv, head)), tmp_path)
    (section,) = re.findall(r'<section class="ca-home__units".*?</section>', home(built), re.S)
    assert re.findall(r'href="layers/([^"]+)"', section) == [f"{conv.slug}.html#v=units&amp;u=6"], (
        "others have two photographs"
    )
    assert re.findall(r'alt="([^"]*)" title', section) == ["red wine", "tabby", "red wine"]
    # Map of 8 by 12, stride 2, offset 0.5, input 32 by 32: the middle of place (0, 0) is pixel 1.
    assert re.findall(r"left: ([\d.]+)%; top: ([\d.]+)%", section) == [
        ("3.1", "3.1"),
        ("71.9", "3.1"),
        ("71.9", "46.9"),
    ]
    assert "ca-home__units" not in home(tiny), "where no set was asked there is nothing to say"
    base = built.site.as_uri()
    for width in (1280, 390):
        with opened(browser, base + "/index.html", base=base, width=width) as seen:
            box = seen.page.locator(".ca-home__pair").bounding_box()
            assert box is not None and box["x"] + box["width"] <= width and box["height"] > 60
            seen.page.locator(".ca-home__units a[href*=v\\=units]").click()
            seen.page.wait_for_selector("unit-panel h2:has-text('Unit 6')")
            seen.check()


def test_of_many_layers_the_deeper_half_gives_units_evenly_spaced(tmp_path: Path, rebuild: Callable[..., Built]):
    made = answered(tiny_report(tmp_path / "store"))
    conv = replace(made.layers[2], answers=raised([[3.0, 2.0, 1.0]] * 8, [0.5] * 8, [0, 11, 95]))
    many = tuple(
        replace(conv, slug=f"layer-{k}", layer=replace(conv.layer, name=LayerName(f"conv{k}"), depth=k))
        for k in range(20)
    )
    built = rebuild(replace(made, layers=many, cam_layers=(), default_layer=None), tmp_path)
    (section,) = re.findall(r'<section class="ca-home__units".*?</section>', home(built), re.S)
    assert re.findall(r'href="layers/layer-(\d+)\.html#v=units&amp;u=0"', section) == [
        "10",
        "12",
        "14",
        "15",
        "17",
        "19",
    ]
