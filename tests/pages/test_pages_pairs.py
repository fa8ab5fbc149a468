"""Deep layers open with the units that were searched for, beside the photographs that raise them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.artifacts import NotApplicable
from generator.pages.context import NOT_ASKED
from generator.pages.views import Atlas
from tests.pages.conftest import build
from tests.pages.fixture_report import tiny_report
from tests.pages.fixture_units import answered
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny report; its third layer sees all of the picture, its first one 3 pixels, and nobody asked the last."""
    folder: Path = tmp_path_factory.mktemp("pairs")
    report = answered(tiny_report(folder / "store"))
    fields = [(3, 3), *([None] * 3)]
    layers = tuple(
        replace(view, layer=replace(view.layer, receptive_field=field))
        for view, field in zip(report.layers, fields, strict=True)
    )
    return build(replace(report, layers=layers), folder).site.as_uri() + "/"


def test_a_deep_layer_opens_with_pictures_beside_photographs_and_a_card_opens_its_unit(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-2.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-seen")
        assert page.locator("[name=view]:checked").get_attribute("value") == "units"
        cards = page.locator(".ca-seen")
        assert cards.evaluate_all("all => all.map((card) => card.dataset.unit)") == ["0", "2", "6", "4"]
        first = cards.first
        assert first.locator(".ca-seen__looks .ca-single").count() == 1
        assert first.locator(".ca-seen__photos img").count() == 2, "the two images of its list"
        assert first.locator("img").first.evaluate("(i) => i.complete && i.naturalWidth > 0")
        assert cards.last.locator(".ca-seen__looks").inner_text().startswith("∅"), "its search came to nothing"
        for control in ("[data-zoom='1']", "[data-control=scale]"):
            assert not page.locator(control).is_visible(), "what the view has no use for is away"
        assert page.locator("[data-status]").inner_text() == "searched for: 4 of 8 units"
        assert page.locator("[data-control=filter] option").first.inner_text() == "not filtered"
        cards.nth(1).click()
        page.wait_for_selector("unit-panel h2:has-text('Unit 2 ')")
        assert "u=2" in seen.address and "v=units" in seen.address
        for press, unit in (
            ("after", 6),
            ("after", 4),
            ("ArrowRight", 4),
            ("before", 6),
            ("ArrowLeft", 2),
            ("ArrowRight", 6),
            ("ArrowLeft", 2),
        ):
            if press.startswith("Arrow"):
                page.keyboard.press(press)
            else:
                page.locator(f"unit-panel [data-act={press}]").click()
            page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit} ')")
            assert f"u={unit}" in seen.address and "v=units" in seen.address
        assert cards.nth(1).get_attribute("aria-pressed") == "true"
        page.keyboard.press("Escape")
        page.wait_for_selector(".ca-panel:not(.ca-panel--open) h2:has-text('what raises them')")
        seen.check()


@pytest.mark.parametrize(
    ("address", "view"),
    [
        ("layer-2.html#v=maps", "maps"),
        ("layer-2.html#u=5", "maps"),
        ("layer-2.html#v=pictures", "pictures"),
        ("layer-0.html", "maps"),
        ("layer-0.html#v=units", "units"),
        ("layer-3.html", "maps"),
        ("layer-3.html#v=units", "maps"),
    ],
)
def test_addresses_mean_what_they_meant_and_other_layers_open_with_their_maps(
    browser: Browser, base: str, address: str, view: str
):
    with opened(browser, f"{base}layers/{address}", base=base) as seen:
        seen.page.wait_for_selector(".ca-seen" if view == "units" else "atlas-wall [role=option]")
        assert seen.page.locator("[name=view]:checked").get_attribute("value") == view
        seen.check()


def dealt(page: Page) -> list[int]:
    return list(page.evaluate("[...document.querySelectorAll('.ca-seen')].map((card) => Number(card.dataset.unit))"))


