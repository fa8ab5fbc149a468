"""The model's own numbers for the articles, read off its description and its weights: nothing is run.

description, module ──▶ Own ──▶ generator/pages/learn.py
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from generator.model.describe import Description
from generator.model.graph import Graph, Node
from generator.model.operations import pair
from generator.model.receptive import explicit_padding
from generator.names import LayerName

WINDOWS = 12
"""Different windows of a model that an article offers."""
UNITS = 64
"""Units of a layer whose numbers an article has."""
TAPS = 7 * 7
"""The largest kernel that is shown in numbers."""


@dataclass(frozen=True)
class Window:
    """A square window that slides over maps, along their columns."""

    layer: LayerName
    """The first layer that has it."""
    family: str
    """``conv``, ``max_pool`` or ``avg_pool``."""
    size: int
    """Columns of its input."""
    kernel: int
    stride: int
    before: int
    """Columns of padding on the left."""
    after: int
    dilation: int
    out: int
    """Columns of its output."""
    layers: int = 1
    """How many layers have this very window."""


@dataclass(frozen=True)
class FirstKernels:
    """The kernels of the first convolution."""

    layer: LayerName
    weight: Float[Tensor, "o i h w"]
    """Of at most `UNITS` units, at the first three of their input channels."""
    units: int
    """How many units the layer has."""
    inputs: int
    """How many channels each of them reads."""

    @property
    def sides(self) -> tuple[int, int, int]:
        """(input channels, height, width) of one kernel."""
        return self.inputs, self.weight.shape[2], self.weight.shape[3]


@dataclass(frozen=True)
class Normalisation:
    """The first batch normalisation with learned scales and running statistics, of its first `UNITS` units."""

    layer: LayerName
    convolution: LayerName | None
    """The convolution that it reads, where that is all it reads."""
    eps: float
    mean: Float[Tensor, " u"]
    variance: Float[Tensor, " u"]
    gamma: Float[Tensor, " u"]
    beta: Float[Tensor, " u"]
    bias: Float[Tensor, " u"] | None
    """The convolution's own bias, where it has one."""
    layers: int
    """How many batch normalisations the model has."""


@dataclass(frozen=True)
class Own:
    """What articles know of the model."""

    windows: tuple[Window, ...] = ()
    kernels: FirstKernels | None = None
    norm: Normalisation | None = None
    activations: tuple[tuple[str, int, LayerName], ...] = ()
    """(function, how often it is called, its first call), the most frequent first."""
    max_pools: tuple[LayerName, ...] = ()
    averaged: LayerName | None = None
    """The layer that the head averages before its one linear layer; None where there is no such head."""


def own_of(description: Description, module: nn.Module) -> Own:
    """Of the model that was described; `module` is only read."""
    graph = description.graph
    acts = [node for node in graph.nodes if node.family == "act"]
    first = {node.op: node.name for node in reversed(acts)}
    return Own(
        windows=windows_of(graph),
        kernels=kernels_of(graph, module),
        norm=norm_of(graph, module),
        activations=tuple((op, n, first[op]) for op, n in Counter(node.op for node in acts).most_common()),
        max_pools=tuple(node.name for node in graph.nodes if node.family == "max_pool"),
        averaged=description.facts.head_layer,
    )


def windows_of(graph: Graph) -> tuple[Window, ...]:
    """The different square windows wider than one column, in order of execution, at most `WINDOWS`."""
    found: dict[tuple[object, ...], Window] = {}
    times: Counter[tuple[object, ...]] = Counter()
    for node in graph.nodes:
        window = _window(node)
        if window is not None:
            key = (window.size, window.kernel, window.stride, window.before, window.after, window.dilation)
            found.setdefault(key, window)
            times[key] += 1
    kept = list(found.items())[:WINDOWS]
    return tuple(Window(**{**vars(window), "layers": times[key]}) for key, window in kept)


def _window(node: Node) -> Window | None:
    """None where it is no such window: not square, one column, a transposed convolution, or a size rounded up."""
    if node.family not in ("conv", "max_pool", "avg_pool") or len(node.outputs) != 1 or len(node.inputs) != 1:
        return None
    (read,), (given,), settings = node.inputs, node.outputs, node.settings
    if len(read.shape) != 4 or len(given.shape) != 4:
        return None
    kernel, dilation = pair(settings["kernel_size"]), pair(settings.get("dilation", 1))
    stride = pair(settings.get("stride") or (1 if node.family == "conv" else settings["kernel_size"]))
    top, bottom, left, right = (int(n) for n in explicit_padding(node))
    square = all(a == b for a, b in (kernel, dilation, stride, (top, left), (bottom, right)))
    if not square or kernel[1] < 2 or min(top, bottom) < 0 or given.shape[3] == 1:
        return None
    out = (read.shape[3] + left + right - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1
    if out != given.shape[3]:
        return None
    return Window(
        node.name, node.family, read.shape[3], kernel[1], stride[1], left, right, dilation[1], given.shape[3]
    )  # fmt: skip


def kernels_of(graph: Graph, module: nn.Module) -> FirstKernels | None:
    """Of the first convolution of images whose weights can be read and shown in numbers."""
    node = next((one for one in graph.nodes if one.family == "conv"), None)
    weight = None if node is None else _parameter(node, module, "weight")
    if node is None or weight is None or weight.dim() != 4 or weight.shape[2] * weight.shape[3] > TAPS:
        return None
    return FirstKernels(node.name, weight[:UNITS, :3].detach().float().cpu(), weight.shape[0], weight.shape[1])


def norm_of(graph: Graph, module: nn.Module) -> Normalisation | None:
    """The first that a model normalises with as it is used: running statistics and learned scales."""
    norms = [node for node in graph.nodes if node.family == "batch_norm" and node.module]
    for node in norms:
        norm = module.get_submodule(node.path)
        if not isinstance(norm, nn.modules.batchnorm._BatchNorm) or norm.running_var is None or not norm.affine:
            continue
        source = graph.nodes[node.inputs[0].node] if len(node.inputs) == 1 else None
        after = source if source is not None and source.family == "conv" else None
        bias = None if after is None else _parameter(after, module, "bias")
        assert norm.running_mean is not None
        mean, variance, gamma, beta = (
            part.detach().float().cpu()[:UNITS]
            for part in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        return Normalisation(
            node.name, None if after is None else after.name, float(norm.eps), mean, variance, gamma, beta,
            None if bias is None else bias.detach().float().cpu()[:UNITS], len(norms),
        )  # fmt: skip
    return None


def _parameter(node: Node, module: nn.Module, name: str) -> torch.Tensor | None:
    found = getattr(module.get_submodule(node.path), name, None) if node.module else None
    return found if isinstance(found, Tensor) else None
