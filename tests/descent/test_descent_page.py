"""learn/descent.html in a browser: every control by mouse, touch and keyboard, the same numbers as torch, and good manners."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from generator.descent.optimizers import OPTIMIZERS
from generator.descent.runs import arrivals, descend, grid
from generator.descent.surfaces import SURFACES
from generator.pages import prose
from tests.pages.conftest import Built, base, build, http, tiny  # noqa: F401 - fixtures
from tests.pages.opened import Opened, audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGE = "learn/descent.html"
STATE = """() => { const page = document.querySelector('descent-page'); return {
  surface: page.surface.name, start: [...page.start], step: page.step, steps: page.steps, playing: !!page.playing,
  ends: Object.fromEntries(page.trails.map(({name, run}) => [name, [...run.points.slice(-2)]])),
  settings: page.settings}; }"""


@pytest.fixture
def seen(browser: Browser, base: str) -> Iterator[Opened]:  # noqa: F811
    with opened(browser, base + PAGE, base=base) as found:
        found.page.wait_for_selector("descent-page [data-do=play]:enabled")
        yield found
        found.check()


def state(page: Page) -> dict[str, Any]:
    return page.evaluate(STATE)


def choose(page: Page, name: str) -> None:
    page.locator(f"[name=de-surface][value={name}]").check(force=True)


def test_the_first_view_is_torchs_and_says_who_fell_where(seen: Opened):
    page = seen.page
    for surface in SURFACES.values():
        choose(page, surface.name)
        now = state(page)
        assert now["surface"] == surface.name and now["start"] == list(surface.start)
        for name, one in OPTIMIZERS.items():
            run = descend(surface, one, surface.start, 200)
            assert now["ends"][name] == pytest.approx(run.points[-1].tolist(), rel=1e-6, abs=1e-6)
            which, since = run.arrived
            said = page.locator(f"[data-end={name}]").inner_text()
            place = torch.tensor([(m.x, m.y) for m in surface.minima], dtype=torch.float64)[int(which)]
            away = (run.points[-1] - place).norm().item()
            told = re.search(r"; ?loss|: ([\d.e−]+) from the bottom; loss", said)
            if which < 0:
                assert said.startswith("downhill from here lies no well"), said
            elif away <= surface.radius:
                assert said.startswith(
                    f"{surface.minima[int(which)].name}, within its ring since step {int(since)}:"
                ), said
            else:
                assert said.startswith(f"{surface.minima[int(which)].name}, still on the slope:"), said
            if which >= 0:
                assert told and told[1]
                assert float(told[1].replace("−", "-")) == pytest.approx(away, rel=0.01, abs=1e-6), said
                assert "e−1" not in told[1], "what rounding leaves is no distance"
    choose(page, "two_wells")
    assert page.locator("[data-verdict]").inner_text() == (
        "Whose valley each is in after 200 steps: left well: Momentum, Adam, AdamW, Lion. right well: SGD, Nesterov, AdaGrad, RMSProp."
    )


def test_one_definition_decides_which_well_and_a_smaller_loss_is_no_less_a_well(seen: Opened):
    page = seen.page
    for surface in SURFACES.values():
        choose(page, surface.name)
        verdict = page.locator("[data-verdict]").inner_text()
        for name, one in OPTIMIZERS.items():
            which = int(descend(surface, one, surface.start, 200).arrived[0])
            well = surface.minima[which].name if which >= 0 else "no well"
            said = page.locator(f"[data-end={name}]").inner_text()
            assert said.startswith(well if which >= 0 else "downhill from here lies no well")
            part = next(part for part in re.split(r"(?<=[.:]) (?=\w+ ?\w*: )", verdict) if part.startswith(f"{well}:"))
            assert re.search(rf"\b{re.escape(one.title)}[,.]", part), (well, one.title, verdict)
    page.locator("[name=de-surface][value=two_wells]").check(force=True)


def test_marks_that_end_at_one_place_stand_apart(seen: Opened):
    page = seen.page
    for where in ("descent-map", "descent-loss"):
        at = page.evaluate("name => document.querySelector(name).marks", where)
        assert len(at) == 8
        far = [((a["x"] - b["x"]) ** 2 + (a["y"] - b["y"]) ** 2) ** 0.5 for k, a in enumerate(at) for b in at[:k]]
        assert min(far) >= 10, where
    wells = page.evaluate("document.querySelector('descent-map').labels")
    assert len(wells) == 2
    for mark in page.evaluate("document.querySelector('descent-map').marks"):
        for box in wells:
            inside = box["left"] - 5 < mark["x"] < box["right"] + 5 and box["top"] - 5 < mark["y"] < box["bottom"] + 5
            assert not inside, "no mark lies on the name of a well"


def test_the_start_by_mouse_and_by_keyboard(seen: Opened):
    page = seen.page
    canvas = page.locator("descent-map canvas")
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": 30 + (box["width"] - 31) * 0.25, "y": (box["height"] - 22) * 0.25})
    assert state(page)["start"] == pytest.approx([-1.25, 1.0], abs=0.02)
    handle = page.locator(".de-start")
    at = handle.bounding_box()
    assert at
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + (box["width"] - 31) * 0.5, y + 5, steps=4)
    page.mouse.up()
    assert state(page)["start"][0] == pytest.approx(1.25, abs=0.03)
    before = state(page)["start"]
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    after = state(page)["start"]
    assert after == pytest.approx([before[0] - 5 / 40 + 5 / 400, before[1] + 4 / 40], abs=2e-3)
    assert handle.get_attribute("aria-label").startswith("Start at x ")
    page.locator("[data-control=x]").fill("-2")
    page.keyboard.press("Enter")
    assert state(page)["start"][0] == -2
    page.locator("[data-control=y]").fill("99")
    page.keyboard.press("Enter")
    assert state(page)["start"][1] == 2  # within the box
    page.locator("[data-do=reset]").click()
    assert state(page)["start"] == [2.2, 1.3]


def test_rates_and_other_settings_change_the_runs(seen: Opened):
    page = seen.page
    surface = SURFACES["two_wells"]
    rate = page.locator("input[type=number][data-of=adam][data-setting=lr]")
    rate.fill("0.05")
    rate.press("Enter")
    run = descend(surface, OPTIMIZERS["adam"], surface.start, 200, {"lr": 0.05})
    assert state(page)["ends"]["adam"] == pytest.approx(run.points[-1].tolist(), abs=1e-9)
    assert page.locator("[data-end=adam]").inner_text().startswith("right well")
    slider = page.locator("input[type=range][data-of=momentum][data-setting=momentum]")
    slider.focus()
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    turned = state(page)["settings"]["momentum"]["momentum"]
    assert 0.8 < turned < 0.9
    run = descend(surface, OPTIMIZERS["momentum"], surface.start, 200, {"momentum": turned})
    assert state(page)["ends"]["momentum"] == pytest.approx(run.points[-1].tolist(), abs=1e-9)
    assert float(page.locator("#de-momentum-momentum").input_value()) == turned
    assert f"--set momentum.momentum={turned} --lr adam=0.05 -o" in page.locator("[data-command]").inner_text()
    rate.fill("50")  # beyond its end
    rate.press("Enter")
    assert state(page)["settings"]["adam"]["lr"] == 2
    page.locator("[data-control=steps]").fill("40")
    page.keyboard.press("Enter")
    assert state(page)["steps"] == 40 and page.locator("output[data-step]").inner_text() == "step 40 of 40"


def test_optimizers_are_put_out_and_in(seen: Opened):
    page = seen.page
    page.locator("[name=de-on][value=lion]").uncheck()
    assert "lion" not in state(page)["ends"]
    assert page.locator("descent-basins figure").count() == 7
    assert page.locator("[data-end=lion]").inner_text() == ""
    for name in list(OPTIMIZERS)[:-1]:
        page.locator(f"[name=de-on][value={name}]").uncheck()
    assert page.locator("[data-verdict]").inner_text() == "No optimizer is chosen."
    page.reload()
    page.wait_for_selector("descent-page [data-do=play]:enabled")
    assert state(page)["ends"] == {}
    page.locator("[name=de-on][value=lion]").check()
    assert list(state(page)["ends"]) == ["lion"]


def test_playing_pausing_and_going_to_a_step(seen: Opened):
    page = seen.page
    page.locator("[data-control=speed]").select_option("60")
    play = page.locator("[data-do=play]")
    play.click()
    page.wait_for_function(
        "() => { const p = document.querySelector('descent-page'); return p.playing && p.step > 3 && p.step < 190; }"
    )
    assert play.inner_text().strip() == "Pause"
    play.click()
    stopped = state(page)
    assert not stopped["playing"] and stopped["step"] == int(stopped["step"])
    page.wait_for_timeout(200)
    assert state(page)["step"] == stopped["step"]
    page.locator("[data-do=forward]").click()
    assert state(page)["step"] == stopped["step"] + 1
    page.locator("[data-do=back]").click()
    page.locator("[data-do=back]").click()
    assert state(page)["step"] == stopped["step"] - 1
    page.locator("[data-do=rewind]").click()
    assert state(page)["step"] == 0
    slider = page.locator("[data-control=step]")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["step"] == 1 and slider.get_attribute("aria-valuetext") == "step 1 of 200"
    canvas = page.locator("descent-loss canvas")
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": 40 + (box["width"] - 66) * 0.5, "y": 50})
    assert state(page)["step"] == 100


def test_reduced_motion_holds_the_animation(browser: Browser, http: str):  # noqa: F811
    with opened(browser, http + PAGE, base=http) as found:
        page = found.page
        page.emulate_media(reduced_motion="reduce")
        page.wait_for_selector("descent-page [data-do=play]:enabled")
        page.locator("[data-do=play]").click()
        assert (state(page)["playing"], state(page)["step"]) == (False, 10)
        page.wait_for_timeout(200)
        assert state(page)["step"] == 10
        page.locator("[data-do=play]").click()
        assert state(page)["step"] == 20
        found.check()


def test_the_surface_turns_by_drag_and_by_keys(seen: Opened):
    page = seen.page
    canvas = page.locator("surface-view canvas")
    picture = canvas.screenshot()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    turned = page.evaluate("() => { const v = document.querySelector('surface-view'); return [v.yaw, v.pitch]; }")
    assert turned == [-23, 46]
    assert canvas.screenshot() != picture
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 60, steps=3)
    page.mouse.up()
    assert page.evaluate("document.querySelector('surface-view').yaw") == pytest.approx(-3, abs=0.6)
    page.keyboard.press("Home")
    assert page.evaluate("document.querySelector('surface-view').yaw") == -28


def test_the_address_keeps_the_view(seen: Opened, browser: Browser, base: str):  # noqa: F811
    page = seen.page
    assert "#" not in seen.address
    choose(page, "ravine")
    page.locator("[data-control=x]").fill("5")
    page.keyboard.press("Enter")
    rate = page.locator("input[type=number][data-of=sgd][data-setting=lr]")
    rate.fill("0.3")
    rate.press("Enter")
    page.locator("[name=de-on][value=lion]").uncheck()
    page.locator("[data-control=step]").fill("17")
    page.locator("surface-view canvas").focus()
    page.keyboard.press("ArrowLeft")
    wanted = state(page)
    with opened(browser, seen.address, base=base) as again:
        again.page.wait_for_selector("descent-page [data-do=play]:enabled")
        assert state(again.page) == wanted
        assert again.page.evaluate("document.querySelector('surface-view').yaw") == -33
        again.page.evaluate("location.hash = '#s=nosuch&p=x,y&n=-4&k=zzz&adam.lr=none&o=sgd,nosuch&r=a,b'")
        again.page.wait_for_function("() => document.querySelector('descent-page').surface.name === 'two_wells'")
        now = state(again.page)
        assert (now["start"], now["steps"], list(now["ends"])) == ([2.2, 1.3], 1, ["sgd"])
        again.check()


def test_the_maps_of_basins_are_torchs(seen: Opened):
    page = seen.page
    page.locator("descent-basins").scroll_into_view_if_needed()
    page.wait_for_function(
        "() => document.querySelectorAll('descent-basins canvas[data-whole]:not([data-whole=\"\"])').length === 8",
        timeout=60000,
    )
    surface = SURFACES["two_wells"]
    for name, one in OPTIMIZERS.items():
        found = page.evaluate(
            "(name) => { const {cells, columns, rows} = document.querySelector('descent-basins').found.get(name); return {columns, rows, which: cells.map((c) => c.which)}; }",
            name,
        )
        which, _ = arrivals(surface, descend(surface, one, grid(surface, found["columns"], found["rows"]), 200).points)
        assert found["which"] == which.tolist(), name
        share = round(100 * (which == 0).float().mean().item())
        said = page.locator("descent-basins figure").nth(list(OPTIMIZERS).index(name)).inner_text()
        assert int(re.search(r"left well (\d+)\s%", said)[1]) == pytest.approx(share, abs=1)  # type: ignore[index]
    canvas = page.locator("descent-basins canvas").first
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.75})
    assert state(page)["start"] == pytest.approx([-1.0, -1.0], abs=0.05)


def test_arrow_keys_on_a_map_of_basins_move_the_start(seen: Opened):
    page = seen.page
    page.locator("descent-basins canvas").nth(1).focus()
    x0, x1, y0, y1 = SURFACES["two_wells"].box
    x, y = state(page)["start"]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert state(page)["start"] == pytest.approx([x + (x1 - x0) / 40, y - (y1 - y0) / 400], abs=1e-3)
    assert page.locator("descent-basins canvas").nth(1).evaluate("e => e === document.activeElement")
    seen.check()


def test_by_touch_on_a_phone(browser: Browser, tiny: Built):  # noqa: F811
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto((tiny.site / PAGE).as_uri())
    page.wait_for_selector("descent-page [data-do=play]:enabled")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    canvas = page.locator("descent-map canvas")
    box = canvas.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 30 + (box["width"] - 31) / 2, box["y"] + (box["height"] - 22) / 2)
    assert state(page)["start"] == pytest.approx([0, 0], abs=0.05)
    page.locator("[data-do=rewind]").tap()
    assert state(page)["step"] == 0
    small = page.evaluate(
        "[...document.querySelectorAll('descent-page button')].filter((b) => b.offsetWidth < 24 || b.offsetHeight < 24).length"
    )
    assert small == 0
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
def test_axe_finds_nothing(browser: Browser, http: str, scheme: str, width: int):  # noqa: F811
    with opened(browser, http + PAGE, base=http, scheme=scheme, width=width) as found:
        page = found.page
        page.wait_for_selector("descent-page [data-do=play]:enabled")
        assert audit(page) == []
        found.check()


def test_colours_of_the_page_and_of_the_picture_are_one_set():
    css = (Path(__file__).resolve().parents[2] / "templates/assets/css/descent.css").read_text("utf-8")
    light = css.split('"slate"')[0]
    for name, one in OPTIMIZERS.items():
        assert f"--de-{name}: {one.colour};" in light
        assert len(re.findall(rf"--de-{name}: #", css)) == 2


def test_without_scripts_there_is_a_picture(browser: Browser, http: str):  # noqa: F811
    with opened(browser, http + PAGE, base=http, scripts=False) as found:
        image = found.page.locator("img.de-plain")
        assert image.is_visible() and image.evaluate("img => img.decode().then(() => img.naturalWidth)") == 960


def test_the_formula_of_every_surface_is_whole_on_a_telephone(browser: Browser, base: str):  # noqa: F811
    with opened(browser, base + PAGE, base=base, width=390) as seen:
        page = seen.page
        page.wait_for_selector("descent-page [data-do=play]:enabled")
        for name in SURFACES:
            choose(page, name)
            formula = page.locator("[data-formula]:visible")
            assert formula.get_attribute("data-formula") == name
            assert formula.evaluate("(e) => e.scrollWidth <= e.clientWidth"), name
            assert formula.locator("math").count() == len(prose.terms(SURFACES[name].latex)) > 1
        seen.check()


def test_a_setting_is_called_what_it_does(seen: Opened):
    """Lion keeps no squares: both of its memories are of the slope."""
    labels = seen.page.locator(".de-card.de-is-lion label").all_inner_texts()
    assert [label.split(" ", 1)[1] for label in labels] == ["memory in the step", "memory that is kept", "weight decay"]
    assert "square" in seen.page.locator(".de-card.de-is-adam label").nth(1).inner_text()
