"""Whose learned numbers are whose: each counts once, where it is read first, and in every container around that.

numbers of a container      those of its operations, and those that it holds and nobody reads
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from itertools import accumulate

from generator.model.graph import Group, Node


def counted(
    groups: Sequence[Group], held: Sequence[Mapping[int, int]], nodes: Sequence[Node], read: Set[int]
) -> tuple[Group, ...]:
    """The containers with their parameters. `held`: what each holds, how many numbers by parameter; `read`: the parameters
    that stand in a node. Of calls that hold what nobody reads, the first has it, and those around that."""
    sums = [0, *accumulate(node.parameters for node in nodes)]
    first: dict[int, Group] = {}
    found = []
    for group, own in zip(groups, held, strict=True):
        idle = 0
        for one in own.keys() - read if group.start < group.stop else ():
            inner = first.setdefault(one, group)
            idle += own[one] if group.start <= inner.start and inner.stop <= group.stop else 0
        found.append(replace(group, parameters=sums[group.stop] - sums[group.start] + idle))
    return tuple(found)
