"""The dense layers of a network as columns of units: of a network of convolutions, those of its classifier."""

from __future__ import annotations

import math
from dataclasses import dataclass

from generator.diagrams.architecture import Architecture, Op
from generator.diagrams.simplify import without
from generator.diagrams.stages import is_open, main_path


@dataclass(frozen=True)
class Columns:
    """Widths of the columns, and the layers between them: one fewer. Both are empty where there is no dense layer."""

    sizes: tuple[int, ...]
    ops: tuple[Op, ...]
    dashed: tuple[bool, ...] = ()
    """For each layer, whether it could read something else, or not run at all, for another input."""


def columns(it: Architecture) -> Columns:
    """The last chain of dense layers on the main path whose outputs are vectors: what one gives, the next one reads."""
    plain = without(it)
    sizes: list[int] = []
    ops: list[Op] = []
    for op in main_path(plain):
        if op.kind == "linear" and len(op.shape) == 1:
            read = _reads(plain, op)
            if not sizes or sizes[-1] != read:
                sizes, ops = [read], []
            sizes.append(op.shape[0])
            ops.append(op)
    return Columns(tuple(sizes), tuple(ops), tuple(is_open(plain, op) for op in ops))


def _reads(it: Architecture, op: Op) -> int:
    """How many numbers one of these layers reads: as it says itself, else as many as the tensor has."""
    first = dict(op.attributes).get("channels", "").split(" ")[0]
    if first.isascii() and first.isdigit():
        return int(first)
    into = it.inputs_of[op.id]
    return math.prod(into[0].shape) if into else 0
