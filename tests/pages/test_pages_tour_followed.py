"""One number followed through the tour in a browser: from the picture as it is normalised, through the normalisations that have no
column of their own, to the classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from torch import Tensor

from tests.pages.fixture_tour_numbers import (
    CLOSE,
    MEAN,
    NET,
    STD,
    at,
    config,
    made,
    network,
    number,
    number_of,
    outputs,
    place,
    unit,
)
from tests.pages.opened import opened
from tests.pages.recorded import photographs
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OTHERS = """from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.GroupNorm(2, 6), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.LocalResponseNorm(3, 0.5, 0.7, 2),
                         nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)).eval()
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return made(tmp_path_factory.mktemp("tour-followed"))


@pytest.fixture(scope="module")
def truth(built: Built) -> list[Tensor]:
    return outputs(built)


@pytest.fixture
def base(built: Built) -> str:
    return built.site.as_uri() + "/"


@pytest.mark.parametrize("conv", [0, 4])
def test_a_number_is_followed_from_a_convolution_through_batch_norm_into_the_activation_without_a_gap(
    browser: Browser, built: Built, base: str, truth: list[Tensor], conv: int
):
    norm = network(built).requires_grad_(False)[conv + 1]
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, str(conv)))
        u, (y, x) = unit(page), place(page)
        gave = float(truth[conv + 1][0, u, y, x])
        scale = float(norm.weight[u] / (norm.running_var[u] + norm.eps).sqrt())
        shift = float(norm.bias[u] - norm.running_mean[u] * scale)
        became = float(truth[conv + 2][0, u, y, x])
        assert abs(became - gave) > 0.02, "a gap, were nothing said"

        def told(where: str) -> None:
            line = f"[data-{where}]"
            assert page.locator(f"tour-walk explain-view {line}").inner_text().startswith("Batch norm")
            assert number(page, f"{line} [data-scale]") == pytest.approx(scale, **CLOSE)
            assert number(page, f"{line} [data-from]") == pytest.approx(gave, **CLOSE)
            assert number(page, f"{line} [data-shift]") == pytest.approx(abs(shift), **CLOSE)
            assert number(page, f"{line} [data-to]") == pytest.approx(became, **CLOSE)

        assert number(page, "[data-summed] [data-out]") == pytest.approx(gave, **CLOSE)
        told("behind")
        page.locator("[data-act=after]").click()
        page.wait_for_selector(f"tour-walk explain-view[data-step='{conv + 2}']")
        assert (unit(page), place(page)) == (u, (y, x)), "the same number"
        told("before")
        assert number(page, "[data-written] [data-in]") == number(page, "[data-before] [data-to]")

        page.locator("[data-before] a").click()
        page.wait_for_selector(f"layer-page explain-view[data-step='{conv + 1}']")
        assert page.locator("layer-page [data-before], layer-page [data-behind]").count() == 0, "there it is a step"
        assert page.evaluate("document.querySelector('explain-view').unit") == u
        seen.check()


def test_before_the_first_kernel_the_picture_is_normalised_and_the_tour_says_by_what(
    browser: Browser, built: Built, base: str, truth: list[Tensor]
):
    """A colour between 0 and 1 becomes a number that may lie below zero: said with the picture, and of the number that is read."""
    with opened(browser, f"{base}tour.html", base=base) as seen:
        seen.page.wait_for_selector("tour-walk h2")
        said = seen.page.locator(".tour-walk__text").inner_text()
        assert (
            "less the means 0.4, 0.5 and 0.6 of red, green and blue, divided by the deviations 0.2, 0.25 and 0.3"
            in said
        )
        page = at(seen, number_of(built, "0"))
        page.evaluate("document.querySelector('tour-walk explain-view').go({y: 0, x: 0})")
        for place_, read in (((0, 0), (0, 0)), ((9, 4), (9, 4)), ((31, 31), (31, 31))):
            page.evaluate("([y, x]) => document.querySelector('tour-walk explain-view').go({y, x})", place_)
            channel = int(page.locator("tour-walk .ca-x-row.is-chosen").get_attribute("data-channel") or -1)
            value = float(truth[0][0, channel, *read])
            mean, std = MEAN[channel], STD[channel]
            assert number(page, "[data-normalised] [data-read]") == pytest.approx(value, **CLOSE)
            assert number(page, "[data-normalised] [data-seen]") == pytest.approx(value * std + mean, abs=1e-3)
            line = page.locator("[data-normalised]").inner_text()
            assert ("red", "green", "blue")[channel] in line and f"Row {read[0]}, column {read[1]}" in line
            assert re.search(rf"− {mean:g}\) ÷ {std:g} [=≈] ", line)
        page = at(seen, number_of(built, "4"))
        assert page.locator("[data-normalised]").count() == 0, "its maps are no picture"
        seen.check()


