"""What a model is, measured in one forward pass: its layers, their shapes, costs and receptive fields, and its head.

model, input shape ──▶ trace (a seeded random image) ──▶ Description: layers in execution order, totals, facts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from generator.errors import UserError
from generator.methods import ModelFacts
from generator.model.calls import tensors
from generator.model.graph import Graph, Group, Node, Ref
from generator.model.kinds import attributes, kind
from generator.model.reach import NCHW, WHOLE, Reach
from generator.model.receptive import propagate
from generator.model.trace import trace
from generator.names import Layer, LayerName


@dataclass(frozen=True)
class Description:
    """What one forward pass told of a model. `layers` are in execution order, a block after what it holds."""

    layers: tuple[Layer, ...]
    classes: int
    """Scores per image: of a segmentation model per place; 0 where the output holds no scores."""
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
) -> Description:
    """Run `module` once on a seeded random image of `input_shape` (channels, height, width) and tell what was seen.

    The module runs in evaluation mode on its own device and in its own dtype unless told otherwise, and is left as it
    was found.

    Raises:
        UserError: the model cannot run at this size, or has no layer with height and width.
    """
    first = next((p for p in module.parameters() if p.is_floating_point()), None)
    device = device or (first.device if first is not None else "cpu")
    dtype = dtype or (first.dtype if first is not None else torch.float32)
    noise = torch.randn((1, *input_shape), generator=torch.Generator().manual_seed(seed))
    probe = _HeadProbe({m.in_features for m in module.modules() if isinstance(m, nn.Linear)})
    graph, output = _run(module, noise.to(device=device, dtype=dtype), probe, input_shape)
    layers = _layers(graph)
    if not any(layer.kind == "conv" for layer in layers):
        raise UserError(
            f"expected a model with convolutions, received {type(module).__name__} without any 2-D convolution in its "
            "forward pass: choose a convolutional model"
        )
    head_layer, head_linear = probe.head(layers, graph, output)
    classes, notes = _classes(output)
    facts = ModelFacts(
        {layer.name: layer for layer in layers},
        classes,
        graph.rectifiers,
        graph.max_pools,
        graph.overlapping_pools,
        head_layer,
        _biased(module, layers),
        input_shape,
    )
    return Description(
        layers,
        classes,
        sum(parameter.numel() for parameter in module.parameters()),
        sum(node.macs for node in graph.nodes),
        facts,
        head_linear,
        input_shape,
        graph,
        _overwritten(graph, layers),
        graph.idle,
        notes,
    )


def _run(module: nn.Module, x: Tensor, probe: _HeadProbe, shape: tuple[int, int, int]) -> tuple[Graph, Any]:
    flags = {part: part.training for part in module.modules()}
    for part in flags:  # not .eval(): some models override it to do more
        part.training = False
    try:
        return trace(module, x, probe.observe)
    except UserError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        channels, height, width = shape
        raise UserError(
            f"the model cannot run on an input of {channels} channels, {height}x{width} pixels ({said}): "
            "set model.input.size (height, width) and model.input.channels to what it expects"
        ) from error
    finally:
        for part, flag in flags.items():
            part.training = flag


# ---- the head


@dataclass
class _HeadProbe:
    """Finds the layer whose spatial mean the last linear layer reads, by comparing numbers on a random image."""

    widths: set[int]
    means: dict[Ref, Tensor] = field(default_factory=dict)
    read: dict[Ref, tuple[str, Tensor]] = field(default_factory=dict)
    """output of a linear layer -> its path and what it read"""

    def observe(self, node: Node, args: tuple[Any, ...], output: Any) -> None:
        """Keep the spatial means of maps, and what linear layers read, before either is overwritten."""
        if not isinstance(output, Tensor):
            return
        if node.module and node.family == "linear" and output.dim() == 2 and args and output.shape[0] == 1:
            self.read[node.outputs[0]] = (node.path, args[0][0].float().clone())
        elif output.dim() == 4 and output.shape[1] in self.widths and output.shape[0] == 1 and output[0, 0].numel() > 1:
            self.means[node.outputs[0]] = output[0].float().mean(dim=(1, 2))

    def head(self, layers: tuple[Layer, ...], graph: Graph, output: Any) -> tuple[LayerName | None, str | None]:
        """(the layer averaged, the path of the linear layer) where the model's output is that linear layer's."""
        end = _unmoved(graph, graph.outputs[0]) if graph.outputs else None
        if end not in self.read:
            return None, None
        path, vector = self.read[end]
        precise = next((value.dtype for value in tensors(output)), torch.float32) in (torch.float32, torch.float64)
        tolerance = 1e-4 if precise else 2e-2
        rows = {layer.name for layer in layers}
        fitting = [
            ref
            for ref, mean in self.means.items()
            if mean.shape == vector.shape and torch.allclose(mean, vector, rtol=tolerance, atol=tolerance)
        ]
        named = [graph.nodes[ref.node] for ref in fitting if graph.nodes[ref.node].name in rows]
        if named:
            return max(named, key=lambda node: node.order).name, path
        blocks = [group for group in graph.groups if group.output in fitting and group.name in rows]
        return (max(blocks, key=lambda group: group.order).name, path) if blocks else (None, None)


def _unmoved(graph: Graph, ref: Ref) -> Ref:
    """The tensor that `ref` is only another view or copy of."""
    while (node := graph.nodes[ref.node]).family in ("copy", "reshape", "squeeze") and len(node.inputs) == 1:
        ref = node.inputs[0]
    return ref


# ---- the output


def _classes(output: Any) -> tuple[int, tuple[str, ...]]:
    """How many scores an image gets, and what is unusual about them."""
    if isinstance(output, Mapping):
        scores = output.get("logits", output.get("out"))
    else:
        scores = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    if scores is None and isinstance(output, (tuple, list)) and output and isinstance(output[0], Tensor):
        scores = output[0]
    if not isinstance(scores, Tensor):
        return 0, ("the model's output holds no class scores: methods that need a target do not apply.",)
    if scores.dim() == 4:
        return scores.shape[1], (f"the model scores {scores.shape[1]} classes at every place of the image.",)
    if scores.dim() == 2 and scores.shape[0] == 1:
        return scores.shape[1], ()
    if scores.dim() == 1:
        return 1, ()
    return 0, (f"the model's output has shape {tuple(scores.shape)}: class scores are (1, classes).",)


# ---- the layers


def _layers(graph: Graph) -> tuple[Layer, ...]:
    reaches = propagate(graph)
    nodes = {node.index for node in graph.nodes if _shown(node, reaches)}
    sources = _sources(graph, nodes)
    macs = [0]
    for node in graph.nodes:
        macs.append(macs[-1] + node.macs)
    rows: list[tuple[int, Layer]] = []
    for node in graph.nodes:
        if node.index in nodes:
            rows.append((node.order, _node_layer(node, reaches, _names(node.inputs, sources))))
    for group in graph.groups:
        if group.path and group.output is not None and _is_map(group.output, reaches):
            cost = macs[group.stop] - macs[group.start]
            rows.append((group.order, _group_layer(group, group.output, cost, reaches, _names(group.inputs, sources))))
    rows.sort(key=lambda row: row[0])
    return tuple(_numbered(layer, depth) for depth, (_, layer) in enumerate(rows))


def _biased(module: nn.Module, layers: tuple[Layer, ...]) -> tuple[LayerName, ...]:
    """The convolutions and batch normalisations that add something of their own to every place of a unit."""
    modules = dict(module.named_modules())

    def adds(part: nn.Module | None) -> bool:
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            return part.running_mean is not None
        return isinstance(part, nn.modules.conv._ConvNd) and part.bias is not None

    return tuple(layer.name for layer in layers if layer.kind in ("conv", "norm") and adds(modules.get(layer.path)))


def _numbered(layer: Layer, depth: int) -> Layer:
    return replace(layer, depth=depth)


def _is_map(ref: Ref, reaches: Mapping[Ref, Reach]) -> bool:
    """Whether a tensor is one image's (1, channels, height, width)."""
    return len(ref.shape) == 4 and ref.shape[0] == 1 and min(ref.shape) > 0 and reaches.get(ref, WHOLE).axes == NCHW


