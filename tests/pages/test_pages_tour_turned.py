"""The tour's wires through a depthwise kernel that sums to less than nothing: each end of a wire has its own sign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.pages.opened import opened
from tests.pages.recorded import config
from tests.whole import build

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NET = """
import torch
from torch import nn
def build():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(2, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        model[0].weight.copy_(torch.ones(2, 3, 1, 1))
        model[0].bias.fill_(3)
        model[2].weight.copy_(torch.tensor([-1.0, 1]).reshape(2, 1, 1, 1).expand(2, 1, 3, 3))
        model[3].weight.copy_(torch.tensor([[2.0, 1], [1, -2], [-1, -1]]).reshape(3, 2, 1, 1))
    return model
"""


def test_what_lies_before_the_turn_has_the_other_sign(browser: Browser, tmp_path: Path):
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    how = config("python:net.py:build", tmp_path, ["conv", "act"]) | {
        "methods": ["feature_maps", "kernels"],
        "explain": "none",
    }
    base = build(tmp_path, how).site.as_uri() + "/"
    with opened(browser, f"{base}tour.html#s=3&u=0", base=base) as seen:
        page = seen.page
        page.wait_for_selector(".tour-edge[data-to='4 0']", state="attached")
        assert page.locator("[data-column='4'] .tour-tiles").count() == 1
        way = "e => [e.dataset.from, e.dataset.to, e.classList.contains('tour-edge--for')]"
        found = page.locator(".tour-edge").evaluate_all(f"all => all.map({way})")
        told = {(start, end): speaks for start, end, speaks in found}
        # unit 0 reads 2 times the depthwise unit 0, which reads the rectifier's unit 0 by a kernel of -1
        assert told["3 0", "4 0"] is True
        assert told["2 0", "3 0"] is False
        assert told["1 0", "2 0"] is False
        seen.check()
