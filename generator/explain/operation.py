"""One operation of a run as a figure shows it: its kind, what it reads, its settings as plain values.

    Node (conv, {stride: 2, pads: (0, 1, 0, 1)}) ──▶ Operation("conv", reads, {"stride": [2, 2], "padding": [0, 1, 0, 1], …})

Tensors are seen as maps (c, h, w), however they lie in memory (`layouts.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from generator.artifacts import NotApplicable
from generator.explain.acts import act_of
from generator.explain.attention import HEADS, Attention, attention_of
from generator.explain.inner import FIRST, NORMS, as_called
from generator.explain.layouts import Layout, Layouts, Read, Shape
from generator.explain.windows import conv_window, pool_window
from generator.model.graph import Constant, Graph, Inner, Node, Ref
from generator.model.operations import short_name
from generator.model.reach import NHWC, Tokens
from generator.names import LayerName

Kind = Literal[
    "conv",
    "volume",
    "pool",
    "volume_pool",
    "act",
    "batch_norm",
    "norm",
    "lrn",
    "merge",
    "cat",
    "shuffle",
    "attention",
    "flatten",
    "linear",
    "softmax",
]
SIGNS = {"add": "+", "iadd": "+", "radd": "+", "sub": "−", "subtract": "−", "isub": "−", "mul": "×", "multiply": "×", "imul": "×", "rmul": "×",
         "div": "÷", "divide": "÷", "true_divide": "÷", "itruediv": "÷", "rsub": "−", "rdiv": "÷"}  # fmt: skip
"""Arithmetic that a figure can show, by the short name of its function."""
TURNED = ("rsub", "rdiv")
"""Those that are called with what is taken away, or divides, first: ``1 - x``."""
NEAR = 12
"""How many operations further a softmax is looked for in a product of matrices."""

BY_HAND = (
    "{op} is part of attention that is written out as products of matrices and a softmax: the figure knows attention by its calls of "
    "scaled_dot_product_attention or nn.MultiheadAttention on all tokens of the image. What it gives is shown as feature maps."
)


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
    layout: Layout = None
    """How its output lies in memory."""
    large: tuple[str, ...] = ()
    """Of `held`, arrays of one number for every place: files of their own, counted as kernels are."""
    first: Operation | None = None
    """What the same call does before: a module of attention attends, then projects; a norm with its activation normalises first."""


def operation_of(node: Node, layouts: Layouts, model: nn.Module) -> Operation | NotApplicable | None:
    """What is shown of a node; None of one that only hands on its input, a reason where there is no figure of its kind."""
    if node.family == "input" or layouts.is_copy(node):
        return None
    shapes = [layouts.shape(ref) for ref in node.inputs]
    shape = layouts.shape(node.outputs[0]) if node.outputs else None
    module = model.get_submodule(node.path) if node.module else None
    if node.family == "attention":
        attention = attention_of(node, layouts, module)
        return _attention(node, layouts, attention) if isinstance(attention, Attention) else attention
    if node.family == "matmul" or (node.family == "softmax" and _weighs(node, layouts.graph)):
        return NotApplicable(BY_HAND.format(op=node.op))
    shuffled = layouts.shuffled(node)
    if shuffled is not None and shape is not None:
        read, groups = shuffled
        return _made(node, "shuffle", shape, (read,), {"groups": groups})
    single = node.plain or node.family in ("max_pool", "adaptive_pool")  # these may give their switches beside the map
    if shape is None or not node.inputs or any(one is None for one in shapes) or not single:
        return NotApplicable(f"{node.op} works on several outputs or on tensors that are no maps.")
    reads = tuple(Read(layouts.behind(ref), one) for ref, one in zip(node.inputs, shapes, strict=True) if one)
    called = as_called(node)
    if isinstance(called, NotApplicable):
        return called
    node, then = called
    make = _MAKERS.get(node.family)
    found = make(node, layouts, module, reads, shape) if make else None
    if isinstance(found, Operation) and then is not None:
        found = _then_act(found, node, then)
    if isinstance(found, Operation):
        return _placed(found, node, layouts)
    return found or NotApplicable(f"{node.op} has no figure of its own: its output is shown as it was recorded.")


def _weighs(node: Node, graph: Graph) -> bool:
    """Whether products of matrices soon go on with what a softmax over more than a row gives: then it is part of attention."""
    found = {node.index} if node.outputs and len(node.outputs[0].shape) > 2 else set()
    for one in graph.nodes[node.index + 1 : node.index + NEAR]:
        if found & {ref.node for ref in one.inputs}:
            found.add(one.index)
            if one.family == "matmul":
                return True
    return False


def _placed(found: Operation, node: Node, layouts: Layouts) -> Operation:
    """How its output lies in memory, and what the same call does before it too; of a volume how many slices it has."""
    depth = {"depth": node.outputs[0].shape[2]} if node.outputs[0] in layouts.volumes else {}
    first = _placed(found.first, node, layouts) if found.first is not None else None
    return replace(found, settings={**found.settings, **depth}, layout=layouts.layout(node.outputs[0]), first=first)


def _then_act(first: Operation, node: Node, then: Inner) -> Operation | NotApplicable:
    """A norm or a convolution whose call applies an activation to what it made: two steps, the last by the call's name."""
    function = replace(node, op=then.op, settings=then.settings, arguments=then.arguments)
    settings = act_of(function, None)
    if settings is None:
        return NotApplicable(f"{node.op} ends in {then.op}, which has no figure of its own.")
    read = Read(Ref(node.index, FIRST, node.outputs[0].shape), first.shape)
    held = ("slope",) if settings["fn"] == "prelu" else ()
    act = replace(_made(function, "act", first.shape, (read,), settings, held), op=then.op)
    before = next(one.op for one in node.inner if one is not then and one.family in (node.family, *NORMS))
    return replace(
        act, first=replace(first, name=LayerName(f"{node.name}.{short_name(before.removeprefix('F.'))}"), op=before)
    )


