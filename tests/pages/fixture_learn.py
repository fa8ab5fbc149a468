"""The model's own numbers for the articles of the made-up reports."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from generator.learn.effective import Effective, Measured
from generator.learn.own import FirstKernels, Normalisation, Own, Window
from generator.names import LayerName


def own(layers: Sequence[LayerName], words: Sequence[str] = ()) -> Own:
    """Of a model with these layers; `words` are names of its operations."""
    numbers = torch.Generator().manual_seed(5)
    units = 6

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=numbers)

    return Own(
        windows=(
            Window(layers[0], "conv", 32, 3, 2, 0, 1, 1, 16, 2),
            Window(layers[2], "conv", 16, 3, 3, 0, 0, 1, 5),
        ),
        kernels=FirstKernels(layers[0], some(units, 3, 3, 3), 12, 3),
        norm=Normalisation(
            layers[1], layers[0], 1e-3, some(units), some(units) ** 2 + 0.1, some(units), some(units), None, 4
        ),
        activations=tuple((word, k + 1, layers[1]) for k, word in enumerate(words or ("ReLU6", "SiLU"))),
        max_pools=(layers[3],),
        averaged=layers[2],
    )


def effective(layers: Sequence[LayerName]) -> Effective:
    """Of the first two of these layers, for an input of 32 x 32 pixels."""
    numbers = torch.Generator().manual_seed(6)
    small, large = (torch.rand(rows, columns, generator=numbers) for rows, columns in ((3, 3), (12, 16)))
    return Effective(
        2,
        (
            (layers[0], Measured((15, 15, 18, 18), (15, 15, 18, 18), small / small.max())),
            (layers[1], Measured((4, 0, 28, 32), (10, 8, 21, 19), large / large.max())),
        ),
    )
