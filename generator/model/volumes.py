"""Which tensors of a run are volumes, (1, c, d, h, w): what convolutions over depth read and give, and what is made of that
number by number. Elsewhere five dimensions are something else: windows, heads, groups of channels.
"""

from __future__ import annotations

from generator.model.graph import Graph, Ref


def volumes(graph: Graph) -> frozenset[Ref]:
    """Tensors that are volumes of one image."""
    found: set[Ref] = set()
    for node in graph.nodes:
        if node.family == "conv" and node.op.lower().endswith("3d"):
            found.update((*node.inputs[:1], *node.outputs))
        elif node.family in ("act", "batch_norm", "copy", "arithmetic") and found & {*node.inputs}:
            found.update(node.outputs)
    return frozenset(ref for ref in found if len(ref.shape) == 5 and ref.shape[0] == 1 and min(ref.shape) > 0)