def _shown(node: Node, reaches: Mapping[Ref, Reach]) -> bool:
    return node.plain and kind(node) is not None and _is_map(node.outputs[0], reaches)


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
    return {"receptive_field": (y.size, x.size), "jump": (y.jump, x.jump), "offset": (y.offset, x.offset)}


def _overwritten(graph: Graph, layers: tuple[Layer, ...]) -> frozenset[LayerName]:
    nodes = {node.name for node in graph.nodes if graph.overwritten.intersection(node.outputs)}
    groups = {group.name for group in graph.groups if group.output in graph.overwritten}
    return frozenset(layer.name for layer in layers if layer.name in nodes | groups)


def _node_layer(node: Node, reaches: Mapping[Ref, Reach], inputs: tuple[str, ...]) -> Layer:
    _, channels, height, width = node.outputs[0].shape
    return Layer(
        name=node.name,
        kind=kind(node) or "other",
        op=node.op,
        shape=(channels, height, width),
        parameters=node.parameters,
        macs=node.macs,
        depth=0,
        path=node.path,
        attributes=attributes(node),
        inputs=inputs,
        **_geometry(reaches[node.outputs[0]]),
    )


def _group_layer(group: Group, output: Ref, macs: int, reaches: Mapping[Ref, Reach], inputs: tuple[str, ...]) -> Layer:
    _, channels, height, width = output.shape
    maps = [ref for ref in group.inputs if _is_map(ref, reaches)]
    change = (("channels", f"{maps[0].shape[1]} → {channels}"),) if maps else ()
    return Layer(
        name=group.name,
        kind="block",
        op=group.op,
        shape=(channels, height, width),
        parameters=group.parameters,
        macs=macs,
        depth=0,
        path=group.path,
        attributes=(*change, ("operations", str(group.stop - group.start))),
        inputs=inputs,
        **_geometry(reaches[output]),
    )
