"""One run of a model on one image, of which the maps, kernels and statistics that figures show are kept.

Tensors are copied as they arise: a later operation in place does not change what is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.engine.invoke import Invocation
from generator.explain.attention import INSIDE, layout_inside, seen_inside
from generator.explain.chains import Chain
from generator.explain.check import ALIKE, apart, worked_out
from generator.explain.inner import FIRST, NORMS, WEIGHED
from generator.explain.layouts import Layout, Layouts
from generator.explain.operation import Operation
from generator.model.calls import Call, Listener, tensors, watch
from generator.model.graph import Graph, Ref
from generator.model.operations import function_family, function_name, own_forward, short_name
from generator.model.reach import NHWC, Tokens
from generator.model.run import evaluating
from generator.names import LayerName


@dataclass
class Recorded:
    """Maps (c, h, w) by the tensor that they are, and arrays by (operation, name)."""

    maps: dict[Ref, NDArray[np.float32]] = field(default_factory=dict)
    arrays: dict[tuple[LayerName, str], NDArray[np.float32]] = field(default_factory=dict)
    apart: dict[LayerName, float] = field(default_factory=dict)
    """Operations of which what is worked out is not what the model gave, and by which share of a channel's largest number."""
    checked: set[LayerName] = field(default_factory=set)
    """Operations that were held to what the model gave, or whose second step inside the same call was."""


def record(
    module: nn.Module,
    x: Tensor,
    graph: Graph,
    refs: Mapping[Ref, Layout],
    operations: Iterable[Operation],
    invocation: Invocation | None = None,
) -> Recorded:
    """Run `module` once on one image, `x` (1, c, h, w); keep the tensors `refs`, with how they lie in memory, and the arrays of
    `operations`, and see whether each of these gives what the model gave. A tensor that did not arise in the shape that the graph
    has is left out."""
    run = _Run(graph, refs, tuple(operations))
    run.arises(graph.nodes[0].name, [x], {})
    with (
        evaluating(module),
        torch.no_grad(),
        watch(module, run.seen, run.inside, listener=Listener(run.enter, run.failed)),
    ):
        (invocation or Invocation())(module, x)
    return run.found


