"""The styles in a browser draw what Python draws, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.diagrams.extras import with_faces
from generator.diagrams.plain import as_json
from generator.diagrams.styles import styles
from tests.diagrams.drawn import PIXEL, architectures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPTS = Path(__file__).resolve().parents[2] / "templates/assets/js"
NEEDED = (
    "drawing-canvas",
    "drawing-palette",
    "drawing-simplify",
    "drawing-stages",
    "drawing-frame",
    "draw-lenet",
    "draw-alexnet",
    "draw-fcnn",
)
SETS: dict[str, list[dict[str, Any]]] = {
    "lenet": [
        {},
        {"direction": "down", "scale": "log", "faces": False, "spacing": 61.5},
        {"depth": 2, "tensors": 8, "colours": "two", "channel_scale": "linear", "sheets": 20, "offset": 2.5, "labels": False},
        {"names": False, "kernels": False, "scale": "linear", "border_width": 2.3, "depth": 0},
        {"skips": False, "depth": 3, "tensors": 30, "spacing": 25},
    ],
    "alexnet": [
        {},
        {"angle": 23.0, "by_kind": False, "scale": "log", "channel_scale": "log", "faces": False},
        {"depth": 0, "labels": False, "length": 133.0, "names": False, "tensor_colour": "#aabbcc"},
        {"depth": 3, "tensors": 30, "kernels": False, "scale": "linear", "foreshortening": 0.95},
        {"direction": "down", "spacing": 33.3, "tensors": 30},
        {"direction": "down", "faces": False, "labels": False, "skips": False, "angle": 61.0},
    ],
    "fcnn": [
        {},
        {"direction": "down", "bias": True, "bezier": True, "arrows": True},
        {"units": 5, "arrows": True, "names": True, "labels": False},
        {"colour_by_weight": False, "width_by_weight": False, "units": 20, "bias": True, "node_size": 9.5},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page()
    made.evaluate("self.convatlas = {}")
    for name in NEEDED:
        made.add_script_tag(content=(SCRIPTS / f"{name}.js").read_text("utf-8"))
    yield made
    made.close()


@pytest.mark.parametrize("of", sorted(architectures()))
def test_a_port_is_equal_to_the_byte(page: Page, of: str):
    it = architectures()[of]
    it = with_faces(it, {op.id: [PIXEL] * (1 + k % 3) for k, op in enumerate(it.ops) if k % 3 == 0})
    page.evaluate("(it) => { self.it = it; }", json.loads(json.dumps(as_json(it))))
    before = page.evaluate("JSON.stringify(self.it)")
    for name, sets in SETS.items():
        for some in sets:
            style = styles()[name].cls(**some)
            made = page.evaluate("([name, o]) => convatlas.styles[name].draw(self.it, o)", [name, asdict(style)])
            drawn = style.draw(it)
            assert made["svg"] == drawn.svg
            assert (made["width"], made["height"]) == pytest.approx((drawn.width, drawn.height))
    assert page.evaluate("JSON.stringify(self.it)") == before


@pytest.mark.parametrize("name", sorted(SETS))
def test_the_sets_change_the_drawing(name: str):
    """Each set is worth its comparison."""
    it = architectures()["tinyvgg_digits"]
    assert len({styles()[name].cls(**some).draw(it).svg for some in SETS[name]}) == len(SETS[name])
