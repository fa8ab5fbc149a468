"""Whether what a page works out is what the model gave: every operation once more, from the maps, arrays and settings that the page has.

    maps read + arrays + settings ──▶ torch's functions ──▶ beside what the call gave      apart: share of the channel's largest number

The page's own arithmetic is held against torch by tests; this holds each operation of this model to what it said of itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.explain.operation import Operation

ALIKE = 1e-3
"""Share of a channel's largest number by which single precision may tell two ways of working it out apart."""
_SMALL = 1e-2
"""A channel whose numbers are smaller than this share of the largest of all is held to that: sums of large terms round."""

Arrays = Mapping[str, Tensor]
Maps = Sequence[Tensor]
"""(c, h, w) each"""


def apart(operation: Operation, reads: Maps, arrays: Arrays, given: Tensor) -> float:
    """How far what is worked out from `reads` is from what was `given`, (c, h, w), as a share of a channel's largest number; infinite
    where it cannot be worked out or is a number where the other is none."""
    try:
        made = worked_out(operation, reads, arrays).to(given.dtype)
    except (RuntimeError, ValueError, KeyError):
        return math.inf
    if made.shape != given.shape:
        return math.inf
    away, size = (made - given).abs().flatten(1).amax(1), given.abs().flatten(1).amax(1)
    if not bool((away + size).isfinite().all()):  # what is no number must be none in both
        same = (made == given) | (made.isnan() & given.isnan())
        away = torch.where(same, 0, (made - given).abs()).nan_to_num(math.inf).flatten(1).amax(1)
        size = torch.where(given.isfinite(), given.abs(), 0).flatten(1).amax(1)
    floor = size.max() * _SMALL + torch.finfo(torch.float32).tiny
    return float((away / size.clamp(min=float(floor))).max())


