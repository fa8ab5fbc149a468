"""Which part of one network stands for which of another: the pairing in order that agrees most.

A pair agrees by name, by class or kind, and a little by the size of its maps, which tells stages of one network apart, and
alone is enough for two blocks. Needleman, Wunsch: A general method applicable to the search for similarities, 1970, without a price for gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from generator.diagrams.architecture import OpKind, Shape


class Named(Protocol):
    """What a pair is judged by."""

    @property
    def name(self) -> str: ...
    @property
    def op(self) -> str: ...
    @property
    def kind(self) -> OpKind: ...
    @property
    def shape(self) -> Shape: ...


T = TypeVar("T", bound=Named)
_VAGUE: tuple[OpKind, ...] = ("other", "block")
"""Kinds that say nothing of what an op does."""


def agreement(a: Named, b: Named) -> int:
    """How well two parts stand for each other; 0: not at all."""
    if (a.kind == "block") != (b.kind == "block"):
        return 0  # a block may be any part of a network, an op is one thing
    named, alike = a.name == b.name, a.op == b.op or (a.kind == b.kind and a.kind not in _VAGUE)
    level = len(a.shape) == len(b.shape) == 3 and a.shape[1:] == b.shape[1:]
    if not alike and not (named and a.kind == b.kind) and not (level and a.kind == "block"):
        return 0
    return 6 * named + 3 * alike + level


def aligned(a: Sequence[T], b: Sequence[T]) -> tuple[tuple[T | None, T | None], ...]:
    """Pairs in the order of both; a part without a partner stands alone, those of `a` first."""
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in reversed(range(len(a))):
        for j in reversed(range(len(b))):
            agreed = agreement(a[i], b[j])
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + agreed if agreed else 0)
    found: list[tuple[T | None, T | None]] = []
    i = j = 0
    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b):
            agreed = agreement(a[i], b[j])
            if agreed and best[i][j] == best[i + 1][j + 1] + agreed:
                found.append((a[i], b[j]))
                i, j = i + 1, j + 1
                continue
        if i < len(a) and (j == len(b) or best[i][j] == best[i + 1][j]):
            found.append((a[i], None))
            i += 1
        else:
            found.append((None, b[j]))
            j += 1
    return tuple(found)
