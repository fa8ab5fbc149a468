"""What layer-wise relevance propagation makes of arithmetic that is written into a model's forward, and so is no module; and
what of the relevance stays where it was, in neurons that no input supports.

    a + b, sums and means of a      each part gets the share that it adds, as zennit's rule for a sum has it
    a * gate, a * number, a / b     a hands on all of it: the factor only says how much (Arras 2017, signal takes all)

A gate is a factor of fewer places (squeeze and excitation) or one that does not depend on the input (a layer's scale).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SUMS = (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__)
PRODUCTS = (torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__)
QUOTIENTS = (torch.div, Tensor.div, Tensor.div_, Tensor.__truediv__, Tensor.__itruediv__)
MEANS = (torch.mean, Tensor.mean, torch.sum, Tensor.sum, F.adaptive_avg_pool2d, F.avg_pool2d)
STABILIZER = 1e-6
"""zennit's own."""


def stabilised(z: Tensor) -> Tensor:
    """`z`, away from zero, to divide by."""
    return z + torch.where(z < 0, -STABILIZER, STABILIZER)


@contextmanager
def arithmetic(module: nn.Module) -> Iterator[None]:
    """Inside `module`'s own forward, and nowhere else, sums and gates build a graph whose backward hands relevance on."""
    mode = _Arithmetic()

    def leave(*_: object) -> None:
        mode.__exit__(None, None, None)

    handles = (
        module.register_forward_pre_hook(lambda *_: mode.__enter__() and None),
        module.register_forward_hook(leave, always_call=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Arithmetic(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in MEANS and args and _active(args[0]):
            return _Shared.apply(args[0], lambda a: func(a, *args[1:], **(kwargs or {})))
        if len(args) == 2 and not kwargs:
            first, second = args
            if func in SUMS and _active(first) and _active(second) and first.shape == second.shape:
                return _Shared.apply(torch.stack([first, second]), lambda both: both.sum(dim=0))
            if func in PRODUCTS or func in QUOTIENTS:
                if _signal(first, second):
                    return _Scaled.apply(first, second, func in QUOTIENTS)
                if func in PRODUCTS and _signal(second, first):
                    return _Scaled.apply(second, first, False)
        return func(*args, **(kwargs or {}))


def _active(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.requires_grad


def _signal(value: Any, factor: Any) -> bool:
    """Whether `value` hands on the relevance of its product with `factor`."""
    if not _active(value) or not isinstance(factor, (int, float, Tensor)):
        return False
    shape = factor.shape if isinstance(factor, Tensor) else ()
    fits = len(shape) <= value.dim() and torch.broadcast_shapes(value.shape, shape) == value.shape
    return fits and (value.shape != shape or not _active(factor))


class _Shared(torch.autograd.Function):
    """f(a), linear in a; backwards, each place of `a` gets the share of R that it adds to f(a)."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            ctx.a = a.detach().requires_grad_()
            ctx.out = f(ctx.a)
        return ctx.out.detach().clone()

    @staticmethod
    def backward(ctx: Any, R: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (slope,) = torch.autograd.grad(ctx.out, ctx.a, R / stabilised(ctx.out.detach()), retain_graph=True)
        return ctx.a.detach() * slope, None


class _Scaled(torch.autograd.Function):
    """a * factor, or a / factor; backwards R, all of it, to a, and zeros to the factor: zennit's rules want numbers there."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, factor: Any, divide: bool) -> Tensor:
        ctx.gate = torch.zeros_like(factor) if _active(factor) else None
        return a / factor if divide else a * factor

    @staticmethod
    def backward(ctx: Any, R: Tensor) -> tuple[Tensor, Tensor | None, None]:  # type: ignore[override]
        return R, ctx.gate, None


@dataclass(frozen=True)
class Supported:
    """One call of a convolution or a linear layer: its output, and the share of each neuron's relevance that its rule finds
    inputs for. A neuron that is on by its bias alone has none; the paper's rule leaves such relevance in the bias."""

    output: Tensor
    share: Tensor


@contextmanager
def supported(module: nn.Module, but: str) -> Iterator[list[Supported]]:
    """Fill the yielded list during the next forward of `module`: of all layers `but` the one that hands on equal shares."""
    found: list[Supported] = []

    def seen(part: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        with torch.no_grad():
            z = _support(part, args[0])
            found.append(Supported(output, z / stabilised(z)))

    kinds = (nn.modules.conv._ConvNd, nn.Linear)
    layers = [part for path, part in module.named_modules() if isinstance(part, kinds) and path != but]
    handles = [part.register_forward_hook(seen) for part in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _support(part: nn.Module, a: Tensor) -> Tensor:
    """What the rule divides by: a w in a linear layer, a+ w+ + a- w- in a convolution, without the bias."""
    weight, bias = part._parameters["weight"], part._parameters["bias"]
    assert weight is not None

    def run(a: Tensor, w: Tensor) -> Tensor:
        part._parameters["weight"] = nn.Parameter(w, requires_grad=False)
        found: Tensor = type(part).forward(part, a)  # its code alone: no hooks
        return found

    try:
        part._parameters["bias"] = None
        if isinstance(part, nn.Linear):
            return run(a, weight)
        return run(a.clamp(min=0), weight.clamp(min=0)) + run(a.clamp(max=0), weight.clamp(max=0))
    finally:
        part._parameters["weight"], part._parameters["bias"] = weight, bias
