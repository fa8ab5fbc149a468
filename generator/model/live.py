"""Of which tensors the scores read the places: told backwards along the graph.

    ... ──▶ block 11 ──▶ norm ──▶ x[:, 0] ──▶ head       after its last attention a ViT reads its class token alone:
            └ places unread ┘                            no map of these layers can say where

An auxiliary head is not read at all, nor is what is cut off by a detach, as a detector's proposals are. What is not
understood counts as read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from generator.model.dimensions import indexed
from generator.model.graph import Graph, Node, Ref
from generator.model.reach import WHOLE, Reach, Tokens
from generator.model.receptive import mixed_dims

Read = Literal["all", "prefix"]
"""All of a tensor, or only the tokens in front of its grid."""
_KEEPING = frozenset(("act", "pointwise", "arithmetic", "copy", "layer_norm", "linear", "cat", "permute", "reshape"))
"""Families that leave each token by itself."""


def placed(graph: Graph, scores: Iterable[Ref], reaches: Mapping[Ref, Reach]) -> frozenset[Ref]:
    """The tensors whose places `scores` depend on."""
    read: dict[tuple[int, int], Read] = {(ref.node, ref.output): "all" for ref in scores}
    for node in reversed(graph.nodes):
        found = {read[node.index, k] for k in range(len(node.outputs)) if (node.index, k) in read}
        if not found or node.op == "F.detach":
            continue
        for ref in node.inputs:
            tokens = reaches.get(ref, WHOLE).tokens
            only = tokens is not None and _prefix_only(node, ref, tokens, found, reaches)
            if only and tokens is not None and not tokens.prefix:
                continue  # the prefix was joined to it here: of itself nothing is read
            key = (ref.node, ref.output)
            read[key] = "prefix" if only and read.get(key) != "all" else "all"
    return frozenset(ref for node in graph.nodes for ref in node.outputs if read.get((ref.node, ref.output)) == "all")


def _prefix_only(node: Node, ref: Ref, tokens: Tokens, found: set[Read], reaches: Mapping[Ref, Reach]) -> bool:
    """Whether `node` reads no more of the tokens `ref` than those in front of the grid."""
    if node.family == "getitem":
        items = indexed(node) or []
        dims = [item for item in items if item is not None]
        item = dims[tokens.axis] if len(dims) >= -tokens.axis else None
        if isinstance(item, int):
            return 0 <= item < tokens.prefix
        if isinstance(item, slice):
            start, stop, _ = item.indices(ref.shape[tokens.axis])
            return start < stop <= tokens.prefix
    if found != {"prefix"} or node.family not in _KEEPING or reaches.get(node.outputs[0], WHOLE).tokens is None:
        return False
    return node.family not in ("layer_norm", "linear") or tokens.axis not in mixed_dims(node)