def worked_out(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    """What an operation gives by its settings, (c, h, w)."""
    maps = [one.float().reshape(read.shape) for one, read in zip(reads, operation.reads, strict=True)]
    return _WAYS[operation.kind](operation, maps, arrays)


def _per_channel(value: Tensor | None, otherwise: float, shape: Sequence[int]) -> Tensor | float:
    """One number a channel, or one a place where as many were given."""
    if value is None:
        return otherwise
    return value.float().reshape(shape) if value.numel() > shape[0] else value.float().reshape(-1, 1, 1)


def _conv(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    found, x, weight, bias = operation.settings, reads[0][None], arrays["weight"].float(), arrays.get("bias")
    bias = None if bias is None else bias.float()
    top, bottom, left, right = found["padding"]
    stride, dilation, groups = found["stride"], found["dilation"], found["groups"]
    if not found["transposed"]:
        padded = F.pad(x, (left, right, top, bottom), mode=_PADS[found["mode"]])
        return F.conv2d(padded, weight, bias, stride, 0, dilation, groups)[0]
    sides = zip(x.shape[2:], operation.shape[1:], stride, (top, left), dilation, weight.shape[2:], strict=True)
    more = [made - ((n - 1) * s - 2 * p + d * (k - 1) + 1) for n, made, s, p, d, k in sides]
    return F.conv_transpose2d(x, weight, bias, stride, (top, left), more, groups, dilation)[0]


_PADS = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def _volume(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    found, bias = operation.settings, arrays.get("bias")
    x = reads[0].unflatten(1, found["size"][:2])[None]
    stride, dilation, groups, weight = found["stride"], found["dilation"], found["groups"], arrays["weight"].float()
    bias = None if bias is None else bias.float()
    if found["transposed"]:
        size, around = _deep(operation), found["padding"][::2]
        sides = zip(x.shape[2:], size, stride, around, dilation, weight.shape[2:], strict=True)
        more = [made - ((n - 1) * s - 2 * p + d * (k - 1) + 1) for n, made, s, p, d, k in sides]
        return F.conv_transpose3d(x, weight, bias, stride, around, more, groups, dilation)[0].flatten(1, 2)
    around = [side for axis in (2, 1, 0) for side in found["padding"][2 * axis : 2 * axis + 2]]
    padded = F.pad(x, around, mode=_PADS[found["mode"]])
    return F.conv3d(padded, weight, bias, stride, 0, dilation, groups)[0].flatten(1, 2)


def _deep(operation: Operation) -> list[int]:
    """Depth, height and width of what an operation makes."""
    _, rows, w = operation.shape
    return [operation.settings["depth"], rows // operation.settings["depth"], w]


def _linear(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    bias = arrays.get("bias")
    made = F.linear(reads[0].flatten(), arrays["weight"].float(), None if bias is None else bias.float())
    return made[:, None, None]


def _pool(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    return _pooled(operation.settings, reads[0][None], list(operation.shape[1:]), _FLAT)[0]


def _volume_pool(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    x = reads[0].unflatten(1, operation.settings["size"][:2])[None]
    return _pooled(operation.settings, x, _deep(operation), _THICK)[0].flatten(1, 2)


_FLAT = (F.max_pool2d, F.avg_pool2d, F.adaptive_max_pool2d, F.adaptive_avg_pool2d)
_THICK = (F.max_pool3d, F.avg_pool3d, F.adaptive_max_pool3d, F.adaptive_avg_pool3d)


def _pooled(found: Mapping[str, Any], x: Tensor, size: list[int], ways: tuple[Callable[..., Tensor], ...]) -> Tensor:
    largest, mean, adaptive_largest, adaptive_mean = ways
    if found.get("adaptive"):
        return (adaptive_largest if found["how"] == "max" else adaptive_mean)(x, size)
    kernel, stride, around = found["kernel"], found["stride"], found["padding"][::2]
    for ceil in (False, True):
        if found["how"] == "max":
            made = largest(x, kernel, stride, around, found["dilation"], ceil)
        else:
            made = mean(x, kernel, stride, around, ceil, found["counts_padding"], found["divisor"])
        if list(made.shape[2:]) == size:
            break
    return made


def _act(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    x, more = reads[0], dict(operation.settings)
    name = more.pop("fn")
    more.pop("depth", None)
    if name == "clip":
        lo, hi = more["lo"], more["hi"]
        return x.clamp(-math.inf if lo is None else lo, math.inf if hi is None else hi)
    if name == "prelu":
        return torch.where(x >= 0, x, x * _per_channel(arrays["slope"], 0, x.shape))
    if name == "gelu_tanh":
        return F.gelu(x, approximate="tanh")
    return _FUNCTIONS.get(name, getattr(F, name))(x, **more)


_FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}


def _batch_norm(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    x, bias = reads[0], arrays.get("bias")
    factor = (arrays["var"].float() + operation.settings["eps"]).rsqrt() * arrays.get("weight", torch.ones(())).to(x)
    shift = (0 if bias is None else bias.float()) - arrays["mean"].float() * factor
    return x * factor[:, None, None] + shift[:, None, None]


def _norm(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    x, found = reads[0], operation.settings
    together = x[None] if found["over"] == "channel" else x.unflatten(0, (found["groups"], -1)).flatten(1)
    centred = together if found["rms"] else together - together.mean(1, keepdim=True)
    made = (centred * (centred.square().mean(1, keepdim=True) + found["eps"]).rsqrt()).reshape(x.shape)
    return made * _per_channel(arrays.get("weight"), 1, x.shape) + _per_channel(arrays.get("bias"), 0, x.shape)


def _response(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    found = operation.settings
    return F.local_response_norm(reads[0][None], found["size"], found["alpha"], found["beta"], found["k"])[0]


def _merge(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    def term(said: Mapping[str, Any]) -> Tensor | float:
        if "read" in said:
            return reads[said["read"]]
        return float(said["number"]) if "number" in said else _per_channel(arrays["factor"], 0, operation.shape)

    a, b = map(term, operation.settings["terms"])
    made = {"+": lambda: a + b, "−": lambda: a - b, "×": lambda: a * b, "÷": lambda: a / b}[
        operation.settings["sign"]
    ]()
    return torch.as_tensor(made).expand(operation.shape)


def _attention(operation: Operation, reads: Maps, arrays: Arrays) -> Tensor:
    found = operation.settings
    query, key, value = (one[:, 0].unflatten(0, (found["heads"], -1)) for one in reads[:3])  # (heads, width, n)
    scores = torch.einsum("hct,hcs->hts", query, key) * found["scale"] + (reads[3] if len(reads) > 3 else 0)
    made = torch.einsum("hts,hcs->hct", scores.softmax(2), value).flatten(0, 1)
    _, h, w = operation.shape
    return made[:, found["prefix"] : found["prefix"] + h * w].unflatten(1, (h, w))


_WAYS: Mapping[str, Callable[[Operation, Maps, Arrays], Tensor]] = {
    "conv": _conv,
    "volume": _volume,
    "pool": _pool,
    "volume_pool": _volume_pool,
    "act": _act,
    "batch_norm": _batch_norm,
    "norm": _norm,
    "lrn": _response,
    "merge": _merge,
    "cat": lambda operation, reads, arrays: torch.cat([*reads]),
    "shuffle": lambda operation, reads, arrays: F.channel_shuffle(reads[0][None], operation.settings["groups"])[0],
    "attention": _attention,
    "flatten": lambda operation, reads, arrays: reads[0].reshape(operation.shape),
    "linear": _linear,
    "softmax": lambda operation, reads, arrays: reads[0].softmax(0),
}
