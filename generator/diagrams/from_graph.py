"""A recorded run as an architecture: the same nodes, in a reader's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import accumulate
from math import prod

from generator.diagrams.architecture import OUTPUT, PARAMETER, Architecture, Block, Edge, Op, OpKind, Shape
from generator.diagrams.loose import closable
from generator.diagrams.sharing import joining, sharing
from generator.diagrams.words import shares
from generator.model.decisions import Sizes
from generator.model.graph import Graph, Group, Held, Node, Ref
from generator.model.kinds import attributes
from generator.model.reach import WHOLE, Reach
from generator.model.receptive import propagate
from generator.names import LayerName

_KINDS: Mapping[str, OpKind] = {
    "input": "input",
    **dict.fromkeys(("conv", "conv_transpose"), "conv"),
    **dict.fromkeys(("batch_norm", "group_norm", "layer_norm", "channel_norm"), "norm"),
    **dict.fromkeys(("act", "glu"), "act"),
    **dict.fromkeys(("max_pool", "avg_pool", "lp_pool", "adaptive_pool", "reduce"), "pool"),
    "linear": "linear",
    "attention": "attention",
    **dict.fromkeys(("cat", "stack"), "merge"),
    "softmax": "softmax",
    **dict.fromkeys(("resample", "pixel_shuffle", "pixel_unshuffle", "repeat", "unpool"), "resample"),
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
    """The architecture of one run, `parameters` in all; `layers` are those that a report has by name.

    What nobody reads and nothing is decided by is left out, where it is a function that costs nothing: a shape looked at,
    a check. Lines are dashed from where the input's own numbers decided what to do, to the end of that container's call, and
    where what that returned is read.
    """
    reaches = propagate(graph)
    seen = Counter({OUTPUT: 1})
    ids = [_id(seen, node.name) for node in graph.nodes]
    kept = _wanted(graph)
    views = _views(graph, kept)
    deciding = {decision.ref.node for decision in graph.decisions}
    sizes = Sizes.of(graph.nodes)

    def is_open(ref: Ref, reader: int) -> bool:
        return any(decision.opens(ref, reader) for decision in graph.decisions)

    shared = sharing(graph, kept)
    alike = _by_number({ids[index]: number for index, number in shared.nodes.items()})
    ops: list[Op] = []
    edges: list[Edge] = []
    for node in graph.nodes:
        if node.index not in kept:
            continue
        name, number = ids[node.index], shared.nodes.get(node.index, 0)
        said = [
            _note(node, node.index in deciding, any(map(sizes.decided, node.outputs))),
            shares(name, alike[number]) if number else "",
        ]
        through = views.get(node.index, {})
        given = [one for ref in node.inputs for one in through.get(ref, (ref,))]
        edges += [Edge(ids[ref.node], name, _shape(ref), is_open(ref, node.index)) for ref in (*given, *node.constants)]
        for held in joining(node):
            ops.append(_parameter(_id(seen, held.name), held))
            edges.append(Edge(ops[-1].id, name, ops[-1].shape))
        ops.append(_op(node, name, reaches, layers, " ".join(filter(None, said)), number))
    ends = [ref for ref in dict.fromkeys(graph.outputs) if ref is not None]
    if ends:
        ops.append(Op(OUTPUT, "output", "output", _shape(ends[0]) if len(ends) == 1 else ()))
        edges += [Edge(ids[ref.node], OUTPUT, _shape(ref), is_open(ref, len(graph.nodes))) for ref in ends]
    place = [0, *accumulate(1 + len(joining(node)) if node.index in kept else 0 for node in graph.nodes)]
    groups = [group for group in graph.groups if group.path and place[group.stop] > place[group.start]]
    groups.sort(key=lambda group: (group.start, -group.stop, -group.order))
    found = Architecture(
        title,
        tuple(ops),
        tuple(dict.fromkeys(edges)),
        tuple(
            replace(
                _block(group, graph, place, reaches, layers, shared.groups.get(group.order, 0)),
                id=_id(seen, group.name),
            )
            for group in groups
        ),
        parameters,
        sum(node.macs for node in graph.nodes),
        _unused(graph),
        (*notes, *_decided(graph), *_raised(graph), *_uncounted(graph, kept)),
    )
    return closable(found, {ids[node.index]: node.method for node in graph.nodes if not node.module})


def _id(seen: Counter[str], name: str) -> str:
    """The name, with a number behind it where it was given before: modules may be named as calls are, or as the output is."""
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}#{seen[name]}"


def _by_number(numbers: Mapping[str, int]) -> Mapping[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, number in numbers.items():
        found.setdefault(number, []).append(name)
    return found


def _parameter(name: str, held: Held) -> Op:
    """A parameter that joins the data; its numbers are counted where they do."""
    shape = (held.shape[1:] or (1,)) if held.shape[:1] == (1,) else held.shape
    return Op(
        name,
        "input",
        PARAMETER,
        shape,
        path=held.name.rpartition(".")[0],
        note="Learned, and the same for every image.",
    )


def _wanted(graph: Graph) -> set[int]:
    """The nodes that are drawn."""
    kept = {ref.node for ref in graph.outputs if ref is not None} | {decision.ref.node for decision in graph.decisions}
    for node in reversed(graph.nodes):
        if node.index in kept or node.module or node.parameters or node.macs or node.in_place or node.family == "input":
            kept.add(node.index)
            kept.update(ref.node for ref in (*node.inputs, *node.constants))
    return kept


def _views(graph: Graph, kept: Collection[int]) -> Mapping[int, Mapping[Ref, list[Ref]]]:
    """Views that modules gave and that were written over, through the tensor that they lie in, before anybody read them: by
    the node that wrote, and by that tensor. A line leads through them, as what is read later is what they hold then."""
    read = {ref.node for index in kept for ref in (*graph.nodes[index].inputs, *graph.nodes[index].constants)}
    read |= {ref.node for ref in graph.outputs if ref is not None}
    found: dict[int, dict[Ref, list[Ref]]] = {}
    for node in graph.nodes:
        for _, before in node.aliases:
            if before is None or before.node in read or before.node not in kept:
                continue
            base = before
            while base not in node.inputs and (view := graph.nodes[base.node]).view and len(view.inputs) == 1:
                base = view.inputs[0]
            if base in node.inputs and base != before:
                found.setdefault(node.index, {}).setdefault(base, []).append(before)
    return found


def _unused(graph: Graph) -> tuple[str, ...]:
    """Modules that nothing called, and single parameters of others that nothing touched."""
    inside = tuple(f"{path}." for path in graph.uncalled)
    return (*graph.uncalled, *(name for name in graph.idle if not name.startswith(inside)))


def _decided(graph: Graph) -> tuple[str, ...]:
    many = len({decision.ref for decision in graph.decisions})
    if not many:
        return ()
    where = "In one place" if many == 1 else f"In {many} places"
    others = ", and modules that were never touched may run" if graph.uncalled else ""
    return (
        f"{where} the input's own numbers decide what runs next: drawn is what one random input took; where another could "
        f"go another way, lines are dashed{others}.",
    )


def _raised(graph: Graph) -> tuple[str, ...]:
    if not graph.raised:
        return ()
    *others, last = graph.raised
    said = f"{', '.join(others)} and {last} raised errors" if others else f"{last} raised an error"
    return (f"{said}, and the model went on without: what was done there before leads nowhere.",)


def _uncounted(graph: Graph, kept: Collection[int]) -> tuple[str, ...]:
    found = Counter("something unseen" if n.op == "?" else n.op for n in graph.nodes if n.uncounted and n.index in kept)
    if not found:
        return ()
    said = ", ".join(name if many == 1 else f"{name} ({many} times)" for name, many in found.items())
    return (f"Not counted among the multiply-accumulates is the work of {said}.",)


def _note(node: Node, deciding: bool, sized: bool) -> str:
    """What a reader is told of a node that decides, or whose size is `sized` by the input's numbers."""
    said = []
    if deciding:
        said.append("Its numbers decide what runs next; another input may go another way.")
    if node.elastic or sized:
        said.append("How much it gives depends on the input's numbers; drawn is what one random input gave.")
    if node.opaque:
        said.append("What happens inside could not be seen.")
    if node.op == "F.grid_sample":
        said.append("Where it reads is what its grid says: a place of it may see the whole input.")
    if node.op == "?":
        said.append("Where this comes from could not be seen.")
    return " ".join(said)


