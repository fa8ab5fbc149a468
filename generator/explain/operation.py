"""One operation of a run as a figure shows it: its kind, what it reads, its settings as plain values.

    Node (conv, {stride: 2, pads: (0, 1, 0, 1)}) ──▶ Operation("conv", reads, {"stride": [2, 2], "padding": [0, 1, 0, 1], …})

Tensors are seen as maps (c, h, w), however they lie in memory: channels last are turned, a vector is (n, 1, 1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from torch import nn

from generator.artifacts import NotApplicable
from generator.explain.acts import act_of
from generator.model.graph import Constant, Graph, Node, Ref
from generator.model.operations import pair, short_name
from generator.model.reach import NCHW, NHWC, Reach
from generator.model.receptive import explicit_padding
from generator.names import LayerName

Kind = Literal["conv", "pool", "act", "batch_norm", "norm", "merge", "cat", "flatten", "linear", "softmax"]
Shape = tuple[int, int, int]
SIGNS = {"add": "+", "iadd": "+", "radd": "+", "sub": "−", "subtract": "−", "isub": "−", "mul": "×", "multiply": "×", "imul": "×", "rmul": "×",
         "div": "÷", "divide": "÷", "true_divide": "÷", "itruediv": "÷"}  # fmt: skip
"""Arithmetic that a figure can show, by the short name of its function."""


@dataclass(frozen=True)
class Read:
    """A map that an operation reads: the tensor it is, behind copies, and its shape (c, h, w)."""

    ref: Ref
    shape: Shape


@dataclass(frozen=True)
class Operation:
    """What is shown of one operation. `settings` are JSON-able; `held` names the arrays that go with it."""

    node: int
    name: LayerName
    op: str
    """The class or function: ``Conv2d``, ``F.relu``."""
    kind: Kind
    shape: Shape
    reads: tuple[Read, ...]
    settings: Mapping[str, Any]
    held: tuple[str, ...] = ()
    after: int | None = None
    """The node that it goes on from, where that is not what its first read is read from: a linear layer reads the maps that were laid
    out as a row before it, and a sum goes on from the branch that is added."""
    whole: bool = False
    """Whether one number of its output needs more than the same channel of its first input."""


@dataclass(frozen=True)
class Layouts:
    """How the tensors of a graph are seen as maps."""

    graph: Graph
    reaches: Mapping[Ref, Reach]

    def shape(self, ref: Ref) -> Shape | None:
        """(c, h, w) of one image's tensor; None where it is no map and no vector."""
        size, axes = ref.shape, self.axes(ref)
        if len(size) == 4 and axes == NCHW:
            return (size[1], size[2], size[3])
        if len(size) == 4 and axes == NHWC:
            return (size[3], size[1], size[2])
        if len(size) == 2:
            return (size[1], 1, 1)
        return (size[1], 1, size[2]) if ref in self.rows else None

    @cached_property
    def rows(self) -> frozenset[Ref]:
        """Tensors (n, c, l) that one-dimensional convolutions read and give, and what is made of these number by number."""
        found: set[Ref] = set()
        for node in self.graph.nodes:
            if node.family in ("conv", "conv_transpose") and node.op.lower().endswith("1d"):
                found.update((*node.inputs[:1], *node.outputs))
            elif node.family in ("act", "batch_norm", "copy", "arithmetic") and found & {*node.inputs}:
                found.update(node.outputs)
        return frozenset(ref for ref in found if len(ref.shape) == 3)

    def axes(self, ref: Ref) -> tuple[int, int] | None:
        """Where height and width stand in a tensor of four dimensions."""
        reach = self.reaches.get(ref)
        if reach is not None and reach.axes is not None:
            return reach.axes
        return NCHW if len(ref.shape) == 4 and ref.shape[2:] == (1, 1) else None

    def behind(self, ref: Ref) -> Ref:
        """The tensor that this one is a copy of, as seen as a map: through dropout, identities, turned layouts."""
        while (node := self.graph.nodes[ref.node]).inputs and self.is_copy(node):
            ref = node.inputs[0]
        return ref

    def flattened(self, node: Node) -> Read | None:
        """The maps that a node lays out as one row, channel by channel; None of any other node."""
        if node.family != "reshape" or len(node.inputs) != 1 or len(node.outputs) != 1:
            return None
        ref, shape = node.inputs[0], self.shape(node.inputs[0])
        row = len(node.outputs[0].shape) == 2 and len(ref.shape) == 4 and self.axes(ref) == NCHW
        if not row or shape is None or math.prod(shape) != node.outputs[0].shape[1]:
            return None
        return Read(self.behind(ref), shape)

    def is_copy(self, node: Node) -> bool:
        """Whether a node hands on its input's numbers, in the order in which they are seen as a map."""
        if len(node.inputs) != 1 or len(node.outputs) != 1:
            return False
        before, after = self.shape(node.inputs[0]), self.shape(node.outputs[0])
        if node.family == "copy":
            return True
        if before is None or before != after:
            return False
        if node.family == "permute":
            return {self.axes(node.inputs[0]), self.axes(node.outputs[0])} == {NCHW, NHWC}
        return node.family in ("reshape", "squeeze") and before[1:] == (1, 1)