Made = Operation | NotApplicable | None
_POINT: Mapping[str, Any] = {"kernel": [1, 1], "stride": [1, 1], "dilation": [1, 1], "padding": [0, 0, 0, 0], "mode": "zeros",
                             "groups": 1, "transposed": False, "linear": True}  # fmt: skip
"""A linear layer over the channels of every place."""


def _made(node: Node, kind: Kind, shape: Shape, reads: tuple[Read, ...], settings: Mapping[str, Any], held: tuple[str, ...] = (), *,
          after: int | None = None, whole: bool = False) -> Operation:  # fmt: skip
    return Operation(node.index, node.name, node.op, kind, shape, reads, settings, held, after, whole)


def _attention(node: Node, layouts: Layouts, found: Attention) -> Operation:
    """One head beside the other, and behind a module of attention its projection: at every place a convolution of 1 x 1."""
    attends = _made(node, "attention", found.shape, found.reads, found.settings, whole=True)
    attends = replace(attends, layout=layouts.layout(node.outputs[0]))
    if not node.module:
        return attends
    read = Read(Ref(node.index, HEADS, found.inside), found.shape)
    projects = _made(node, "conv", found.shape, (read,), _POINT, ("weight", "bias"), whole=True)
    name = LayerName(f"{node.name}.out_proj")
    return replace(projects, name=name, op="Linear", first=attends, layout=attends.layout)


