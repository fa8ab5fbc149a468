"""A page with nothing in it but the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPTS = Path(__file__).resolve().parents[2] / "templates/assets/js"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(content="self.convatlas = {}")
    opened.add_script_tag(content=(SCRIPTS / "explain-core.js").read_text("utf-8"))
    yield opened
    opened.close()
