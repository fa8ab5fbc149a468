"""The architecture of the tiny report: its four layers, a block around one of them, and one around the last and a dense layer whose weights are known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from generator.diagrams.architecture import Architecture, Block, Edge, Op
from generator.diagrams.extras import Dense, with_dense
from generator.names import Layer

WEIGHTS = tuple(tuple(((3 * j + 5 * k) % 11 - 5) / 5 for k in range(16)) for j in range(10))


def architecture(title: str, layers: Sequence[Layer]) -> Architecture:
    """An image of 3 x 32 x 32, then each layer on what the one before gave, then ten classes."""
    ops = [Op("@input", "input", "input", (3, 32, 32))]
    for layer in layers:
        kind = layer.kind if layer.kind in ("conv", "act", "pool") else "other"
        ops.append(
            Op(
                layer.name,
                kind,
                layer.op,
                layer.shape,
                path=layer.path,
                attributes=(("kernel", "3×3"),),
                layer=layer.name,
            )  # type: ignore[arg-type]
        )
    ops.append(Op("fc", "linear", "Linear", (10,), path="fc"))
    edges = tuple(Edge(a.id, b.id, a.shape) for a, b in itertools.pairwise(ops))
    block = Block(f"{layers[2].name}.block", layers[2].op, 3, 4, layers[2].shape, path="block")
    tail = Block("tail", "Tail", 4, 6, (10,), path="tail")
    it = Architecture(title, tuple(ops), edges, (block, tail), 1234, 567_890)
    return with_dense(it, {"fc": Dense(tuple(range(16)), tuple(range(10)), WEIGHTS, tuple(k / 10 for k in range(10)))})
