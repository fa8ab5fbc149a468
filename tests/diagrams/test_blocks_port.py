"""3-D blocks in a browser are those of Python, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.diagrams.styles.blocks import Blocks
from tests.diagrams.nets import net

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPTS = Path(__file__).resolve().parents[2] / "templates/assets/js"
SETS: tuple[dict[str, Any], ...] = (
    {},
    {"direction": "left", "angle": 30, "slant": 0.7, "opacity": 0.8, "picture": "data:image/png;base64,AAAA"},
    {"width": 476, "scale": "linear", "channels": "log", "captions": "name", "legend": False},
    {"depth": 1, "fold": "none", "scale": "sqrt", "captions": "none", "colours": "conv=#AA0000, pool=#00ff00"},
    {"depth": 2, "fold": "alike", "labels": False, "sizes": False, "spacing": 31.3, "height": 77.7, "thickness": 51},
)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page()
    made.evaluate("self.convatlas = {}")
    for name in (
        "drawing-canvas",
        "drawing-palette",
        "drawing-scene",
        "drawing-captions",
        "drawing-forks",
        "drawing-solids",
        "drawing-wires",
        "draw-blocks",
    ):
        made.add_script_tag(content=(SCRIPTS / f"{name}.js").read_text("utf-8"))
    yield made
    made.close()


@pytest.mark.parametrize(
    "name", ["hand", "hostile", "tinyvgg_digits", "unet", "wide", "resnet18", "resnet50", "densenet121", "vit_b_16", "efficientnet_lite0", "googlenet", "branches", "nested", "odd", "ghost", "lined", "many", "twice", "convnext_tiny"]
)  # fmt: skip
def test_the_port_is_equal_to_the_byte(page: Page, name: str):
    it = net(name)
    found = set()
    for some in SETS:
        how = Blocks(**some)
        given = [json.loads(json.dumps(asdict(how.prepared(it)))), asdict(how)]
        made, drawn = page.evaluate("([it, o]) => convatlas.styles.blocks.draw(it, o)", given), how.draw(it)
        assert made["svg"] == drawn.svg
        assert (made["width"], made["height"]) == pytest.approx((drawn.width, drawn.height))
        found.add(drawn.svg)
    assert len(found) == len(SETS)  # each set is worth its comparison
