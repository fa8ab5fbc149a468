"""The view on how a layer is computed: mouse, touch, keys, less motion, the address, narrow and dark, and axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.pages.opened import Opened, audit, opened
from tests.whole import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CONFIG = {
    "model": "tinyvgg_digits",
    "images": "inputs/digits",
    "limit": 1,
    "methods": ["feature_maps"],
    "trust": "none",
    "layers": ["conv", "act", "pool"],
}
STEPS = ("conv2_2", "relu2_2", "pool2", "flatten", "fc", "softmax")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("controls"), CONFIG).site


@pytest.fixture
def base(site: Path) -> str:
    return site.as_uri() + "/"


def place(seen: Opened) -> str:
    return seen.page.locator("[data-place]").inner_text()


def test_it_is_reached_by_the_view_and_the_address_keeps_what_is_shown(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#u=4", base=base) as seen:
        page = seen.page
        page.locator("[name=view][value=how]").check(force=True)
        page.wait_for_selector("explain-view [data-out]")
        page.locator("[role=tab]").nth(1).click()
        page.wait_for_selector("[role=tab][aria-selected=true]:has-text('relu2_2')")
        page.locator("explain-view [data-act=on]").click()
        assert "u=4" in seen.address
        assert "v=how" in seen.address
        assert "x=relu2_2" in seen.address
        assert "p=8.9" in seen.address
        address, out = seen.address, page.locator("[data-out]").get_attribute("data-v")
        seen.check()
    with opened(browser, address, base=base) as seen:
        seen.page.wait_for_selector("[role=tab][aria-selected=true]:has-text('relu2_2')")
        assert place(seen) == "row 8, column 9"
        assert seen.page.locator("[data-out]").get_attribute("data-v") == out
        seen.check()


def test_keys_move_the_window_and_nothing_else(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv1-2.html#v=how&u=3&p=4.4", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        page.locator("explain-view [role=application]").focus()
        for key, said in (
            ("ArrowRight", "row 4, column 5"), ("ArrowDown", "row 5, column 5"), ("Shift+ArrowRight", "row 5, column 13"), ("ArrowLeft", "row 5, column 12"),
            ("ArrowUp", "row 4, column 12"), ("Home", "row 4, column 0"), ("Enter", "row 4, column 1"), ("End", "row 4, column 31"), ("Enter", "row 5, column 0"),
            ("Shift+ArrowUp", "row 0, column 0"), ("ArrowUp", "row 0, column 0"),
        ):  # fmt: skip
            page.keyboard.press(key)
            assert place(seen) == said
        assert "u=3" in seen.address
        assert "p=0.0" in seen.address
        assert page.locator("explain-view [role=application]").evaluate("e => e === document.activeElement")
        page.locator("[role=tab]").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("[role=tab][aria-selected=true]:has-text('relu1_2')")
        assert page.locator("[role=tab][aria-selected=true]").evaluate("e => e === document.activeElement")
        seen.check()


def test_it_plays_pauses_steps_and_goes_faster(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv1-2.html#v=how&u=3&p=0.0", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        page.wait_for_timeout(900)
        assert place(seen) == "row 0, column 0", "nothing moves by itself"
        page.locator("[data-act=speed]").select_option("16")
        page.locator("[data-act=play]").click()
        page.wait_for_function("/column ([5-9]|\\d\\d)/.test(document.querySelector('[data-place]').textContent)")
        assert page.locator("[data-act=play]").get_attribute("aria-label") == "Pause"
        assert page.locator(".ca-x-out .ca-x-later").count() == 1, "what is not computed yet is veiled"
        page.locator("[data-act=play]").click()
        stopped = place(seen)
        page.wait_for_timeout(300)
        assert place(seen) == stopped
        assert page.locator(".ca-x-out .ca-x-later").count() == 0
        page.locator("[data-act=on]").click()
        page.locator("[data-act=back]").click()
        assert place(seen) == stopped
        page.locator("[data-act=play]").click()
        page.locator("[role=tab]").nth(1).click()
        page.wait_for_selector("[role=tab][aria-selected=true]:has-text('relu1_2')")
        still = place(seen)
        page.wait_for_timeout(300)
        assert place(seen) == still, "another step stops it"
        seen.check()


def test_a_click_on_a_map_moves_there_and_hovering_links_numbers(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv1-2.html#v=how&u=3&p=4.4", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        box = page.locator("explain-view [role=application]").bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] * 10.5 / 32, box["y"] + box["height"] * 20.5 / 32)
        assert place(seen) == "row 20, column 10"
        page.locator(".ca-x-grid").nth(1).locator("td").nth(5).hover()
        assert page.locator(".is-linked").count() == 4, "pixel, weight, product, term"
        assert page.locator(".ca-x-row.is-chosen .ca-x-dot").count() == 1
        dot = page.locator(".ca-x-row.is-chosen .ca-x-dot").first
        assert (dot.get_attribute("x"), dot.get_attribute("y")) == ("11", "20"), (
            "row 1, column 2 of a window that begins at 19, 9"
        )
        other = page.locator(".ca-x-pick").nth(2)
        channel = page.locator(".ca-x-row").nth(2).get_attribute("data-channel")
        other.click()
        assert page.locator(".ca-x-dot-product h2").inner_text() == f"Channel {channel} at row 20, column 10"
        assert other.get_attribute("aria-pressed") == "true"
        seen.check()


def test_a_chosen_channel_stays_of_the_next_unit_and_of_all_channels(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv1-2.html#v=how&u=3&p=4.4", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        page.locator(".ca-x-pick").nth(2).click()
        channel = page.locator(".ca-x-row.is-chosen").get_attribute("data-channel")

        def stays() -> None:
            assert page.locator(".ca-x-row.is-chosen").get_attribute("data-channel") == channel
            assert page.locator(".ca-x-dot-product h2").inner_text().startswith(f"Channel {channel} ")

        for unit in (4, 5, 6):
            page.locator("[data-act=greater]").click()
            page.wait_for_function("n => document.querySelector('explain-view').dataset.own === String(n)", arg=unit)
            stays()
        page.locator("[data-all]").click()
        stays()
        page.locator("[role=tab]").nth(1).click()
        page.wait_for_selector("[role=tab][aria-selected=true]:has-text('relu1_2')")
        page.locator("[role=tab]").nth(0).click()
        page.wait_for_selector(".ca-x-row.is-chosen")
        stays()
        seen.check()


def test_units_follow_the_page(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv1-2.html#v=how&u=3", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        page.locator("[data-act=greater]").click()
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '4'")
        assert "u=4" in seen.address
        page.locator("input[data-act=unit]").fill("11")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '11'")
        page.evaluate("location.hash = 'v=how&u=2'")
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '2'")
        assert page.locator("input[data-act=unit]").input_value() == "2"
        page.locator("[name=view][value=maps]").check(force=True)
        page.wait_for_selector("unit-panel h2:has-text('Unit 2 ')")
        seen.check()


def test_a_unit_that_is_not_there_is_said(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#v=how&u=3", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        field = page.locator("input[data-act=unit]")
        field.fill("99")
        field.press("Enter")
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '19'")
        told = page.locator("explain-view [role=status]")
        page.wait_for_function("() => document.querySelector('explain-view [role=status]').textContent")
        assert told.inner_text() == "There is no unit 99 here: units go from 0 to 19. Shown is unit 19."
        assert field.input_value() == "19"
        field.fill("-4")
        field.press("Enter")
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '0'")
        assert told.inner_text().startswith("There is no unit −4 here")
        field.fill("7")
        field.press("Enter")
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '7'")
        assert told.inner_text() == ""
        field.fill("2.4")
        field.press("Enter")
        page.wait_for_function("() => document.querySelector('explain-view').dataset.own === '2'")
        assert "no unit 2.4 here" in told.inner_text()
        seen.check()


def test_the_curve_reaches_as_far_as_the_colours_and_says_what_it_is_of(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#v=how&x=relu2_2&u=6&p=4.9", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        bar = page.locator("explain-view .ca-x-part").first.inner_text().split("\n")
        ticks = page.locator(".ca-x-ticks span").all_inner_texts()
        assert [ticks[0], ticks[2]] == [part for part in bar if re.fullmatch(r"[−\d.]+", part)]
        said = "ReLU of relu2_2, unit 6, on 0-a: the number at row 4, column 9"
        assert page.locator(".ca-x-of").inner_text() == said
        assert page.locator(".ca-x-curve").get_attribute("aria-label") == said
        page.locator("explain-view [data-act=on]").click()
        assert page.locator(".ca-x-of").inner_text().endswith("at row 4, column 10")
        seen.check()


def test_the_softmax_is_written_with_as_many_brackets_as_it_needs(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#v=how&x=softmax", base=base) as seen:
        page = seen.page
        line = page.locator("explain-view [data-written]")
        line.wait_for()
        assert re.fullmatch(r"e\^\([−\d.e]+ − [\d.e]+\) ÷ [\d.e]+ = [−\d.e]+", line.inner_text())
        page.locator("[data-temperature]").focus()
        page.keyboard.press("ArrowRight")
        assert re.fullmatch(r"e\^\(\([−\d.e]+ − [\d.e]+\) ÷ [\d.]+\) ÷ [\d.e]+ = [−\d.e]+", line.inner_text())
        assert "exact to four digits or more" in page.locator(".ca-x-foot").inner_text()
        seen.check()


def test_classes_have_terms_and_a_temperature(browser: Browser, base: str):
    with opened(browser, f"{base}layers/conv2-2.html#v=how&x=softmax", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-temperature]")

        def shares() -> list[float]:
            return [
                float(v or 0)
                for v in page.locator(".ca-x-terms tbody tr td:nth-child(4) .ca-x-num").evaluate_all(
                    "all => all.map((e) => e.dataset.v)"
                )
            ]

        first = shares()
        assert abs(sum(first) - 1) < 1e-9
        page.locator("[data-temperature]").focus()
        for _ in range(40):
            page.keyboard.press("ArrowRight")
        assert page.locator(".ca-x-temperature").inner_text() == "T = 4"
        later = shares()
        assert abs(sum(later) - 1) < 1e-9
        scores = page.evaluate(
            "() => { const v = document.querySelector('explain-view'); const [{flows}] = v.chain.steps[v.k].reads;"
            " return [...(flows === undefined ? v.chain.whole(v.k).values : v.chain.vector(flows))]; }"
        )
        assert len(scores) == 10
        for t, found in ((1.0, first), (4.0, later)):
            wanted = (torch.tensor(scores, dtype=torch.float64) / t).softmax(0).sort(descending=True).values.tolist()
            assert found[:-1] == pytest.approx(wanted[: len(found) - 1], rel=1e-6), "the last row is the rest"
        assert later[0] < first[0]
        page.locator("[data-act=greater]").click()
        page.wait_for_selector(".ca-x-terms .is-own:has-text('1')")
        page.locator("[role=tab]").nth(4).click()
        page.wait_for_selector(".ca-x-linear")
        assert page.locator("input[data-act=unit]").input_value() == "1", "the class goes along"
        assert page.locator("[data-product]").count() == 12
        seen.check()


def test_less_motion_goes_a_step_at_a_time(browser: Browser, base: str):
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{base}layers/conv1-2.html#v=how&u=3&p=2.2")
    page.wait_for_selector("[data-out]")
    play = page.locator("[data-act=play]")
    assert play.get_attribute("aria-label") == "Step on"
    assert page.locator("[data-act=speed]").count() == 0
    play.click()
    page.wait_for_timeout(900)
    assert page.locator("[data-place]").inner_text() == "row 2, column 3"
    context.close()


def test_by_touch_on_a_telephone(browser: Browser, base: str):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for name in STEPS:
        page.goto(f"{base}layers/conv2-2.html#v=how&u=3&x={name}")
        page.reload()
        page.wait_for_selector(f"explain-view[data-step='{name}'] [data-out]")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        turned = page.locator("explain-view .ca-x-flow > .ca-x-sign").evaluate_all("all => all.map((e) => [e.textContent, getComputedStyle(e).rotate])")  # fmt: skip
        assert all((mark == "→") == (rotate == "90deg") for mark, rotate in turned), "arrows point down, signs stand"
    page.goto(f"{base}layers/conv1-2.html#v=how&u=3")
    page.wait_for_selector("explain-view[data-step=conv1_2] [data-out]")
    box = page.locator("explain-view [role=application]")
    box.scroll_into_view_if_needed()
    at = box.bounding_box()
    assert at
    page.touchscreen.tap(at["x"] + at["width"] * 3.5 / 32, at["y"] + at["height"] * 6.5 / 32)
    assert page.locator("[data-place]").inner_text() == "row 6, column 3"
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, site: Path, site_server: Callable[[Path], str], scheme: str, width: int):
    base = site_server(site)  # from a file axe may not read the style sheets
    with opened(browser, f"{base}layers/conv2-2.html#v=how&u=3", scheme=scheme, width=width, base=base) as seen:
        for n, name in enumerate(STEPS):
            seen.page.locator("[role=tab]").nth(n).click()
            seen.page.wait_for_selector(f"explain-view[data-step='{name}'] [data-out]")
            assert (name, audit(seen.page)) == (name, [])
        seen.check()


HOSTILE = ("<img src=x onerror=alert(1)>", '"><script>alert(2)</script>', "{{7*7}}`|", "__proto__", "'-alert(3)-'")
NET = """
from collections import OrderedDict
from torch import nn
def build():
    parts = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(OrderedDict([*zip({names!r}, parts), ("fc", nn.Linear(3 * 13 * 13, 3))]))
