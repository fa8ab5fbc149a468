"""Repetitions as one of them, "x n": what stands one behind the other and is built alike is drawn once.

    stem ─▶ [a ─▶ b] ─▶ [a ─▶ b] ─▶ [a ─▶ b] ─▶ head     becomes     stem ─▶ [a ─▶ b] × 3 ─▶ head

One of them is an op, a block (closed or open) or a chain of several. They are alike where class, shapes, attributes and the
sizes of their weights are the same (a convolution with a bias is not like one without), each reads the one before in the same way, and nobody outside reads any but the last. With `loosely`, inputs may
differ: a dense layer that reads all before it is like the next. A repetition is named by its first op or block.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from generator.diagrams.architecture import Architecture, Block, Op
from generator.diagrams.simplify import rebuilt

LONGEST = 12
"""Of a chain that repeats, in items of its block."""
Signature = tuple[object, ...]
_Reads = list[tuple[tuple[str, int], ...]]
"""What each op of a chain reads; see `_Folder.reads`."""


@dataclass(frozen=True)
class _Item:
    """An op, or a block whose inside was folded already."""

    kept: tuple[int, ...]
    """Numbers of the ops that are drawn."""
    stop: int
    """The number after its last op, drawn or not."""
    signature: Signature
    block: Block | None


@dataclass(frozen=True)
class _Run:
    """A repetition that was found: ops number `start` up to `start` + `size` and those like them that follow."""

    head: str
    start: int
    size: int
    members: tuple[str, ...]
    """Names of all its items, of all copies."""
    frame: Block


def folded(
    it: Architecture, *, loosely: bool = False, single: bool = True, alone: Collection[str] = ()
) -> Architecture:
    """The same with repetitions as one, which says how many (`Op.times`, `Block.times`) and which is the last.

    Its parameters, MACs and memory are those of all, its receptive field that of the last. Without `single`, only blocks and chains fold, not a layer by itself.
    Ops and blocks named in `alone` do not fold.
    """
    return _folding(it, loosely, single, alone).result()


def separated(
    it: Architecture, each: Collection[str], alone: Collection[str] = ()
) -> tuple[Architecture, Collection[str]]:
    """The same with a frame (`Block.run`) around each repetition named in `each`, and the names of all that shall not fold.

    A repetition in a repetition is so in every copy, so that copies stay alike.
    """
    if not each:
        return it, alone
    found = _folding(it, False, True, alone)
    names = {(run.start, run.size): run.head for run in found.found}
    runs = [run for run in found.found if {run.head, names.get((found.drawn(run.start), run.size))} & {*each}]
    blocks = sorted((*it.blocks, *(run.frame for run in runs)), key=lambda block: (block.start, -block.stop))
    return replace(it, blocks=tuple(blocks)), {*alone, *(name for run in runs for name in run.members)}


def heads(it: Architecture) -> tuple[str, ...]:
    """The names of its repetitions: each is that of its first op or block."""
    return tuple(run.head for run in _folding(it, False, True, ()).found)


def alike(it: Architecture, alone: Collection[str] = ()) -> dict[str, str]:
    """The block that each block is drawn as, by id: itself, or the first of those that fold with it."""
    found = _folding(it, False, True, alone)
    at = {(block.start, block.stop): block.id for block in it.blocks if not block.run}
    by = {block: found.drawn(block.start) - block.start for block in it.blocks}
    return {block.id: at.get((block.start + by[block], block.stop + by[block]), block.id) for block in it.blocks}


def _folding(it: Architecture, loosely: bool, single: bool, alone: Collection[str]) -> _Folder:
    found = _Folder(it, loosely, single, alone)
    found.fold(0, len(it.ops), ())
    return found


class _Folder:
    """Which op stands for which, as it is found, innermost blocks first."""

    def __init__(self, it: Architecture, loosely: bool, single: bool, alone: Collection[str]) -> None:
        self.it, self.loosely, self.single, self.alone = it, loosely, single, alone
        self.found: list[_Run] = []
        self.number = {op.id: index for index, op in enumerate(it.ops)}
        self.stands: dict[int, int] = {}
        """The drawn op that stands for an op, by number; by steps, where folds lie in folds."""
        self.times: dict[int, tuple[int, str]] = {}
        self.blocks: dict[Block, tuple[int, str]] = {}
        self.chains: list[Block] = []

    def drawn(self, index: int) -> int:
        while index in self.stands:
            index = self.stands[index]
        return index

    def fold(self, start: int, stop: int, around: tuple[Block, ...]) -> list[_Item]:
        """The items of an interval of ops after folding; `around` are the blocks that hold it."""
        inside = [b for b in self.it.blocks if start <= b.start and b.stop <= stop and b not in around]
        items, at = [], start
        while at < stop:
            block = next((b for b in inside if b.start == at), None)  # outer ones come first
            if block is None:
                op = self.it.ops[at]
                items.append(_Item((at,), at + 1, _signature(op, self.loosely), None))
                at += 1
                continue
            held = self.fold(block.start, block.stop, (*around, block))
            kept = tuple(index for item in held for index in item.kept)
            said = ("block", block.op, block.times, tuple((i.signature, self.count(i)) for i in held))
            items.append(_Item(kept, block.stop, said, block))
            at = block.stop
        return self.runs(items)

    def count(self, item: _Item) -> int:
        found = self.times.get(item.kept[0]) if item.block is None else self.blocks.get(item.block)
        return found[0] if found else 1

    def runs(self, items: list[_Item]) -> list[_Item]:
        """The items with each run of alike ones as the first of them."""
        left, at = [], 0
        while at < len(items):
            best = (1, 1)  # length of the chain, how often
            for length in range(1, min(LONGEST, (len(items) - at) // 2) + 1):
                often = self.often(items, at, length)
                if often > 1 and length * often > best[0] * best[1]:
                    best = (length, often)
            length, often = best
            if often > 1:
                self.note(items, at, length, often)
            left += items[at : at + length]
            at += length * often
        return left

    def often(self, items: list[_Item], at: int, length: int) -> int:
        """How many chains of `length` items from number `at` on are alike."""
        chain = items[at : at + length]
        if any(self.name(item) in self.alone for item in chain):
            return 1
        if not self.single and all(i.block is None and self.it.ops[i.kept[0]].kind != "block" for i in chain):
            return 1
        wanted = [item.signature for item in chain]
        copies = [_kept(chain)]
        place = {index: (0, j) for j, index in enumerate(copies[0])}
        reads = [self.reads(copies[0], 0, place)]
        for start in range(at + length, len(items), length):
            then, k = items[start : start + length], len(copies)
            if [item.signature for item in then] != wanted:
                break
            copy = _kept(then)
            place.update({index: (k, j) for j, index in enumerate(copy)})
            said = self.reads(copy, k, place)
            if not any(one[0] == "before" for each in said for one in each):
                break
            if k > 1 and not self.loosely and said != reads[1]:
                break
            copies.append(copy)
            reads.append(said)
        often = len(copies)
        while often > 1 and not self.linked(copies[:often], reads):
            often -= 1
        return often

    def linked(self, copies: list[list[int]], reads: list[_Reads]) -> bool:
        """Whether the second of these chains, each of which reads the one before, does so in the way of the first, and only the
        last is read from outside."""
        place = {index: (k, j) for k, copy in enumerate(copies) for j, index in enumerate(copy)}
        if self.loosely:
            outside = [self.outside(copy, place) for copy in copies]
            return all(self.kept_to_itself(copy) for copy in copies) and all(to <= outside[-1] for to in outside)
        for first, then in zip(reads[0], reads[1], strict=True):
            if len(first) != len(then) or any(a != b and b[0] != "before" for a, b in zip(first, then, strict=True)):
                return False
        last = set(copies[-1])
        inner = {index: copy for index, (copy, _) in place.items()}
        for index, copy in inner.items():
            for edge in self.it.outputs_of[self.it.ops[index].id]:
                to = self.drawn(self.number[edge.target])
                if index not in last and inner.get(to, -1) not in (copy, copy + 1):
                    return False
        return True

    def kept_to_itself(self, copy: Sequence[int]) -> bool:
        """Whether only the end of a chain is read outside it: branches side by side are no chain, though they run one by one."""
        own = set(copy)
        return all(
            self.drawn(self.number[edge.target]) in own
            for index in copy[:-1]
            for edge in self.it.outputs_of[self.it.ops[index].id]
        )

    def outside(self, copy: Sequence[int], place: Mapping[int, object]) -> set[int]:
        """What reads a chain and is in none of its copies: of dense layers what joins all of them, so that it reads the last too."""
        edges = [edge for index in copy for edge in self.it.outputs_of[self.it.ops[index].id]]
        return {self.drawn(self.number[edge.target]) for edge in edges} - {*place}

    def reads(self, copy: Sequence[int], k: int, place: dict[int, tuple[int, int]]) -> _Reads:
        """Of each op of copy number `k`, what it reads: ("here", j), ("before", j) or ("outside", number of the op)."""
        found = []
        for index in copy:
            said = []
            for edge in self.it.inputs_of[self.it.ops[index].id]:
                source = self.drawn(self.number[edge.source])
                where, j = place.get(source, (-1, source))
                said.append(("here" if where == k else "before" if 0 <= where == k - 1 else "outside", j))
            found.append(tuple(dict.fromkeys(said)))
        return found

    def note(self, items: list[_Item], at: int, length: int, often: int) -> None:
        """Write down that the chain at `at` stands for `often` of them."""
        chain = items[at : at + length]
        for k in range(1, often):
            copy = items[at + k * length : at + (k + 1) * length]
            for first, other in zip(chain, copy, strict=True):
                for a, b in zip(first.kept, other.kept, strict=True):
                    self.stands[b] = a
        every = items[at : at + length * often]
        name = self.name(every[-1])
        only = chain[0]
        size = chain[-1].stop - only.kept[0]
        members = tuple(self.name(item) for item in every)
        self.found.append(_Run(self.name(only), only.kept[0], size, members, self.frame(every, 1, name)))
        if length > 1:
            self.chains.append(self.frame(chain, often, name))
        elif only.block is not None:
            self.blocks[only.block] = (often, name)
        else:
            self.times[only.kept[0]] = (often, name)

    def frame(self, chain: Sequence[_Item], often: int, last: str) -> Block:
        """What is around a chain that stands for `often` of them, up to the one named `last`."""
        head, start, stop = self.name(chain[0]), chain[0].kept[0], chain[-1].stop
        return Block(f"{head} … {last}", "", start, stop, times=often, last=last)

    def name(self, item: _Item) -> str:
        return item.block.id if item.block else self.it.ops[item.kept[0]].id

    def result(self) -> Architecture:
        """The architecture with what was found."""
        it = self.it
        members: dict[int, list[Op]] = {}
        for index, op in enumerate(it.ops):
            members.setdefault(self.drawn(index), []).append(op)
        kept = sorted(members)
        ops = tuple(self.op(index, members[index]) for index in kept)
        name = {op.id: it.ops[self.drawn(index)].id for index, op in enumerate(it.ops)}
        edges = [replace(edge, source=name[edge.source], target=name[edge.target]) for edge in it.edges]
        forward = [e for e in edges if self.number[e.source] < self.number[e.target]]
        unique = {(e.source, e.target): e for e in reversed(forward)}
        gone = set(range(len(it.ops))) - set(kept)
        blocks = []
        for block in it.blocks:
            if block.start in gone:
                continue
            inside = [op for index in kept if block.start <= index < block.stop for op in members[index]]
            if block in self.blocks:
                times, last = self.blocks[block]
                sums = _sum(inside, lambda op: op.parameters), _sum(inside, lambda op: op.macs)
                reach = next(one.receptive_field for one in it.blocks if one.id == last)
                block = replace(block, times=times, last=last, parameters=sums[0], macs=sums[1], receptive_field=reach)
            blocks.append(block)
        blocks += [block for block in self.chains if block.start not in gone]
        blocks.sort(key=lambda block: (block.start, -block.stop))
        return rebuilt(
            replace(it, blocks=tuple(blocks)), ops, [e for e in forward if unique[e.source, e.target] is e], kept
        )

    def op(self, index: int, members: Sequence[Op]) -> Op:
        op = self.it.ops[index]
        times, last = self.times.get(index, (op.times, op.last))
        if len(members) == 1:
            return op
        return replace(
            op,
            times=times,
            last=last,
            parameters=_sum(members, lambda one: one.parameters),
            macs=_sum(members, lambda one: one.macs),
            uncounted=any(one.uncounted for one in members),
            memory=_sum(members, lambda one: one.memory),
            receptive_field=members[-1].receptive_field,
        )


def _kept(chain: Collection[_Item]) -> list[int]:
    return [index for item in chain for index in item.kept]


def _sum(ops: Collection[Op], what: Callable[[Op], int]) -> int:
    return sum(what(op) for op in ops)


def _signature(op: Op, loosely: bool) -> Signature:
    """What must be the same in two ops that are folded."""
    if not loosely:
        parts = tuple(_signature(part, False) for part in op.parts)
        return (op.kind, op.op, op.shape, op.attributes, op.weights, op.times, parts)
    said = tuple(pair for pair in op.attributes if pair[0] not in ("channels", "reads"))
    parts = tuple((part.kind, part.op, len(part.weights)) for part in op.parts)
    return (op.kind, op.op, op.shape, said, len(op.weights), op.times, parts)