def test_cards_are_sorted_and_filtered_as_maps_are_and_the_link_says_so(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-1.html#v=units&o=strongest", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-seen")
        assert dealt(page) == [6, 2, 0, 4], "by what their pictures reached"
        page.locator("[data-control=sort]").select_option("rare")
        page.wait_for_function("() => document.querySelector('.ca-seen').dataset.unit === '0'")
        assert dealt(page) == [0, 2, 6, 4], "unit 4 is always on"
        assert "o=rare" in seen.address and "v=units" in seen.address
        page.locator("[data-control=filter]").select_option("always_on")
        page.wait_for_function("() => document.querySelectorAll('.ca-seen').length === 1")
        assert dealt(page) == [4]
        assert "f=always_on" in seen.address and "v=units" in seen.address
        assert page.locator("[data-status]").inner_text() == "1 of 12 units"
        link = seen.address
        page.locator("[data-control=filter]").select_option("never_on")
        page.wait_for_selector(".ca-na:has-text('No unit that was searched for has that mark.')")
        seen.check()
    with opened(browser, link, base=base) as seen:
        seen.page.wait_for_selector(".ca-seen")
        assert dealt(seen.page) == [4]
        seen.check()


def test_where_no_maps_were_asked_for_a_layer_opens_with_what_there_is(browser: Browser, tmp_path: Path):
    report = tiny_report(tmp_path / "store")
    without = {image.slug: NotApplicable(NOT_ASKED) for image in report.images}
    layers = tuple(
        replace(view, maps=without, pictures=view.pictures if view.slug == "layer-2" else NotApplicable(NOT_ASKED))
        for view in report.layers
    )
    base = build(replace(report, layers=layers), tmp_path).site.as_uri() + "/"
    for slug, view in (("layer-2", "pictures"), ("layer-1", "maps")):
        pictured = isinstance(next(one for one in layers if one.slug == slug).pictures, Atlas)
        assert pictured == (view == "pictures")
        with opened(browser, f"{base}layers/{slug}.html", base=base) as seen:
            seen.page.wait_for_selector("atlas-wall, .ca-na")
            assert seen.page.locator("[name=view]:checked").get_attribute("value") == view
            assert seen.page.locator("atlas-wall [role=option]").count() == (4 if pictured else 0)
            seen.check()


def test_a_link_to_units_of_a_kind_opens_with_all_units(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-1.html#f=never_on", base=base) as seen:
        seen.page.wait_for_selector("atlas-wall [role=option]")
        assert seen.page.locator("atlas-wall [role=option]").count() == 2
        seen.check()


def test_arrow_keys_walk_the_cards_and_with_a_unit_open_its_focus_goes_along(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-2.html#o=strongest&v=units", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-seen")
        focused = "Number(document.activeElement.dataset.unit)"
        page.locator(".ca-seen").first.focus()
        for key, unit in (("ArrowRight", 2), ("End", 4), ("ArrowRight", 4), ("Home", 6), ("ArrowRight", 2)):
            page.keyboard.press(key)
            assert page.evaluate(focused) == unit, key
        page.keyboard.press("Enter")
        page.wait_for_selector("unit-panel h2:has-text('Unit 2 ')")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("unit-panel h2:has-text('Unit 0 ')")
        assert page.evaluate(focused) == 0
        seen.check()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(browser: Browser, base: str, scheme: str, width: int):
    with opened(browser, f"{base}layers/layer-2.html", base=base, scheme=scheme, width=width) as seen:
        seen.page.wait_for_selector(".ca-seen")
        assert audit(seen.page) == []
        over = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0


ROWS = """() => {
  const photos = document.querySelector('.ca-seen__photos');
  while (photos.children.length < 3) photos.append(photos.children[0].cloneNode(true));
  return new Set([...photos.children].map((one) => one.offsetTop)).size;
}"""


def test_three_photographs_stand_in_a_row_on_a_telephone(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-2.html", base=base, width=390) as seen:
        seen.page.wait_for_selector(".ca-seen")
        assert seen.page.evaluate(ROWS) == 1


def test_at_the_ends_there_is_no_way_on_and_a_unit_that_is_not_shown_says_so(browser: Browser, base: str):
    """Units 0, 2, 6 and 4 of the layer were searched for, in that order; of the second one unit 4 is always on."""
    ends = "[...document.querySelectorAll('unit-panel [data-act=before], unit-panel [data-act=after]')].map((b) => b.disabled)"
    with opened(browser, f"{base}layers/layer-2.html#v=units&u=0", base=base) as seen:
        page = seen.page
        for unit, off in ((0, [True, False]), (2, [False, False]), (4, [False, True])):
            page.evaluate("hash => { location.hash = hash; }", f"v=units&u={unit}")
            page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit} ')")
            page.wait_for_function(f"{ends}.join() === '{','.join(str(one).lower() for one in off)}'")
            assert page.locator("unit-panel .ca-panel__missing").count() == 0
        page.evaluate("location.hash = 'v=units&u=5'")
        page.wait_for_selector("unit-panel h2:has-text('Unit 5 ')")
        said = page.locator("unit-panel .ca-panel__missing")
        assert said.inner_text().startswith("Unit 5 is not among the 4 shown here, which were searched for.")
        assert page.evaluate(ends) == [True, True]
        page.keyboard.press("ArrowRight")
        assert "u=5" in seen.address, "it does not jump"
        assert page.locator(".ca-seen[aria-pressed=true]").count() == 0
        said.locator("button").click()
        page.wait_for_selector("atlas-wall [aria-selected=true]")
        assert "u=5" in seen.address and page.locator("[name=view]:checked").get_attribute("value") == "maps"
        assert page.evaluate(ends) == [False, False] and said.count() == 0
        seen.check()
    with opened(browser, f"{base}layers/layer-1.html#f=always_on&u=5", base=base) as seen:
        page = seen.page
        said = page.locator("unit-panel .ca-panel__missing")
        assert said.inner_text().startswith("Unit 5 is not among the 1 that the filter shows.")
        said.locator("button").click()
        page.wait_for_function("() => document.querySelectorAll('atlas-wall [role=option]').length === 12")
        assert said.count() == 0 and "f=" not in seen.address and "u=5" in seen.address
        seen.check()


def test_the_menu_of_colours_is_that_of_the_map_in_the_panel_where_the_wall_takes_none(browser: Browser, base: str):
    with opened(browser, f"{base}layers/layer-0.html#v=units", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-seen")
        signed = """async (signed) => {
          const page = document.querySelector('layer-page');
          const image = page.image();
          (await convatlas.load('maps', `${page.dataset.layer}/${image.slug}`, image.maps)).signed = signed;
          page.set({u: signed ? 2 : 0});
        }"""
        for value, unit, name in ((True, 2, "diverging"), (False, 0, "viridis")):
            page.evaluate(signed, value)
            page.wait_for_selector(f"unit-panel h2:has-text('Unit {unit} ')")
            assert page.locator("colour-menu summary").inner_text().strip() == name
            assert page.locator("colour-menu").is_visible()
        seen.check()
