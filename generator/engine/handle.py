"""What search methods hold: a model that can be run again and again up to a layer, each pass counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.names import LayerName


@dataclass
class Handle:
    """The engine's model, for a method that optimises over inputs. See `generator.methods.ModelHandle`."""

    engine: Engine
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    _book: RuleBook = field(default_factory=RuleBook)

    @property
    def device(self) -> torch.device:
        """Where inputs must be."""
        return self.engine.device

    def layer_output(self, layer: LayerName, x: Tensor, *, redirect: bool = False) -> Tensor:
        """Differentiable output (n, c, h, w) of `layer` for the normalised batch `x` (n, c, h, w).

        The forward stops at the layer. With `redirect`, `backward` lets gradients through rectifiers that are off.

        Raises:
            UserError: the layer is not reached.
        """
        self._book = RuleBook(intercept=redirect, current="redirect" if redirect else "plain")
        _, kept = self.engine.forward(self.engine.batch(x), frozenset({layer}), self._book, stop=True)
        if layer not in kept:
            raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
        return self.engine.maps(kept)[layer]

    def backward(self, value: Tensor, wrt: Tensor) -> Tensor:
        """d value / d wrt, counted as one backward pass."""
        self.engine.counts.backward += 1
        return torch.autograd.grad(value, wrt)[0]


@contextmanager
def handle(
    engine: Engine, input_shape: tuple[int, int, int], mean: tuple[float, ...], std: tuple[float, ...]
) -> Iterator[Handle]:
    """A handle on the engine's model, prepared as for any pass and given back as it was found."""
    with prepared(engine.module):
        yield Handle(engine, input_shape, mean, std)
