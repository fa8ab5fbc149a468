"""A small network for the tiny report: a stem, two blocks of which one holds a skip and two branches, and a head. Where its
operations are layers of that report, they have its names."""

from __future__ import annotations

from collections.abc import Sequence

from generator.diagrams.architecture import Architecture, Block, Edge, Op, OpKind
from generator.names import LayerName


def architecture(layers: Sequence[LayerName], words: Sequence[str] = ()) -> Architecture:
    """`layers`: four names, of a convolution, an activation, a convolution and a pool; `words`: what else is said."""
    stem, act, conv, pool = layers
    said = words or ("Net", "body", "body.one", "body.two")

    def op(
        name: str, kind: OpKind, what: str, shape: tuple[int, ...], layer: bool = False, macs: int = 0, path: str = ""
    ) -> Op:
        size = 1
        for side in shape:
            size *= side
        return Op(name, kind, what, shape, path or name, attributes=(("kernel", "3×3"), ("stride", "1")) if kind == "conv" else (), parameters=macs // 10, macs=macs,
                  memory=4 * size, receptive_field=(3, 3), layer=LayerName(name) if layer else None)  # fmt: skip

    inner = f"{said[2]}."
    ops = (
        op("@input", "input", "input", (3, 32, 32)),
        op(stem, "conv", "Conv2d", (12, 16, 16), True, 300_000),
        op(act, "act", "ReLU", (12, 16, 16), True),
        op(f"{inner}left", "conv", "Conv2d", (12, 16, 16), macs=10_000),
        op(f"{inner}right", "conv", "Conv2d", (12, 16, 16), macs=20_000),
        op(f"{inner}join", "merge", "F.cat", (24, 16, 16)),
        op(conv, "conv", "Conv2d", (8, 8, 12), True, 200_000),
        op(f"{said[3]}.norm", "norm", "LayerNorm", (8, 8, 12)),
        op(f"{said[3]}.F.add", "merge", "F.add", (8, 8, 12)),
        op(pool, "pool", "AdaptiveAvgPool2d", (16, 1, 1), True),
        op("@output", "output", "output", (10,)),
    )
    pairs = ((0, 1), (1, 2), (2, 3), (2, 4), (3, 5), (4, 5), (5, 6), (6, 7), (7, 8), (6, 8), (8, 9), (9, 10))
    edges = tuple(Edge(ops[a].id, ops[b].id, ops[a].shape) for a, b in pairs)
    blocks = (
        Block(said[1], "Sequential", 3, 9, (8, 8, 12), 23_000, 230_000, said[1]),
        Block(said[2], "Branches", 3, 6, (24, 16, 16), 3_000, 30_000, said[2]),
        Block(said[3], "Residual", 6, 9, (8, 8, 12), 20_000, 200_000, said[3]),
    )
    return Architecture(said[0], ops, edges, blocks, 53_000, 530_000, tuple(words[:1]), tuple(words[4:5]))
