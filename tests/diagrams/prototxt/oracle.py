"""Caffe's layers once more, as calls of torch on real tensors: slow, and written another way than the rules they judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.diagrams.prototxt.layer import Layer, layers_of
from generator.diagrams.prototxt.network import tree
from generator.diagrams.prototxt.phases import present, state_of


@dataclass
class Run:
    """What ran: every layer's output, and how many weights were made for it."""

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By layer."""
    outputs: dict[str, Tensor] = field(default_factory=dict)
    weights: int = 0


@dataclass
class Net:
    """A file for TEST, to be run. `smooth` makes every weight positive and every maximum a mean, so that a gradient is
    nowhere zero by chance."""

    path: Path
    smooth: bool = False

    def __call__(self, x: Tensor, until: str = "") -> Run:
        net = tree(self.path)
        run, blobs = Run(), {"data": x}
        for layer in layers_of(net):
            if not present(layer, state_of(net, "TEST", None, None)) or not layer.bottoms or "label" in layer.bottoms:
                continue
            reads = [blobs[name] for name in layer.bottoms]
            made = _CALLS[layer.type](self, run, layer, *reads)
            blobs[layer.tops[0]] = run.outputs[layer.name] = made
            run.shapes[layer.name] = tuple(made.shape)
            if layer.name == until:
                break
        return run

    def weight(self, run: Run, *shape: int, like: Tensor) -> Tensor:
        run.weights += torch.Size(shape).numel()
        if self.smooth:
            return torch.full(shape, 1 / max(torch.Size(shape[1:]).numel(), 1), dtype=like.dtype)
        return torch.zeros(shape, dtype=like.dtype, device=like.device)


def _one(layer: Layer, name: str, default: int) -> int:
    stem = {"kernel_size": "kernel"}.get(name, name)
    both = {layer.own.integer(f"{stem}_{side}", layer.own.integer(name, default)) for side in "hw"}
    (only,) = both
    return only


def _conv(net: Net, run: Run, layer: Layer, x: Tensor) -> Tensor:
    out, k, groups = layer.own.integer("num_output", 0), _one(layer, "kernel_size", 0), layer.own.integer("group", 1)
    w, b = net.weight(run, out, x.shape[1] // groups, k, k, like=x), net.weight(run, out, like=x)
    return F.conv2d(x, w, b, stride=_one(layer, "stride", 1), padding=_one(layer, "pad", 0), groups=groups)


def _deconv(net: Net, run: Run, layer: Layer, x: Tensor) -> Tensor:
    out, k = layer.own.integer("num_output", 0), _one(layer, "kernel_size", 0)
    w, b = net.weight(run, x.shape[1], out, k, k, like=x), net.weight(run, out, like=x)
    return F.conv_transpose2d(x, w, b, stride=_one(layer, "stride", 1), padding=_one(layer, "pad", 0))


def _pool(net: Net, run: Run, layer: Layer, x: Tensor) -> Tensor:
    if layer.own.flag("global_pooling", False):
        return x.mean((2, 3), keepdim=True)
    size = (_one(layer, "kernel_size", 0), _one(layer, "stride", 1), _one(layer, "pad", 0))
    mean = net.smooth or layer.own.text("pool") == "AVE"
    return F.avg_pool2d(x, *size, ceil_mode=True) if mean else F.max_pool2d(x, *size, ceil_mode=True)


def _dense(net: Net, run: Run, layer: Layer, x: Tensor) -> Tensor:
    out, x = layer.own.integer("num_output", 0), x.flatten(1)
    return F.linear(x, net.weight(run, out, x.shape[1], like=x), net.weight(run, out, like=x))


def _crop(net: Net, run: Run, layer: Layer, x: Tensor, other: Tensor) -> Tensor:
    at, (h, w) = layer.own.integer("offset", 0), other.shape[2:]
    return x[:, :, at : at + h, at : at + w]


_CALLS: dict[str, Callable[..., Tensor]] = {
    "Convolution": _conv,
    "Deconvolution": _deconv,
    "Pooling": _pool,
    "InnerProduct": _dense,
    "Crop": _crop,
    "ReLU": lambda net, run, layer, x: x,
    "Dropout": lambda net, run, layer, x: x,
    "LRN": lambda net, run, layer, x: x,
    "Concat": lambda net, run, layer, *x: torch.cat(x, 1),
    "Eltwise": lambda net, run, layer, *x: sum(x[1:], x[0]),
    "Softmax": lambda net, run, layer, x: x if net.smooth else x.softmax(1),
}


def seen(net: Net, x: Tensor, layer: str, places: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """How far the gradients of all a layer's units in these places reach into `x`: (height, width) of each."""
    x = x.clone().requires_grad_(True)
    out = net(x, until=layer).outputs[layer]
    sizes = set()
    for y, column in places:
        (gradient,) = torch.autograd.grad(out[0, :, y, column].sum(), x, retain_graph=True)
        touched = gradient[0].abs().sum(0) > 0
        sides = [touched.any(axis).nonzero().flatten() for axis in (1, 0)]
        sizes.add((int(sides[0][-1] - sides[0][0]) + 1, int(sides[1][-1] - sides[1][0]) + 1))
    return sizes
