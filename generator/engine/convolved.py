"""Convolutions of the twins that searches run, computed another way where torch takes long; the same sums, in another order.

In bfloat16:

    1 x 1, strided, or of many weights    one product of matrices for all the places that are read
    of many weights, for few places       the same, of the patches at each place
    few channels, strided                 backwards, the s x s pixels under a step side by side as channels, and a kernel of k / s
    grouped and strided                   in float32, to which pads are filled in at once

In float32, 1 x 1 in one thread: by oneDNN, as in several.

For each pass oneDNN lays the weights of a convolution out anew: where maps are of 4 x 4 that takes longer than the convolution.
It takes channels by the sixteen: the gradient of a picture's three costs as much as one of sixteen. And in bfloat16 its backward
of a convolution that is grouped and strided at once, where groups are of one unit, takes fifteen times as long as in float32.
In float32, with one thread and fewer than sixteen pictures, torch multiplies the matrices of 1 x 1 convolutions by MKL, which
takes more than twice as long on processors that are not Intel's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.grad import conv2d_input
from torch.overrides import TorchFunctionMode

FEW = 4
"""Channels at most that are taken side by side with those of their neighbours."""
MANY = 2**18
"""Weights from which laying them out shows."""
PLAIN = frozenset(
    ("__get__", "__set__", "size", "dim", "stride", "numel", "is_contiguous", "element_size", "is_floating_point")
)
"""What is asked of a tensor that is no computation."""
PICTURES = 16
"""Of a batch, from which torch asks oneDNN by itself."""
PLACES = 192
"""Of a batch's maps, at most, that are gathered into patches; beyond, to copy those takes as long."""


def another(module: nn.Module) -> type[Another | Wide] | None:
    """The class to put in front of that of a convolution, whose weights ask for no gradient; None where it stays as it is."""
    if not isinstance(module, nn.Conv2d):
        return None
    strided = max(module.stride) > 1
    if module.groups > 1:
        return Wide if strided else None
    small = module.kernel_size == (1, 1) or module.in_channels <= FEW
    slow = module.weight.numel() >= MANY or (strided and small)
    return Another if slow and module.weight.device.type == "cpu" else None


def alone(module: nn.Module) -> type[Alone] | None:
    """Likewise, of a twin in float32."""
    if not isinstance(module, nn.Conv2d) or (*module.kernel_size, *module.stride, module.groups) != (1,) * 5:
        return None
    mine = module.weight.device.type == "cpu" and module.weight.dtype == torch.float32
    return Alone if mine and torch.backends.mkldnn.is_available() else None


def put_before(module: nn.Module, kind: type) -> None:
    """Make a module's class one of its own, `kind` in front of it."""
    module.__class__ = type(kind.__name__, (kind, type(module)), {})


def take_away(module: nn.Module, kind: type) -> None:
    """Undo `put_before`, where that was done."""
    if isinstance(module, kind):
        module.__class__ = type(module).__bases__[1]


class Another:
    """In front of a convolution's class. Its own forward may pad first, or make its weights: only the calls are others."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with _Instead(convolved):
            return super().forward(*args, **kwargs)  # type: ignore[misc]


class Alone:
    """In front of a 1 x 1 convolution's class: torch asks oneDNN for it with one thread, too."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with _Instead(by_onednn):
            return super().forward(*args, **kwargs)  # type: ignore[misc]


class Wide:
    """In front of a convolution's class: it computes in float32 what it is given in bfloat16, and gives that."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with _WideCalls():
            found: Tensor = super().forward(*args, **kwargs)  # type: ignore[misc]
        return found.to((*args, *kwargs.values())[0].dtype)


class _Instead(TorchFunctionMode):
    """Another function instead of ``conv2d``."""

    def __init__(self, convolve: Callable[..., Tensor]) -> None:
        super().__init__()
        self.convolve = convolve

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        return (self.convolve if func is F.conv2d else func)(*args, **(kwargs or {}))


class _WideCalls(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.pad:
            return padded(*args, **kwargs)
        if func.__name__ in PLAIN:
            return func(*args, **kwargs)
        return func(*map(_in_float32, args), **{name: _in_float32(value) for name, value in kwargs.items()})


def _in_float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype == torch.bfloat16 else value


class _Asked(NamedTuple):
    """What ``conv2d`` is asked for."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    @property
    def plain(self) -> bool:
        """Whether it is a batch of maps, in one group, not dilated, with pads in numbers, by weights that ask for no gradient: they may
        be made of what the layer is given."""
        learnt = self.weight.requires_grad or (self.bias is not None and self.bias.requires_grad)
        near = self.groups == 1 and _pair(self.dilation) == (1, 1) and not isinstance(self.padding, str)
        return near and self.input.dim() == 4 and not learnt

    @property
    def at_each_place(self) -> bool:
        """Of a plain one, whether it is a product with the weights at each of the places that are read."""
        return self.weight.shape[2:] == (1, 1) and _pair(self.padding) == (0, 0)


