"""A report whose units' threads have pictures, and the thread and its means by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image

from generator.config import load_config
from generator.model.load import load
from tests.pages.opened import Opened
from tests.pages.test_pages_unit import CONFIG as PLAIN
from tests.pages.test_pages_unit import SHOWN

CONFIG = {
    **PLAIN,
    "methods": [*SHOWN, {"activation_maximization": {"size": 28, "steps": 3}}],
    "units": "threads:4",
}
LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2")


def by_hand(unit: int) -> list[tuple[str, int]]:
    """From a unit of the last convolution back: of the six inputs whose slice of its kernel, times their mean over the images,
    is largest, the first that sums to more than 0, else the first. Only rectifiers and pools lie between, so that more is
    more, and what is read is never below zero."""
    on = means()
    modules = dict(load(load_config(None, CONFIG).model).module.named_modules())
    found = []
    for at in range(len(LAYERS) - 1, 0, -1):
        W = modules[LAYERS[at]].weight.detach()[unit]  # type: ignore[index,operator]
        order = (torch.linalg.vector_norm(W, dim=(1, 2)) * on[LAYERS[at]]).argsort(descending=True)[:6].tolist()
        unit = next((k for k in order if W[k].sum() > 0), order[0])
        found.append((LAYERS[at - 1], unit))
    return found


@cache
def means() -> dict[str, torch.Tensor]:
    """Of each convolution but the first, the mean of each channel of the rectifier before it, over all places of all images."""
    loaded = load(load_config(None, CONFIG).model)
    pictures = [Image.open(path) for path in sorted(Path(CONFIG["images"]).iterdir()) if path.suffix == ".png"]
    x = torch.stack([loaded.preprocess(picture.convert("L")) for picture in pictures])
    found: dict[str, torch.Tensor] = {}

    def hear(name: str) -> Callable[..., None]:
        def put(module: torch.nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
            found[name] = out.mean(dim=(0, 2, 3))

        return put

    modules = dict(loaded.module.named_modules())
    for before, name in pairwise(LAYERS):
        modules[before.replace("conv", "relu")].register_forward_hook(hear(name))
    with torch.no_grad():
        loaded.module(x)
    return found


def thread(seen: Opened) -> list[tuple[str, int]]:
    """(layer, unit) of the links of the thread that is shown."""
    seen.page.wait_for_selector(".ca-thread")
    links = seen.page.locator(".ca-thread a").evaluate_all("all => all.map((a) => a.href)")
    found = [re.search(r"layers/([a-z0-9-]+)\.html#u=(\d+)", link) for link in links]
    return [(one[1].replace("-", "_"), int(one[2])) for one in found if one]
