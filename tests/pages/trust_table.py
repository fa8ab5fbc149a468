"""The table of what metrics say of methods, as it stands on a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def cells(row: Locator) -> list[str]:
    return [re.sub(r"\s+", " ", t).strip() for t in row.locator("td.tr-cell .tr-number").all_inner_texts()]


def row_of(page: Page, title: str) -> Locator:
    return page.locator(".tr-table tbody tr").filter(has=page.get_by_text(title, exact=True)).first


def first_column(page: Page) -> list[str]:
    return page.locator(".tr-table tbody .tr-name > :first-child").all_inner_texts()