def convolved(*args: Any, **kwargs: Any) -> Float[Tensor, "b k p q"]:
    """What `torch.nn.functional.conv2d` gives for the same; where weights ask for a gradient, by torch."""
    asked = _Asked(*args, **kwargs)
    if not asked.plain:
        return F.conv2d(*asked)
    (input, weight, bias), step, pads = asked[:3], _pair(asked.stride), _pair(asked.padding)
    if asked.at_each_place:
        return _tensor(_AtEachPlace.apply(input, weight, bias, step))
    if step[0] == step[1] > 1 and input.shape[1] <= FEW:
        return _tensor(_OfFewChannels.apply(input, weight, bias, step[0], pads))
    if weight.numel() >= MANY:
        sides = zip(input.shape[2:], pads, weight.shape[2:], step, strict=True)
        size = tuple((side + 2 * pad - kernel) // s + 1 for side, pad, kernel, s in sides)
        if min(size) > 0 and len(input) * size[0] * size[1] <= PLACES:
            return _tensor(_OfFewPlaces.apply(input, weight, bias, step, pads, size))
    return F.conv2d(*asked)


def by_onednn(*args: Any, **kwargs: Any) -> Float[Tensor, "b k h w"]:
    """What `torch.nn.functional.conv2d` gives for the same, as of two threads where there is one; where weights ask for a gradient,
    by torch."""
    asked = _Asked(*args, **kwargs)
    x, weight = asked.input, asked.weight
    small = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and 0 < len(x) < PICTURES
    whole = asked.plain and asked.at_each_place and _pair(asked.stride) == (1, 1)
    if small and whole and torch.get_num_threads() == 1:
        return _tensor(_ByOneDNN.apply(x, weight, asked.bias))
    return F.conv2d(*asked)


class _ByOneDNN(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # type: ignore[override]
        ctx.weight = weight
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _onednn(grads[0], ctx.weight.transpose(0, 1), None), None, None


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return _tensor(torch.ops.aten.mkldnn_convolution(x, weight, bias, [0, 0], [1, 1], [1, 1], 1))


class _AtEachPlace(torch.autograd.Function):
    """A 1 x 1 convolution. What it gives is no view: a rectifier may write into it."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, step: tuple[int, int]
    ) -> Tensor:
        ctx.weight, ctx.shape, ctx.step = weight.flatten(1), x.shape, step  # (k, c)
        read = x[:, :, :: step[0], :: step[1]]
        found = _empty(x, (len(x), len(weight), *read.shape[2:]))
        _product(_rows(read), ctx.weight, bias, found)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,), (down, along) = grads, ctx.step
        b, _, p, q = g.shape
        found = (_rows(g) @ ctx.weight).view(b, p, q, -1).permute(0, 3, 1, 2)
        if (down, along) != (1, 1):
            whole = _empty(g, ctx.shape).zero_()
            whole[:, :, ::down, ::along] = found
            found = whole
        return found, None, None, None


class _OfFewPlaces(torch.autograd.Function):
    """A convolution as a product with the patches that it sees."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        step: tuple[int, int],
        padding: tuple[int, int],
        size: tuple[int, int],
    ) -> Tensor:
        (b, c, _, _), (k, _, m, n), (top, left) = x.shape, weight.shape, padding
        ctx.weight = weight.permute(0, 2, 3, 1).reshape(k, -1)  # (k, m * n * c), in channels-last as it lies
        ctx.shape, ctx.kernel, ctx.step, ctx.padding = x.shape, (m, n), step, padding
        whole = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, left, top, top)).contiguous()  # (b, h + 2 top, w + 2 left, c)
        image, row, place, _ = whole.stride()
        strides = image, row * step[0], place * step[1], row, place, 1
        patches = whole.as_strided((b, *size, m, n, c), strides).reshape(-1, m * n * c)
        found = _empty(x, (b, k, *size))
        _product(patches, ctx.weight, bias, found)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,), (b, c, h, w), (m, n), (down, along), (top, left) = grads, ctx.shape, ctx.kernel, ctx.step, ctx.padding
        p, q = g.shape[2:]
        patches = (_rows(g) @ ctx.weight).view(b, p, q, m, n, c)
        whole = torch.zeros(b, h + 2 * top, w + 2 * left, c, dtype=g.dtype, device=g.device)
        for i in range(m):
            for j in range(n):
                whole[:, i : i + down * p : down, j : j + along * q : along] += patches[:, :, :, i, j]
        return whole[:, top : top + h, left : left + w].permute(0, 3, 1, 2), *[None] * 5


