"""What the reader has picked on the live page stays (in the address, for the next picture, loaded anew); what cannot be had is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.pages.numbers import percent
from tests.live.conftest import Page as Live
from tests.live.made import photographs
from tests.live.test_live_page import SLOW, ran, run_sample
from tests.pages.fixture_report import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def opens(page: Page, unit: str, layer: str) -> None:
    """This unit is the one that is shown large."""
    page.wait_for_function("(said) => document.querySelector('.lv-unit h3')?.textContent === said", arg=f"Unit {unit} of {layer}", timeout=SLOW)  # fmt: skip


def test_the_layer_and_the_unit_that_are_picked_stay(browser: Browser, tinyvgg: Live) -> None:
    second, third = (str(name) for name in tinyvgg.model.outputs.layers[1:3])
    with run_sample(browser, tinyvgg) as seen:
        page = seen.page
        page.locator("live-layers button", has_text="›").click()
        page.wait_for_function("(name) => document.querySelector('.lv-unit h3').textContent.endsWith(name)", arg=second)
        assert seen.address.endswith("#l=1")
        card = page.locator("atlas-wall [role=option]").nth(4)
        unit = card.get_attribute("data-unit") or ""
        card.click()
        opens(page, unit, second)
        page.locator(".lv-samples input").nth(1).check(force=True)
        ran(page, tinyvgg.model_name(1))
        opens(page, unit, second)
        page.reload()
        page.locator(".lv-samples input").first.check(force=True)
        opens(page, unit, second)
        page.locator("live-layers select").select_option(label=third)
        page.wait_for_function("(name) => document.querySelector('.lv-unit h3').textContent.endsWith(name)", arg=third)
        assert seen.address.endswith("#l=2"), "another layer's unit is not this one's"
        seen.check()


def test_a_drop_without_a_file_is_told(browser: Browser, tinyvgg: Live) -> None:
    with run_sample(browser, tinyvgg) as seen:
        page = seen.page
        data = page.evaluate_handle("() => { const data = new DataTransfer(); data.setData('text/uri-list', 'https://example.org/'); return data; }")  # fmt: skip
        page.dispatch_event("body", "drop", {"dataTransfer": data})
        assert page.locator("[data-status]").inner_text().startswith("What was dropped holds no file")
        seen.check()


def test_a_class_that_is_not_there_is_told(browser: Browser, tinyvgg: Live) -> None:
    with run_sample(browser, tinyvgg) as seen:
        field, told = seen.page.locator(".lv-other input"), seen.page.locator(".lv-other [role=status]")
        before = seen.page.locator(".lv-class input:checked").get_attribute("value")
        field.fill("no such <thing>")
        field.press("Enter")
        assert told.inner_text() == "No class is called “no such <thing>”."
        assert seen.page.locator(".lv-class input:checked").get_attribute("value") == before
        field.fill("3")
        field.press("Enter")
        assert told.inner_text() == ""
        assert seen.page.locator(".lv-class input:checked").get_attribute("value") == "3"
        seen.check()


def test_probabilities_are_written_as_in_the_report(browser: Browser, tinyvgg: Live) -> None:
    x = photographs(tinyvgg.model, HOSTILE[:4])[0][2][None]
    shares = tinyvgg.model.expected(x)["scores"].softmax(dim=1)[0]
    expected = [percent(float(p)) for p in shares.sort(descending=True).values[:5]]
    least = int(shares.argmin())
    with run_sample(browser, tinyvgg) as seen:
        assert seen.page.locator(".lv-class__value").all_text_contents() == expected
        seen.page.locator(".lv-other input").fill(str(least))
        seen.page.locator(".lv-other input").press("Enter")
        assert (
            seen.page.locator(".lv-class__value").last.text_content() == percent(float(shares[least])) == percent(0.0)
        )
        seen.check()
