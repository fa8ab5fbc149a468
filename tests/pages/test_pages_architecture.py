"""The Architecture page in use: opening and closing, searching, the table, the keyboard, the address, a telephone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.diagrams.styles.graph import Graph
from generator.pages.architecture import table
from tests.diagrams.networks import named
from tests.pages.conftest import Built
from tests.pages.fixture_report import HOSTILE, tiny_report
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def boxes(page: Page) -> list[str]:
    return page.locator("graph-view .ca-node").evaluate_all("all => all.map((one) => one.dataset.id)")


def rows(page: Page) -> list[str]:
    return page.locator("graph-table tbody tr").evaluate_all("all => all.map((one) => one.dataset.id)")


def node(page: Page, name: str) -> str:
    return f'graph-view .ca-node[data-id="{name}"]'


def test_blocks_open_and_close_in_graph_and_table(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=1", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        shut = boxes(page)
        # the activation is a band of the stem
        assert shut == ["@input", "stem", "body.one", "body.two", "head", "@output"]
        page.locator("graph-view [data-turn='body.one']").click()
        assert boxes(page) == [*shut[:2], "body.one.left", "body.one.right", "body.one.join", *shut[3:]]
        assert "open=body.one" in seen.address
        assert rows(page)[2:5] == ["body", "body.one", "body.one.left"]
        page.locator("graph-table button[data-turn='body.one']").click()
        assert boxes(page) == shut
        page.locator("graph-view .ca-caption [data-turn='body']").click()
        assert boxes(page) == ["@input", "stem", "body", "head", "@output"]
        page.locator("[name=depth][value='2']").check(force=True)
        assert "body.two.F.add" in boxes(page) and len(boxes(page)) == 10
        seen.check()


def test_a_box_leads_to_its_layer(browser: Browser, base: str):
    with opened(browser, base + "architecture.html", base=base) as seen:
        page = seen.page
        page.locator(f"{node(page, 'stem')} a").click()
        page.wait_for_selector("layer-page")
        assert page.locator("h1").inner_text() == "stem"
        part = page.locator(".gr-map [aria-current]")
        assert part.get_attribute("title").startswith("stem")  # type: ignore[union-attr]
        # the strip says what its bars are, below it and in its own line
        legend, strip = page.locator(".gr-map__legend"), page.locator(".gr-map ol").bounding_box()
        assert (
            "the wider, the more operations" in legend.inner_text()
            and "the taller, the larger its maps" in legend.inner_text()
        )
        below = legend.bounding_box()
        assert strip and below and below["y"] >= strip["y"] + strip["height"]
        page.locator(".gr-map__all").click()
        page.wait_for_selector(".gr-picked")
        assert page.locator("graph-table .gr-picked").get_attribute("data-id") == "stem"
        page.locator("graph-table tbody a").first.click()
        page.wait_for_selector("layer-page")
        seen.check()


def test_graph_and_table_mark_each_other(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=9", base=base) as seen:
        page = seen.page
        page.locator(node(page, "body.one.join")).click()
        assert page.locator("graph-table .gr-picked").get_attribute("data-id") == "body.one.join"
        card = page.locator("graph-card")
        assert "concat" in card.inner_text() and "24 × 16 × 16" in card.inner_text()
        # its lines: two in, one out, of which the last leaves its block in two pieces
        assert page.locator("graph-view .gr-on").count() >= 3
        page.locator("graph-table tr[data-id='body.two.norm'] td").first.hover()
        assert page.locator("graph-view .gr-pointed").get_attribute("data-id") == "body.two.norm"
        assert "LayerNorm" in card.inner_text()
        page.locator("graph-table tr[data-id='body.two.norm'] td").first.click()
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "body.two.norm"
        assert "n=body.two.norm" in seen.address
        page.locator("graph-card [data-act=hide]").click()
        page.mouse.move(5, 5)
        assert not card.is_visible() and "n=" not in seen.address
        seen.check()


def test_searching_finds_what_is_closed_and_opens_it(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=0", base=base) as seen:
        page = seen.page
        find = page.locator("[data-find]")
        find.fill("join")
        assert page.locator("[data-status]").inner_text() == "1 found, in body, which is closed: Enter opens it"
        assert page.locator("graph-view .gr-found").get_attribute("data-id") == "body"
        find.press("Enter")
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "body.one.join"
        find.fill("conv2d")
        assert page.locator("[data-status]").inner_text() == "4 found"
        for number, name in ((1, "stem"), (2, "body.one.left"), (3, "body.one.right")):
            find.press("Enter")
            assert page.locator("[data-status]").inner_text() == f"4 found, number {number}"
            assert page.locator("graph-view .gr-picked").get_attribute("data-id") == name
        find.press("Shift+Enter")
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "body.one.left"
        find.fill("no such thing")
        assert page.locator("[data-status]").inner_text() == "nothing found"
        find.fill("")
        assert "boxes for 9 operations" in page.locator("[data-status]").inner_text()
        seen.check()


def test_a_search_is_in_the_address(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=0", base=base) as seen:
        page = seen.page
        page.locator("[data-find]").fill("conv2d 3×3")
        assert "q=conv2d+3%C3%973" in seen.address and "n=" not in seen.address
        for _ in range(2):
            page.locator("[data-find]").press("Enter")
        before = boxes(page), page.locator("[data-status]").inner_text()
        address = seen.address
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector(".gr-picked")
        assert page.locator("[data-find]").input_value() == "conv2d 3×3"
        assert (boxes(page), page.locator("[data-status]").inner_text()) == before
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "body.one.left"
        page.locator("[data-find]").press("Enter")
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "body.one.right"
        page.locator("[data-find]").fill("")
        assert "q=" not in seen.address
        seen.check()


def test_what_repeats_is_one_box_that_opens_into_each(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    it = named("resnet50")
    built = rebuild(replace(tiny_report(tmp_path / "store"), architecture=it), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "architecture.html", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        # the depth that fits: a stem, two boxes a stage, a head
        assert page.locator("[name=depth]").evaluate_all("all => all.map((one) => one.value)") == ["0", "1", "2"]
        assert page.locator("[name=depth]:checked").get_attribute("value") == "1" and len(boxes(page)) == 14
        row = page.locator("graph-table tr[data-id='layer3.1']")
        assert row.locator("th").inner_text().split("\n")[0].startswith("+1 … 5") and "×5" in row.inner_text()
        # 5 × 1,117,184, of all of them
        assert row.locator("td").nth(3).get_attribute("title") == "5,585,920"
        page.locator("graph-view .ca-times[data-head='layer3.1']").click()
        assert boxes(page)[8:13] == ["layer3.1", "layer3.2", "layer3.3", "layer3.4", "layer3.5"]
        assert "each=layer3.1" in seen.address
        drawn = Graph(depth=1, each=("layer3.1",)).draw(it).svg
        with page.expect_download() as made:
            page.locator("[data-save]").click()
        assert Path(made.value.path()).read_text("utf-8") == f"{drawn}\n"
        # open the third of them alone, and fold all five again
        page.locator("graph-view [data-turn='layer3.3']").click()
        assert "layer3.3.conv2" in boxes(page) and "layer3.2.conv2" not in boxes(page)
        page.locator("graph-table [data-fold='layer3.1']").click()
        assert boxes(page)[8:10] == ["layer3.1", "layer4.0"] and "each=" not in seen.address
        # opened as one, all are open: the frame says how many
        page.locator("graph-view [data-turn='layer3.1']").click()
        assert [name for name in boxes(page) if name.startswith("layer3.1.")] == [
            f"layer3.1.{name}" for name in ("conv1", "conv2", "conv3", "F.add", "relu@3")
        ]
        assert "×5" in str(page.locator("graph-view .ca-caption[data-block='layer3.1']").text_content())
        # a search finds what is drawn as another, says so, and shows it
        page.locator("[name=depth][value='1']").check(force=True)
        page.locator("[data-find]").fill("layer3.4.conv2")
        assert page.locator("[data-status]").inner_text() == "1 found, in layer3.1 … 5, which is closed: Enter opens it"
        assert page.locator("graph-view .gr-found").get_attribute("data-id") == "layer3.1"
        page.locator("[data-find]").press("Enter")
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "layer3.4.conv2"
        assert page.locator("graph-table .gr-picked").get_attribute("data-id") == "layer3.4.conv2"
        address, before = seen.address, boxes(page)
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector(".gr-picked")
        assert (
            boxes(page) == before and page.locator("graph-view .gr-picked").get_attribute("data-id") == "layer3.4.conv2"
        )
        # by the keyboard: x folds what is around, and shows each again
        page.locator("[data-find]").fill("")
        page.locator(node(page, "layer3.2")).focus()
        page.keyboard.press("x")
        assert "layer3.1" in boxes(page) or "layer3.1.conv1" in boxes(page)
        assert "layer3.2" not in boxes(page) and "each=" not in seen.address
        # all at once
        page.locator("[name=depth][value='1']").check(force=True)
        page.locator("[name=fold][value='0']").check(force=True)
        assert len(boxes(page)) == 22 and "fold=0" in seen.address
        seen.check()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.dataset.id"))


def test_the_keyboard_alone(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=1", base=base) as seen:
        page = seen.page
        page.locator("graph-view").focus()
        page.keyboard.press("Enter")
        assert focused(page) == "@input"
        for expected in ("stem", "body.one"):
            page.keyboard.press("ArrowDown")
            assert focused(page) == expected
        assert page.locator("graph-card").is_visible()
        page.keyboard.press(" ")
        assert "body.one.left" in boxes(page)
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        one = focused(page)
        page.keyboard.press("ArrowRight" if one == "body.one.left" else "ArrowLeft")
        assert {one, focused(page)} == {"body.one.left", "body.one.right"}
        page.keyboard.press("Backspace")
        assert focused(page) == "body.one"
        before = page.evaluate("document.querySelector('graph-view').zoom")
        page.keyboard.press("+")
        assert page.evaluate("document.querySelector('graph-view').zoom") > before
        page.keyboard.press("0")
        assert page.evaluate("document.querySelector('graph-view').zoom") == pytest.approx(before)
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_selector("layer-page")
        assert page.locator("h1").inner_text() == "stem"
        seen.check()


def test_an_address_brings_the_view_back(browser: Browser, base: str):
    with opened(browser, base + "architecture.html#d=0&n=body.two.F.add&dir=right", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        assert page.locator("graph-view .gr-picked").get_attribute("data-id") == "body.two.F.add"
        size = page.evaluate(
            "(({width, height}) => [width, height])(document.querySelector('graph-view').scene.drawing)"
        )
        assert size[0] > size[1]
        page.evaluate("location.hash = '#n=no.such.op&open=none&d=x'")
        page.wait_for_function("!document.querySelector('graph-view .gr-picked')")
        seen.check()


def test_the_table_sorts_and_its_blocks_add_up(browser: Browser, base: str, tiny: Built):
    with opened(browser, base + "architecture.html#d=9", base=base) as seen:
        page = seen.page
        page.locator("graph-table th[data-key=macs] button").click()
        assert rows(page)[:4] == ["stem", "_blocks.10._depthwise_conv", "body.one.right", "body.one.left"]
        assert page.locator("graph-table th[data-key=macs]").get_attribute("aria-sort") == "descending"
        page.locator("graph-table th[data-key=macs] button").click()
        page.locator("graph-table th[data-key=macs] button").click()
        assert rows(page)[0] == "@input" and rows(page)[2] == "body"
        total = page.locator("graph-table tfoot td").all_inner_texts()
        assert total[3:5] == ["53 k", "530 k"]
        block = page.locator("graph-table tr[data-id='body'] td").all_inner_texts()
        assert block[3:5] == ["23 k", "230 k"]
        seen.check()


def test_the_csv_by_hand(tiny: Built):
    assert tiny.report.architecture is not None
    lines = list(csv.DictReader(io.StringIO(table(tiny.report.architecture))))
    assert [line["name"] for line in lines[3:6]] == ["body", "body.one", "body.one.left"]
    assert (lines[3]["level"], lines[3]["in"], lines[3]["out"], lines[3]["macs"]) == (
        "0",
        "12 × 16 × 16",
        "8 × 8 × 12",
        "230000",
    )
    assert lines[5]["attributes"] == "kernel 3×3; stride 1" and lines[5]["activation bytes"] == str(4 * 12 * 16 * 16)
    assert lines[-1]["name"] == "total" and lines[-1]["macs"] == "530000"
    assert (tiny.site / "architecture.csv").read_text("utf-8") == table(tiny.report.architecture)


def test_what_is_saved_is_what_python_draws(browser: Browser, http: str, tiny: Built):
    assert tiny.report.architecture is not None
    with opened(browser, http + "architecture.html#d=0&open=body", base=http) as seen:
        with seen.page.expect_download() as made:
            seen.page.locator("[data-save]").click()
        drawn = Graph(depth=0, opened=("body",)).draw(tiny.report.architecture).svg
        assert Path(made.value.path()).read_text("utf-8") == f"{drawn}\n"


def test_dragging_moves_and_picks_nothing(browser: Browser, http: str):
    with opened(browser, http + "architecture.html#d=9", base=http) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        page.evaluate("document.querySelector('graph-view').zoomTo(2)")
        page.evaluate("document.querySelector('graph-view').scrollTo(0, 300)")
        box = page.locator("graph-view").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 60, steps=4)
        page.mouse.up()
        assert page.evaluate("document.querySelector('graph-view').scrollTop") == pytest.approx(360, abs=2)
        assert page.locator(".gr-picked").count() == 0
        # the wheel with Ctrl zooms about the pointer
        page.keyboard.down("Control")
        page.mouse.wheel(0, -200)
        page.keyboard.up("Control")
        page.wait_for_function("() => document.querySelector('graph-view').zoom > 2.2")
        seen.check()


def test_on_a_telephone_the_graph_comes_first(browser: Browser, base: str):
    with opened(browser, base + "architecture.html", base=base, width=390, height=844) as seen:
        page = seen.page
        page.wait_for_selector(".ca-node")
        graph, below = page.locator("graph-view").bounding_box(), page.locator("graph-table").bounding_box()
        assert graph and below and graph["y"] + graph["height"] <= below["y"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # a finger on the name of a box that has a page sees first what it would open
        page.locator(f"{node(page, 'head')} a text").evaluate(
            "it => it.dispatchEvent(new PointerEvent('click', {bubbles: true, cancelable: true, pointerType: 'touch'}))"
        )
        card = page.locator("graph-card").bounding_box()
        assert card and card["x"] >= 0 and card["x"] + card["width"] <= 390
        seen.check()


def test_without_scripts_there_is_a_picture(browser: Browser, base: str):
    with opened(browser, base + "architecture.html", base=base, scripts=False) as seen:
        picture = seen.page.locator(".gr-plain")
        assert picture.bounding_box()["height"] > 200  # type: ignore[index]


def test_without_a_graph_the_page_says_so(browser: Browser, tmp_path: Path, rebuild: Callable[..., Built]):
    built = rebuild(replace(tiny_report(tmp_path / "store"), architecture=None), tmp_path)
    base = built.site.as_uri() + "/"
    with opened(browser, base + "architecture.html", base=base) as seen:
        assert "could not be traced" in seen.page.locator(".ca-na").inner_text()
        seen.page.goto(base + "layers/layer-0.html")
        assert seen.page.locator(".gr-map").count() == 0
        seen.check()


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390)])
@pytest.mark.parametrize("view", ["#d=9&n=body.one.join", "#d=0&dir=right", "#d=1&n=body.one"])
def test_axe_finds_nothing(browser: Browser, http: str, view: str, scheme: str, width: int):
    with opened(browser, http + "architecture.html" + view, base=http, scheme=scheme, width=width) as seen:
        seen.page.wait_for_selector(".ca-node")
        assert audit(seen.page) == []


def test_hostile_names_in_every_state(browser: Browser, hostile: Built, site_server: Callable[[Path], str]):
    for base in (site_server(hostile.site), hostile.site.as_uri() + "/"):
        with opened(browser, base + "architecture.html#d=9", base=base) as seen:
            page = seen.page
            page.wait_for_selector(".ca-node")
            for k in range(page.locator("graph-view .ca-node").count()):
                page.locator("graph-view .ca-node").nth(k).dispatch_event("click")
            assert HOSTILE[0] in page.locator("graph-table").inner_text()
            page.locator("[data-find]").fill("script")
            page.locator("[data-find]").press("Enter")
            address = seen.address
            page.goto("about:blank")
            page.goto(address)
            page.wait_for_selector(".gr-picked")
            page.locator("[name=depth][value='0']").check(force=True)
            assert page.evaluate("document.querySelectorAll('graph-view script, graph-view [onclick]').length") == 0
            seen.check()
