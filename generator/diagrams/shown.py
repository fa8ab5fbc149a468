"""What is shown of an architecture: simple enough, with some blocks open and the others closed to a box each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby

from generator.diagrams.architecture import Architecture, Block, Op
from generator.diagrams.repeats import alike, folded, separated
from generator.diagrams.simplify import collapsed, fused, levels, without

FITS = 20
"""Boxes of a first view, beside a table of as many rows."""
LIST = "list of modules"
"""What a block is called that is no call."""


def prepared(it: Architecture, *, fuse: bool = True, silent: bool = False) -> Architecture:
    """With chains fused, lists of modules as blocks, and without what only hands values on unless `silent`; blocks that
    add nothing are gone."""
    it = it if silent else without(it)
    return tidied(listed(fused(it) if fuse else it))


def listed(it: Architecture) -> Architecture:
    """The same with a block around what runs one behind the other and stands in one list of modules, which is no call itself.

    ``blocks.0``, ``blocks.1``, … stand in ``blocks``, where they are not all that there is beside them.
    """
    made: list[Block] = []
    names = {*(op.id for op in it.ops), *(block.id for block in it.blocks)}
    _walk(it, 0, len(it.ops), "", it.blocks, made)
    for k, block in enumerate(made):
        name, again = block.path, 2
        while name in names:
            name, again = f"{block.path}@{again}", again + 1
        names.add(name)
        made[k] = replace(block, id=name)
    return replace(it, blocks=tuple(sorted((*it.blocks, *made), key=lambda block: (block.start, -block.stop))))


def _walk(it: Architecture, start: int, stop: int, path: str, blocks: Sequence[Block], made: list[Block]) -> None:
    """Find the lists of modules among ops number `start` to `stop`, which the block `path` holds with these `blocks`."""
    items: list[tuple[int, int, str]] = []
    at = start
    while at < stop:
        block = next((one for one in blocks if one.start == at), None)
        end, name = at + 1, it.ops[at].path
        if block is not None:
            end, name = block.stop, block.path or block.id
            inner = [one for one in blocks if one is not block and at <= one.start and one.stop <= end]
            _walk(it, at, end, name, inner, made)
        items.append((at, end, _list(name, path)))
        at = end
    for name, group in groupby(items, lambda item: item[2]):
        held = list(group)
        if name and 1 < len(held) < len(items):
            ops = it.ops[held[0][0] : held[-1][1]]
            sums = sum(op.parameters for op in ops), sum(op.macs for op in ops)
            reach = ops[-1].receptive_field
            made.append(Block("", LIST, held[0][0], held[-1][1], ops[-1].shape, *sums, name, reach))


def _list(name: str, path: str) -> str:
    """The list that the module `name` of the module `path` stands in; nothing where it is a part of that itself."""
    start = f"{path}." if path else ""
    parts = name[len(start) :].split(".") if name.startswith(start) else []
    return start + parts[0] if len(parts) > 1 else ""


def tidied(it: Architecture) -> Architecture:
    """Without blocks that hold one op, or the same ops as the one around them."""
    kept: list[Block] = []
    seen: set[tuple[int, int]] = set()
    for block in it.blocks:
        if block.run or (block.stop - block.start > 1 and (block.start, block.stop) not in seen):
            kept.append(block)
            if not block.run:
                seen.add((block.start, block.stop))
    return replace(it, blocks=tuple(kept))


def view(
    it: Architecture,
    depth: int,
    opened: Collection[str] = (),
    shut: Collection[str] = (),
    *,
    fold: bool = False,
    each: Collection[str] = (),
) -> Architecture:
    """Of a prepared architecture: blocks open `depth` levels deep, and those named in `opened`, but not those in `shut`.

    With `fold`, repetitions are drawn once, but for those named in `each`; what is open in the first is open in all of them.
    """
    level = levels(it)
    it, alone = separated(it, each) if fold else (it, ())
    first = alike(it, alone) if fold else {}

    def is_open(block: Block) -> bool:
        name = first.get(block.id, block.id)
        return block.run or (name not in shut and (level[block.id] < depth or name in opened))

    found = tidied(collapsed(it, is_open))
    if not fold:
        return found
    found, alone = separated(found, each, alone)
    return folded(found, alone=alone)


def depths(it: Architecture, *, fold: bool = False) -> list[int]:
    """The depths of a prepared architecture that differ in what is shown, from 0 on."""
    found: dict[tuple[object, ...], int] = {}
    for depth in range(max(levels(it).values(), default=-1) + 2):
        shown = view(it, depth, fold=fold)
        said = (*(op.id for op in shown.ops), *(block.id for block in shown.blocks))
        found.setdefault(said, depth)
    return list(found.values())


def fitting(it: Architecture, most: int = FITS, *, fold: bool = False) -> int:
    """The greatest depth at which at most `most` boxes are seen, at least 0."""
    deepest = max(levels(it).values(), default=-1) + 1
    depth = 0
    while depth < deepest and len(view(it, depth + 1, fold=fold).ops) <= most:
        depth += 1
    return depth


def count(op: Op) -> int:
    """How many operations a box stands for."""
    return op.times * (sum(count(part) for part in op.parts) if op.parts else not op.learned)
