"""What tests do with a figure of an article: read its numbers, move its sliders, choose."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from generator.pages.numbers import raw

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def table(page: Page, figure: str, label: str) -> list[list[str]]:
    """The numbers of one map of a figure as they stand there."""
    return page.eval_on_selector(  # type: ignore[no-any-return]
        f'#{figure} table[aria-label="{label}"]',
        "(t) => [...t.rows].map((r) => [...r.cells].map((c) => c.firstElementChild ? c.firstElementChild.dataset.last : c.textContent))",
    )


def values(page: Page, figure: str, label: str) -> Tensor:
    rows = table(page, figure, label)
    return torch.tensor([[float(v.replace("−", "-")) for v in row] for row in rows], dtype=torch.float64)


def shown(map_: Tensor) -> list[list[str]]:
    """A map as the page writes it."""
    return [[raw(float(v)) for v in row] for row in map_]


def put(page: Page, figure: str, label: str, y: int, x: int, value: float) -> None:
    cell = page.locator(f'#{figure} table[aria-label="{label}"] tr:nth-child({y + 1}) td:nth-child({x + 1}) input')
    cell.fill(str(value))


def slide(page: Page, figure: str, name: str, value: float) -> None:
    page.locator(f"#{figure} .ln-slider").filter(has_text=re.compile(rf"^{name}")).locator("input").fill(str(value))


def said(page: Page, figure: str) -> str:
    return page.locator(f"#{figure} .ln-verdict").inner_text().replace("\u00a0", " ")


def plain(math: Locator) -> str:
    """A formula's text in plain letters, without spaces."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", math.inner_text()))


def choose(page: Page, figure: str, text: str) -> None:
    page.locator(f"#{figure} .ca-seg label").filter(has_text=re.compile(f"^{text}$")).click()
