"""Which closed blocks add what they read to what they make of it, as a ResNet's do: an arc over such a block says so.

      ┌──────────────────┐       the least and the most layers with weights on a way through the block, counted past sums:
x ────┴▶ conv ─▶ conv ─▶(+)─▶    (0, 2) here; (1, 3) where a projection fits the shapes of a bottleneck
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from generator.diagrams.architecture import Architecture, Block, Op
from generator.diagrams.solids.sizes import sign_of


def residual(it: Architecture) -> frozenset[tuple[str, str]]:
    """The first and the last op of each such block; what only holds others that do, as a stage does, is none."""
    found: list[Block] = []
    for block in sorted(it.blocks, key=lambda block: block.stop - block.start):
        within = any(block.start <= one.start and one.stop <= block.stop for one in found if not _same(one, block))
        if not within and _residual(it.ops[block.start : block.stop], it):
            found.append(block)
    return frozenset((it.ops[block.start].id, it.ops[block.stop - 1].id) for block in found)


def marked(it: Architecture, found: Collection[tuple[str, str]]) -> Architecture:
    """The same with `Op.residual` set at the closed blocks that are `found`."""
    return replace(
        it, ops=tuple(replace(op, residual=True) if op.kind == "block" and _ends(op) in found else op for op in it.ops)
    )


def _same(one: Block, other: Block) -> bool:
    return (one.start, one.stop) == (other.start, other.stop)


def _ends(op: Op) -> tuple[str, str]:
    return (op.parts[0].id, op.parts[-1].id) if op.parts else ("", "")


def _residual(parts: tuple[Op, ...], whole: Architecture) -> bool:
    inside = {part.id for part in parts}
    read: set[str] = set()
    ways: dict[str, tuple[int, int]] = {}
    sums = 0
    for part in parts:
        given = []
        for edge in whole.inputs_of[part.id]:
            if edge.source in ways:
                given.append(ways[edge.source])
            elif edge.source not in inside and not whole.by_id[edge.source].learned:
                read.add(edge.source)
                given.append((0, 0))
        if not given:
            continue
        own = part.kind in ("conv", "linear", "attention")
        added = sign_of(part) == "+"
        sums += added
        # nothing goes around what joins in another way: it is made of all that it reads
        least = min(a for a, _ in given) if added else max(a for a, _ in given)
        ways[part.id] = (least + own, max(b for _, b in given) + own)
    if len(read) != 1 or parts[-1].id not in ways:
        return False
    least, most = ways[parts[-1].id]
    return sums > 0 and (least == 0 < most or (sums == 1 and least == 1 < most))
