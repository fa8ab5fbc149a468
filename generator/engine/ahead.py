"""A score that is linear in what a convolution gives, read in front of it.

    x ─▶ … ─▶ a ─▶ convolution ─▶ maps ─▶ score          score = <a, towards> + constant, whatever a is

`towards`, the score's gradient with respect to what the convolution is given, is then the same for every a: the convolution
runs once, backwards, and a search's passes stop in front of it. Of a search at an early layer it would be a sixth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from generator.names import LayerName

if TYPE_CHECKING:
    from generator.engine.handle import Handle

Score = Callable[[Tensor], Tensor]
"""Maps (b, k, h, w) -> scores (b,)."""
CLOSE = {torch.bfloat16: 0.02, torch.float32: 1e-4}
"""Of the sum of the absolute terms of a score: how far it may be, and be the same to rounding."""


@dataclass
class Ahead:
    """Scores of a layer's maps that are linear in them, for one precision."""

    handle: Handle
    layer: LayerName
    score: Score
    precision: str
    _towards: tuple[Tensor, Tensor] | None = field(default=None, init=False, repr=False)
    """(b, c, h, w) and (b,)."""
    _not: bool = field(default=False, init=False)
    """Whether the module is no linear one after all."""

    def __call__(self, x: Tensor, *, redirect: bool = False) -> Float[Tensor, " b"]:
        """The scores of the normalised batch `x` (n, c, h, w), differentiable; one forward, which stops in front of the layer."""
        a = self.handle.layer_input(self.layer, x, redirect=redirect, precision=self.precision)
        if self._towards is None and not self._not:
            self._look(a.detach())
        if self._towards is None:
            return self._scores(a)
        towards, constant = self._towards
        found: Tensor = _Product.apply(a, towards)
        return found + constant

    def _scores(self, a: Tensor) -> Float[Tensor, " b"]:
        """As the layer itself gives them."""
        with self.handle.layer_module(self.layer, self.precision) as module:
            return self.score(module(a).to(self.handle.engine.dtype))

    def _look(self, a: Tensor) -> None:
        """Find the gradient, and see that the score is what it says for `a`: a subclass of convolutions may do what it likes."""
        with torch.enable_grad():
            leaf = torch.zeros_like(a).requires_grad_()
            constant = self._scores(leaf)
            (towards,) = torch.autograd.grad(constant.sum(), leaf)
        constant = constant.detach()
        with torch.no_grad():
            own, terms = self._scores(a), a * towards
            off = (own - _summed(terms) - constant).abs()
            size = _summed(terms.abs()) + constant.abs()
        if bool(((off <= CLOSE.get(a.dtype, 1e-4) * size) | ~own.isfinite()).all()):
            self._towards = towards, constant
        else:
            self._not = True


class _Product(torch.autograd.Function):
    """<a, towards> of each picture. The gradient lies in memory as `towards` does."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, towards: Tensor) -> Tensor:  # type: ignore[override]
        ctx.towards = towards
        return _summed(a * towards)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        each = grads[0].to(ctx.towards.dtype).view(-1, 1, 1, 1)
        return each * ctx.towards, None


def _summed(terms: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    return terms.float().sum(dim=(1, 2, 3))
