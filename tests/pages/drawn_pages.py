"""What a built page holds: the values of its data scripts, and the drawings that it lets one take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page


def script(site: Path, name: str) -> Any:
    """The value that a data script puts."""
    text = (site / name).read_text("utf-8")
    return json.loads("[" + text[text.index("(") + 1 : text.rindex(")")] + "]")[2]


def taken(page: Page, kind: str) -> bytes:
    with page.expect_download() as waiting:
        page.locator(f"[data-save={kind}]").click()
    return Path(waiting.value.path()).read_bytes()


def drawn(page: Page) -> str:
    """What the download holds once the drawing is there."""
    page.wait_for_selector("[data-save=svg]:enabled")
    return taken(page, "svg").decode()
