"""Whether the lit part of a patch is what raised the unit: `python bench/lit.py`, half a minute on a CPU.

Of the eight strongest units of four layers of EfficientNet-Lite0, on the default report's photographs, the four first patches:
what is left of the unit's answer where only the lit part is shown, the rest being gray; the same with the mask moved elsewhere
(the mean of three places); and with what the mask leaves out. 0 is the answer to gray alone, 1 that to the photograph.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from generator.config import ModelConfig
from generator.dataset.lit import lit, smoothed
from generator.dataset.reconstruct import Start, reconstruct, rounds, seen_from
from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.library import engine_for
from generator.model.describe import describe
from generator.model.load import load
from generator.names import LayerName
from generator.resources import packaged

LAYERS = ("_blocks.5._project_conv", "_blocks.10._expand_conv", "_blocks.13._expand_conv", "_conv_head")
UNITS, PATCHES, MOVED = 8, 4, 3


def maps(engine: Engine, name: LayerName, x: Tensor) -> Tensor:
    """(n, c, places) what the layer gives."""
    with torch.no_grad(), prepared(engine.module):
        _, kept = engine.forward(engine.batch(x), frozenset([name]), RuleBook(intercept=False), stop=True)
        return engine.maps(kept)[name].flatten(2)


def laid(mask: Tensor, rect: tuple[int, int, int, int], size: tuple[int, int]) -> Tensor:
    """A patch's mask on the picture, 0 around it."""
    made = torch.zeros(size)
    top, left, bottom, right = max(0, rect[0]), max(0, rect[1]), min(size[0], rect[2]), min(size[1], rect[3])
    made[top:bottom, left:right] = mask[top - rect[0] : bottom - rect[0], left - rect[1] : right - rect[1]]
    return made


def main() -> None:
    """Print a line for each layer."""
    model = load(ModelConfig(source="efficientnet_lite0"))
    described = describe(model.module, model.input_shape)
    engine, size = engine_for(model.module, described), model.preprocess.size
    files = sorted(packaged("inputs/images").glob("*.jpg"))
    x = torch.stack([model.preprocess(Image.open(file).convert("RGB")) for file in files])
    chance = np.random.default_rng(0)
    for name in map(LayerName, LAYERS):
        layer = described.by_name[name]
        highest, places = maps(engine, name, x).max(dim=2)  # (n, c)
        rows = []
        for unit in highest.amax(dim=0).argsort(descending=True)[:UNITS].tolist():
            for n in highest[:, unit].argsort(descending=True)[:PATCHES].tolist():
                place = int(places[n, unit])
                start = Start(name, unit, *divmod(place, layer.shape[2]))
                planned = [rounds([start], dict(described.by_name), size)]
                ((*_, back),) = reconstruct(engine, x[n : n + 1], planned, ("guided",))
                top, left, bottom, right = seen_from(layer, start.row, start.column, size)
                whole = bottom - top >= size[0] and right - left >= size[1]
                rect = (0, 0, *size) if whole else (top, left, bottom, right)
                h, w = rect[2] - rect[0], rect[3] - rect[1]
                mask = F.interpolate(lit(smoothed(back))[None, None], (h, w), mode="bilinear")[0, 0]
                shifts = [(int(chance.integers(h // 4, 3 * h // 4)), int(chance.integers(w // 4, 3 * w // 4))) for _ in range(MOVED)]  # fmt: skip
                shown = laid(mask, rect, size)
                masks = [shown, *(laid(torch.roll(mask, by, (0, 1)), rect, size) for by in shifts), 1 - shown]
                tried = torch.stack([*(x[n] * one for one in masks), torch.zeros_like(x[n]), x[n]])
                own, *moved, rest, gray, full = maps(engine, name, tried)[:, unit, place].tolist()
                rows.append([(value - gray) / (full - gray) for value in (own, float(np.mean(moved)), rest)])
        own, other, rest = np.median(rows, axis=0)
        print(f"{name}: lit {own:.2f}, moved elsewhere {other:.2f}, the rest {rest:.2f}")


if __name__ == "__main__":
    main()
