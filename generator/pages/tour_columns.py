"""The network as columns: which operations stand in the tour, side by side, and which of them repeat.

    image │ conv │ relu │ conv │ relu │ pool │ … │ classes       a column for each layer with a page
                                          └ no maps: what lies between two such layers, gathered

An operation that has no page and changes little (a normalisation, a reshape) is no column: it is told with the one before it.
A classifier's end is a column for its pooling, one for each linear layer, and the answer. What repeats: `tour_repeats.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from generator.diagrams.architecture import OUTPUT, Architecture, Block, Op, OpKind, Shape
from generator.names import INPUT, LayerName
from generator.pages.tour_repeats import Run, runs_of
from generator.pages.views import LayerView, Report

WEIGHTY: frozenset[OpKind] = frozenset(
    ("conv", "pool", "linear", "attention", "merge", "resample", "softmax")
)  # fmt: skip
"""Operations that are told of even where they have no page."""
GROUP = 12
"""Columns that stand under one block's name, at most."""
MANY = 40
"""Columns from which on repetitions are folded at first."""
Role = Literal["image", "layer", "between", "answer"]


@dataclass(frozen=True)
class Column:
    """One column: the image, a layer, operations without maps between two layers, or the answer."""

    role: Role
    ops: tuple[Op, ...]
    """What it stands for: of a layer that one operation; empty of an image whose input is not in the graph."""
    at: int
    """Place of the first of them among the architecture's ops."""
    view: LayerView | None = None
    same: tuple[LayerView, ...] = ()
    """Other layers with a page that give the very same maps: blocks that end in it."""
    also: tuple[Op, ...] = ()
    """Operations behind it that are told with it."""
    reads: tuple[Shape, ...] = ()
    """The shapes that its first operation reads."""
    given: Mapping[str, tuple[Shape, ...]] = field(default_factory=dict)
    """Op id -> the shapes that it reads, of all in `ops` and `also`."""
    copies: tuple[int, ...] = ()
    """Numbers of the repetitions in whose later copies it stands: hidden while one of them is folded."""

    @property
    def op(self) -> Op | None:
        """The operation, where it is one."""
        return self.ops[0] if self.ops else None

    @property
    def main(self) -> Op | None:
        """Of several operations the one that it is about, where only one weighs."""
        heavy = [op for op in self.ops if op.kind in WEIGHTY]
        return heavy[0] if len(heavy) == 1 else None


@dataclass(frozen=True)
class Group:
    """Columns that stand side by side in one block; without a block, as they are."""

    block: Block | None
    first: int
    stop: int


@dataclass(frozen=True)
class Tour:
    """All columns from the image to the answer, what repeats, and which belong together."""

    columns: tuple[Column, ...]
    runs: tuple[Run, ...]
    groups: tuple[Group, ...]

    @property
    def folds(self) -> bool:
        """Whether repetitions are folded at first."""
        return bool(self.runs) and len(self.columns) > MANY


def tour_of(report: Report) -> Tour:
    """The tour of a report; without a graph, its layers in order of execution."""
    it = report.architecture or plain(report)
    found = _columns(it, report)
    groups = _groups(it, found)
    repeats = runs_of(it, found, groups)
    columns = [
        replace(one, copies=tuple(n for n, (_, hidden) in enumerate(repeats) if k in hidden))
        for k, one in enumerate(found)
    ]
    return Tour(tuple(columns), tuple(run for run, _ in repeats), groups)


def plain(report: Report) -> Architecture:
    """The layers of a report as if they were a graph, each reading those that it names."""
    head = Op(INPUT, "input", "input", report.input_shape)
    kinds: dict[str, OpKind] = {"block": "block"}
    ops = [
        Op(str(v.layer.name), kinds.get(v.layer.kind, v.layer.kind), v.layer.op, v.layer.shape, v.layer.path,
           attributes=v.layer.attributes, receptive_field=v.layer.receptive_field, layer=v.layer.name)
        for v in report.layers
    ]  # fmt: skip
    end = Op(OUTPUT, "output", "output", (report.classes,) if report.classes else ())
    return Architecture(report.title, (head, *ops, end), ())