def operation_of(node: Node, layouts: Layouts, model: nn.Module) -> Operation | NotApplicable | None:
    """What is shown of a node; None of one that only hands on its input, a reason where there is no figure of its kind."""
    if node.family == "input" or layouts.is_copy(node):
        return None
    shapes = [layouts.shape(ref) for ref in node.inputs]
    shape = layouts.shape(node.outputs[0]) if node.outputs else None
    if node.family == "attention":
        return NotApplicable("attention mixes all places at once: it has no window that slides over a map.")
    if shape is None or not node.inputs or any(one is None for one in shapes) or not node.plain:
        return NotApplicable(f"{node.op} works on tokens, several outputs or other tensors that are no maps.")
    reads = tuple(Read(layouts.behind(ref), one) for ref, one in zip(node.inputs, shapes, strict=True) if one)
    module = model.get_submodule(node.path) if node.module else None
    make = _MAKERS.get(node.family)
    found = make(node, layouts, module, reads, shape) if make else None
    return found or NotApplicable(f"{node.op} has no figure of its own: its output is shown as it was recorded.")


Made = Operation | NotApplicable | None


def _made(node: Node, kind: Kind, shape: Shape, reads: tuple[Read, ...], settings: Mapping[str, Any], held: tuple[str, ...] = (), *,
          after: int | None = None, whole: bool = False) -> Operation:  # fmt: skip
    return Operation(node.index, node.name, node.op, kind, shape, reads, settings, held, after, whole)