def test_of_normalisations_by_the_picture_the_line_has_the_factor_and_the_shift_of_that_place(
    browser: Browser, tmp_path: Path
):
    (tmp_path / "net.py").write_text(OTHERS)
    asked = config(tmp_path) | {"images": str(photographs(tmp_path / "photographs", 1))}
    asked["model"]["input"] |= {"mean": [0.0] * 3, "std": [1.0] * 3}
    report = build(tmp_path, asked)
    truth, base = outputs(report, (0.0,) * 3, (1.0,) * 3), report.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(report, "0"))
        assert page.locator("[data-normalised]").count() == 0, "this picture is read as it is"
        assert "normalised" not in page.locator("[data-column='0'] [data-said]").inner_text()
        for act in (2, 5):
            page = at(seen, number_of(report, str(act)))
            u, (y, x) = unit(page), place(page)
            gave, became = (float(truth[k][0, u, y, x]) for k in (act - 1, act))
            factor = number(page, "[data-before] [data-scale]")
            assert number(page, "[data-before] [data-from]") == pytest.approx(gave, **CLOSE)
            assert number(page, "[data-before] [data-to]") == pytest.approx(became, **CLOSE)
            if act == 5:
                assert page.locator("[data-before] [data-shift]").count() == 0, "a response norm only divides"
                assert factor * gave == pytest.approx(became, **CLOSE)
                continue
            group = truth[1][0].view(2, -1)[u // 3]
            expected = 1 / float((group.var(unbiased=False) + 1e-5).sqrt())
            assert factor == pytest.approx(expected, **CLOSE)
            assert number(page, "[data-before] [data-shift]") == pytest.approx(abs(float(group.mean()) * expected), **CLOSE)  # fmt: skip
        seen.check()


@pytest.mark.parametrize("layer", ["0", "2", "4"])
def test_nothing_moves_while_the_window_slides(browser: Browser, built: Built, base: str, layer: str):
    """Numbers are long and short: their panel keeps its height and its place, and so does all that stands below it and beside it."""
    with opened(browser, f"{base}tour.html", base=base) as seen:
        seen.page.set_viewport_size({"width": 1280, "height": 900})
        page = at(seen, number_of(built, layer))
        page.wait_for_function("() => document.querySelector('tour-walk .tour-units')")
        stands = page.evaluate("""() => {
            const view = document.querySelector('tour-walk explain-view'), found = new Set();
            const [h, w] = view.figure.size;
            const parts = ['.ca-x-dot-product', '.ca-x-grids', '.ca-x-grid:last-of-type', '.ca-x-out', '.ca-x-rows', '[data-summed]', '.ca-x-foot'];
            for (let at = 0; at < h * w; at += 1) {
                view.go({y: Math.floor(at / w), x: at % w}, true, false);
                const boxes = [...parts.map((part) => view.querySelector(part)), document.querySelector('.tour-units')].filter(Boolean);
                found.add(boxes.map((one) => { const {x, y, width, height} = one.getBoundingClientRect(); return [x, y, width, height].map(Math.round); }).join(' | '));
            }
            return [...found];
        }""")
        assert len(stands) == 1, stands[:3]
        seen.check()


def test_the_words_of_a_step_are_seen_together_with_its_figure(browser: Browser, built: Built, base: str):
    """In a window of 1280 x 900 the sentence stays over the figure, wherever in it one reads."""
    with opened(browser, f"{base}tour.html", base=base) as seen:
        seen.page.set_viewport_size({"width": 1280, "height": 900})
        for layer in ("0", "2", "4"):
            page = at(seen, number_of(built, layer))
            flow = page.locator("tour-walk .ca-x-flow")
            for edge in ("start", "end"):
                flow.evaluate("(e, block) => { e.scrollIntoView({block, behavior: 'instant'}); }", edge)
                words, head, figure, window = page.evaluate("""() => {
                    const box = (what) => { const {top, bottom} = document.querySelector(what).getBoundingClientRect(); return [top, bottom]; };
                    return [box('.tour-walk__text'), box('.md-header'), box('tour-walk .ca-x-flow'), innerHeight];
                }""")
                assert words[0] >= head[1] - 1 and words[1] < window, (layer, edge)
            assert figure[1] <= window + 1 and figure[0] >= words[1] - 1, f"{layer}: all of the figure under its words"
        seen.check()


def test_the_number_of_a_step_is_among_those_that_the_next_step_adds_up(
    browser: Browser, built: Built, base: str, truth: list[Tensor]
):
    """From the pooled map into the second convolution, and from the mean of a map into the score, whatever else adds more there."""
    with opened(browser, f"{base}tour.html", base=base) as seen:
        pooled = number_of(built, "4") - 1
        page = at(seen, pooled)
        page.evaluate("([number, unit]) => document.querySelector('tour-page').pick(number, unit)", [pooled, 3])
        page.wait_for_function("() => document.querySelector('tour-walk explain-view').unit === 3")
        page.locator("[data-act=after]").click()
        page.wait_for_selector("tour-walk explain-view[data-step='4']")
        assert page.locator("tour-walk .ca-x-row.is-chosen").get_attribute("data-channel") == "3"
        page.locator("tour-walk .ca-x-which [data-act=greater], tour-walk .ca-x-which [data-act=less]").first.click()
        page.wait_for_timeout(600)
        assert page.locator("tour-walk .ca-x-row.is-chosen").get_attribute("data-channel") == "3", "of another unit too"
        y, x = place(page)
        middle = float(page.locator("tour-walk .ca-x-grid").first.locator("td").nth(4).get_attribute("data-v") or "nan")
        assert middle == pytest.approx(float(truth[4][0, 3, y, x]), **CLOSE)

        head = number_of(built, "6") + 1
        page = at(seen, head)
        page.evaluate("([number, unit]) => document.querySelector('tour-page').pick(number, unit)", [head, 5])
        page.wait_for_function("() => document.querySelector('tour-walk explain-view').unit === 5")
        page.locator("[data-act=after]").click()
        page.wait_for_selector("tour-walk explain-view[data-step='9']")
        came = page.locator("tour-walk tr:has([data-came])")
        assert came.get_attribute("data-term") == "5" and "is-own" in str(came.get_attribute("class"))
        assert float(came.locator("td .ca-x-num").first.get_attribute("data-v") or "nan") == pytest.approx(float(truth[8][0, 5]), **CLOSE)  # fmt: skip

        page = at(seen, number_of(built, "0"))
        page = at(seen, head + 1)
        assert page.locator("[data-came]").count() == 0, "whoever jumps there followed none"
        seen.check()


def test_why_a_unit_is_shown_is_said_of_the_one_that_the_tour_chose(browser: Browser, built: Built, base: str):
    with opened(browser, f"{base}tour.html", base=base) as seen:
        page = at(seen, number_of(built, "4"))
        controls = page.locator("tour-walk .ca-x-controls")
        assert "adds most to the score of" in controls.inner_text()
        before = unit(page)
        page.locator("tour-walk [data-unit-step='1']").click()
        page.wait_for_function("unit => document.querySelector('tour-walk explain-view').unit !== unit", arg=before)
        assert "adds most" not in controls.inner_text()
        seen.check()


def test_a_normalisation_with_a_column_of_its_own_is_not_told_with_its_neighbours(browser: Browser, tmp_path: Path):
    (tmp_path / "net.py").write_text(NET)
    asked = config(tmp_path) | {"layers": ["conv", "norm", "act"]}
    report = build(tmp_path, asked | {"images": str(photographs(tmp_path / "photographs", 1))})
    base = report.site.as_uri() + "/"
    with opened(browser, f"{base}tour.html", base=base) as seen:
        for layer in ("0", "1", "2"):
            page = at(seen, number_of(report, layer))
            assert page.locator("[data-summed], [data-written]").count() > 0
            assert page.locator("[data-before], [data-behind]").count() == 0
        seen.check()


@pytest.mark.parametrize(
    ("kind", "reads", "units", "same"),
    [("act", 0, 6, True), ("pool", 0, 6, True), ("merge", 0, 6, True), ("merge", 0, 12, False), ("conv", 1, 6, True), ("conv", 6, 6, False), ("linear", 0, 6, False)],
)  # fmt: skip
def test_the_walk_keeps_its_unit_where_each_map_becomes_one(
    browser: Browser, built: Built, base: str, kind: str, reads: int, units: int, same: bool
):
    """An activation, a pooling, a sum with another branch and a depthwise kernel keep the channel; kernels that mix begin anew."""
    with opened(browser, f"{base}tour.html", base=base) as seen:
        at(seen, number_of(built, "0"))
        followed = seen.page.evaluate(
            """([next, given]) => {
                const page = document.querySelector('tour-page');
                Object.assign(page.columns[next].data, given);
                return [page.follow(next), page.state.u];
            }""",
            [number_of(built, "2"), {"kind": kind, "reads": reads, "units": units}],
        )
        assert (followed[0] == followed[1]) is same
        assert same or followed[0] == -1
