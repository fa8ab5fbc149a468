"""What a model is, measured in one forward pass: its layers, their shapes, costs and receptive fields, and its head.

model, input shape ──▶ trace (a seeded random image) ──▶ Description: layers in execution order, totals, facts

A layer is what has a place for every place of the image: maps (1, c, h, w), maps with the channels last, and tokens that
were once a map. How the latter two are read as maps is told in `Description.grids`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from generator.engine.grids import Grid
from generator.engine.invoke import Invocation, invocation_for
from generator.engine.output import Readout
from generator.errors import UserError
from generator.methods import ModelFacts
from generator.model.graph import Graph, Group, Node, Ref
from generator.model.head import HeadProbe, scores_of
from generator.model.kinds import attributes, kind, limits
from generator.model.live import placed
from generator.model.reach import NCHW, NHWC, Reach
from generator.model.receptive import propagate
from generator.model.run import Advice, cannot_run, cannot_watch, evaluating, unwatched
from generator.model.trace import trace
from generator.model.twin import copied
from generator.model.volumes import volumes
from generator.names import Layer, LayerName


@dataclass(frozen=True)
class Description:
    """What one forward pass told of a model. `layers` are in execution order, a block after what it holds."""

    layers: tuple[Layer, ...]
    classes: int
    """Scores per image, two where it is one number for yes; 0 where the output holds no scores."""
    parameters: int
    """Of the whole model, each shared parameter once."""
    macs: int
    """Multiply-accumulates of the whole forward pass, not only of what has a row."""
    facts: ModelFacts
    head_linear: str | None
    """Path of the linear layer that `facts.head_layer` is averaged for."""
    input_shape: tuple[int, int, int]
    graph: Graph
    overwritten: frozenset[LayerName] = frozenset()
    """Layers whose output a later operation changes in place: who keeps it must hand on a copy."""
    unused: tuple[str, ...] = ()
    """Names of parameters that the forward never touched (auxiliary heads, forgotten layers)."""
    notes: tuple[str, ...] = ()
    grids: Mapping[LayerName, Grid] = field(default_factory=dict)
    """Layers whose output is not (n, c, h, w): how it is read as such."""
    readout: Readout = field(default_factory=Readout)
    """How scores are read from what the model returns."""
    invocation: Invocation = field(default_factory=Invocation, compare=False)
    """How the model is called."""

    @property
    def by_name(self) -> Mapping[LayerName, Layer]:
        """The layers by name."""
        return self.facts.layers


def describe(
    module: nn.Module,
    input_shape: tuple[int, int, int],
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    invocation: Invocation | None = None,
    readout: Readout | None = None,
    head: str = "auto",
    output: str = "",
    advice: Advice | None = None,
) -> Description:
    """Run `module` once on a seeded random image of `input_shape` (channels, height, width) and tell what was seen.

    The module runs in evaluation mode on its own device and in its own dtype unless told otherwise (one of half precision
    as a float32 copy), and is left as it was found. It is called as `invocation` says, which by default fits it. Its
    scores are read by `readout`; without one they are of the kind `head` (``auto``: as their shape and the last operation
    show) and stand at `output` in what it returns (empty: where scores usually do). `advice` says what its caller can do where
    the module does not run.

    Raises:
        UserError: the model cannot run at this size or without further inputs, has no layer with height and width, or
            nothing stands at `output`.
    """
    module = _precise(module) if dtype is None else module
    first = next((p for p in module.parameters() if p.is_floating_point()), None)
    device = device or (first.device if first is not None else "cpu")
    dtype = dtype or (first.dtype if first is not None else torch.float32)
    invocation = invocation or invocation_for(module)
    noise = torch.randn((1, *input_shape), generator=torch.Generator().manual_seed(seed))
    probe = HeadProbe({m.in_features for m in module.modules() if isinstance(m, nn.Linear)})
    graph, raw = _run(module, noise.to(device=device, dtype=dtype), probe, input_shape, invocation, advice)
    reaches = propagate(graph)
    scores = scores_of(module, graph, raw, readout, head, output)
    layers, grids = _layers(graph, reaches, placed(graph, scores.refs, reaches))
    if not layers:
        raise UserError(
            f"expected a model with layers that have height and width, received {type(module).__name__} without any in its "
            "forward pass: choose a convolutional model, or a transformer of image patches"
        )
    head_layer, head_linear = probe.head(layers, graph, reaches, scores, raw)
    facts = ModelFacts(
        {layer.name: layer for layer in layers},
        scores.classes,
        graph.rectifiers,
        graph.max_pools,
        graph.overlapping_pools,
        head_layer,
        _biased(module, layers),
        input_shape,
        _mergeable(module, graph),
        _overwriting(module, graph),
        _rising(module, graph),
    )
    return Description(
        layers,
        scores.classes,
        sum(parameter.numel() for parameter in module.parameters()),
        sum(node.macs for node in graph.nodes),
        facts,
        head_linear,
        input_shape,
        graph,
        _overwritten(graph, layers),
        graph.idle,
        scores.notes,
        grids,
        scores.readout,
        invocation,
    )


def _precise(module: nn.Module) -> nn.Module:
    """The module, or a float32 copy of one of half precision: what the engine runs, too."""
    floating = {p.dtype for p in module.parameters() if p.is_floating_point()}
    return copied(module).float() if floating - {torch.float32, torch.float64} else module


def _run(
    module: nn.Module,
    x: Tensor,
    probe: HeadProbe,
    shape: tuple[int, int, int],
    invocation: Invocation,
    advice: Advice | None,
) -> tuple[Graph, Any]:
    with evaluating(module):
        try:
            return trace(module, x, probe.observe, invocation)
        except UserError:
            raise
        except Exception as error:
            own = unwatched(module, x, invocation)
            raise (cannot_watch(error) if own is None else cannot_run(own, shape, advice)) from error


# ---- the layers


def _layers(
    graph: Graph, reaches: Mapping[Ref, Reach], read: frozenset[Ref]
) -> tuple[tuple[Layer, ...], Mapping[LayerName, Grid]]:
    """The rows, and the layouts of those that are not (n, c, h, w)."""
    deep = volumes(graph)
    places = {ref: place for ref, reach in reaches.items() if (place := _place(ref, reach, ref in deep)) is not None}
    nodes = {node.index for node in graph.nodes if node.plain and kind(node) and node.outputs[0] in places}
    macs = [0]
    for node in graph.nodes:
        macs.append(macs[-1] + node.macs)
    attending = _attending(graph, places)
    # of what attention is made of, only maps are shown: its tokens may be those of windows that reach over the edge
    inside = {index for group in attending for index in range(group.start, group.stop)}
    nodes -= {index for index in inside & nodes if places[graph.nodes[index].outputs[0]][1] is not None}
    sources = _sources(graph, nodes)
    rows: list[tuple[int, Layer, Grid | None]] = []
    for node in graph.nodes:
        if node.index in nodes:
            ref = node.outputs[0]
            shape, grid = places[ref]
            layer = _node_layer(node, shape, _names(node.inputs, sources), ref in read, reaches[ref])
            rows.append((node.order, layer, grid))
    for group in graph.groups:
        if group.path and group.output is not None and group.output in places:
            shape, grid = places[group.output]
            layer = Layer(
                name=group.name,
                kind="attention" if group in attending else "block",
                op=group.op,
                shape=shape,
                parameters=group.parameters,
                macs=macs[group.stop] - macs[group.start],
                uncounted=any(node.uncounted for node in graph.nodes[group.start : group.stop]),
                depth=0,
                path=group.path,
                attributes=(*_change(group, places), ("operations", str(group.stop - group.start))),
                inputs=_names(group.inputs, sources),
                read=group.output in read,
                **_geometry(reaches[group.output]),
            )
            rows.append((group.order, layer, grid))
    rows.sort(key=lambda row: row[0])
    grids = {layer.name: grid for _, layer, grid in rows if grid is not None}
    return tuple(replace(layer, depth=depth) for depth, (_, layer, _) in enumerate(rows)), grids


def _place(ref: Ref, reach: Reach, deep: bool) -> tuple[tuple[int, int, int], Grid | None] | None:
    """(channels, height, width) of what is one image's map, and its layout where that is not (1, c, h, w)."""
    shape, tokens = ref.shape, reach.tokens
    if not shape or min(shape) == 0:
        return None
    if deep:
        return (shape[1], shape[2] * shape[3], shape[4]), Grid(shape[2] * shape[3], shape[4], depth=shape[2])
    if len(shape) == 4 and shape[0] == 1:
        if reach.axes == NCHW:
            return (shape[1], shape[2], shape[3]), None
        if reach.axes == NHWC:
            return (shape[3], shape[1], shape[2]), Grid(shape[1], shape[2])
    if len(shape) == 3 and tokens is not None and tokens.axis in (-2, -3):
        first = tokens.axis == -3
        if shape[1 if first else 0] == 1:
            grid = Grid(tokens.height, tokens.width, True, tokens.prefix, first)
            return (shape[2], tokens.height, tokens.width), grid
    return None


