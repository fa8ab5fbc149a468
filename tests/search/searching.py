"""What the tests of searches share: a handle on a small model, its searches, and convolutions with known weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from generator.artifacts import ImageGrid
from generator.engine.handle import Handle, handle
from generator.library import engine_for
from generator.methods.activation_maximization import ActivationMaximization
from generator.model.describe import describe
from generator.names import Layer, LayerName, Unit

Shape = tuple[int, int, int]
QUICK = ActivationMaximization(steps=6)
PLAIN = {"mean": (0.0,), "std": (1.0,)}


@contextmanager
def held(
    module: nn.Module, shape: Shape, mean: tuple[float, ...] = (0.5,), std: tuple[float, ...] = (0.25,)
) -> Iterator[tuple[Handle, dict[str, Layer]]]:
    """A handle on a model, and its layers by name."""
    description = describe(module.eval(), shape)
    engine = engine_for(module, description)
    with handle(engine, shape, mean, std) as it:
        yield it, {layer.name: layer for layer in description.layers}


def search(
    method: ActivationMaximization, it: tuple[Handle, dict[str, Layer]], layer: str, *units: int, seed: int = 0
) -> ImageGrid:
    """The pictures of these units, of all batches."""
    asked = tuple(Unit(LayerName(layer), unit) for unit in units)
    found = list(method.search(it[0], it[1][layer], asked, seed))
    assert all(isinstance(grid, ImageGrid) for grid in found)
    one = found[0]
    return ImageGrid(
        torch.cat([grid.values for grid in found]),
        sum((grid.units for grid in found), ()),
        sum((grid.scores for grid in found), ()),
        sum((grid.dead for grid in found), ()),
        sum((grid.curves for grid in found), ()),
        None if one.variants is None else torch.cat([grid.variants for grid in found]),
        sum((grid.variant_scores for grid in found), ()),
        None if one.opacity is None else torch.cat([grid.opacity for grid in found]),
    )


def conv(weight: Tensor, bias: float = 0.0) -> nn.Conv2d:
    """A convolution with this weight (o, i, h, w), its borders zero."""
    o, i, h, w = weight.shape
    made = nn.Conv2d(i, o, (h, w), padding=(h // 2, w // 2))
    made.weight.data, made.bias.data = weight, torch.full((o,), bias)
    return made


def random_convs(channels: int = 3) -> nn.Sequential:
    """Two seeded convolutions with a rectifier between: "0", "1", "2"."""
    gen = torch.Generator().manual_seed(8)
    first, second = torch.randn(6, channels, 3, 3, generator=gen) / 3, torch.randn(5, 6, 3, 3, generator=gen) / 5
    return nn.Sequential(conv(first), nn.ReLU(), conv(second))
