"""Operations in chains, as a page shows them: what mixes channels begins one, and what follows it place by place goes along.

    conv1 -> bn1 -> relu -> maxpool │ layer1.0.conv1 -> bn1 -> relu │ layer1.0.conv2 -> bn2 -> add -> relu │ …
    norm1 │ qkv │ attention -> projection -> add -> norm2 │ …

Within a chain a unit keeps its channel (behind a concatenation, one further on), so that its map flows from step to step and
only what begins a chain, or is read from beside it, must be kept. The projection behind an attention stands in the attention's
chain, though it mixes channels: a page of attention shows both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from generator.artifacts import NotApplicable
from generator.explain.layouts import Layouts
from generator.explain.operation import BY_HAND, Operation, operation_of
from generator.model.graph import Graph, Ref
from generator.model.receptive import propagate
from generator.names import Layer, LayerName

BEGINS = ("conv", "volume", "attention")
"""Kinds that mix channels or places, and begin a chain."""

WINDOWS = (
    "its tokens ask only those of their own window, and the windows are cut out, moved and put together again by operations of the "
    "model's own, in which the figure cannot follow a token to its place. What it gives is shown as feature maps."
)


@dataclass(frozen=True)
class Step:
    """An operation of a chain, and where in it what it reads is made."""

    operation: Operation
    flows: tuple[int | None, ...]
    """For each read: the step that gives it, or None where it is read from what was kept."""
    follows: int | None = None
    """The step that it goes on from: the one that gives its first read, kept or not, or what is newest of what it joins."""


@dataclass(frozen=True)
class Chain:
    steps: tuple[Step, ...]

    @property
    def kept(self) -> tuple[Ref, ...]:
        """The tensors that must be at hand to show the chain, each once."""
        found = (
            read.ref
            for step in self.steps
            for read, from_ in zip(step.operation.reads, step.flows, strict=True)
            if from_ is None
        )
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Place:
    """Where a layer stands: its chain, and which step of it the layer is."""

    chain: int
    step: int


@dataclass(frozen=True)
class Chains:
    """All chains that some page shows, and where its layer stands in one; a reason where a layer has no figure."""

    chains: tuple[Chain, ...]
    places: Mapping[LayerName, Place | NotApplicable]


def chains_of(graph: Graph, model: nn.Module, pages: Iterable[Layer]) -> Chains:
    """The chains of the layers that have a page."""
    layouts = Layouts(graph, propagate(graph))
    operations = {node.index: operation_of(node, layouts, model) for node in graph.nodes}
    of: dict[int, int] = {}
    found: list[list[Operation]] = []
    for node in graph.nodes:
        operation = operations[node.index]
        if not isinstance(operation, Operation):
            continue
        own = [operation] if operation.first is None else [operation.first, operation]
        begins = own[0]
        before = of.get(begins.reads[0].ref.node if begins.after is None else begins.after)
        if operation.kind == "cat":  # what is newest of what it puts side by side
            before = max((of[read.ref.node] for read in operation.reads if read.ref.node in of), default=None)
        if before is None or (begins.kind in BEGINS and not _projects(begins, found[before])):
            of[node.index] = len(found)
            found.append(own)
        else:
            of[node.index] = before
            found[before] += own
    shown: dict[int, int] = {}
    places: dict[LayerName, Place | NotApplicable] = {}
    named = {node.name: node.outputs[0] for node in graph.nodes if node.outputs}
    named |= {group.name: group.output for group in graph.groups if group.output is not None}
    for layer in pages:
        index = layouts.behind(named[layer.name]).node if layer.name in named else 0
        operation = operations[index]
        if not isinstance(operation, Operation):
            places[layer.name] = _why(layer, graph) or operation or NotApplicable("it only hands on what it reads.")
            continue
        chain = of[index]
        number = shown.setdefault(chain, len(shown))
        step = max(k for k, one in enumerate(found[chain]) if one.node == index)
        places[layer.name] = Place(number, step)
    return Chains(tuple(_linked(found[chain]) for chain in shown), places)


def _why(layer: Layer, graph: Graph) -> NotApplicable | None:
    """Why a page of attention has no figure, where what it ends in is an operation that says nothing of that."""
    inside = next((group for group in graph.groups if group.name == layer.name), None)
    if layer.kind != "attention" or inside is None:
        return None
    nodes = graph.nodes[inside.start : inside.stop]
    if any(
        node.family == "softmax" and len(node.outputs[0].shape) > 2 and node.outputs[0].shape[0] > 1 for node in nodes
    ):
        return NotApplicable(WINDOWS)
    return NotApplicable(BY_HAND.format(op=layer.op)) if any(node.family == "softmax" for node in nodes) else None


def _projects(operation: Operation, before: list[Operation]) -> bool:
    """Whether it is a linear layer at every place of what an attention gives, the last of these."""
    return bool(operation.settings.get("linear")) and before[-1].kind == "attention" and before[-1].node == operation.reads[0].ref.node  # fmt: skip


def _linked(operations: list[Operation]) -> Chain:
    """Each step told which of its reads another step gives: where one place needs more than one channel of it, none is."""
    at = {operation.node: k for k, operation in enumerate(operations)}
    steps = []
    for k, operation in enumerate(operations):
        flows = tuple(None if operation.whole else at.get(read.ref.node) for read in operation.reads)
        flows = (k - 1,) if operation.first is not None and not operation.whole else flows
        before = [at[read.ref.node] for read in operation.reads if at.get(read.ref.node, k) < k]
        follows = (max(before) if operation.kind == "cat" else before[0]) if before else None
        follows = at.get(operation.after) if operation.after is not None else follows
        follows = at[operation.node] - 1 if operation.first is not None else follows
        steps.append(Step(operation, flows, follows))
    return Chain(tuple(steps))