def _attending(graph: Graph, places: Collection[Ref]) -> Collection[Group]:
    """The innermost containers around each attention: called as such, or a softmax between two matrix products. One that
    adds what it was given on again is a block."""
    found = []
    rows = [group for group in graph.groups if group.path and group.output in places]
    products = [node.index for node in graph.nodes if node.family == "matmul"]
    for node in graph.nodes:
        if node.family not in ("attention", "softmax"):
            continue
        around = [group for group in rows if group.start <= node.index < group.stop]
        inner = min(around, key=lambda group: group.stop - group.start, default=None)
        if inner is None or _adds_on(inner, graph):
            continue
        before = any(inner.start <= index < node.index for index in products)
        if node.family == "attention" or (before and any(node.index < index < inner.stop for index in products)):
            found.append(inner)
    return found


def _adds_on(group: Group, graph: Graph) -> bool:
    inside = graph.nodes[group.start : group.stop]
    sums = [node for node in inside if node.family == "arithmetic" and len(node.inputs) > 1]
    return any(ref in group.inputs for node in sums for ref in node.inputs)


def _change(
    group: Group, places: Mapping[Ref, tuple[tuple[int, int, int], Grid | None]]
) -> tuple[tuple[str, str], ...]:
    """From how many channels to how many a block leads."""
    maps = [places[ref][0] for ref in group.inputs if ref in places]
    return (("channels", f"{maps[0][0]} → {places[group.output][0][0]}"),) if maps and group.output else ()


