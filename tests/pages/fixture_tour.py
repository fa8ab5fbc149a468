"""The tour of a real model, and what tests do with its page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from generator.config import load_config
from generator.model.load import load
from generator.resources import packaged
from tests.pages.opened import Opened

if TYPE_CHECKING:
    from playwright.sync_api import Page


CONFIG = {
    "model": "tinyvgg_digits",
    "images": str(packaged("inputs/digits")),
    "layers": ["conv", "act"],
    "methods": ["feature_maps", "kernels"],
    "trust": "none",
    "explain": {"images": 1},
}
COLUMNS = (
    "image",
    "conv1-1",
    "relu1-1",
    "conv1-2",
    "relu1-2",
    "between-5",
    "conv2-1",
    "relu2-1",
    "conv2-2",
    "relu2-2",
    "between-10",
    "between-11",
    "answer",
)


def data(site: Path) -> dict[str, Any]:
    """What data/tour.js holds."""
    text = (site / "data/tour.js").read_text("utf-8")
    match = re.fullmatch(r'convatlas\.put\("tour","all",(.*)\);\n', text, re.DOTALL)
    assert match
    return dict(json.loads(match[1].replace("\\u003c", "<")))


def column(page: Page, key: str) -> Any:
    return page.locator(f"[data-column='{COLUMNS.index(key)}']")


def ready(seen: Opened, key: str = "conv1-1") -> Page:
    """The page, once that column has its maps."""
    seen.page.wait_for_selector(f"[data-column='{COLUMNS.index(key)}'] .tour-tiles")
    return seen.page


def step(page: Page) -> str:
    """The key of the column in focus."""
    return COLUMNS[int(page.locator("[aria-current=step]").get_attribute("data-column") or -1)]


def weights(layer: str) -> torch.Tensor:
    module = load(load_config(None, CONFIG).model).module
    return dict(module.named_modules())[layer].weight.detach()  # type: ignore[union-attr,return-value]


def edges(page: Page, end: str, of: str) -> list[str]:
    """The other ends of the wires whose `end` ("to" or "from") is the unit `of`, as the page draws them, thickest first."""
    other = {"to": "from", "from": "to"}[end]
    found = page.locator(f".tour-edge[data-{end}='{of}']").evaluate_all(
        f"all => all.map((e) => [e.dataset.{other}, Number(e.getAttribute('stroke-width'))])"
    )
    return [name for name, _ in sorted(found, key=lambda one: -one[1])]
