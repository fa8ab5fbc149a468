"""Which tensors of a run are volumes, (1, c, d, h, w): what convolutions over depth read and give, and what is made of that
channel by channel. Elsewhere five dimensions are something else: windows, heads, groups of channels.
"""

from __future__ import annotations

from generator.model.graph import Graph, Ref

BY_CHANNEL = frozenset(
    (
        "act",
        "batch_norm",
        "group_norm",
        "channel_norm",
        "max_pool",
        "avg_pool",
        "adaptive_pool",
        "copy",
        "arithmetic",
        "cat",
        "reduce",
    )
)
"""Families that leave channels, and the axes behind them, where they are."""


def volumes(graph: Graph) -> frozenset[Ref]:
    """Tensors that are volumes of one image."""
    found: set[Ref] = set()
    for node in graph.nodes:
        if node.family in ("conv", "conv_transpose") and node.op.lower().endswith("3d"):
            found.update((*node.inputs[:1], *node.outputs))
        elif node.family in BY_CHANNEL and found & {*node.inputs}:
            found.update(node.outputs)
    return frozenset(ref for ref in found if len(ref.shape) == 5 and ref.shape[0] == 1 and min(ref.shape) > 0)
