"""What a tint of the map stands for: a bar of them all, with the loss at both ends and in the middle, in both schemes."""

from __future__ import annotations

import base64
import io
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from generator.descent.surfaces import SURFACES
from tests.descent.test_descent_page import PAGE, choose
from tests.pages.conftest import Built, base, build, http, tiny  # noqa: F401 - fixtures
from tests.pages.opened import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIDE = 7
BANDS = 14


def said(page: Page) -> tuple[list[float], list[tuple[int, ...]]]:
    """The numbers of the bar, and its colours from low to high."""
    bar = page.locator("[data-tints]")
    text = bar.evaluate("(bar) => [...bar.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data)")
    assert text[0].startswith("loss ")
    numbers = [float(one.removeprefix("loss ").replace("−", "-").replace(",", "")) for one in text]
    styles = bar.locator(".ca-bar__ramp").evaluate_all("(all) => all.map((one) => one.style.background)")
    hues = [tuple(map(int, found)) for style in styles for found in re.findall(r"rgb\((\d+), (\d+), (\d+)\)", style)]
    return numbers, list(dict.fromkeys(hues))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_each_tint_is_the_loss_that_the_bar_says(browser: Browser, base: str, scheme: str, width: int) -> None:  # noqa: F811
    with opened(browser, base + PAGE, base=base, scheme=scheme, width=width) as seen:
        page = seen.page
        page.wait_for_selector("descent-page [data-do=play]:enabled")
        for box in page.locator("[name=de-on]").all():
            box.uncheck()
        for surface in SURFACES.values():
            choose(page, surface.name)
            (low, middle, high), hues = said(page)
            assert len(hues) == BANDS
            whole = math.log1p(high - low) if surface.log else high - low
            half = low + (math.expm1(whole / 2) if surface.log else whole / 2)
            assert middle == pytest.approx(half, rel=0.02, abs=0.01 * (high - low) ** 0.5)
            canvas = page.locator("descent-map canvas")
            drawn = base64.b64decode(canvas.evaluate("(canvas) => canvas.toDataURL()").split(",")[1])
            picture = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).astype(int)
            x0, x1, y0, y1 = surface.box
            checked = 0
            for i in range(1, SIDE):
                for j in range(1, SIDE):
                    x, y = x0 + (x1 - x0) * i / SIDE, y0 + (y1 - y0) * j / SIDE
                    loss = float(
                        surface.value(torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64))
                    )
                    t = BANDS * (math.log1p(max(0.0, loss - low)) if surface.log else loss - low) / whole
                    near = min(math.hypot((x - m.x) / (x1 - x0), (y - m.y) / (y1 - y0)) for m in surface.minima)
                    start = math.hypot(x - surface.start[0], y - surface.start[1]) / (x1 - x0)
                    if not 0.3 < t % 1 < 0.7 or near < 0.2 or start < 0.1:
                        continue  # on a level line, or under what is drawn over the map
                    wide, tall = picture.shape[1] - 31, picture.shape[0] - 22
                    down, right = round(tall * (1 - j / SIDE)), 30 + round(wide * i / SIDE)
                    here = picture[down - 1 : down + 2, right - 1 : right + 2].reshape(
                        -1, 3
                    )  # a line may be next to it
                    assert np.abs(here - hues[min(BANDS - 1, int(t))]).max(axis=1).min() <= 12, (surface.name, x, y)
                    checked += 1
            assert checked >= 3, surface.name
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen.check()