def _biased(module: nn.Module, layers: tuple[Layer, ...]) -> tuple[LayerName, ...]:
    """The convolutions and batch normalisations that add something of their own to every place of a unit."""
    modules = dict(module.named_modules())

    def adds(part: nn.Module | None) -> bool:
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            return part.running_mean is not None
        return isinstance(part, nn.modules.conv._ConvNd) and part.bias is not None

    return tuple(layer.name for layer in layers if layer.kind in ("conv", "norm") and adds(modules.get(layer.path)))


def _sources(graph: Graph, shown: set[int]) -> list[tuple[LayerName, ...]]:
    """For each node, the names of the rows that a reader of it reads: itself, or what it was made from."""
    found: list[tuple[LayerName, ...]] = []
    for node in graph.nodes:
        if node.index in shown or node.family == "input":
            found.append((node.name,))
        else:
            found.append(_names(node.inputs, found))
    return found


def _names(inputs: tuple[Ref, ...], sources: list[tuple[LayerName, ...]]) -> tuple[LayerName, ...]:
    return tuple(dict.fromkeys(name for ref in inputs for name in sources[ref.node]))


def _geometry(reach: Reach) -> dict[str, Any]:
    y, x = reach.y, reach.x
    if y is None or x is None:
        return {"receptive_field": None, "jump": None, "offset": None}
    return {
        "receptive_field": (y.size, x.size),
        "jump": (y.jump, x.jump),
        "offset": (y.offset, x.offset),
        "phases": (y.uneven, x.uneven),
    }


