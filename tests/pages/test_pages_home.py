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
from generator.names import Digest, LayerName
from generator.pages.views import Picture, Prediction, Report, Searched
from generator.tiles import webp
from tests.pages.conftest import Built
from tests.pages.fixture_compare import put
from tests.pages.fixture_report import atlas, tiny_report
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
    under = [card.split("</b>")[1].split("</span> <span>") for card in re.findall(r"<li>(.*?)</li>", listed, re.S)]
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


def raised(made: Report, firsts: dict[int, list[int]]) -> Report:
    """The report with six photographs in its set: 0 and 1 its own, twice more. To its last layer 0 and 2 are alike, which have units
    0 to 3 in common, and 1, 3 and 5, which have unit 4. Unit -> the photographs that raise it in the second convolution; others have
    0, 1, 2."""
    stem, act, conv, head = made.layers
    examples = tuple(replace(made.examples[k % 2], number=k) for k in range(6))
    images = np.tile(np.array([0, 1, 2], np.int32), (conv.layer.units, 1))
    for unit, row in firsts.items():
        images[unit] = row
    shape = np.ones((conv.layer.units, 1), np.float32)
    found = replace(
        answers(conv.layer.units),
        images=images,
        values=shape * np.array([9, 8, 7], np.float32),
        places=np.tile(np.array([0, 11, 95], np.int32), (conv.layer.units, 1)),
    )
    lists = np.array([[0, 2, -1]] * 4 + [[5, 3, 1]] + [[4, -1, -1]] * (head.layer.units - 5), np.int32)
    last = replace(answers(head.layer.units), images=lists, values=np.where(lists >= 0, 2.0, 0).astype(np.float32))
    return replace(
        made, layers=(stem, act, replace(conv, answers=found), replace(head, answers=last)), examples=examples
    )


def test_units_whose_photographs_are_alike_are_shown_with_them(
    tmp_path: Path, rebuild: Callable[..., Built], browser: Browser, tiny: Built
):
    # Pictures are there of units 0, 2, 4 and 6; that of unit 4 is dead.
    made = raised(answered(tiny_report(tmp_path / "store")), {4: [5, 3, 1], 6: [5, 1, 3], 7: [1, 3, 5]})
    conv = made.layers[2]
    built = rebuild(made, tmp_path)
    (section,) = re.findall(r'<section class="ca-home__units".*?</section>', home(built), re.S)
    assert re.findall(r'href="layers/([^"]+)"', section) == [f"{conv.slug}.html#v=units&amp;u=6"], "one a layer"
    assert re.findall(r'alt="([^"]*)" title', section) == ["red wine", "red wine", "red wine"]
    # Map of 8 by 12, stride 2, offset 0.5, input 32 by 32: the middle of place (0, 0) is pixel 1.
    assert re.findall(r"left: ([\d.]+)%; top: ([\d.]+)%", section) == [
        ("3.1", "3.1"),
        ("71.9", "3.1"),
        ("71.9", "46.9"),
    ]
    assert re.findall(r'width="(\d+)" height="(\d+)" alt="[^"]*" title', section) == [("32", "32")] * 3, "nothing jumps"
    assert "ca-home__units" not in home(tiny), "where no set was asked there is nothing to say"
    base = built.site.as_uri()
    for width in (1280, 390):
        with opened(browser, base + "/index.html", base=base, width=width) as seen:
            box = seen.page.locator(".ca-home__pair").bounding_box()
            assert box is not None and box["x"] + box["width"] <= width and box["height"] > 60
            seen.page.locator(".ca-home__units a[href*=v\\=units]").click()
            seen.page.wait_for_selector("unit-panel h2:has-text('Unit 6')")
            seen.check()


def test_the_deeper_half_of_the_layers_is_asked_and_no_photographs_come_twice(
    tmp_path: Path, rebuild: Callable[..., Built]
):
    made = raised(answered(tiny_report(tmp_path / "store")), {6: [5, 1, 3]})
    other = raised(answered(tiny_report(tmp_path / "store")), {2: [0, 2, 4]})
    kinds = [made.layers[2], other.layers[2]]
    many = tuple(
        replace(kinds[k >= 9], slug=f"layer-{k}", layer=replace(kinds[0].layer, name=LayerName(f"conv{k}"), depth=k))
        for k in range(12)
    )
    views = (*many, made.layers[3])
    built = rebuild(replace(made, layers=views, cam_layers=(), default_layer=None, trust=None), tmp_path)
    (section,) = re.findall(r'<section class="ca-home__units".*?</section>', home(built), re.S)
    # 1, 3 and 5 are one to the last layer: layer 6 gives them. Of the others 0, 1, 2 come next, of the next layer; 0, 2, 4 are
    # two of these again.
    assert re.findall(r'href="layers/layer-(\d+)\.html#v=units&amp;u=(\d)"', section) == [("6", "6"), ("7", "0")]


def test_a_unit_of_which_there_is_more_shows_its_film_when_pointed_at_and_other_pictures(
    tmp_path: Path, rebuild: Callable[..., Built], browser: Browser
):
    store = tmp_path / "store"
    made = raised(answered(tiny_report(store)), {6: [5, 1, 3]})
    stem, act, conv, head = made.layers
    several = np.random.default_rng(0).integers(0, 255, (4, 12, 12, 3), np.uint8)
    film = webp(several)
    searched = {2: Searched((0.0, 1.0), Picture(film, Digest("f" * 64), 12, 12), atlas(store, several))}
    told = replace(
        made, layers=(stem, act, replace(conv, searched=searched), head), first_page={conv.layer.name: frozenset((2,))}
    )
    built = rebuild(told, tmp_path)
    (section,) = re.findall(r'<section class="ca-home__units".*?</section>', home(built), re.S)
    assert re.findall(r'href="layers/([^"]+)"', section) == [f"{conv.slug}.html#v=units&amp;u=2"], (
        "not 6, which is clearer"
    )
    assert section.count("Another picture that unit 2 looks for") == 3, "four pictures, the best of them large"
    (address,) = re.findall(r'<unit-film data-film="([^"]+)"', section)
    assert (built.site / address).read_bytes() == film
    base = built.site.as_uri()
    for motion in ("no-preference", "reduce"):
        with opened(browser, base + "/index.html", base=base) as seen:
            page = seen.page
            page.emulate_media(reduced_motion=motion)
            page.reload()
            picture, button = page.locator("[data-still]"), page.locator("unit-film button")
            still = picture.get_attribute("src")
            assert still is not None and still.startswith("data:")
            page.locator(".ca-home__pair").hover()
            moving = base + "/" + address
            assert picture.evaluate("image => image.src") == (still if motion == "reduce" else moving)
            page.mouse.move(0, 0)
            assert picture.evaluate("image => image.src") == still
            page.locator("unit-film a").focus()
            assert picture.evaluate("image => image.src") == (still if motion == "reduce" else moving)
            button.click()
            assert button.get_attribute("aria-pressed") == "true" and button.get_attribute("aria-label") == "Stop"
            page.mouse.move(0, 0)
            assert picture.evaluate("image => image.src") == moving, "asked for, it goes on"
            button.click()
            page.mouse.move(0, 0)
            assert picture.evaluate("image => image.src") == still
            assert "#" not in page.url, "the button opens no page"
            seen.check()
