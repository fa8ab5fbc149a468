"""Channels: which units of which layers each input channel of a layer is.

    conv1 ──▶ bn1 ──▶ relu ─┬─▶ conv2 ──▶ + ──▶ conv3        conv2 channel 17 = conv1 #17
                            └─────────────┘                  conv3 channel 17 = conv1 #17 and conv2 #17

Sources are the nearest layers that have a page (here the convolutions), or the input image. Labels are carried along the
graph (labels.py, moves.py) and start afresh at each tensor that a layer with a page gives. A convolution without a page
mixes channels: what comes after it is not followed, and said to be so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from generator.model.describe import Description
from generator.model.graph import Graph, Node, Ref
from generator.names import INPUT, LayerName
from generator.wiring.labels import Book
from generator.wiring.moves import Given, moved, read
from generator.wiring.sources import Sources, sources

CONVOLUTIONS = frozenset(("conv", "conv_transpose"))
MOVING = frozenset(("copy", "pad", "reshape", "squeeze", "permute", "max_pool", "avg_pool"))
"""Families of operations that leave values as they are, or pool them: what is on more before is on more behind, roughly."""


@dataclass(frozen=True)
class Operation:
    """What gives a layer's output."""

    name: LayerName
    node: Node
    units: int
    sources: Sources
    """Of each input channel where `weighted`, else of each unit."""
    weighted: bool
    """Whether its units look at channels through weights; else unit i is what channel i hands on."""
    same: LayerName | None
    """The layer with a page that gives the very same tensor, where this one is a block that ends in it."""
    direct: bool = False
    """Whether what it reads is what a layer with a page gives, moved about, padded or pooled at most."""


@dataclass(frozen=True)
class Channels:
    """The operations of the layers with a page, by name, in the order in which their tensors are made."""

    operations: Mapping[LayerName, Operation]
    head: Sources | None
    """Of each input of the last linear layer, where that reads the spatial mean of a layer."""


def channels_of(description: Description, module: nn.Module, pages: Collection[LayerName]) -> Channels:
    """Where the input channels of the layers `pages` come from. `module` is the model described: the signs of its
    normalisations' scales are read.

    Raises:
        LookupError: one of `pages` is no layer of the model.
    """
    if missing := [name for name in pages if name not in description.by_name]:
        raise LookupError(f"expected names of layers, received {missing[0]!r}: choose among description.layers")
    return _Walk(description, module, pages).channels()


class _Walk:
    """One way along the graph with labels."""

    def __init__(self, description: Description, module: nn.Module, pages: Collection[LayerName]) -> None:
        self.description, self.graph = description, description.graph
        made = _tensors(self.graph)
        self.tensors = {layer.name: made[layer.name] for layer in description.layers if layer.name in pages}
        self.naming = {ref: name for name, ref in reversed(self.tensors.items())}  # of several, the innermost
        self.names = (INPUT, *self.tensors)
        self.book = Book()
        self.labels: dict[Ref, Tensor] = {}
        """As a reader of the tensor sees them."""
        self.before: dict[Ref, Tensor] = {}
        """Of tensors that a layer with a page gives: as they were made."""
        self.given = Given(self.labels, self.book, self.graph, module)
        self._walk()

    def _walk(self) -> None:
        numbers = {name: number for number, name in enumerate(self.names)}
        later: dict[int, list[Ref]] = {}
        for ref in self.naming:
            later.setdefault(ref.node, []).append(ref)
        for node in self.graph.nodes:
            if node.family == "input":
                self.labels[node.outputs[0]] = self.book.units(0, node.outputs[0].shape, 1)
                continue
            self.labels.update(moved(node, self.given))
            for ref in later.get(node.index, ()):
                self.before[ref] = self.given.of(ref)
                self.labels[ref] = self.book.units(numbers[self.naming[ref]], ref.shape, self._axis(self.naming[ref]))

    def _axis(self, layer: LayerName) -> int:
        """The dimension of a layer's units, counted from the end: before depth in volumes, last in layouts that are no (n, c, h, w)."""
        grid = self.description.grids.get(layer)
        return -3 if grid is None else -4 if grid.depth else -1

    def _sources(self, labels: Tensor, axis: int) -> Sources:
        return sources(self.book.along(labels, axis), self.book, self.names)

    def channels(self) -> Channels:
        """All that was found out."""
        ordered = sorted(self.tensors, key=lambda name: self.tensors[name].node)  # a block stays after what it ends in
        return Channels({name: self._operation(name) for name in ordered}, self._head())

    def _operation(self, name: LayerName) -> Operation:
        ref = self.tensors[name]
        node, axis, known = self.graph.nodes[ref.node], self._axis(name), self.naming[ref]
        units = ref.shape[axis]
        if known != name:
            return Operation(name, node, units, self._sources(self.labels[ref], axis), False, known)
        if node.family in CONVOLUTIONS or (node.family == "linear" and axis == -1):
            first = read(node)
            if ref == node.outputs[0] and first is not None:
                axis = -1 if node.family == "linear" else -1 - len(node.settings["kernel_size"])
                sources = self._sources(self.given.of(first), axis)
                return Operation(name, node, units, sources, True, None, self._direct(first))
        return Operation(name, node, units, self._sources(self.before[ref], axis), False, None)

    def _direct(self, ref: Ref) -> bool:
        while ref not in self.naming:
            node = self.graph.nodes[ref.node]
            first = read(node)
            if node.family not in MOVING or first is None:
                return False
            ref = first
        return True

    def _head(self) -> Sources | None:
        layer = self.description.facts.head_layer
        if layer is None or self.description.head_linear is None:
            return None
        return self._sources(self.given.of(_tensors(self.graph)[layer]), self._axis(layer))


def _tensors(graph: Graph) -> dict[LayerName, Ref]:
    """What each node and each block gives."""
    nodes = {node.name: node.outputs[0] for node in graph.nodes if node.outputs}
    return nodes | {group.name: group.output for group in graph.groups if group.output is not None}
