"""Blocks and repetitions that a reader names, to be opened, shut or drawn one by one: whether naming them does anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from generator.diagrams.architecture import Architecture, Block
from generator.diagrams.repeats import alike, heads, separated
from generator.diagrams.shown import view
from generator.diagrams.simplify import levels
from generator.selectors import nearest

SAID = 8
"""Names that a sentence says, at most."""


def without_use(
    it: Architecture, depth: int, opened: Collection[str], shut: Collection[str], each: Collection[str], *, fold: bool
) -> str:
    """What is wrong with the first name that changes nothing of `shown.view`, ``opened: there is no block `x` …``; empty
    where there is none such. `it` is prepared."""
    if each and not fold:
        return "each: nothing repeats where fold is false: leave one of them out"
    known = {*heads(it), *heads(view(it, depth, opened, shut, fold=False))} if each else set()
    for name in each:
        if name not in known:
            return f"each: no repetition begins with `{name}`{nearest(name, known)}; {_there('repetitions', known)}"
    parted, alone = separated(it, each) if fold else (it, ())
    first = alike(parted, alone) if fold else {}
    blocks = {block.id: block for block in it.blocks if not block.run}
    level = levels(parted)

    def is_open(block: Block) -> bool:
        head = first.get(block.id, block.id)
        return block.run or (head not in shut and (level[block.id] < depth or head in opened))

    for option, names in (("opened", opened), ("shut", shut)):
        for name in names:
            if name not in blocks:
                return f"{option}: there is no block `{name}`{nearest(name, blocks)}; {_there('blocks', blocks)}"
            if (head := first.get(name, name)) != name:
                return f"{option}: `{name}` is drawn as `{head}` is, which it repeats: name that"
            around = _around(it, blocks[name])
            if option == "opened" and (closed := [block.id for block in around if not is_open(block)]):
                return f"opened: `{name}` stands in `{closed[0]}`, which is closed: open that too"
    return ""


def _around(it: Architecture, inner: Block) -> list[Block]:
    """The blocks that hold another, the outermost first."""
    found = []
    for block in it.blocks:
        if block is inner:
            break
        if block.start <= inner.start and inner.stop <= block.stop:
            found.append(block)
    return found


def _there(what: str, names: Collection[str]) -> str:
    """``there are a, b and 3 more``"""
    said: Sequence[str] = [*names][:SAID] if isinstance(names, dict) else sorted(names)[:SAID]
    if not said:
        return f"this network has no {what}"
    more = f" and {len(names) - SAID} more" if len(names) > SAID else ""
    return f"there are {', '.join(said)}{more}"
