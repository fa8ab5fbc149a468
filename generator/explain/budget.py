"""What figures cost in bytes, and which go without where it is more than the budget.

A part is what can be left out by itself: a chain's maps and kernels, one linear layer at its end, or the attention that begins it. Files that several parts read
are counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generator.explain.chains import Chain, Chains
from generator.explain.operation import Operation
from generator.model.graph import Ref
from generator.names import LayerName

File = Ref | LayerName | tuple[LayerName, str]
"""A map by the tensor that it is, a kernel by its operation, or another large array by its operation and name."""
BITS = 20
RECTIFIED, DENSE = 0.6, 0.92
"""What deflate leaves of a map of which a good part is zero, and of other numbers."""
APART = ("linear", "attention")
"""Kinds that are left out by themselves."""
SEVENS = 8 / 7 * 1.055
"""What a byte takes as text: eight bits as seven a character, some of which are written with two or four."""


@dataclass(frozen=True)
class Part:
    """Operations that are shown or left out together, and the files that they read."""

    operations: tuple[LayerName, ...]
    files: tuple[File, ...]


def parts_of(found: Chains) -> tuple[Part, ...]:
    """All parts, each linear layer and each attention apart from its chain."""
    parts = []
    for chain in found.chains:
        apart = [step.operation for step in chain.steps if step.operation.kind in APART]
        others = [step.operation for step in chain.steps if step.operation.kind not in APART]
        parts.append(
            Part(
                tuple(one.name for one in others),
                (
                    *_maps(chain, others),
                    *(one.name for one in others if has_kernel(one)),
                    *((one.name, array) for one in others for array in one.large),
                ),
            )
        )
        parts += [Part((one.name,), (*_maps(chain, [one]), *([one.name] if has_kernel(one) else []))) for one in apart]
    return tuple(part for part in parts if part.operations)


def _maps(chain: Chain, operations: list[Operation]) -> tuple[Ref, ...]:
    wanted = {one.name for one in operations}
    steps = (step for step in chain.steps if step.operation.name in wanted)
    found = (
        read.ref for step in steps for read, at in zip(step.operation.reads, step.flows, strict=True) if at is None
    )
    return tuple(dict.fromkeys(found))


def has_kernel(operation: Operation) -> bool:
    """Whether its weights are a file of their own."""
    return operation.kind in ("conv", "volume", "linear")


def estimate(numbers: int, *, rectified: bool = False) -> float:
    """Bytes that so many numbers will take in a script."""
    return numbers * BITS / 8 * SEVENS * (RECTIFIED if rectified else DENSE)


def total(parts: tuple[Part, ...], cost: Mapping[File, float], images: int) -> float:
    """Bytes of what these parts read, for so many images."""
    files = dict.fromkeys(file for part in parts for file in part.files)
    return sum(cost.get(file, 0.0) * (images if isinstance(file, Ref) else 1) for file in files)


def within(parts: tuple[Part, ...], cost: Mapping[File, float], images: int, budget: float) -> tuple[Part, ...]:
    """Those that are shown: the most expensive goes without, until the rest fit."""
    shown = list(parts)
    expense = {part: total((part,), cost, images) for part in parts}
    while shown and total(tuple(shown), cost, images) > budget:
        shown.remove(max(shown, key=lambda part: expense[part]))
    return tuple(shown)