def _op(
    node: Node, name: str, reaches: Mapping[Ref, Reach], layers: Collection[LayerName], said: str, shared: int
) -> Op:
    owns = not (node.in_place or node.view)
    return Op(
        name,
        kind_of(node),
        node.op,
        _shape(node.outputs[0]) if node.outputs else (),
        path=node.path,
        call=_call(node),
        attributes=attributes(node),
        parameters=node.parameters,
        weights=tuple(prod(held.shape) for held in node.held),
        macs=node.macs,
        uncounted=node.uncounted,
        memory=node.memory if owns else 0,
        receptive_field=_field(reaches.get(node.outputs[0], WHOLE)) if node.outputs else None,
        in_place=node.in_place,
        layer=node.name if node.name in layers else None,
        shared=shared,
        note=said,
    )


def kind_of(node: Node) -> OpKind:
    """What a node is drawn as."""
    many = len(node.inputs) + len(node.constants) + len(joining(node)) > 1
    if node.op == "F.normalize":  # of the family of softmax for what it mixes
        return "norm"
    return "merge" if node.family == "arithmetic" and many else _KINDS.get(node.family, "other")


def _call(node: Node) -> int:
    """2 of ``relu@2``; names of modules may hold an @ of their own."""
    base, _, call = node.name.rpartition("@")
    known = base == node.path if node.module else base != ""
    return int(call) if known and call.isdecimal() else 1


def _block(
    group: Group,
    graph: Graph,
    place: list[int],
    reaches: Mapping[Ref, Reach],
    layers: Collection[LayerName],
    shared: int,
) -> Block:
    return Block(
        group.name,
        group.op,
        place[group.start],
        place[group.stop],
        _shape(group.output) if group.output else (),
        group.parameters,
        sum(node.macs for node in graph.nodes[group.start : group.stop]),
        group.path,
        _field(reaches.get(group.output, WHOLE)) if group.output else None,
        group.name if group.name in layers else None,
        shared=shared,
    )


def _shape(ref: Ref) -> Shape:
    """Of one image; (1,) of a single number."""
    shape = ref.shape or (1,)
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _field(reach: Reach) -> tuple[int, int] | None:
    return None if reach.y is None or reach.x is None else (reach.y.size, reach.x.size)
