"""What the tests of searches for classes and from images share: a handle that has photographs, and a model whose numbers are plain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from generator.artifacts import ImageGrid
from generator.engine.handle import Handle
from generator.names import Layer
from tests.search.searching import held, random_convs

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
SHAPE = (3, 32, 24)


class Classifier(nn.Module):
    """Two seeded convolutions, the mean over all places, five classes: three times the mean of the unit of that number."""

    def __init__(self) -> None:
        super().__init__()
        self.features = random_convs()
        self.head = nn.Linear(5, 5)
        self.head.weight.data = torch.eye(5) * 3
        self.head.bias.data.zero_()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean(dim=(2, 3)))


class OneSize(Classifier):
    """The same, but for a head that takes pictures of 32 x 24 only."""

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.features(x)
        places: Tensor = maps.flatten(2) @ torch.full((32 * 24, 1), 1 / (32 * 24))
        return self.head(places[..., 0])


def photographs(count: int = 3) -> Tensor:
    """Smooth pictures (n, 3, 32, 24) in [0, 1]."""
    small = torch.rand(count, 3, 6, 5, generator=torch.Generator().manual_seed(4))
    return nn.functional.interpolate(small, (32, 24), mode="bicubic").clamp(0.05, 0.95)


@contextmanager
def report(module: nn.Module, count: int = 3) -> Iterator[tuple[Handle, dict[str, Layer]]]:
    """A handle on a model that has so many photographs, and the model's layers."""
    with held(module, SHAPE, MEAN, STD) as it:
        seen = photographs(count)
        it[0].seen = lambda many, first=0: seen[first : first + many]
        yield it


def made(
    method: Any, it: tuple[Handle, dict[str, Layer]], layer: str | None, *subjects: int, seed: int = 0
) -> ImageGrid:
    """The pictures of these subjects, of all batches, in the passes that were said."""
    counts = it[0].engine.counts
    before = counts.forward, counts.backward
    at = None if layer is None else it[1][layer]
    grids = list(method.search(it[0], at, subjects, seed))
    assert (counts.forward - before[0], counts.backward - before[1]) == method.passes(at, len(subjects))
    assert all(isinstance(grid, ImageGrid) for grid in grids)
    return ImageGrid(
        torch.cat([grid.values for grid in grids]),
        sum((grid.units for grid in grids), ()),
        sum((grid.scores for grid in grids), ()),
        sum((grid.dead for grid in grids), ()),
        sum((grid.curves for grid in grids), ()),
    )


def code(model: nn.Module, pictures: Tensor, depth: int = 3) -> Tensor:
    """What the first `depth` modules of the features give for pictures in [0, 1]."""
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (MEAN, STD))
    with torch.no_grad():
        return model.features[:depth]((pictures - mean) / std)  # type: ignore[index, no-any-return, operator]
