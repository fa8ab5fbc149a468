r"""Backward rules: how a rectifier passes a gradient back, looked up when the backward runs, not when the forward did.

One retained graph therefore gives every gradient, one backward each:

    rule            rectifier y = min(max(x, 0), hi)          max-pool, windows overlapping
    plain           g where it was on                          sum
    guided          max(g, 0) where it was on                  sum
    deconv          max(g, 0) everywhere                       sum
    deconv_unpool   max(g, 0) everywhere                       the last window overwrites (switches)
    redirect        as plain; of a sample that it leaves nothing of, what would turn it on (dead starts of searches)

Rectifiers are recognised as functions, so that ``nn.ReLU``, ``F.relu``, ``x.relu()``, ``x.clamp(min=0)``, ReLU6 and
Hardtanh are one thing however a model writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.engine.needs import Rule

BackwardRule = Rule | Literal["redirect"]


@dataclass(frozen=True)
class Rectifier:
    """A rectifier call seen: max(x, 0), capped at `high` (infinity for a plain ReLU)."""

    x: Tensor
    high: float
    inplace: bool


@dataclass
class RuleBook:
    """The rule now in force and how many calls obey it. Shared by every autograd node of one forward."""

    current: BackwardRule = "plain"
    rectifiers: int = 0
    max_pools: int = 0
    overlapping_pools: int = 0
    intercept: bool = field(default=True)
    """Whether to stand in for torch's functions; counting goes on without."""


_RELU = {F.relu, torch.relu, Tensor.relu}
_RELU_ = {torch.relu_, Tensor.relu_}
_HARDTANH = {F.hardtanh, getattr(F, "hardtanh_", F.hardtanh)}
_CLAMP = {torch.clamp, torch.clip, Tensor.clamp, Tensor.clip}
_CLAMP_ = {torch.clamp_, torch.clip_, Tensor.clamp_, Tensor.clip_}
_CLAMP_MIN = {torch.clamp_min, Tensor.clamp_min}
_CLAMP_MIN_ = {torch.clamp_min_, Tensor.clamp_min_}
_MAX_POOL = {F.max_pool2d, torch.max_pool2d}


def _is_zero(value: Any) -> bool:
    return isinstance(value, (int, float)) and value == 0


def as_rectifier(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rectifier | None:
    """The rectifier that this torch function call is, or None."""
    if not args and "input" not in kwargs:
        return None
    x = args[0] if args else kwargs["input"]
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return None

    def given(position: int, name: str, default: Any) -> Any:
        return args[position] if len(args) > position else kwargs.get(name, default)

    if func in _RELU:
        return Rectifier(x, math.inf, bool(given(1, "inplace", False)))
    if func in _RELU_:
        return Rectifier(x, math.inf, True)
    if func is F.relu6:
        return Rectifier(x, 6.0, bool(given(1, "inplace", False)))
    if func in _HARDTANH:
        low, high = given(1, "min_val", -1.0), given(2, "max_val", 1.0)
        inplace = func is not F.hardtanh or bool(given(3, "inplace", False))
        return Rectifier(x, float(high), inplace) if _is_zero(low) else None
    if func in _CLAMP or func in _CLAMP_:
        low, high = given(1, "min", None), given(2, "max", None)
        if not _is_zero(low) or not (high is None or isinstance(high, (int, float))):
            return None
        return Rectifier(x, math.inf if high is None else float(high), func in _CLAMP_)
    if func in _CLAMP_MIN or func in _CLAMP_MIN_:
        return Rectifier(x, math.inf, func in _CLAMP_MIN_) if _is_zero(given(1, "min", None)) else None
    if func is F.threshold and _is_zero(given(1, "threshold", None)) and _is_zero(given(2, "value", None)):
        return Rectifier(x, math.inf, bool(given(3, "inplace", False)))
    return None


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    pair = tuple(int(v) for v in value)
    return (pair[0], pair[-1])


@dataclass(frozen=True)
class MaxPool:
    """A 2-D max-pool call seen, its sizes as (y, x)."""

    x: Tensor
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil_mode: bool
    return_indices: bool

    @property
    def overlaps(self) -> bool:
        """Whether one input place can win in two windows."""
        reach = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        return any(r > s for r, s in zip(reach, self.stride, strict=True))


def as_max_pool(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> MaxPool | None:
    """The max-pool that this torch function call is, or None."""
    if func not in _MAX_POOL:
        return None
    names = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    said = {**dict(zip(names, args, strict=False)), **kwargs}
    if not isinstance(said["input"], Tensor):
        return None
    return MaxPool(
        said["input"],
        _pair(said["kernel_size"]),
        _pair(said.get("stride") or said["kernel_size"]),
        _pair(said.get("padding", 0)),
        _pair(said.get("dilation", 1)),
        bool(said.get("ceil_mode", False)),
        bool(said.get("return_indices", False)),
    )


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float, inplace: bool, book: RuleBook) -> Tensor:  # type: ignore[override]
        if inplace:
            ctx.mark_dirty(x)
            y = x.relu_() if high == math.inf else x.clamp_(0, high)
        else:
            y = x.relu() if high == math.inf else x.clamp(0, high)
        ctx.save_for_backward(y)
        ctx.high, ctx.book = high, book
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,), (y,), high, rule = grads, ctx.saved_tensors, ctx.high, ctx.book.current
        if rule in ("guided", "deconv", "deconv_unpool"):
            g = g.clamp(min=0)
        if rule in ("plain", "guided", "redirect"):
            on = _where_on(g, y, high)
            g = _redirected(g, on, y, high) if rule == "redirect" else on
        return g, None, None, None


