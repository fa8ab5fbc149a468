"""A recorded run as an architecture: the same nodes, in a reader's words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping

from generator.diagrams.architecture import FLOAT, OUTPUT, Architecture, Block, Edge, Op, OpKind, Shape
from generator.model.graph import Graph, Group, Node, Ref
from generator.model.kinds import attributes
from generator.model.reach import WHOLE, Reach
from generator.model.receptive import propagate
from generator.names import LayerName

_KINDS: Mapping[str, OpKind] = {
    "input": "input",
    **dict.fromkeys(("conv", "conv_transpose"), "conv"),
    **dict.fromkeys(("batch_norm", "group_norm", "layer_norm", "channel_norm"), "norm"),
    "act": "act",
    **dict.fromkeys(("max_pool", "avg_pool", "lp_pool", "adaptive_pool", "reduce"), "pool"),
    "linear": "linear",
    "attention": "attention",
    "cat": "merge",
    "softmax": "softmax",
    **dict.fromkeys(("resample", "pixel_shuffle", "pixel_unshuffle"), "resample"),
    **dict.fromkeys(("reshape", "permute", "split", "unbind", "squeeze", "getitem", "expand", "pad"), "reshape"),
    "copy": "copy",
}  # type: ignore[dict-item]


def from_graph(
    graph: Graph,
    title: str,
    *,
    parameters: int = 0,
    layers: Collection[LayerName] = (),
    notes: tuple[str, ...] = (),
) -> Architecture:
    """The architecture of one run, `parameters` in all; `layers` are those that a report has by name."""
    reaches = propagate(graph)
    seen: Counter[str] = Counter()
    ids, ops = [], []
    for node in graph.nodes:
        seen[node.name] += 1
        ids.append(node.name if seen[node.name] == 1 else f"{node.name}#{seen[node.name]}")
        ops.append(_op(node, ids[-1], reaches, layers))
    edges = [Edge(ids[ref.node], ids[node.index], _shape(ref)) for node in graph.nodes for ref in node.inputs]
    given = [ref for ref in dict.fromkeys(graph.outputs) if ref is not None]
    if given:
        ops.append(Op(OUTPUT, "output", "output", _shape(given[0]) if len(given) == 1 else ()))
        edges += [Edge(ids[ref.node], OUTPUT, _shape(ref)) for ref in given]
    groups = [group for group in graph.groups if group.path and group.stop > group.start]
    groups.sort(key=lambda group: (group.start, -group.stop, -group.order))
    return Architecture(
        title,
        tuple(ops),
        tuple(dict.fromkeys(edges)),
        tuple(_block(group, graph, reaches, layers) for group in groups),
        parameters,
        sum(node.macs for node in graph.nodes),
        graph.idle,
        notes,
    )


def _op(node: Node, name: str, reaches: Mapping[Ref, Reach], layers: Collection[LayerName]) -> Op:
    path, _, call = node.name.partition("@")
    return Op(
        name,
        "merge" if node.family == "arithmetic" and len(node.inputs) > 1 else _KINDS.get(node.family, "other"),
        node.op,
        _shape(node.outputs[0]) if node.outputs else (),
        path=node.path,
        call=int(call) if path and call.isdigit() else 1,
        attributes=attributes(node),
        parameters=node.parameters,
        macs=node.macs,
        memory=sum(FLOAT * math.prod(ref.shape) for ref in node.outputs),
        receptive_field=_field(reaches.get(node.outputs[0], WHOLE)) if node.outputs else None,
        layer=node.name if node.name in layers else None,
    )


def _block(group: Group, graph: Graph, reaches: Mapping[Ref, Reach], layers: Collection[LayerName]) -> Block:
    return Block(
        group.name,
        group.op,
        group.start,
        group.stop,
        _shape(group.output) if group.output else (),
        group.parameters,
        sum(node.macs for node in graph.nodes[group.start : group.stop]),
        group.path,
        _field(reaches.get(group.output, WHOLE)) if group.output else None,
        group.name if group.name in layers else None,
    )


def _shape(ref: Ref) -> Shape:
    return ref.shape[1:] if ref.shape[:1] == (1,) else ref.shape


def _field(reach: Reach) -> tuple[int, int] | None:
    return None if reach.y is None or reach.x is None else (reach.y.size, reach.x.size)
