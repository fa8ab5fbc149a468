"""A layer page's address says all of what the page shows, and nothing of what was shown before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_the_method_of_class_maps_is_in_the_link(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html#v=cams", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-cards")
        page.select_option("[data-control=cam]", "cam")
        page.wait_for_selector(".ca-na")  # the tiny model has none
        address = seen.address
        assert "&m=cam" in address
        assert "&m=cam" in (page.locator("[data-keeps-view] a").first.get_attribute("href") or "")
        page.check("[name=view][value=maps]", force=True)
        page.wait_for_selector("atlas-wall [role=option]")
        assert "&m=" not in seen.address
        seen.check()
    with opened(browser, address, base=base) as again:
        again.page.wait_for_selector(".ca-na")
        assert again.page.locator("[data-control=cam]").input_value() == "cam"
        again.check()


def test_a_link_pasted_into_an_open_page_shows_what_it_shows_in_a_new_one(browser: Browser, base: str):
    def units(order: str) -> str:
        return f"JSON.stringify([...document.querySelectorAll('atlas-wall [role=option]')].map((e) => +e.dataset.unit)) {order} JSON.stringify([...Array(document.querySelectorAll('atlas-wall [role=option]').length).keys()])"

    with opened(browser, base + "layers/layer-0.html#u=3&i=image-0&v=maps", base=base) as seen:
        page = seen.page
        page.wait_for_selector("unit-panel figure")
        pasted = seen.address.split("#")[1]
        page.select_option("[data-control=sort]", "strongest")
        page.wait_for_function(units("!=="))
        page.evaluate(f"location.hash = '{pasted}'")
        page.wait_for_function(units("==="))
        assert page.locator("[data-control=sort]").input_value() == "index"
        assert page.locator("unit-panel h2").inner_text().startswith("Unit 3")
        # A bare #u=5 asks for a unit, and for nothing else: the rest stays.
        page.select_option("[data-control=sort]", "strongest")
        page.wait_for_function(units("!=="))
        page.evaluate("location.hash = 'u=5'")
        page.wait_for_selector("unit-panel h2:has-text('Unit 5 ')")
        assert page.locator("[data-control=sort]").input_value() == "strongest"
        seen.check()


def test_a_bare_link_to_a_unit_leaves_the_class_maps_for_the_unit(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-0.html#v=cams", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-cards")
        page.evaluate("location.hash = 'u=5'")
        page.wait_for_selector("unit-panel h2:has-text('Unit 5 ')")
        assert page.locator("[name=view][value=maps]").is_checked()
        seen.check()
