"""Tensors as maps (c, h, w), however they lie in memory: channels last are turned, tokens put on their grid, a vector is (n, 1, 1).

    (1, c, h, w)   (1, c, d, h, w)   (1, h, w, c)   (1, prefix + h w, c)   (1, heads, prefix + h w, c / heads)   ──▶   (c, h, w)

Tokens without a place (a class token) stand in no map.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from generator.model.graph import Graph, Node, Ref
from generator.model.operations import short_name
from generator.model.reach import NCHW, NHWC, Reach, Tokens
from generator.model.volumes import BY_CHANNEL, volumes

Shape = tuple[int, int, int]
Layout = tuple[int, int] | Tokens | None
"""Where height and width stand, as two dimensions or as tokens; None of a vector or a row."""


@dataclass(frozen=True)
class Read:
    """A map that an operation reads: the tensor it is, behind copies, and its shape (c, h, w)."""

    ref: Ref
    shape: Shape


@dataclass(frozen=True)
class Layouts:
    """How the tensors of a graph are seen as maps."""

    graph: Graph
    reaches: Mapping[Ref, Reach]

    def shape(self, ref: Ref) -> Shape | None:
        """(c, h, w) of one image's tensor; None where it is no map and no vector."""
        size, layout = ref.shape, self.layout(ref)
        if ref in self.volumes:
            return (size[1], size[2] * size[3], size[4])
        if isinstance(layout, Tokens):
            return (math.prod(size) // size[layout.axis], layout.height, layout.width)
        if len(size) == 4 and layout == NCHW:
            return (size[1], size[2], size[3])
        if len(size) == 4 and layout == NHWC:
            return (size[3], size[1], size[2])
        if len(size) == 2:
            return (size[1], 1, 1)
        return (size[1], 1, size[2]) if ref in self.rows else None

    @cached_property
    def rows(self) -> frozenset[Ref]:
        """Tensors (n, c, l) that one-dimensional convolutions read and give, and what is made of these channel by channel."""
        found: set[Ref] = set()
        for node in self.graph.nodes:
            if node.family in ("conv", "conv_transpose") and node.op.lower().endswith("1d"):
                found.update((*node.inputs[:1], *node.outputs))
            elif node.family in BY_CHANNEL and found & {*node.inputs}:
                found.update(node.outputs)
        return frozenset(ref for ref in found if len(ref.shape) == 3)

    @cached_property
    def volumes(self) -> frozenset[Ref]:
        """Tensors (n, c, d, h, w), whose slices are seen one below the other."""
        return volumes(self.graph)

    @cached_property
    def heads(self) -> frozenset[Ref]:
        """What attention gives, one head beside the other, and the same turned."""
        found: set[Ref] = set()
        for node in self.graph.nodes:
            if node.family == "attention" or (node.family in ("permute", "copy") and found & {*node.inputs}):
                found.update(node.outputs[:1])
        return frozenset(ref for ref in found if len(ref.shape) == 4)

    def layout(self, ref: Ref) -> Layout:
        """Where height and width stand in a tensor of one image, where that is known."""
        reach, size = self.reaches.get(ref), ref.shape
        if ref in self.rows:
            return None
        if len(size) == 4 and ref not in self.heads:
            return reach.axes if reach is not None and reach.axes else NCHW if size[2:] == (1, 1) else None
        tokens = reach.tokens if reach is not None else None
        if tokens is None or len(size) not in (3, 4):
            return None
        single = size[1] == 1 if tokens.axis == -3 and len(size) == 3 else size[0] == 1
        return tokens if single and tokens.stop <= size[tokens.axis] else None

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
        maps = ref in self.rows or (len(ref.shape) == 4 and self.layout(ref) == NCHW)
        if len(node.outputs[0].shape) != 2 or not maps or shape is None or math.prod(shape) != node.outputs[0].shape[1]:
            return None
        return Read(self.behind(ref), shape)

    def shuffled(self, node: Node) -> tuple[Read, int] | None:
        """The maps whose channels a node mixes among groups, and how many groups; None of any other node.

        As one call, or as (1, c, h, w) -> (1, g, c / g, h, w) -> (1, c / g, g, h, w) -> (1, c, h, w)."""
        if len(node.inputs) != 1 or len(node.outputs) != 1:
            return None
        if short_name(node.op.removeprefix("F.")) in ("ChannelShuffle", "channel_shuffle", "native_channel_shuffle"):
            groups = node.settings.get("groups", node.arguments[-1] if node.arguments else None)
            shape = self.shape(node.inputs[0])
            return (Read(self.behind(node.inputs[0]), shape), groups) if shape and isinstance(groups, int) else None
        return self._shuffled_by_hand(node)

    def _shuffled_by_hand(self, node: Node) -> tuple[Read, int] | None:
        nodes, turned = self.graph.nodes, node
        if node.family != "reshape" or self.layout(node.outputs[0]) != NCHW:
            return None
        while turned is node or turned.family == "copy":
            turned = nodes[turned.inputs[0].node]
            if len(turned.inputs) != 1 or len(turned.outputs) != 1:
                return None
        apart = nodes[turned.inputs[0].node]
        if turned.family != "permute" or apart.family != "reshape" or len(apart.inputs) != 1:
            return None
        before, after, ref = apart.outputs[0].shape, turned.outputs[0].shape, apart.inputs[0]
        shape = self.shape(ref)
        if len(before) != 5 or shape is None or self.layout(ref) != NCHW or node.outputs[0].shape != ref.shape:
            return None
        swapped = (before[0], before[2], before[1], *before[3:])
        if after != swapped or before[0] != 1 or not _swaps(turned) or before[3:] != shape[1:]:
            return None
        return Read(self.behind(ref), shape), before[1]

    def is_copy(self, node: Node) -> bool:
        """Whether a node hands on its input's numbers, in the order in which they are seen as a map."""
        if len(node.inputs) != 1 or len(node.outputs) != 1:
            return False
        before, after = self.shape(node.inputs[0]), self.shape(node.outputs[0])
        if node.family == "copy":
            return True
        if before is None or before != after:
            return False
        layouts = self.layout(node.inputs[0]), self.layout(node.outputs[0])
        if all(isinstance(one, Tokens) or one in (NCHW, NHWC) for one in layouts) and layouts[0] != layouts[1]:
            return node.family in ("reshape", "permute", "squeeze", "getitem") or _lengthens(node)
        if isinstance(layouts[0], Tokens):
            return node.family in ("reshape", "squeeze")
        return node.family in ("reshape", "squeeze") and before[1:] == (1, 1)


def _lengthens(node: Node) -> bool:
    """Whether tokens of the model's own are put beside those of one image."""
    parts = node.arguments[0] if node.arguments else ()
    return node.family == "cat" and isinstance(parts, tuple) and sum(isinstance(one, Ref) for one in parts) == 1


def _swaps(node: Node) -> bool:
    """Whether a node of (1, a, b, h, w) swaps a and b."""
    given = node.arguments[1:] or tuple(node.settings.get("dims", ()))
    dims = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    if not all(isinstance(dim, int) for dim in dims):
        return False
    places = [dim % 5 for dim in dims]
    return places == [0, 2, 1, 3, 4] or (len(places) == 2 and set(places) == {1, 2})
