"""Branches: what leaves one box, runs side by side, and is joined again. They are stacked, so that none reads as the next of another.

┌─▶ [a ─▶ b] ─┐
s ─▶ [c] ─────(+)     what goes from s to the join with nothing between is a line over the top, as every skip is
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Those of two chains or more between a box and a ball, none of which another frame cuts. A chain may part and join again
    between its own boxes: inner forks come before those that they are in."""
    number = {op.id: k for k, op in enumerate(it.ops)}
    into = [sorted({number[edge.source] for edge in it.inputs_of[op.id]}) for op in it.ops]
    readers = [sorted({number[edge.target] for edge in it.outputs_of[op.id]}) for op in it.ops]
    passed = [len(into[k]) == 1 and op.kind != "input" and solids[k].form != "ball" for k, op in enumerate(it.ops)]
    found: dict[int, Fork] = {}
    for join, size in enumerate(solids):
        if size.form != "ball":
            continue
        lanes: list[tuple[int, int]] = []
        sources = set()
        for last in into[join]:
            source, lane = _lane(last, into, readers, passed, found)
            sources.add(source)
            if source != last:
                lanes.append(lane)
        lanes.sort()
        ends = [stop for _, stop in lanes]
        starts = [start for start, _ in lanes]
        if len(lanes) > 1 and len(sources) == 1 and [*starts, join] == [min(sources) + 1, *ends]:
            held = {tuple(a <= k < b for a, b in frames) for k in range(starts[0], join + 1)}
            if len(held) == 1:
                found[join] = Fork(min(sources), tuple(lanes), join)
    return list(found.values())


def _lane(
    last: int,
    into: Sequence[Sequence[int]],
    readers: Sequence[Sequence[int]],
    passed: Sequence[bool],
    found: Mapping[int, Fork],
) -> tuple[int, tuple[int, int]]:
    """Where a chain to `last` comes from, and the numbers of what is in it; (0, 0) where others run between them."""
    at, start, many = last, last, 0
    while len(readers[at]) == 1:
        first = at
        inner = found.get(at)
        if inner is not None and readers[inner.source] == [a for a, _ in inner.lanes]:
            first = inner.source
        if not passed[first]:
            break
        start, many = first, many + at - first + 1
        at = into[first][0]
    return at, ((start, last + 1) if many == last + 1 - start else (0, 0))
