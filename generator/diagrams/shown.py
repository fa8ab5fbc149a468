"""What is shown of an architecture: simple enough, with some blocks open and the others closed to a box each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from generator.diagrams.architecture import Architecture, Block, Op
from generator.diagrams.simplify import collapsed, fused, levels, without

FITS = 16
"""Boxes that a screen holds so that they can be read."""


def prepared(it: Architecture, *, fuse: bool = True, silent: bool = False) -> Architecture:
    """With chains fused, and without what only hands values on unless `silent`; blocks that add nothing are gone."""
    it = it if silent else without(it)
    return tidied(fused(it) if fuse else it)


def tidied(it: Architecture) -> Architecture:
    """Without blocks that hold one op, or the same ops as the one around them."""
    kept: list[Block] = []
    seen: set[tuple[int, int]] = set()
    for block in it.blocks:
        if block.stop - block.start > 1 and (block.start, block.stop) not in seen:
            seen.add((block.start, block.stop))
            kept.append(block)
    return replace(it, blocks=tuple(kept))


def view(it: Architecture, depth: int, opened: Collection[str] = (), shut: Collection[str] = ()) -> Architecture:
    """Of a prepared architecture: blocks open `depth` levels deep, and those named in `opened`, but not those in `shut`."""
    level = levels(it)
    return tidied(collapsed(it, lambda block: block.id not in shut and (level[block.id] < depth or block.id in opened)))


def fitting(it: Architecture, most: int = FITS) -> int:
    """The greatest depth at which at most `most` boxes are seen, at least 0."""
    deepest = max(levels(it).values(), default=-1) + 1
    depth = 0
    while depth < deepest and len(view(it, depth + 1).ops) <= most:
        depth += 1
    return depth


def count(op: Op) -> int:
    """How many operations a box stands for."""
    return sum(count(part) for part in op.parts) if op.parts else 1
