"""What the model's own code does with the sizes that it asks for, as far as the names tell that it gives them.

n, c, h, w = x.shape      n is never read: it decides nothing       for _ in range(n): ...   n counts a loop, which Python does
h = x.shape[2]            h is read: what becomes of it is watched                           without a word
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType

COUNTING = ("range", "islice")
"""What makes as many steps as it is told."""


@dataclass(frozen=True)
class Use:
    """Of one name in the function that holds it, and in those inside that."""

    unread: bool = False
    counts: bool = False
    """Whether it is among the arguments of what counts."""


UNNAMED = Use()


@dataclass(frozen=True)
class Stored:
    """The names that a call's result is given at once: of each of its parts, or of the whole or one part of it."""

    uses: tuple[Use, ...] = ()
    parts: bool = False


def stored(frame: FrameType | None) -> Stored:
    """Of the call that `frame` is at; nothing where the result goes another way than into names."""
    return Stored() if frame is None else _stored(frame.f_code, frame.f_lasti)


@lru_cache(maxsize=1024)
def _stored(code: CodeType, at: int) -> Stored:
    after = [one for one in dis.get_instructions(code) if one.offset > at]
    if after and after[0].opname == "UNPACK_SEQUENCE":
        many = after[0].arg or 0
        names = [name for one in after[1 : 1 + many] for name in _stores(one)][:many]
        return Stored(tuple(_use(code, name) for name in names), True) if len(names) == many else Stored()
    if [one.opname for one in after[:2]] in (["LOAD_CONST", "BINARY_SUBSCR"], ["LOAD_CONST", "BINARY_OP"]):
        after = after[2:]  # x.shape[0]
    names = _stores(after[0]) if after else []
    return Stored((_use(code, names[0]),)) if names else Stored()


def _stores(one: dis.Instruction) -> list[str]:
    """The names that an instruction gives: one, or two of those that newer Pythons join."""
    if one.opname in ("STORE_FAST", "STORE_DEREF"):
        return [str(one.argval)]
    return list(one.argval) if one.opname == "STORE_FAST_STORE_FAST" else []


def _use(code: CodeType, name: str) -> Use:
    inside = list(_inside(code, name))
    reads = any(_reads(one, name) for part in inside for one in dis.get_instructions(part))
    return Use(not reads, any(_counts(list(dis.get_instructions(part)), name) for part in inside))


def _inside(code: CodeType, name: str) -> Iterator[CodeType]:
    """The code and that of the functions in it which read the name too."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType) and name in one.co_freevars:
            yield from _inside(one, name)


def _reads(one: dis.Instruction, name: str) -> bool:
    if "LOAD" not in one.opname or "CLOSURE" in one.opname or not ("FAST" in one.opname or "DEREF" in one.opname):
        return False
    return name in one.argval if isinstance(one.argval, tuple) else name == one.argval


def _counts(code: Sequence[dis.Instruction], name: str) -> bool:
    for k, one in enumerate(code):
        if one.opname == "LOAD_GLOBAL" and one.argval in COUNTING and any(_reads(arg, name) for arg in _call(code, k)):
            return True
    return False


def _call(code: Sequence[dis.Instruction], start: int) -> Iterator[dis.Instruction]:
    """The instructions between that which loads what is called and the call: until what it gives stands in its place."""
    height = dis.stack_effect(code[start].opcode, code[start].arg)
    jumped: dict[int, int] = {}
    """How high the stack is where a jump leads to, as in ``range(n if some else 2)``."""
    for one in code[start + 1 :]:
        yield one
        height = jumped.get(one.offset, height)
        if one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
            jumped[one.argval] = height + dis.stack_effect(one.opcode, one.arg, jump=True)
        height += dis.stack_effect(one.opcode, one.arg, jump=False)
        if height <= 1 and "CALL" in one.opname:
            return
