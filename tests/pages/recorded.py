"""What torch gave for the first photograph of a built report, and the numbers that a page of it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn

from generator.images import load as load_picture
from generator.images import scan
from generator.model.preprocess import Preprocess
from generator.model.trace import trace
from tests.pages.opened import Opened
from tests.whole import Built


def photographs(folder: Path, many: int = 1) -> Path:
    """Images of smooth noise."""
    folder.mkdir()
    for k in range(many):
        small = np.random.default_rng(k).integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(small).resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"noise-{k}.png")
    return folder


def config(source: str, folder: Path, layers: Sequence[str], many: int = 1) -> dict[str, Any]:
    """Of a report in `folder` that shows how these layers of a network are computed, for inputs of 32 x 32."""
    return {
        "model": {"source": source, "input": {"size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}},
        "images": str(photographs(folder / "photographs", many)),
        "methods": ["feature_maps"],
        "trust": "none",
        "layers": list(layers),
    }


def given(built: Built, mean: tuple[float, ...] = (0.5,) * 3, std: tuple[float, ...] = (0.5,) * 3) -> Tensor:
    """The first photograph as the network is given it, (1, 3, 32, 32)."""
    image = scan(built.folder / "photographs", limit=None).images[0]
    return Preprocess((32, 32), mean=mean, std=std)(load_picture(image, 3))[None]


def recorded(built: Built, module: nn.Module) -> dict[str, Any]:
    """Of every operation by name: what it was called with, and what it gave."""
    found: dict[str, Any] = {}
    trace(module, given(built), lambda node, args, output: found.update({node.name: (args, output)}))
    return found


def numbers(seen: Opened, selector: str) -> list[float]:
    """Those that elements of the figure carry."""
    return seen.page.locator(f"explain-view {selector}").evaluate_all("all => all.map((e) => Number(e.dataset.v))")
