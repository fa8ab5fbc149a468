"""A score that is linear in what a convolution gives, read in front of it.

    x ─▶ … ─▶ a ─▶ convolution ─▶ maps ─▶ score          score = <a, towards> + constant, whatever a is

`towards`, the score's gradient with respect to what the convolution is given, is then the same for every a: the convolution
runs once, backwards, and a search's passes stop in front of it. Of a search at an early layer it would be a sixth.

A class of convolutions may do more than its name says. That one does nothing else is seen by running it once: what it gives is what
``conv2d`` gave for the very tensor that it was given, or for that padded, with weights that ask for no gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from generator.names import LayerName

if TYPE_CHECKING:
    from generator.engine.handle import Handle

Score = Callable[[Tensor], Tensor]
"""Maps (b, k, h, w) -> scores (b,)."""
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Of a module: what may make something else of what it is given or gives."""


@dataclass
class Ahead:
    """Scores of a layer's maps that are linear in them, for one precision."""

    handle: Handle
    layer: LayerName
    score: Score
    precision: str
    _towards: tuple[Tensor, Tensor] | None = field(default=None, init=False, repr=False)
    """(b, c, h, w) and (b,)."""

    def __call__(self, x: Tensor, *, redirect: bool = False) -> Float[Tensor, " b"]:
        """The scores of the normalised batch `x` (n, c, h, w), differentiable; one forward, which stops in front of the layer."""
        a = self.handle.layer_input(self.layer, x, redirect=redirect, precision=self.precision)
        if self._towards is None:
            self._towards = self._found(a)
        towards, constant = self._towards
        product: Tensor = _Product.apply(a, towards, constant.dtype)
        return product + constant

    def _found(self, a: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad(), self.handle.layer_module(self.layer, self.precision) as module:
            leaf = torch.zeros_like(a).requires_grad_()
            scores = self.score(module(leaf).to(self.handle.engine.dtype))
            (towards,) = torch.autograd.grad(scores.sum(), leaf)
        return towards, scores.detach()


class _Product(torch.autograd.Function):
    """<a, towards> of each picture. The gradient lies in memory as `towards` does."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, towards: Tensor, dtype: torch.dtype) -> Tensor:  # type: ignore[override]
        ctx.towards = towards
        return (a * towards).to(dtype).sum(dim=(1, 2, 3))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        each = grads[0].to(ctx.towards.dtype).view(-1, 1, 1, 1)
        return each * ctx.towards, None, None


def convolves_only(module: nn.Module, a: Float[Tensor, "b c h w"]) -> bool:
    """Whether a module, given `a` alone, gives a convolution of it, perhaps padded, and nothing else."""
    leaf = a.detach().requires_grad_()
    with torch.enable_grad(), _Watched(leaf) as watched:
        try:
            found = module(leaf)
        except Exception:  # it wants more than that
            return False
    return isinstance(found, Tensor) and found is watched.given and found.requires_grad


class _Watched(TorchFunctionMode):
    """What ``conv2d`` gave last for a tensor, or for that padded."""

    def __init__(self, of: Tensor) -> None:
        super().__init__()
        self.of, self.padded = of, of
        self.given: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        found = func(*args, **kwargs)
        read = args[0] if args else kwargs.get("input")
        if func is F.pad and read is self.of:
            self.padded = found
        if func is F.conv2d and (read is self.of or read is self.padded):
            rest = [one for one in (*args[1:], *kwargs.values()) if isinstance(one, Tensor) and one is not read]
            self.given = None if any(one.requires_grad for one in rest) else found
        return found