"""


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path):
    from tests.whole import copied, digits

    (tmp_path / "net.py").write_text(NET.replace("{names!r}", repr(HOSTILE)), "utf-8")
    (tmp_path / "labels.txt").write_text(
        "<script>alert(4)</script>\n](javascript:alert(5))\n<img src=x onerror=alert(6)>\n", "utf-8"
    )
    (copied(digits(1), tmp_path / "images") / "<img src=x onerror=alert(7)>.png").write_bytes(digits(1)[0].read_bytes())
    model = {
        "source": "python:net.py:build",
        "labels": "labels.txt",
        "input": {"size": 28, "mean": [0], "std": [1], "channels": 1},
    }
    made = build(tmp_path, {**CONFIG, "model": model, "images": "images", "limit": 2, "explain": {"images": 2}})
    base = made.site.as_uri() + "/"
    page_of = next(
        file.stem
        for file in sorted((made.site / "data/explain/steps").glob("*.js"))
        if '"step":0' in file.read_text("utf-8")
    )
    with opened(browser, f"{base}layers/{page_of}.html#v=how", base=base) as seen:
        page = seen.page
        page.wait_for_selector("[data-out]")
        assert [tab.locator("span").inner_text() for tab in page.locator("[role=tab]").all()][:4] == list(HOSTILE[:4])
        for k in range(page.locator("[role=tab]").count()):
            page.locator("[role=tab]").nth(k).click()
            page.wait_for_function("k => document.querySelectorAll('[role=tab]')[k].ariaSelected === 'true'", arg=k)
            page.wait_for_selector("[data-out]")
        assert "<script>alert(4)</script>" in page.locator("explain-view").inner_text()
        assert page.evaluate("document.querySelectorAll('explain-view [onerror], explain-view script').length") == 0
        seen.check()


def test_the_architecture_leads_to_every_operation(browser: Browser, base: str):
    with opened(browser, f"{base}architecture.html", base=base) as seen:
        hows = seen.page.evaluate("convatlas.get('architecture', '').hows")
        assert hows["fc"] == "layers/conv2-2.html#v=how&x=fc"
        assert hows["relu1_1"] == "layers/relu1-1.html#v=how&x=relu1_1"
        seen.check()
