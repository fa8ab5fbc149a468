"""A report whose units' threads have pictures, and the thread and its means by hand."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from generator.config import load_config
from generator.dataset.trace import sees
from generator.model.describe import describe
from generator.model.load import load
from generator.names import Layer
from tests.dataset.slowly import Recorded, driving, recorded, strongest, top
from tests.pages.opened import Opened
from tests.pages.test_pages_unit import CONFIG as PLAIN
from tests.pages.test_pages_unit import SHOWN

CONFIG = {
    **PLAIN,
    "methods": [*SHOWN, {"activation_maximization": {"size": 28, "steps": 3}}],
    "units": "threads:4",
}
LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2")


def driven() -> list[int]:
    """The units of the last convolution that some input drives; of others, which are highest where all is dark, weights speak alone."""
    it, _ = seen()
    return [unit for unit in range(20) if any(sign > 0 for _, _, sign in driving(it, LAYERS[-1], unit))]


def by_hand(unit: int) -> list[tuple[str, int]]:
    """From a unit of the last convolution back: first to the input that drives it most at its three strongest places, then, in the
    picture that raises it most, from place to place: each the highest that the reader sees. Only rectifiers and pools lie
    between, so that more is more."""
    it, by_name = seen()
    speaking = [channel for channel, _, sign in driving(it, LAYERS[-1], unit) if sign > 0]
    step, (image, row, column) = speaking[0], top(it.gives[LAYERS[-1]], unit)[0]
    found = []
    for reader, name in pairwise(reversed(LAYERS)):
        found.append((name, step))
        place = np.array([row * by_name[reader].shape[2] + column])
        rows, columns = sees(by_name[reader], by_name[name], place)
        places = [(int(r), int(c)) for r in np.flatnonzero(rows[0]) for c in np.flatnonzero(columns[0])]
        row, column = max(places, key=lambda at: float(it.gives[name][image, found[-1][1], at[0], at[1]]))
        if name != LAYERS[0]:
            step = strongest(it, name, step, (image, row, column))
            assert step is not None
    return found


@cache
def seen() -> tuple[Recorded, dict[str, Layer]]:
    """What each convolution reads and gives, of all images, and the layers by name."""
    loaded = load(load_config(None, CONFIG).model)
    pictures = [Image.open(path) for path in sorted(Path(CONFIG["images"]).iterdir()) if path.suffix == ".png"]
    x = torch.stack([loaded.preprocess(picture.convert("L")) for picture in pictures])
    by_name = describe(loaded.module, tuple(x.shape[1:])).by_name
    return recorded(loaded.module, x, LAYERS), {str(name): layer for name, layer in by_name.items()}


def thread(seen: Opened) -> list[tuple[str, int]]:
    """(layer, unit) of the links of the thread that is shown."""
    seen.page.wait_for_selector(".ca-thread")
    links = seen.page.locator(".ca-thread a").evaluate_all("all => all.map((a) => a.href)")
    found = [re.search(r"layers/([a-z0-9-]+)\.html#u=(\d+)", link) for link in links]
    return [(one[1].replace("-", "_"), int(one[2])) for one in found if one]
