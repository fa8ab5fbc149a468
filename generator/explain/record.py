"""One run of a model on one image, of which the maps, kernels and statistics that figures show are kept.

Tensors are copied as they arise: a later operation in place does not change what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.explain.attention import INSIDE, layout_inside, seen_inside
from generator.explain.chains import Chain
from generator.explain.layouts import Layout, Layouts
from generator.explain.operation import Operation
from generator.model.calls import Call, tensors, watch
from generator.model.graph import Graph, Ref
from generator.model.reach import NHWC, Tokens
from generator.model.run import evaluating
from generator.names import LayerName


@dataclass
class Recorded:
    """Maps (c, h, w) by the tensor that they are, and arrays by (operation, name)."""

    maps: dict[Ref, NDArray[np.float32]] = field(default_factory=dict)
    arrays: dict[tuple[LayerName, str], NDArray[np.float32]] = field(default_factory=dict)


def record(
    module: nn.Module,
    x: Tensor,
    graph: Graph,
    refs: Mapping[Ref, Layout],
    operations: Iterable[Operation],
    invocation: Invocation | None = None,
) -> Recorded:
    """Run `module` once on one image, `x` (1, c, h, w); keep the tensors `refs`, with how they lie in memory, and the arrays of
    `operations`. A tensor that did not arise in the shape that the graph has is left out."""
    found = Recorded()
    wanted: dict[LayerName, list[Ref]] = {}
    for ref in refs:
        wanted.setdefault(graph.nodes[ref.node].name, []).append(ref)
    held = {graph.nodes[operation.node].name: operation for operation in operations if operation.held}
    for ref in wanted.get(graph.nodes[0].name, ()):
        found.maps[ref] = as_map(x, refs[ref])

    def seen(call: Call, output: Any) -> None:
        if call.name in wanted:
            results = (
                [call.args[0]]
                if call.function is not None and call.function.strip("_") == "setitem"
                else list(tensors(output))
            )
            inside = seen_inside(call) if any(ref.output in INSIDE for ref in wanted[call.name]) else {}
            for ref in wanted[call.name]:
                if ref.output in inside:
                    one, layout = inside[ref.output], refs[ref]
                    found.maps[ref] = _numbers(one) if layout is None else as_map(one, layout)
                elif ref.output < len(results) and tuple(results[ref.output].shape) == ref.shape:
                    found.maps[ref] = as_map(results[ref.output], refs[ref])
        if call.name in held:
            operation = held[call.name]
            for name, value in _arrays(operation, call, output):
                if value is not None:
                    found.arrays[operation.name, name] = _numbers(value)

    with evaluating(module), torch.no_grad(), watch(module, seen):
        (invocation or Invocation())(module, x)
    return found


def as_map(value: Tensor, layout: Layout) -> NDArray[np.float32]:
    """One image's tensor as (c, h, w)."""
    if isinstance(layout, Tokens):
        return _numbers(on_grid(value, layout))
    one = value.detach()[0]
    if value.dim() == 4 and layout == NHWC:
        one = one.permute(2, 0, 1)
    elif value.dim() == 5:
        one = one.flatten(1, 2)
    elif value.dim() == 3:
        one = one[:, None]
    elif value.dim() == 2:
        one = one[:, None, None]
    return _numbers(one)


def on_grid(value: Tensor, tokens: Tokens) -> Tensor:
    """One image's tokens as (c, h, w), heads one beside the other; those without a place are left out."""
    last = value.detach().movedim(tokens.axis, -1)
    return last.reshape(-1, last.shape[-1])[:, tokens.prefix : tokens.stop].unflatten(1, (tokens.height, tokens.width))


def _numbers(value: Tensor) -> NDArray[np.float32]:
    return np.array(value.detach().to("cpu", torch.float32).contiguous().numpy())


_POSITIONS: Mapping[str, Mapping[str, int]] = {
    "conv": {"weight": 1, "bias": 2},
    "volume": {"weight": 1, "bias": 2},
    "linear": {"weight": 1, "bias": 2},
    "batch_norm": {"mean": 1, "var": 2, "weight": 3, "bias": 4},
    "act": {"slope": 1},
}
"""Where the arrays of an operation stand among a torch function's arguments."""
_SPELT = {"mean": "running_mean", "var": "running_var"}
_NORMS: Mapping[str, Mapping[str, int]] = {
    "layer_norm": {"weight": 2, "bias": 3},
    "rms_norm": {"weight": 2},
    "group_norm": {"weight": 2, "bias": 3},
    "instance_norm": {"weight": 3, "bias": 4},
    "batch_norm": {"weight": 3, "bias": 4},
}


def _arrays(operation: Operation, call: Call, output: Any) -> Iterable[tuple[str, Tensor | None]]:
    """(name, tensor) of what goes with a call: a module's own, or a function's arguments."""
    if operation.kind == "merge":
        yield "factor", _factor(operation, call, output)
        return
    for name in operation.held:
        if call.module is not None:
            owner = call.module.out_proj if isinstance(call.module, nn.MultiheadAttention) else call.module
            value = getattr(owner, "weight" if name == "slope" else _SPELT.get(name, name), None)
        else:
            places = (
                _NORMS.get(str(call.function).strip("_"), {})
                if operation.kind == "norm"
                else _POSITIONS[operation.kind]
            )
            spelt, at = _SPELT.get(name, name), places.get(name, 99)
            value = call.kwargs.get(spelt, call.args[at] if at < len(call.args) else None)
        if isinstance(value, Tensor):
            if operation.kind == "conv" and name == "weight":
                value = _square(value, operation)
            yield name, value


def _square(weight: Tensor, operation: Operation) -> Tensor:
    """A kernel with two sides: that of a linear layer has none, that of a one-dimensional convolution one."""
    while weight.dim() < 4:
        weight = weight.unsqueeze(-2 if weight.dim() == 3 else -1)
    return weight


def _factor(operation: Operation, call: Call, output: Any) -> Tensor | None:
    """The constant of a sum or product, one number a channel where it is the same at all places."""
    at = next((k for k, term in enumerate(operation.settings["terms"]) if "held" in term), None)
    if at is None or not isinstance(call.args[at], Tensor) or not isinstance(output, Tensor):
        return None
    broad = torch.broadcast_to(call.args[at].detach(), output.shape)
    whole = on_grid(broad, operation.layout) if isinstance(operation.layout, Tokens) else broad[0]
    if whole.dim() == 3 and tuple(whole.shape) != operation.shape:
        whole = whole.permute(2, 0, 1)
    whole = whole.reshape(operation.shape)
    flat = whole.flatten(1)
    return flat[:, 0] if bool((flat == flat[:, :1]).all()) else whole


Watched = Callable[[Call, Any], Any]


def kept_layouts(chains: Iterable[Chain], layouts: Layouts) -> Mapping[Ref, Layout]:
    """The tensors that these chains need, with how each lies in memory (None of a vector)."""
    outputs = [node.outputs for node in layouts.graph.nodes]
    refs = dict.fromkeys(ref for chain in chains for ref in chain.kept)
    return {
        ref: layout_inside(ref, layouts.layout(outputs[ref.node][0])) if ref.output in INSIDE else layouts.layout(ref)
        for ref in refs
    }
