"""Pages of every kind as found by axe: light, dark, on a telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.kinds import KINDS
from tests.pages.opened import audit, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize("name", [*KINDS, "layers/layer-0.html#v=pictures", "layers/layer-0.html#v=cams"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_nothing(browser: Browser, http: str, name: str, scheme: str, width: int):
    with opened(
        browser,
        http + name + ("#u=2" if "layer-" in name and "#" not in name else ""),
        scheme=scheme,
        width=width,
        base=http,
    ) as seen:
        seen.page.wait_for_timeout(200)
        assert audit(seen.page) == []


def test_axe_sees_what_is_wrong(browser: Browser, http: str):
    with opened(browser, http + "index.html", base=http) as seen:
        seen.page.evaluate("document.querySelector('h1').append(new Image())")
        assert [rule for rule, _ in audit(seen.page)] == ["image-alt"]