def _mergeable(module: nn.Module, graph: Graph) -> tuple[tuple[str, str], ...]:
    """Paths of (convolution, batch normalisation) pairs that could be one: see `ModelFacts.mergeable`."""
    if graph.decisions:  # another input may be read by others
        return ()
    readers = Counter(ref for node in graph.nodes for ref in set(node.inputs))
    readers.update(ref for ref in graph.outputs if ref is not None)
    calls = Counter(node.path for node in graph.nodes if node.module)
    found = []
    for node in graph.nodes:
        if not node.module or len(node.inputs) != 1 or calls[node.path] != 1:
            continue
        (ref,) = node.inputs
        before = graph.nodes[ref.node]
        if not before.module or calls[before.path] != 1 or readers[ref] != 1 or ref in graph.overwritten:
            continue
        conv, norm = module.get_submodule(before.path), module.get_submodule(node.path)
        if (
            _normalises(norm)
            and isinstance(conv, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
            and conv._parameters.get("weight") is not None
        ):
            found.append((before.path, node.path))
    return tuple(found)


def _overwriting(module: nn.Module, graph: Graph) -> tuple[str, ...]:
    """Paths of batch normalisations and rectifiers that may write over their input: see `ModelFacts.overwriting`."""
    readers = Counter(ref for node in graph.nodes for ref in set(node.inputs))
    readers.update(ref for ref in graph.outputs if ref is not None)
    if graph.decisions:  # another input may be read by others
        return ()
    may: dict[str, bool] = {}
    for node in graph.nodes:
        if not node.module or node.family not in ("batch_norm", "act") or len(node.inputs) != 1:
            continue
        (ref,) = node.inputs
        before = graph.nodes[ref.node]
        fresh = before.family != "input" and not before.view and not before.in_place
        alone = readers[ref] == 1 and ref not in graph.overwritten
        may[node.path] = (
            may.get(node.path, True) and fresh and alone and _can_overwrite(module.get_submodule(node.path))
        )
    return tuple(path for path, every_call in may.items() if every_call)


def _can_overwrite(part: nn.Module) -> bool:
    return _normalises(part) or (
        type(part).__module__ == nn.modules.activation.__name__ and getattr(part, "inplace", None) is False
    )


def _rising(module: nn.Module, graph: Graph) -> dict[LayerName, tuple[LayerName, str]]:
    """Calls of batch normalisations and rectifiers by name: see `ModelFacts.rising`."""
    found = {}
    for node in graph.nodes:
        if graph.decisions or not node.module or node.family not in ("batch_norm", "act") or len(node.inputs) != 1:
            continue
        part = module.get_submodule(node.path)
        before = graph.nodes[node.inputs[0].node]
        if before.plain and (_normalises(part) or type(part) in (nn.ReLU, nn.ReLU6)):
            found[node.name] = before.name, node.path
    return found


def _normalises(part: nn.Module) -> bool:
    """Whether it is torch's own batch normalisation, with numbers of its own."""
    return type(part) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) and part.running_mean is not None


def _overwritten(graph: Graph, layers: tuple[Layer, ...]) -> frozenset[LayerName]:
    nodes = {node.name for node in graph.nodes if graph.overwritten.intersection(node.outputs)}
    groups = {group.name for group in graph.groups if group.output in graph.overwritten}
    return frozenset(layer.name for layer in layers if layer.name in nodes | groups)


def _node_layer(node: Node, shape: tuple[int, int, int], inputs: tuple[str, ...], read: bool, reach: Reach) -> Layer:
    return Layer(
        name=node.name,
        kind=kind(node) or "other",
        op=node.op,
        shape=shape,
        parameters=node.parameters,
        macs=node.macs,
        uncounted=node.uncounted,
        depth=0,
        path=node.path,
        attributes=attributes(node),
        inputs=inputs,
        read=read,
        limits=limits(node),
        **_geometry(reach),
    )
