"""What repeats in the tour: of blocks built alike the first is shown, the others wait behind a click.

stem │ A │ B │ B' +12 │ head        A, B: the first blocks of their kind; B' and what follows: more of these, in other sizes
… │ B' ×2 │ C ×3 │ …                once they are opened: copies that are alike to the last number
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.diagrams.architecture import Architecture, Op
from generator.diagrams.repeats import folded

if TYPE_CHECKING:
    from generator.pages.tour_columns import Column, Group


@dataclass(frozen=True)
class Run:
    """A repetition: behind column number `after` stand `times` - 1 more copies of what ends there."""

    after: int
    times: int
    alike: bool = True
    """Whether they are copies to the last number; else blocks of the same operations, in other sizes."""


def runs_of(it: Architecture, columns: Sequence[Column], groups: Sequence[Group]) -> list[tuple[Run, frozenset[int]]]:
    """Every repetition with the columns that its later copies are, outer ones first; none twice."""
    copies = _copies(it, columns)
    exact = {hidden for _, hidden in copies}
    kin = [one for one in _kin(columns, groups) if one[1] not in exact]
    after = {run.after for run, _ in kin}
    return [*kin, *(one for one in copies if one[0].after not in after)]


def _copies(it: Architecture, columns: Sequence[Column]) -> list[tuple[Run, frozenset[int]]]:
    """Copies that follow each other and are alike to the last number."""
    found = []
    for start, size, times in repetitions(it):
        later = range(start + size, start + size * times)
        last = max((k for k, one in enumerate(columns) if start <= one.at < start + size), default=-1)
        hidden = frozenset(k for k, one in enumerate(columns) if one.at in later and one.role != "answer")
        if last >= 0 and hidden:
            found.append((Run(last, times), hidden))
    return found


def _kin(columns: Sequence[Column], groups: Sequence[Group]) -> list[tuple[Run, frozenset[int]]]:
    """Blocks of the same operations as one before them, in whatever sizes: each stretch of them is one run."""
    known: set[tuple[tuple[str, ...], ...]] = set()
    found: list[tuple[Run, frozenset[int]]] = []
    going = False
    for group in groups:
        own = range(group.first, group.stop)
        mark = tuple(_mark(op) for k in own for op in columns[k].ops) if group.block is not None else ()
        if not mark or mark not in known:
            known.add(mark)
            going = False
        elif going:
            run, hidden = found[-1]
            found[-1] = (Run(run.after, run.times + 1, alike=False), hidden | {*own})
        else:
            found.append((Run(group.first - 1, 2, alike=False), frozenset(own)))
            going = True
    return found


def _mark(op: Op) -> tuple[str, ...]:
    """What an operation is, whatever its size: a convolution of one place, or of one map each, is another kind."""
    facts = dict(op.attributes)
    kernel = facts.get("kernel", "")
    return (
        op.kind,
        op.op,
        "1" if kernel in ("1", "1×1") else "",
        "each" if "depthwise" in facts.get("groups", "") else "",
    )


def repetitions(it: Architecture) -> list[tuple[int, int, int]]:
    """(number of the first op, ops in one copy, copies) of what repeats, outer repetitions first."""
    number = {op.id: k for k, op in enumerate(it.ops)}
    blocks = {block.id: block for block in it.blocks}
    shown = folded(it, single=False)
    found = []
    for block in shown.blocks:
        if block.times < 2:
            continue
        start = number[shown.ops[block.start].id]
        stop = blocks[block.last].stop if block.last in blocks else number[block.last] + 1
        found.append((start, (stop - start) // block.times, block.times))
    return found