class _OfFewChannels(torch.autograd.Function):
    """A convolution of few channels with stride s in both directions. Zeros follow its kernel to a multiple of s."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, s: int, padding: tuple[int, int]
    ) -> Tensor:
        ctx.weight, ctx.shape, ctx.s, ctx.padding = weight, x.shape, s, padding
        return F.conv2d(x, weight, bias, s, padding)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,), s, (b, c, h, w) = grads, ctx.s, ctx.shape
        k, _, m, n = ctx.weight.shape
        kernel = -(-m // s), -(-n // s)
        weight = F.pad(ctx.weight, (0, kernel[1] * s - n, 0, kernel[0] * s - m)).view(k, c, kernel[0], s, kernel[1], s)
        weight = weight.permute(0, 2, 4, 3, 5, 1).reshape(k, *kernel, s * s * c).permute(0, 3, 1, 2)
        rows, columns = (side + one - 1 for side, one in zip(g.shape[2:], kernel, strict=True))
        found = conv2d_input((b, s * s * c, rows, columns), weight, g)
        apart = found.permute(0, 2, 3, 1).reshape(b, rows, columns, s, s, c).transpose(2, 3)
        whole = apart.reshape(b, rows * s, columns * s, c).permute(0, 3, 1, 2)
        top, left = ctx.padding  # and as far as it reads; zeros beyond, which it does not
        whole = F.pad(whole, (-left, left + w - columns * s, -top, top + h - rows * s))
        return whole.contiguous(memory_format=torch.channels_last), None, None, None, None


def padded(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """What `torch.nn.functional.pad` gives for the same, in float32 where zeros stand about a map of less."""
    if input.dim() != 4 or input.dtype == torch.float32 or mode != "constant" or value or len(pad) != 4 or min(pad) < 0:
        return F.pad(input, pad, mode, value)
    return _tensor(_Padded.apply(input, tuple(pad)))


class _Padded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, pad: tuple[int, int, int, int]) -> Tensor:  # type: ignore[override]
        left, right, top, bottom = pad
        b, c, h, w = x.shape
        ctx.inner = (slice(top, top + h), slice(left, left + w))
        ctx.dtype = x.dtype
        found = _empty(x, (b, c, top + h + bottom, left + w + right), torch.float32).zero_()
        found[:, :, *ctx.inner] = x
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inner = grads[0][:, :, *ctx.inner]
        return inner.to(ctx.dtype, memory_format=torch.channels_last), None


def _tensor(given: Any) -> Tensor:
    found: Tensor = given
    return found


def _rows(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "places c"]:
    """The values at each place; nothing is copied in channels-last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _product(rows: Float[Tensor, "places c"], weight: Tensor, bias: Tensor | None, into: Tensor) -> None:
    """rows @ weight.T + bias, as maps."""
    flat = into.permute(0, 2, 3, 1).view(len(rows), -1)
    if bias is None:
        torch.mm(rows, weight.t(), out=flat)
    else:
        torch.addmm(bias, rows, weight.t(), out=flat)


def _empty(like: Tensor, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> Tensor:
    return torch.empty(shape, dtype=dtype or like.dtype, device=like.device, memory_format=torch.channels_last)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