def _conv(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    found = node.settings
    flat = len(node.outputs[0].shape) == 3
    kernel, stride, dilation = (_sides(found.get(key, 1), flat=flat) for key in ("kernel_size", "stride", "dilation"))
    transposed = node.family == "conv_transpose"
    if transposed:
        top, left = _sides(found.get("padding", 0), flat=flat, fill=0)
        padding = [top, top, left, left]
    else:
        padding = [int(side) for side in explicit_padding(node)]
        padding = [0, 0, *padding[2:]] if flat else padding
    settings = {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "mode": found.get("padding_mode", "zeros"),
        "groups": int(found.get("groups", 1)),
        "transposed": transposed,
    }
    return _made(node, "conv", shape, reads[:1], settings, ("weight", "bias"), whole=True)


def _linear(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    if (
        shape[1:] != (1, 1) or len(node.outputs[0].shape) == 4
    ):  # over the channels at every place: a convolution of 1 x 1
        settings = {"kernel": [1, 1], "stride": [1, 1], "dilation": [1, 1], "padding": [0, 0, 0, 0], "mode": "zeros", "groups": 1,
                    "transposed": False, "linear": True}  # fmt: skip
        return _made(node, "conv", shape, reads[:1], settings, ("weight", "bias"), whole=True)
    after, read = layouts.graph.nodes[reads[0].ref.node], reads[0]
    row = layouts.flattened(after)
    if row is not None:
        return _made(node, "linear", shape, (row,), {}, ("weight", "bias"), after=after.index, whole=True)
    return _made(node, "linear", shape, (read,), {}, ("weight", "bias"), whole=True)


def _pool(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    found, name = node.settings, short_name(node.op.removeprefix("F."))
    if len(node.outputs[0].shape) != 4 or found.get("pads") or "fractional" in name.lower():
        return None
    how = "max" if "max" in name.lower() else "avg"
    if node.family == "adaptive_pool":
        return _made(node, "pool", shape, reads[:1], {"how": how, "adaptive": True})
    kernel = _sides(found["kernel_size"])
    stride = _sides(found.get("stride") or found["kernel_size"])
    override = getattr(module, "divisor_override", None) or found.get("divisor_override")
    top, left = _sides(found.get("padding", 0), fill=0)
    settings = {
        "how": how,
        "kernel": kernel,
        "stride": stride,
        "padding": [top, top, left, left],
        "dilation": _sides(found.get("dilation", 1)),
        "counts_padding": bool(found.get("count_include_pad", True)),
        "divisor": override,
    }
    return _made(node, "pool", shape, reads[:1], settings)


def _reduce(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    """The mean or the maximum over all places is a global pooling."""
    name, dims = short_name(node.op.removeprefix("F.")), node.settings.get("dim")
    axes = layouts.axes(node.inputs[0])
    if name not in ("mean", "amax") or axes is None or not isinstance(dims, (tuple, list)):
        return None
    if {dim - 4 if dim >= 0 else dim for dim in dims} != set(axes):
        return None
    return _made(node, "pool", shape, reads[:1], {"how": "avg" if name == "mean" else "max", "adaptive": True})


def _act(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    settings = act_of(node, module)
    held = ("slope",) if settings and settings["fn"] == "prelu" else ()
    return _made(node, "act", shape, reads[:1], settings, held) if settings else None


def _batch_norm(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    running = module is None or getattr(module, "running_mean", None) is not None
    eps = float(node.settings.get("eps", 1e-5))
    if not running:
        settings = {"eps": eps, "groups": shape[0], "over": "group", "rms": False}
        return _made(node, "norm", shape, reads[:1], settings, ("weight", "bias"), whole=True)
    return _made(node, "batch_norm", shape, reads[:1], {"eps": eps}, ("mean", "var", "weight", "bias"))


def _group_norm(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    eps = float(node.settings.get("eps", 1e-5))
    if getattr(module, "running_mean", None) is not None:  # an instance norm that kept statistics
        return _made(node, "batch_norm", shape, reads[:1], {"eps": eps}, ("mean", "var", "weight", "bias"))
    groups = int(node.settings.get("num_groups", shape[0]))
    settings = {"eps": eps, "groups": groups, "over": "group", "rms": False}
    return _made(node, "norm", shape, reads[:1], settings, ("weight", "bias"), whole=True)


def _layer_norm(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    rms = "rms" in node.op.lower()
    eps = node.settings.get("eps")
    eps = float(eps) if eps is not None else 1.1920929e-07 if rms else 1e-5
    over_channels = node.family == "channel_norm" or layouts.axes(node.inputs[0]) == NHWC or shape[1:] == (1, 1)
    normalized = node.settings.get("normalized_shape", ())
    many = math.prod(normalized) if isinstance(normalized, (tuple, list)) else int(normalized)
    if node.op.endswith("LocalResponseNorm") or "local_response" in node.op:
        return None
    if over_channels and many == shape[0]:
        settings = {"eps": eps, "groups": 1, "over": "channel", "rms": rms}
    elif many == math.prod(shape):
        settings = {"eps": eps, "groups": 1, "over": "group", "rms": rms}
    else:
        return None
    return _made(node, "norm", shape, reads[:1], settings, ("weight", "bias"), whole=True)


def _merge(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    sign = SIGNS.get(short_name(node.op.removeprefix("F.")))
    if (
        sign is None
        or len(node.arguments) != 2
        or node.settings.get("alpha", 1) != 1
        or node.settings.get("rounding_mode")
    ):
        return None
    terms: list[Any] = []
    used: list[Read] = []
    for one in node.arguments:
        if isinstance(one, Ref):
            size = layouts.shape(one)
            if size is None or any(side not in (1, whole) for side, whole in zip(size, shape, strict=True)):
                return None
            terms.append({"read": len(used)})
            used.append(Read(layouts.behind(one), size))
        elif isinstance(one, Constant):
            terms.append({"held": "factor"})
        elif isinstance(one, (int, float)) and not isinstance(one, bool):
            terms.append({"number": float(one)})
        else:
            return None
    if sum("read" in term for term in terms) == 0:
        return None
    held = ("factor",) if any("held" in term for term in terms) else ()
    # a branch is added to what it branched off from in either order: it goes on from what is newest, or from what it is written into
    after = used[0].ref.node if node.in_place else max(read.ref.node for read in used)
    return _made(node, "merge", shape, tuple(used), {"sign": sign, "terms": terms}, held, after=after)


def _cat(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    first = node.arguments[0] if node.arguments else ()
    if not isinstance(first, tuple) or not all(isinstance(one, Ref) for one in first):
        return None
    parts = tuple(Read(layouts.behind(one), layouts.shape(one) or (0, 0, 0)) for one in first)
    if sum(part.shape[0] for part in parts) != shape[0] or any(part.shape[1:] != shape[1:] for part in parts):
        return None
    return _made(node, "cat", shape, parts, {})


def _reshape(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    read = layouts.flattened(node)
    return None if read is None else _made(node, "flatten", shape, (read,), {}, whole=True)


def _softmax(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    if shape[1:] != (1, 1) or short_name(node.op.removeprefix("F.")).lower() != "softmax":
        return None
    return _made(node, "softmax", shape, reads[:1], {}, whole=True)


_MAKERS = {
    "conv": _conv,
    "conv_transpose": _conv,
    "linear": _linear,
    "max_pool": _pool,
    "avg_pool": _pool,
    "adaptive_pool": _pool,
    "reduce": _reduce,
    "act": _act,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "channel_norm": _layer_norm,
    "arithmetic": _merge,
    "cat": _cat,
    "reshape": _reshape,
    "softmax": _softmax,
}


def _sides(value: Any, *, flat: bool = False, fill: int = 1) -> list[int]:
    """[y, x] of a number or a pair; one-dimensional operations stand in a map of one row."""
    y, x = pair(value)
    return [fill, int(x)] if flat else [int(y), int(x)]
