"""Fewer boxes for the same network: what only moves values is passed through, chains are fused, blocks are closed.

conv ─▶ norm ─▶ relu      becomes  conv · norm · relu, one op of three parts
layer1 (30 ops)           becomes  layer1, one op of kind block, where it is not opened
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from generator.diagrams.architecture import FUNCTIONS, Architecture, Block, Edge, Op, OpKind

SILENT: tuple[OpKind, ...] = ("reshape", "copy")
"""Kinds that a reader does not miss: values are moved or handed on."""
TOLD = 3
"""Notes of what is inside that a closed block tells, at most."""


def without(it: Architecture, kinds: Collection[OpKind] = SILENT) -> Architecture:
    """The same with ops of these kinds passed through: who read them reads what they read."""
    dropped = {op.id for op in it.ops if op.kind in kinds}
    edges = dict(enumerate(it.edges))  # those that are still there, by number; new ones have higher numbers
    into: dict[str, list[int]] = {}
    out: dict[str, list[int]] = {}
    for number, edge in edges.items():
        into.setdefault(edge.target, []).append(number)
        out.setdefault(edge.source, []).append(number)
    last = len(edges)
    for op in it.ops:
        if op.id not in dropped:
            continue
        given = [edges[number] for number in into.get(op.id, ()) if number in edges]
        read = [edges[number] for number in out.get(op.id, ()) if number in edges]
        for number in (*into.get(op.id, ()), *out.get(op.id, ())):
            edges.pop(number, None)
        for a in given:
            for b in read:
                edges[last] = Edge(a.source, b.target, b.shape, a.dashed or b.dashed)
                into.setdefault(b.target, []).append(last)
                out.setdefault(a.source, []).append(last)
                last += 1
    kept = [index for index, op in enumerate(it.ops) if op.id not in dropped]
    return rebuilt(it, tuple(it.ops[index] for index in kept), list(edges.values()), kept)


def fused(it: Architecture, heads: Collection[OpKind] = ("conv", "linear")) -> Architecture:
    """The same with each op of these kinds in one op with the normalisation and activation that alone read it."""
    follows: dict[str, list[Op]] = {}
    taken: set[str] = set()
    inside = _innermost(it)
    for op in it.ops:
        if op.kind not in heads or op.id in taken:
            continue
        chain, wanted = [op], ["act"] if op.kind == "norm" else ["norm", "act"]
        while (after := _only_reader(it, chain[-1])) is not None and after.kind in wanted:
            if inside[after.id] is not inside[op.id]:
                break  # it stands in another block: closing that would tear the chain
            wanted = wanted[
                wanted.index(after.kind) + (after.kind != "norm") :
            ]  # Caffe's norms are two, BatchNorm and Scale
            chain.append(after)
        if len(chain) > 1:
            follows[op.id] = chain
            taken.update(part.id for part in chain[1:])
    stands = {part.id: name for name, chain in follows.items() for part in chain}
    ops, kept = [], []
    for index, op in enumerate(it.ops):
        if op.id in taken:
            continue
        kept.append(index)
        ops.append(_joined(op, follows[op.id]) if op.id in follows else op)
    edges = [
        replace(edge, source=stands.get(edge.source, edge.source)) for edge in it.edges if edge.target not in taken
    ]
    return rebuilt(it, tuple(ops), edges, kept)


def collapsed(it: Architecture, opened: Callable[[Block], bool]) -> Architecture:
    """The same with every outermost block that is not `opened` as one op of kind ``block``."""
    closed: list[Block] = []
    until = 0
    for block in it.blocks:
        if block.start >= until and not opened(block):
            closed.append(block)
            until = block.stop
    inside = {index: block for block in closed for index in range(block.start, block.stop)}
    ops, kept, heads = [], [], {}
    for index, op in enumerate(it.ops):
        around = inside.get(index)
        if around is None:
            ops.append(op)
            kept.append(index)
        else:
            heads[op.id] = around.id
            if index == around.start:
                ops.append(_as_op(around, it.ops[around.start : around.stop]))
                kept.append(index)
    edges = [
        replace(edge, source=heads.get(edge.source, edge.source), target=heads.get(edge.target, edge.target))
        for edge in it.edges
    ]
    edges = [edge for edge in edges if edge.source != edge.target]
    return rebuilt(it, tuple(ops), edges, kept)


def at_depth(it: Architecture, depth: int) -> Architecture:
    """The same with blocks opened `depth` levels deep: 0 shows the outermost blocks alone."""
    level = levels(it)
    return collapsed(it, lambda block: level[block.id] < depth)


def levels(it: Architecture) -> dict[str, int]:
    """How many blocks are around each block; of functions in a row one more than of any module: they open last."""
    found: dict[str, int] = {}
    around: list[Block] = []
    for block in it.blocks:
        while around and around[-1].stop <= block.start:
            around.pop()
        found[block.id] = len(around)
        around.append(block)
    loose = [block.id for block in it.blocks if block.op == FUNCTIONS]
    if loose:
        last = max((level for name, level in found.items() if name not in loose), default=-1) + 1
        found.update(dict.fromkeys(loose, last))
    return found


def _only_reader(it: Architecture, op: Op) -> Op | None:
    """The op that alone reads this one and reads nothing else."""
    out = it.outputs_of[op.id]
    if len({edge.target for edge in out}) != 1:
        return None
    after = it.by_id[out[0].target]
    return after if len(it.inputs_of[after.id]) == 1 else None


def _innermost(it: Architecture) -> dict[str, Block | None]:
    """The innermost block around each op: those that lie in each other begin one after the other."""
    found: dict[str, Block | None] = {}
    around: list[Block] = []
    starting: dict[int, list[Block]] = {}
    for block in it.blocks:
        starting.setdefault(block.start, []).append(block)
    for index, op in enumerate(it.ops):
        while around and around[-1].stop <= index:
            around.pop()
        around += starting.get(index, ())
        found[op.id] = around[-1] if around else None
    return found


def _joined(op: Op, parts: list[Op]) -> Op:
    last, of_others = parts[-1], op.note.removeprefix(op.own_note).strip()
    return replace(
        op,
        shape=last.shape,
        parameters=sum(part.parameters for part in parts),
        macs=sum(part.macs for part in parts),
        uncounted=any(part.uncounted for part in parts),
        memory=sum(part.memory for part in parts),
        receptive_field=last.receptive_field,
        parts=tuple(parts),
        note=" ".join(filter(None, (*dict.fromkeys(part.own_note for part in parts), of_others))),
    )


def _as_op(block: Block, ops: tuple[Op, ...]) -> Op:
    return Op(
        block.id,
        "block",
        block.op,
        block.shape or ops[-1].shape,
        path=block.path,
        parameters=block.parameters or sum(op.parameters for op in ops),
        weights=tuple(size for op in ops for size in op.weights),
        macs=block.macs,
        uncounted=any(op.uncounted for op in ops),
        memory=sum(op.memory for op in ops),
        receptive_field=block.receptive_field,
        layer=block.layer,
        parts=ops,
        shared=block.shared,
        note=_noted(ops),
    )


def _noted(ops: Collection[Op]) -> str:
    """What is special inside a closed block: each sentence once, with the first op that it is said of."""
    first: dict[str, str] = {}
    for op in ops:
        if op.own_note:
            first.setdefault(op.own_note, op.id)
    said = [f"{name}: {note}" for note, name in first.items()]
    more = [f"And {len(said) - TOLD} more such notes."] if len(said) > TOLD else []
    return " ".join((*said[:TOLD], *more))


def rebuilt(it: Architecture, ops: tuple[Op, ...], edges: list[Edge], kept: list[int]) -> Architecture:
    """With these ops, which were number `kept` of the old ones: blocks keep their intervals, empty ones go."""
    place = {old: new for new, old in enumerate(kept)}
    blocks = []
    for block in it.blocks:
        inside = [place[index] for index in range(block.start, block.stop) if index in place]
        if inside and ops[inside[0]].id != block.id:
            blocks.append(replace(block, start=inside[0], stop=inside[-1] + 1))
    return replace(it, ops=ops, edges=tuple(dict.fromkeys(edges)), blocks=tuple(blocks))