class _Run:
    """What is seen of one run, as it goes on."""

    def __init__(self, graph: Graph, refs: Mapping[Ref, Layout], operations: tuple[Operation, ...]) -> None:
        self.found = Recorded()
        self.kept = refs
        nodes = graph.nodes
        self.of: dict[LayerName, list[Operation]] = {}
        for operation in operations:
            self.of.setdefault(nodes[operation.node].name, []).append(operation)
        layouts = {one.node: one.layout for one in operations}
        self.layouts = dict(refs)
        self.uses = Counter(read.ref for one in operations for read in one.reads)
        for ref in self.uses:
            if ref.node in layouts and ref.output == 0:
                self.layouts.setdefault(ref, layouts[ref.node])
        self.wanted: dict[LayerName, list[Ref]] = {}
        for ref in self.layouts:
            self.wanted.setdefault(nodes[ref.node].name, []).append(ref)
        self.maps: dict[Ref, Tensor] = {}
        """Of tensors that an operation has yet to read, what is read of them, (c, h, w)."""
        self.calls: list[Call] | None = None
        """Of the open leaf, where its forward is its own, the functions that it called."""

    def enter(self, module: nn.Module, leaf: bool, args: Any, kwargs: Any) -> None:
        """A leaf or a container begins."""
        self.calls = [] if leaf and not own_forward(module) else None

    def failed(self, module: nn.Module, path: str, leaf: bool) -> None:
        """A leaf or a container raised."""
        self.calls = None

    def inside(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See the functions inside such a leaf; change none."""
        if self.calls is not None:
            name = function_name(function)
            self.calls.append(Call(LayerName(name), "", None, short_name(name), True, args, kwargs))
        return NotImplemented

    def seen(self, call: Call, output: Any) -> None:
        """A call has ended: what it gave, and what goes with its operations."""
        inner, self.calls = self.calls or [], None
        written = call.function is not None and call.function.strip("_") == "setitem"
        results = [call.args[0]] if written else list(tensors(output))
        wanted = self.wanted.get(call.name, ())
        inside = seen_inside(call) if any(ref.output in INSIDE for ref in wanted) else {}
        self.arises(call.name, results, inside)
        for operation in self.of.get(call.name, ()):
            arrays = {}
            for name, value in _arrays(operation, _received(operation, call, inner), output):
                if value is not None:
                    arrays[name] = value.detach()
                    self.found.arrays[operation.name, name] = _numbers(value)
            then = next((one for one in self.of[call.name] if one.first == operation), None)
            if then is not None and then.reads[0].ref.output == FIRST:
                self._between(operation, arrays, then)
            elif then is not None or operation.kind != "attention" or call.module is None:
                given = map_of(results[0], operation.layout) if then is None else self.maps.get(then.reads[0].ref)
                self._check(operation, arrays, given)
            self._forget(operation)

    def arises(self, name: LayerName, results: list[Tensor], inside: Mapping[int, Tensor]) -> None:
        """Tensors that are kept, or read later, as they are now."""
        for ref in self.wanted.get(name, ()):
            layout = self.layouts[ref]
            if ref.output in inside:
                found = inside[ref.output].detach() if layout is None else map_of(inside[ref.output], layout)
            elif ref.output < len(results) and tuple(results[ref.output].shape) == ref.shape:
                found = map_of(results[ref.output], layout)
            else:
                continue
            if ref in self.kept:
                self.found.maps[ref] = _numbers(found)
            if self.uses[ref]:
                self.maps[ref] = found.clone()

    def _check(self, operation: Operation, arrays: Mapping[str, Tensor], given: Tensor | None) -> None:
        """Beside what the call gave, where that is known; a second step inside the call answers for the first too."""
        reads = [read.ref for read in operation.reads]
        if given is None or any(ref not in self.maps for ref in reads):
            return
        between = operation.first is not None and reads[0].output == FIRST
        names = [operation.first.name, operation.name] if between and operation.first else [operation.name]
        self.found.checked.update(names)
        away = apart(operation, [self.maps[ref] for ref in reads], arrays, given.float())
        if away > ALIKE:
            self.found.apart.update(dict.fromkeys(names, away))

    def _between(self, operation: Operation, arrays: Mapping[str, Tensor], then: Operation) -> None:
        """What the first of two steps inside a call gives, which only its figure works out; no numbers where it cannot."""
        reads = [read.ref for read in operation.reads]
        if any(ref not in self.maps for ref in reads):
            return
        made = torch.full(operation.shape, torch.nan)
        with suppress(RuntimeError, ValueError, KeyError):
            made = worked_out(operation, [self.maps[ref] for ref in reads], arrays)
        self.maps[then.reads[0].ref] = made

    def _forget(self, operation: Operation) -> None:
        """What no operation is going to read any more."""
        reads = [read.ref for read in operation.reads]
        self.uses.subtract(reads)
        for ref in reads:
            if not self.uses[ref]:
                self.maps.pop(ref, None)


def map_of(value: Tensor, layout: Layout) -> Tensor:
    """One image's tensor as (c, h, w)."""
    if isinstance(layout, Tokens):
        return on_grid(value, layout)
    one = value.detach()[0]
    if value.dim() == 4 and layout == NHWC:
        one = one.permute(2, 0, 1)
    elif value.dim() == 5:
        one = one.flatten(1, 2)
    elif value.dim() == 3:
        one = one[:, None]
    elif value.dim() == 2:
        one = one[:, None, None]
    return one


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


_CALLED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("conv", "volume", "linear"), WEIGHED),
    **dict.fromkeys(("batch_norm", "norm"), NORMS),
    "act": ("act",),
}
"""By what families of functions a leaf does what a figure of a kind shows."""


def _received(operation: Operation, call: Call, inner: list[Call]) -> Call:
    """The call that arrays are read from: of a leaf whose forward is its own, that of the function which does the work inside."""
    families = _CALLED.get(operation.kind, ())
    own = [one for one in inner if function_family(str(one.function), one.args, one.kwargs) in families]
    return own[-1] if own else call


def _places(operation: Operation, call: Call) -> Mapping[str, int]:
    """Where the arrays of an operation stand among a function's arguments."""
    name = short_name(str(call.function))
    if name in ("batch_norm", "instance_norm") and len(call.args) > 3:  # torch.batch_norm has its own order
        return {"weight": 1, "bias": 2, "mean": 3, "var": 4}
    return _NORMS.get(name, {}) if operation.kind == "norm" else _POSITIONS[operation.kind]


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
            spelt, at = _SPELT.get(name, name), _places(operation, call).get(name, 99)
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