def _columns(it: Architecture, report: Report) -> list[Column]:
    pages = {view.layer.name: view for view in report.layers}
    shown, same = _shown(it, pages)
    shapes = {op.id: tuple(edge.shape for edge in it.inputs_of[op.id]) for op in it.ops}
    found: list[Column] = []
    waiting: list[tuple[int, Op]] = []

    def settle(role: Role) -> None:
        """Make a column of the operations that wait, where one of them is weighty; else the one before tells of them."""
        if role == "answer":
            found.extend(_endings(waiting, shapes))
        ops = tuple(op for _, op in waiting)
        if role == "answer" or (ops and any(op.kind in WEIGHTY for op in ops)):
            at = waiting[0][0] if waiting else len(it.ops)
            first = shapes.get(ops[0].id, ()) if ops else ()
            found.append(Column(role, ops, at, reads=first, given={op.id: shapes[op.id] for op in ops}))
        elif ops and found:
            told = found[-1]
            given = {**told.given, **{op.id: shapes[op.id] for op in ops}}
            found[-1] = replace(told, also=(*told.also, *ops), given=given)
        waiting.clear()

    entered = [k for k, op in enumerate(it.ops) if op.kind == "input" and not op.learned]
    found.append(Column("image", tuple(it.ops[k] for k in entered[:1]), entered[0] if entered else -1))
    for k, op in enumerate(it.ops):
        if op.kind in ("input", "output"):
            continue
        view = shown.get(op.id)
        if view is None:
            waiting.append((k, op))
            continue
        settle("between")
        found.append(Column("layer", (op,), k, view, same.get(op.id, ()), (), shapes[op.id], {op.id: shapes[op.id]}))
    settle("answer")
    return _with_others(found, report)


def _endings(waiting: list[tuple[int, Op]], shapes: Mapping[str, tuple[Shape, ...]]) -> list[Column]:
    """A classifier's end, a column for each pooling and linear layer, which are taken off what waits; of another end nothing."""
    weighty = [op.kind for _, op in waiting if op.kind in WEIGHTY]
    if "linear" not in weighty or not {*weighty} <= {"pool", "linear", "softmax"} or len(waiting[-1][1].shape) != 1:
        return []
    found: list[Column] = []
    first: list[tuple[int, Op]] = []
    while waiting and waiting[0][1].kind != "softmax":
        at, op = waiting.pop(0)
        if op.kind in WEIGHTY:
            own = (*first, (at, op))
            given = {one.id: shapes[one.id] for _, one in own}
            ops = tuple(one for _, one in own)
            found.append(Column("between", ops, own[0][0], reads=shapes[ops[0].id], given=given))
            first = []
        elif found and op.kind != "reshape":
            told = found[-1]
            found[-1] = replace(told, also=(*told.also, op), given={**told.given, op.id: shapes[op.id]})
        else:
            first.append((at, op))
    waiting[:0] = first
    return found


def _shown(
    it: Architecture, pages: Mapping[LayerName, LayerView]
) -> tuple[dict[str, LayerView], dict[str, tuple[LayerView, ...]]]:
    """Op id -> the layer whose maps it gives, and other layers that give the same: a block gives what its last op gives."""
    shown = {op.id: pages[op.layer] for op in it.ops if op.layer is not None and op.layer in pages}
    same: dict[str, tuple[LayerView, ...]] = {}
    for block in reversed(it.blocks):  # inner ones first
        view = pages.get(block.layer) if block.layer is not None else None
        last = it.ops[block.stop - 1]
        if view is None:
            continue
        if last.id in shown:
            same[last.id] = (*same.get(last.id, ()), view)
        else:
            shown[last.id] = view
    return shown, same


def _with_others(found: list[Column], report: Report) -> list[Column]:
    """With the layers that no operation of the graph gives, each behind the layer that ran before it."""
    there = {view.layer.name for one in found for view in ((one.view, *one.same) if one.view else ())}
    for view in report.layers:
        if view.layer.name in there:
            continue
        depth = [one.view.layer.depth if one.view else -1 for one in found]
        at = max((k for k, d in enumerate(depth) if 0 <= d <= view.layer.depth), default=0)
        op = Op(str(view.layer.name), "block", view.layer.op, view.layer.shape, view.layer.path, layer=view.layer.name)
        found.insert(at + 1, Column("layer", (op,), found[at].at, view))
    return found


def _groups(it: Architecture, columns: Sequence[Column]) -> tuple[Group, ...]:
    """Runs of neighbours in one block: for each column the outermost block that holds at most `GROUP` columns."""
    held = {id(block): sum(block.start <= one.at < block.stop for one in columns) for block in it.blocks}

    def around(column: Column) -> Block | None:
        if column.role in ("image", "answer"):
            return None
        return next((b for b in it.around(column.at) if 1 < held[id(b)] <= GROUP), None)

    found: list[Group] = []
    for k, column in enumerate(columns):
        block = around(column)
        if found and found[-1].block is block and block is not None:
            found[-1] = replace(found[-1], stop=k + 1)
        else:
            found.append(Group(block, k, k + 1))
    return tuple(found)
