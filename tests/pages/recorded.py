"""What torch gave for the first photograph of a built report, and the numbers that a page of it shows."""

from __future__ import annotations

from typing import Any

from torch import nn

from generator.images import load as load_picture
from generator.images import scan
from generator.model.preprocess import Preprocess
from generator.model.trace import trace
from tests.pages.opened import Opened
from tests.whole import Built


def recorded(built: Built, module: nn.Module) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave, for an input of 32 x 32."""
    image = scan(built.folder / "photographs", limit=None).images[0]
    x = Preprocess((32, 32), mean=(0.5,) * 3, std=(0.5,) * 3)(load_picture(image, 3))[None]
    found: dict[str, Any] = {}
    trace(module, x, lambda node, args, output: found.update({node.name: (args, output)}))
    return found


def numbers(seen: Opened, selector: str) -> list[float]:
    """Those that elements of the figure carry."""
    return seen.page.locator(f"explain-view {selector}").evaluate_all("all => all.map((e) => Number(e.dataset.v))")
