"""The graph of the Architecture page in columns: by its control, in the address, saved, and in the hands that know one column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.diagrams.styles.graph import Graph
from tests.diagrams.networks import named
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def resnet(
    tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built], site_server: Callable[[Path], str]
) -> str:
    there = tmp_path_factory.mktemp("columns")
    return site_server(rebuild(replace(tiny_report(there), architecture=named("resnet50")), there / "site").site)


def size(page: Page) -> list[float]:
    return list(
        page.evaluate("(({width, height}) => [width, height])(document.querySelector('graph-view').scene.drawing)")
    )


def middles(page: Page) -> dict[str, list[float]]:
    return dict(
        page.evaluate(
            "Object.fromEntries((({it, laid}) => it.ops.map((op, k) => [op.id, [laid.boxes[k].x + laid.boxes[k].width / 2, laid.boxes[k].y]]))"
            "(document.querySelector('graph-view').scene))"
        )
    )


def chosen(page: Page) -> str:
    return str(page.locator("[name=columns]:checked").get_attribute("value"))


def test_the_control_sets_columns_and_the_address_says_so(browser: Browser, resnet: str):
    with opened(browser, resnet + "architecture.html#d=1", base=resnet) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        one = size(page)
        assert chosen(page) == "1"
        page.locator("[name=columns][value='1']").focus()
        page.keyboard.press("ArrowRight")
        assert chosen(page) == "0" and seen.address.endswith("#columns=0")
        assert size(page)[0] > 1.3 * one[0] and size(page)[1] < 0.75 * one[1]
        assert page.locator("[data-control=columns] legend").inner_text().lower() == "columns"
        page.locator("[name=direction][value=right]").check(force=True)
        assert page.locator("[data-control=columns] legend").inner_text().lower() == "rows"
        assert "dir=right" in seen.address and "columns=0" in seen.address
        rows = size(page)
        page.keyboard.press("ArrowLeft")  # the flow is downwards again
        page.locator("[name=columns][value='1']").check(force=True)
        assert "columns" not in seen.address and size(page) == one
        page.evaluate("location.hash = '#d=1&dir=right'")
        page.wait_for_function("() => document.querySelector('graph-page').state.direction === 'right'")
        assert rows[0] < 0.7 * size(page)[0] and rows[1] > size(page)[1]
        seen.check()


@pytest.mark.parametrize(("said", "meant"), [("0", 0), ("3", 3), ("9", 1), ("x", 1), ("", 1)])
def test_the_address_brings_the_columns_back(browser: Browser, resnet: str, said: str, meant: int):
    with opened(browser, resnet + f"architecture.html#d=1&columns={said}", base=resnet) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        drawn = Graph(depth=1, columns=meant, legend=False, title=False).draw(named("resnet50"))
        assert size(page) == [drawn.width, drawn.height]
        assert page.locator("[name=columns]:checked").count() == (meant < 2)
        seen.check()


@pytest.mark.parametrize(("view", "direction"), [("#d=1&columns=0", "down"), ("#d=1&columns=0&dir=right", "right")])
def test_what_is_saved_has_the_columns(browser: Browser, resnet: str, view: str, direction: str):
    with opened(browser, resnet + f"architecture.html{view}", base=resnet) as seen:
        with seen.page.expect_download() as made:
            seen.page.locator("[data-save]").click()
        drawn = Graph(depth=1, columns=0, direction=direction).draw(named("resnet50")).svg  # type: ignore[arg-type]
        assert Path(made.value.path()).read_text("utf-8") == f"{drawn}\n"
        seen.check()


def test_hands_go_on_from_the_foot_of_a_column(browser: Browser, resnet: str):
    with opened(browser, resnet + "architecture.html#d=1&columns=2", base=resnet) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        at = middles(page)
        names = list(at)
        foot, top = next((a, b) for a, b in pairwise(names) if at[b][1] < at[a][1] - 200)
        page.evaluate("(id) => document.querySelector('graph-view').go(id)", foot)
        page.keyboard.press("ArrowDown")
        assert page.evaluate("document.activeElement.dataset.id") == top
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.dataset.id") == foot
        # to the side, to what stands there in the next column
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        beside = at[str(page.evaluate("document.activeElement.dataset.id"))]
        assert beside[0] > at[names[0]][0] + 60 and beside[1] == at[top][1]
        # a row of the table finds its box in the second column, and a box there its row
        page.locator(f"graph-table tr[data-id='{names[-2]}'] td").first.click()
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == names[-2]
        assert page.evaluate(IN_SIGHT, names[-2])
        page.locator("graph-card [data-act=hide]").click()
        page.evaluate("(id) => document.querySelector('graph-view').centre(id)", top)
        box = page.locator(f"graph-view .ca-node[data-id='{top}']").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 3)
        assert page.locator("graph-table .gr-picked").get_attribute("data-id") == top
        seen.check()


IN_SIGHT = """(id) => {
  const [box, view] = [document.querySelector('graph-view').nodes.get(id), document.querySelector('graph-view')].map((one) => one.getBoundingClientRect());
  return box.left >= view.left && box.right <= view.right && box.top >= view.top && box.bottom <= view.bottom;
}"""


def test_searching_and_dragging_in_columns(browser: Browser, resnet: str):
    with opened(browser, resnet + "architecture.html#d=1&columns=2", base=resnet) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        find = page.locator("[data-find]")
        find.fill("layer4.2.conv3")
        assert page.locator("graph-view .gr-found").count() == 1
        find.press("Enter")
        assert page.evaluate(IN_SIGHT, "layer4.2.conv3") and "columns=2" in seen.address
        find.fill("")
        page.evaluate("document.querySelector('graph-view').zoomTo(2)")
        page.evaluate("document.querySelector('graph-view').scrollTo(200, 300)")
        box = page.locator("graph-view").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 50, y - 60, steps=4)
        page.mouse.up()
        view = page.locator("graph-view")
        assert view.evaluate("it => [it.scrollLeft, it.scrollTop]") == pytest.approx([250, 360], abs=2)
        seen.check()


def test_a_block_that_is_cut_closes_at_either_end(browser: Browser, resnet: str):
    for end in (0, -1):
        with opened(browser, resnet + "architecture.html#d=9&fold=0&columns=6", base=resnet) as seen:
            page = seen.page
            page.wait_for_selector(".ca-node")
            names = page.locator("graph-view .ca-caption").evaluate_all("all => all.map((one) => one.dataset.block)")
            cut = next(name for name in names if names.count(name) > 1)
            page.locator(f"graph-view .ca-caption[data-block='{cut}'] .ca-handle").nth(end).click()
            assert page.locator(f"graph-view .ca-node[data-id='{cut}']").count() == 1
            assert page.locator(f"graph-view .ca-caption[data-block='{cut}']").count() == 0
            seen.check()


def test_on_a_telephone_columns_fit(browser: Browser, resnet: str):
    with opened(browser, resnet + "architecture.html#d=1&columns=0", base=resnet, width=390, height=844) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        control = page.locator("[data-control=columns]").bounding_box()
        assert control and control["x"] >= 0 and control["x"] + control["width"] <= 390
        seen.check()
