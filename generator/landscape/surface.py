"""Losses over a plane through a model's weights, and along a line between two sets of them.

The module is moved from place to place and put back: `Loss` by `Loss` is told as it is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from generator.landscape.directions import Weights, between, moved
from generator.landscape.losses import Loss

Measure = Callable[[], Loss]
"""The loss of the module as it now is."""


def ticks(count: int, span: float) -> tuple[float, ...]:
    """`count` even steps from -span to span, exactly 0 in the middle where `count` is odd."""
    half = (count - 1) / 2
    return tuple(span * (k - half) / half for k in range(count))


def plane(
    module: nn.Module,
    across: Weights,
    up: Weights,
    steps: Sequence[float],
    measure: Measure,
    rows: Sequence[float] | None = None,
) -> Iterator[tuple[int, int, Loss]]:
    """(row, column, loss) at ``weights + steps[column] * across + rows[row] * up``, row by row; `rows` are `steps` where
    nothing else is said."""
    with kept(module) as at:
        for row, y in enumerate(steps if rows is None else rows):
            for column, x in enumerate(steps):
                place(module, moved(at, ((x, across), (y, up))))
                yield row, column, measure()


def line(
    module: nn.Module, first: Weights, last: Weights, shares: Sequence[float], measure: Measure
) -> Iterator[tuple[int, Loss]]:
    """(k, loss) of the weights that lie ``shares[k]`` of the way from `first` to `last`; 0 and 1 are these themselves."""
    with kept(module):
        for k, share in enumerate(shares):
            place(module, between(first, last, share))
            yield k, measure()


@contextmanager
def kept(module: nn.Module) -> Iterator[dict[str, Tensor]]:
    """A copy of the module's state, which is put back at the end, to the bit."""
    before = {name: value.detach().clone() for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    try:
        yield before
    finally:
        place(module, before)


@torch.no_grad()
def place(module: nn.Module, weights: Weights) -> None:
    """Write `weights` into the module's own tensors."""
    own = module.state_dict()
    for name, value in weights.items():
        own[name].copy_(value)
