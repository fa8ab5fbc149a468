"""Functions that a forward calls one behind the other outside any module: where they are many they are a block, to be closed.

transform ─▶ backbone ─▶ head ─▶ F.sigmoid ─▶ F.gt ─▶ … 240 more     becomes     … head ─▶ [postprocess_detections] ─▶ …

A detector works its boxes out in Python: hundreds of functions, where its modules are four. Such a block is named by the
method that calls them, and opens after all modules have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from generator.diagrams.architecture import FUNCTIONS, Architecture, Block, Op
from generator.diagrams.simplify import SILENT

MOST = 20
"""Functions in a row that are drawn as they are: a screen of boxes."""
FEW = 4
"""A method that calls fewer in a row is no block by itself."""
FORWARD = "forward"


def closable(it: Architecture, methods: Mapping[str, str]) -> Architecture:
    """The same with a block around each such run; `methods` says in which method of its module each op was called, by id."""
    made: list[Block] = []
    names = {*(op.id for op in it.ops), *(block.id for block in it.blocks)}
    for start, stop, path in _runs(it):
        if any((block.start, block.stop) == (start, stop) for block in it.blocks):
            continue  # it closes as it is
        for a, b, method in _parts(it.ops, start, stop, methods):
            name = base = f"{path}.{method}" if path else method
            again = 2
            while name in names:
                name, again = f"{base}@{again}", again + 1
            names.add(name)
            last = it.ops[b - 1]
            made.append(Block(name, FUNCTIONS, a, b, last.shape, path=path, receptive_field=last.receptive_field))
    if not made:
        return it
    return replace(it, blocks=tuple(sorted((*it.blocks, *made), key=lambda block: (block.start, -block.stop))))


def _runs(it: Architecture) -> list[tuple[int, int, str]]:
    """Where more than `MOST` functions that are drawn stand in a row, and the path of the module that calls them."""
    ends = {end for block in it.blocks for end in (block.start, block.stop)}
    found = []
    start = 0
    for index in range(len(it.ops) + 1):
        goes_on = index < len(it.ops) and (index == start or index not in ends) and _loose(it.ops[index])
        if goes_on:
            continue
        if _many(it.ops[start:index]) > MOST:
            found.append((start, index, it.ops[start].path))
        start = index if index < len(it.ops) and index in ends and _loose(it.ops[index]) else index + 1
    return found


def _loose(op: Op) -> bool:
    """Whether it is a function that only works out values: no weights, no multiply-accumulates."""
    return op.op.startswith("F.") and not (op.parameters or op.weights or op.macs)


def _many(ops: Sequence[Op]) -> int:
    return sum(op.kind not in SILENT for op in ops)


def _parts(ops: Sequence[Op], start: int, stop: int, methods: Mapping[str, str]) -> list[tuple[int, int, str]]:
    """The run by method, of whom those that call few are left as they are; the whole of it where that leaves too many boxes."""
    found, boxes = [], 0
    for method, group in groupby(range(start, stop), lambda index: methods.get(ops[index].id) or FORWARD):
        held = list(group)
        many = _many([ops[index] for index in held])
        if many >= FEW:
            found.append((held[0], held[-1] + 1, method))
        boxes += 1 if many >= FEW else many
    return found if boxes <= MOST else [(start, stop, FORWARD)]
