"""The Architecture page in a newcomer's hands: a click and then the arrows, a card that hides nothing before it, a search taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.diagrams.architecture import Architecture, Edge, Op
from tests.diagrams.networks import named
from tests.pages.conftest import Built
from tests.pages.fixture_report import tiny_report
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def picked(page: Page) -> str:
    return str(page.locator("graph-view .gr-picked").get_attribute("data-id"))


def click(page: Page, name: str) -> None:
    """On its upper edge, where neither its name, which leads to its page, nor the sign that opens it is."""
    box = page.locator(f'graph-view .ca-node[data-id="{name}"]').bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 3)


def test_after_a_click_the_arrows_go_to_neighbours(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=9", base=base) as seen:
        page = seen.page
        click(page, "stem")
        assert picked(page) == "stem"
        page.keyboard.press("ArrowDown")
        first = picked(page)
        assert first in ("body.one.left", "body.one.right")
        page.keyboard.press("ArrowRight" if first == "body.one.left" else "ArrowLeft")
        assert {first, picked(page)} == {"body.one.left", "body.one.right"}
        page.keyboard.press("ArrowDown")
        assert picked(page) == "body.one.join"
        assert page.evaluate("document.activeElement.dataset.id") == "body.one.join"
        assert page.locator("graph-table .gr-picked").get_attribute("data-id") == "body.one.join"
        assert "n=body.one.join" in seen.address
        page.keyboard.press("Escape")
        assert page.locator("graph-view .gr-picked").count() == 0
        page.keyboard.press("ArrowUp")  # the focus goes on, and nothing is picked by it
        assert page.locator("graph-view .gr-picked").count() == 0
        seen.check()


def test_the_arrows_follow_the_flow_of_a_wide_drawing_too(
    browser: Browser, tmp_path: Path, rebuild: Callable[..., Built], site_server: Callable[[Path], str]
):
    ways = [Op(f"way{k}", "conv", "Conv2d", (4, 8, 8)) for k in range(8)]
    ops = (Op("@input", "input", "input", (3, 8, 8)), *ways, Op("join", "merge", "F.cat", (32, 8, 8)))
    edges = [Edge("@input", way.id, (3, 8, 8)) for way in ways] + [Edge(way.id, "join", way.shape) for way in ways]
    wide = Architecture("wide", ops, tuple(edges))
    base = site_server(rebuild(replace(tiny_report(tmp_path), architecture=wide), tmp_path / "wide").site)
    with opened(browser, base + "architecture.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        size = page.evaluate(
            "(({width, height}) => [width, height])(document.querySelector('graph-view').scene.drawing)"
        )
        assert size[0] > size[1]
        click(page, "@input")
        page.keyboard.press("ArrowDown")
        assert picked(page).startswith("way")
        page.keyboard.press("ArrowDown")
        assert picked(page) == "join"
        seen.check()


@pytest.fixture(scope="module")
def resnet(
    tmp_path_factory: pytest.TempPathFactory, rebuild: Callable[..., Built], site_server: Callable[[Path], str]
) -> str:
    there = tmp_path_factory.mktemp("resnet")
    it = named("resnet50")
    return site_server(rebuild(replace(tiny_report(there), architecture=it), there / "site").site)


HIDDEN = """(id) => {
  const view = document.querySelector('graph-view');
  const card = document.querySelector('graph-card').getBoundingClientRect();
  const at = view.scene.it.ops.findIndex((op) => op.id === id);
  const before = view.scene.edges.filter(([, b]) => b === at).map(([a]) => view.scene.it.ops[a].id);
  const frame = view.getBoundingClientRect();
  return [id, ...before].filter((name) => {
    const box = view.nodes.get(name).getBoundingClientRect();
    const seen = box.bottom > frame.top && box.top < frame.bottom;
    return seen && box.left < card.right && card.left < box.right && box.top < card.bottom && card.top < box.bottom;
  });
}"""


@pytest.mark.parametrize("width", [1280, 1500])
@pytest.mark.parametrize("view", ["#d=1", "#d=2", "#d=1&dir=right"])
def test_the_card_hides_neither_its_box_nor_what_comes_before_it(browser: Browser, resnet: str, view: str, width: int):
    with opened(browser, resnet + f"architecture.html{view}", base=resnet, width=width) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        ids = page.locator("graph-view .ca-node").evaluate_all("all => all.map((one) => one.dataset.id)")
        for name in ids[1 :: max(1, len(ids) // 9)]:
            page.evaluate("(id) => document.querySelector('graph-view').centre(id)", name)
            click(page, name)
            assert page.locator("graph-card").is_visible()
            assert page.evaluate(HIDDEN, name) == [], name
        seen.check()


@pytest.mark.parametrize(("width", "height"), [(1280, 620), (390, 844)])
def test_a_card_without_room_is_cut_short_before_it_hides_its_box(
    browser: Browser, resnet: str, width: int, height: int
):
    with opened(browser, resnet + "architecture.html#d=2", base=resnet, width=width, height=height) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        page.locator("graph-view").scroll_into_view_if_needed()
        # a box of three operations has the highest card
        page.evaluate("document.querySelector('graph-page').pick('layer2.0.conv2')")
        page.evaluate("document.querySelector('graph-view').centre('layer2.0.conv2')")
        page.evaluate("document.querySelector('graph-page').moveCard()")
        card = page.locator("graph-card")
        assert card.is_visible() and "layer2.0.conv2" not in page.evaluate(HIDDEN, "layer2.0.conv2")
        assert card.evaluate("it => it.scrollHeight > it.clientHeight")
        # where there is room again it is whole
        page.evaluate("document.querySelector('graph-page').pick('@input')")
        assert card.evaluate("it => it.scrollHeight === it.clientHeight")
        seen.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_picked_has_the_accent_and_one_outline(browser: Browser, resnet: str, scheme: str):
    with opened(browser, resnet + "architecture.html#d=0&n=layer3", base=resnet, scheme=scheme) as seen:
        page = seen.page
        page.wait_for_selector(".gr-picked")
        page.wait_for_timeout(200)  # the outline grows
        looks = page.locator(".gr-picked > rect.ca-k-block").evaluate_all(
            "all => all.map((one) => [getComputedStyle(one).stroke, parseFloat(getComputedStyle(one).strokeWidth)])"
        )
        accent = page.evaluate(
            "(() => { const it = document.createElement('i'); it.style.color = 'var(--ca-accent)'; document.querySelector('.ca').append(it); return getComputedStyle(it).color; })()"
        )
        assert [wide for _, wide in looks] == [0.8, 0.8, 3] and looks[-1][0] == accent != looks[0][0]
        seen.check()


def test_the_page_counts_operations_in_one_way(browser: Browser, resnet: str):
    it = named("resnet50")
    many = sum(op.kind not in ("input", "output") for op in it.ops)
    with opened(browser, resnet + "architecture.html#d=0", base=resnet) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        facts = page.locator(".ca-facts").inner_text()
        assert f"{many}" in facts.split()
        # the stem, the pool, four stages, the last pool and the linear layer
        assert page.locator("[data-status]").inner_text() == f"8 boxes for {many} operations"
        held = page.evaluate(
            "document.querySelector('graph-view').scene.it.ops.filter((op) => !['input', 'output'].includes(op.kind))"
            ".reduce((all, op) => all + convatlas.simplify.count(op), 0)"
        )
        silent = sum(op.kind in ("reshape", "copy") for op in it.ops)
        assert held == many - silent
        seen.check()


def test_a_search_that_is_cleared_leaves_nothing_open(browser: Browser, resnet: str):
    with opened(browser, resnet + "architecture.html#d=1", base=resnet) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        find = page.locator("[data-find]")
        before = page.locator("graph-view .ca-node").count()
        find.fill("layer3.4.conv2")
        find.press("Enter")
        assert picked(page) == "layer3.4.conv2" and "each=" in seen.address
        find.fill("")
        assert page.locator("graph-view .ca-node").count() == before
        assert not [key for key in ("each=", "open=", "q=") if key in seen.address]
        assert picked(page) == "layer3.1"  # the box of five, in which it is
        # what somebody opened meanwhile stays
        find.fill("layer3.4.conv2")
        find.press("Enter")
        page.locator("graph-view .ca-caption [data-turn='layer1']").first.click()
        find.fill("")
        assert "each=" in seen.address and picked(page) == "layer3.4.conv2"
        seen.check()


def test_the_strip_of_the_network_is_one_stop_of_the_tab_key_and_arrows_walk_along_it(browser: Browser, base: str):
    with opened(browser, base + "layers/layer-1.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector("network-strip a[tabindex='0']")
        parts = page.locator("network-strip a")
        many = parts.count()
        assert many > 2
        assert page.locator("network-strip a[tabindex='0']").count() == 1
        where = "[...document.querySelectorAll('network-strip a')].indexOf(document.activeElement)"
        here = page.locator("network-strip [aria-current]")
        here.focus()
        at = page.evaluate(where)
        assert at >= 0
        page.keyboard.press("End")
        assert page.evaluate(where) == many - 1
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(where) == many - 2
        page.keyboard.press("Home")
        assert page.evaluate(where) == 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('.gr-map__all')")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate(where) == 0, "back to where it was left"
        assert "u=" not in seen.address, "no unit was stepped to"
        seen.check()


def test_the_strip_of_the_network_marks_the_part_that_holds_the_layer(tiny: Built):
    found = {}
    for page in sorted((tiny.site / "layers").glob("layer-*.html")):
        strip = page.read_text("utf-8").partition("<network-strip>")[2].partition("</network-strip>")[0]
        parts = re.findall(r'href="([^"]*)"(?: aria-current="location" style="--at:([^"]*)")?\s+title="([^ "]*)', strip)
        assert len(parts) == 8
        found[page.stem] = [(name, float(at), address) for address, at, name in parts if at]
    assert found == {
        "layer-0": [("stem", 0.25, "../layers/layer-0.html")],  # its box holds the activation behind it, too
        "layer-1": [("stem", 0.75, "../layers/layer-0.html")],
        "layer-2": [("_blocks.10._depthwise_conv", 0.5, "../layers/layer-2.html")],
        "layer-3": [("head", 0.5, "../layers/layer-3.html")],
    }
