"""The report of a network with normalisations that have no column of their own, and what tests read off the numbers of its tour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from generator.config import load_config
from generator.model.load import load
from tests.pages.fixture_tour import data
from tests.pages.opened import Opened
from tests.pages.recorded import given, photographs
from tests.whole import Built, build

if TYPE_CHECKING:
    from playwright.sync_api import Page

NET = """import torch
from torch import nn


def build():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU6(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1),
                        nn.BatchNorm2d(8), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    for norm in (net[1], net[5]):
        nn.init.uniform_(norm.running_mean, -1, 1)
        nn.init.uniform_(norm.running_var, 0.1, 2)
        nn.init.uniform_(norm.weight, 0.5, 3)
        nn.init.uniform_(norm.bias, -1, 2)
    return net.eval()
"""
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
CLOSE = {"rel": 2e-3, "abs": 2e-3}


def made(folder: Path) -> Built:
    """The report of two photographs, the first with its numbers."""
    (folder / "net.py").write_text(NET)
    return build(
        folder, config(folder) | {"images": str(photographs(folder / "photographs", 2)), "explain": {"images": 1}}
    )


def config(folder: Path) -> dict[str, Any]:
    model = {
        "source": f"python:{folder / 'net.py'}:build",
        "input": {"size": 32, "mean": [*MEAN], "std": [*STD]},
    }
    return {"model": model, "methods": ["feature_maps"], "trust": "none", "layers": ["conv", "act"]}


def network(built: Built) -> nn.Sequential:
    module = load(load_config(None, config(built.folder)).model).module
    assert isinstance(module, nn.Sequential)
    return module


def outputs(built: Built, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> list[Tensor]:
    """What torch gives for the first image: the picture, then the output of every module."""
    found = [given(built, mean, std)]
    for module in network(built):
        found.append(module(found[-1]).detach())
    return found


def number_of(built: Built, name: str) -> int:
    """The number of the column of a layer."""
    return next(k for k, one in enumerate(data(built.site)["columns"]) if name in (one.get("layer"), one["name"]))


def at(seen: Opened, number: int) -> Page:
    """The page, once the step of a column shows its numbers."""
    seen.page.wait_for_selector("tour-walk h2")
    seen.page.evaluate("number => document.querySelector('tour-page').go(number, true, -1)", number)
    name = seen.page.evaluate("number => document.querySelector('tour-page').columns[number].data.layer || document.querySelector('tour-page').columns[number].data.how[1]", number)  # fmt: skip
    seen.page.wait_for_selector(f"tour-walk explain-view[data-step='{name}']")
    return seen.page


def unit(page: Page) -> int:
    return int(page.evaluate("document.querySelector('tour-walk explain-view').unit"))


def place(page: Page) -> tuple[int, int]:
    found = page.evaluate("(({y, x}) => [y, x])(document.querySelector('tour-walk explain-view').at)")
    return int(found[0]), int(found[1])


def number(page: Page, selector: str) -> float:
    return float(page.locator(f"tour-walk explain-view {selector}").first.get_attribute("data-v") or "nan")


def numbers(page: Page, selector: str) -> list[float]:
    return [
        float(v)
        for v in page.locator(f"tour-walk explain-view {selector}").evaluate_all("all => all.map((e) => e.dataset.v)")
    ]


def tap(page: Page, y: float, x: float, side: int) -> None:
    """Click the output map of the figure at a place of `side` x `side`."""
    box = page.locator("tour-walk explain-view [role=application]").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * (x + 0.5) / side, box["y"] + box["height"] * (y + 0.5) / side)