def _conv(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    axes = _axes(node, layouts)
    settings = conv_window(node, axes) | _deep(node, axes)
    return _made(node, "volume" if axes == 3 else "conv", shape, reads[:1], settings, ("weight", "bias"), whole=True)


def _axes(node: Node, layouts: Layouts) -> int:
    """Along how many axes a window moves."""
    return 3 if node.outputs[0] in layouts.volumes else len(node.outputs[0].shape) - 2


def _deep(node: Node, axes: int) -> dict[str, Any]:
    """Of what reads a volume, its three sides."""
    return {"size": list(node.inputs[0].shape[2:])} if axes == 3 else {}


def _linear(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    if (
        shape[1:] != (1, 1) or len(node.outputs[0].shape) == 4
    ):  # over the channels at every place: a convolution of 1 x 1
        return _made(node, "conv", shape, reads[:1], _POINT, ("weight", "bias"), whole=True)
    after, read = layouts.graph.nodes[reads[0].ref.node], reads[0]
    row = layouts.flattened(after)
    if row is not None:
        return _made(node, "linear", shape, (row,), {}, ("weight", "bias"), after=after.index, whole=True)
    return _made(node, "linear", shape, (read,), {}, ("weight", "bias"), whole=True)


def _pool(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    axes = _axes(node, layouts)
    settings = pool_window(node, module, axes)
    if settings is None:
        return None
    return _made(node, "volume_pool" if axes == 3 else "pool", shape, reads[:1], settings | _deep(node, axes))


def _reduce(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    """The mean or the maximum over all places is a global pooling."""
    name, dims = short_name(node.op.removeprefix("F.")), node.settings.get("dim")
    ref = node.inputs[0]
    if name not in ("mean", "amax") or not isinstance(dims, (int, tuple, list)):
        return None
    behind = {-1, -2, -3} if ref in layouts.volumes else {-1} if ref in layouts.rows else layouts.layout(ref)
    given = {dim - len(ref.shape) if dim >= 0 else dim for dim in ([dims] if isinstance(dims, int) else dims)}
    if not isinstance(behind, (tuple, set)) or given != {*behind}:
        return None
    settings = {"how": "avg" if name == "mean" else "max", "adaptive": True}
    if ref in layouts.volumes:
        return _made(node, "volume_pool", shape, reads[:1], settings | _deep(node, 3) | {"depth": 1})
    return _made(node, "pool", shape, reads[:1], settings)


def _act(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    settings = act_of(node, module)
    held = ("slope",) if settings and settings["fn"] == "prelu" else ()
    return _made(node, "act", shape, reads[:1], settings, held) if settings else None


def _batch_norm(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    running = module is None or getattr(module, "running_mean", None) is not None
    eps = float(node.settings.get("eps", 1e-5))
    running = running and not (module is None and node.settings.get("training"))
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
    layout = layouts.layout(node.inputs[0])
    tokens = isinstance(layout, Tokens)
    last = layout.axis != -1 if isinstance(layout, Tokens) else layout == NHWC or shape[1:] == (1, 1)
    over_channels = node.family == "channel_norm" or last
    normalized = node.settings.get("normalized_shape", ())
    many = math.prod(normalized) if isinstance(normalized, (tuple, list)) else int(normalized)
    if over_channels and many == shape[0]:
        settings = {"eps": eps, "groups": 1, "over": "channel", "rms": rms}
    elif many == math.prod(shape) and not tokens:
        settings = {"eps": eps, "groups": 1, "over": "group", "rms": rms}
        made = _made(node, "norm", shape, reads[:1], settings, ("weight", "bias"), whole=True)
        return replace(made, large=made.held)
    else:
        return None
    return _made(node, "norm", shape, reads[:1], settings, ("weight", "bias"), whole=True)


def _channel_norm(
    node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape
) -> Made:
    """Over the channels of each place: a layer norm, or a response norm, over those around a unit."""
    if not (isinstance(module, nn.LocalResponseNorm) or "local_response" in node.op):
        return _layer_norm(node, layouts, module, reads, shape)
    usual = {"size": 0, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
    given = dict(zip(usual, node.arguments[1:], strict=False)) | {
        name: node.settings[name] for name in usual if name in node.settings
    }
    settings = {name: getattr(module, name, given.get(name, value)) for name, value in usual.items()}
    if not settings["size"]:
        return None
    return _made(node, "lrn", shape, reads[:1], settings, whole=True)


def _merge(node: Node, layouts: Layouts, module: nn.Module | None, reads: tuple[Read, ...], shape: Shape) -> Made:
    name = short_name(node.op.removeprefix("F."))
    sign = SIGNS.get(name)
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
    terms = terms[::-1] if name in TURNED else terms
    held = ("factor",) if any("held" in term for term in terms) else ()
    # a branch is added to what it branched off from in either order: it goes on from what is newest, or from what it is written into
    after = used[0].ref.node if node.in_place else max(read.ref.node for read in used)
    whole = any(isinstance(one, Constant) and math.prod(one.shape) > shape[0] for one in node.arguments)
    made = _made(node, "merge", shape, tuple(used), {"sign": sign, "terms": terms}, held, after=after)
    return replace(made, large=held if whole else ())


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
    dims = len(node.outputs[0].shape)
    if shape[1:] != (1, 1) or short_name(node.op.removeprefix("F.")).lower() != "softmax" or dims != 2:
        return None
    if node.settings.get("dim", 1) % dims != 1:
        return NotApplicable("this softmax is not over the numbers of one image: it has no figure.")
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
    "channel_norm": _channel_norm,
    "arithmetic": _merge,
    "cat": _cat,
    "reshape": _reshape,
    "softmax": _softmax,
}