def _where_on(g: Tensor, y: Tensor, high: float) -> Tensor:
    """torch's own gradient: g where the rectifier is on, 0 elsewhere."""
    if high == math.inf:
        return torch.ops.aten.threshold_backward(g, y, 0)  # type: ignore[no-any-return]
    return torch.ops.aten.hardtanh_backward(g, y, 0.0, high)  # type: ignore[no-any-return]


def _redirected(g: Tensor, on: Tensor, y: Tensor, high: float) -> Tensor:
    """`on`, but for samples of which nothing came through: for those, what would turn the rectifier on (or off its cap).

    To let it through everywhere would spoil the gradient of samples that have one: on noise, half of the units of a deep
    layer are off, and should be.
    """
    per_sample = tuple(range(1, g.dim()))  # no flattening: that would copy maps in channels-last
    lost = ~(on.any(dim=per_sample, keepdim=True) if per_sample else on.any())
    if not bool(lost.any()):  # as good as always, and the rest costs more than the convolution before it
        return on
    towards = torch.where(y <= 0, g.clamp(min=0), torch.where(y >= high, g.clamp(max=0), g))
    return torch.where(lost, towards, on)


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, call: MaxPool, book: RuleBook) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        y, where = F.max_pool2d_with_indices(
            x, call.kernel, call.stride, call.padding, call.dilation, call.ceil_mode, return_indices=True
        )
        ctx.save_for_backward(x, where)
        ctx.call, ctx.book = (call.kernel, call.stride, call.padding, call.dilation, call.ceil_mode), book
        ctx.mark_non_differentiable(where)
        return y, where

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        g, (x, where) = grads[0], ctx.saved_tensors
        if ctx.book.current == "deconv_unpool":
            return unpool(g, where, x.shape), None, None
        return torch.ops.aten.max_pool2d_with_indices_backward(g.contiguous(), x, *ctx.call, where), None, None


def unpool(g: Tensor, where: Tensor, shape: torch.Size) -> Tensor:
    """Put each pooled value (n, c, oh, ow) back at its switch `where`; of two at one place, the later window's stays.

    `MaxUnpool2d` does the same, but leaves the winner to chance on a GPU; here it is the last in raster order.
    """
    flat, index = g.flatten(2), where.flatten(2)  # (n, c, oh * ow)
    places = shape[-2] * shape[-1]
    order = torch.arange(flat.shape[-1], device=g.device).expand_as(index)
    last = torch.full((*flat.shape[:2], places), -1, dtype=torch.int64, device=g.device)
    last = last.scatter_reduce(2, index, order, reduce="amax")  # the last window that chose each place
    out = torch.gather(flat, 2, last.clamp(min=0)).masked_fill(last < 0, 0)
    return out.reshape(shape)


def implement(book: RuleBook) -> Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]:
    """A stand-in for torch's rectifiers and max-pools that obeys and counts in `book`; else NotImplemented."""

    def call(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if (rectifier := as_rectifier(func, args, kwargs)) is not None:
            book.rectifiers += 1
            if not book.intercept or not rectifier.x.requires_grad:
                return NotImplemented
            x = rectifier.x
            if rectifier.inplace and x._is_view():  # autograd writes through a view only by its own copy_
                return x.copy_(_Rectify.apply(x, rectifier.high, False, book))
            return _Rectify.apply(x, rectifier.high, rectifier.inplace, book)
        if (pool := as_max_pool(func, args, kwargs)) is not None:
            book.max_pools += 1
            book.overlapping_pools += pool.overlaps
            if not book.intercept or not pool.x.requires_grad or not pool.overlaps or pool.x.dim() != 4:
                return NotImplemented
            y, where = _Pool.apply(pool.x, pool, book)
            return (y, where) if pool.return_indices else y
        return NotImplemented

    return call
