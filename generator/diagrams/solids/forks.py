"""Branches: what leaves one box, runs side by side, and is joined again. They are stacked, so that none reads as the next of another.

┌─▶ [a ─▶ b] ─┐
s ─▶ [c] ─────(+)     what goes from s to the join with nothing between is a line over the top, as every skip is
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generator.diagrams.architecture import Architecture
from generator.diagrams.solids.sizes import Solid


@dataclass(frozen=True)
class Fork:
    """Op number `source` is read by the first op of each of the `lanes`, whose last ops number `join` joins."""

    source: int
    lanes: tuple[tuple[int, int], ...]
    """(start, stop) of each, one behind the other, in the order in which they run."""
    join: int


def forks(it: Architecture, solids: Sequence[Solid], frames: Sequence[tuple[int, int]]) -> list[Fork]:
    """Those of two chains or more between a box and a ball, none of which another frame cuts."""
    number = {op.id: k for k, op in enumerate(it.ops)}
    into = [sorted({number[edge.source] for edge in it.inputs_of[op.id]}) for op in it.ops]
    readers = [len({edge.target for edge in it.outputs_of[op.id]}) for op in it.ops]
    found = []
    for join, size in enumerate(solids):
        if size.form != "ball":
            continue
        lanes: list[tuple[int, int]] = []
        sources = set()
        for last in into[join]:
            at = last
            while readers[at] == 1 and len(into[at]) == 1 and it.ops[at].kind != "input" and solids[at].form != "ball":
                at = into[at][0]
            sources.add(at)
            if at != last:
                lanes.append(_lane(into, at, last))
        lanes.sort()
        ends = [stop for _, stop in lanes]
        starts = [start for start, _ in lanes]
        if len(lanes) > 1 and len(sources) == 1 and [*starts, join] == [min(sources) + 1, *ends]:
            held = {tuple(a <= k < b for a, b in frames) for k in range(starts[0], join + 1)}
            if len(held) == 1:
                found.append(Fork(min(sources), tuple(lanes), join))
    return found


def _lane(into: Sequence[Sequence[int]], source: int, last: int) -> tuple[int, int]:
    """The numbers of a chain from behind `source` to `last`; (0, 0) where others run between them."""
    at, many = last, 1
    while into[at][0] != source:
        at, many = into[at][0], many + 1
    return (at, last + 1) if many == last + 1 - at else (0, 0)
