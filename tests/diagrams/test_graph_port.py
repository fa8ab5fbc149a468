"""The graph in a browser is the graph in Python, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.diagrams.plain import as_json
from generator.diagrams.styles.graph import Graph
from tests.diagrams.networks import EIGHT, named

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPTS = Path(__file__).resolve().parents[2] / "templates/assets/js"
PARTS = (
    "drawing-canvas",
    "drawing-palette",
    "drawing-simplify",
    "drawing-repeats",
    "graph-heads",
    "graph-layout",
    "graph-columns",
    "draw-graph",
)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(content="self.convatlas = {}")
    for part in PARTS:
        opened.add_script_tag(content=(SCRIPTS / f"{part}.js").read_text("utf-8"))
    yield opened
    opened.close()


def in_the_page(page: Page, name: str, options: dict[str, Any]) -> str:
    given = json.dumps([as_json(named(name)), options])
    return str(page.evaluate(f"(() => {{ const [a, o] = {given}; return convatlas.styles.graph.draw(a, o).svg; }})()"))


OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "deep": {"depth": 9},
    "a page": {"columns": 0, "depth": 1},
    "columns": {"columns": 3, "depth": 9},
    "rows": {"columns": 3, "depth": 9, "direction": "right"},
    "right": {"direction": "right", "depth": 1},
    "bare": {"labels": "none", "colours": "plain", "names": False, "legend": False, "title": False, "depth": 0},
    "all of it": {"fuse": False, "silent": True, "labels": "all", "depth": 2},
    "each of it": {"fold": False, "depth": 2},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", [*EIGHT, "forked", "twice", "told", "ghost", "narrow"])
def test_the_port_draws_the_same_bytes(page: Page, name: str, options: dict[str, Any]):
    assert in_the_page(page, name, options) == Graph(**options).draw(named(name)).svg


def test_blocks_open_and_close_by_name(page: Page):
    options = {"depth": 1, "opened": ("layer2.1", "layer3.0"), "shut": ("layer1",), "each": ("layer3.1",)}
    assert in_the_page(page, "resnet50", options) == Graph(**options).draw(named("resnet50")).svg
