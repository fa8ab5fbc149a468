"""Two architectures side by side: their sums, what they are made of, and their blocks, each beside the one it stands for.

conv1    ─── conv1            by name and class; by class alone where names differ; the order is kept, and so what
layer1   ─── layer1           stands between two pairs stands between them in both
layer2   ─── layer2
         ─── extra            only in the second
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from generator.diagrams.align import aligned
from generator.diagrams.architecture import Architecture, Op, OpKind, Shape
from generator.diagrams.simplify import at_depth, fused, without

WEIGHTED: tuple[OpKind, ...] = ("conv", "linear", "attention")
"""Kinds of op that papers count when they say how deep a network is."""
ENOUGH = 4
"""Parts with parameters that a network is shown in, at least, where it has so many."""
MOSTLY = 0.8
"""Share of the multiply-accumulates that one block shows, at most, where it can be opened."""
DEEPEST = 6
MANY = 80
"""Parts that a network is shown in, at most, unless a depth is asked for."""


@dataclass(frozen=True)
class Summary:
    """One network in numbers."""

    title: str
    parameters: int
    macs: int
    """For one image."""
    memory: int
    """Bytes of all that its ops give for one image; the image itself is none of them."""
    ops: int
    kinds: tuple[tuple[OpKind, int], ...]
    """How many ops there are of each kind."""
    depth: int
    """Convolutions, linear layers and attentions on the longest way from its input to its end."""
    receptive_field: tuple[int, int] | None
    """Of the last op that does not see the whole input; None where there is none."""
    whole: bool
    """Whether what comes after it, up to the end, sees the whole input."""
    notes: tuple[str, ...] = ()
    uncounted: bool = False
    """Whether there is work that is not among the multiply-accumulates."""


@dataclass(frozen=True)
class Part:
    """A block, or an op that stands in none."""

    name: str
    op: str
    """The class."""
    kind: OpKind
    parameters: int
    macs: int
    memory: int
    layers: int
    """Convolutions, linear layers and attentions within."""
    shape: Shape
    uncounted: bool = False
    """Whether it does work that is not among the multiply-accumulates."""


@dataclass(frozen=True)
class Row:
    """Parts that stand for each other; None where the other network has none such."""

    a: Part | None
    b: Part | None


@dataclass(frozen=True)
class Comparison:
    """Two networks side by side."""

    a: Summary
    b: Summary
    rows: tuple[Row, ...]

    @property
    def kinds(self) -> tuple[tuple[OpKind, int, int], ...]:
        """How many ops of each kind there are in both, the most frequent first."""
        a, b = dict(self.a.kinds), dict(self.b.kinds)
        counted = [(kind, a.get(kind, 0), b.get(kind, 0)) for kind in dict.fromkeys((*a, *b))]
        return tuple(sorted(counted, key=lambda row: (-row[1] - row[2], row[0])))


def compare(a: Architecture, b: Architecture, depth: int | None = None) -> Comparison:
    """`a` beside `b`, their blocks opened `depth` levels deep, or each as deep as shows a few parts of it."""
    return Comparison(summary(a), summary(b), tuple(Row(*pair) for pair in aligned(parts(a, depth), parts(b, depth))))


def summary(it: Architecture) -> Summary:
    """One network in numbers."""
    real = [op for op in it.ops if op.kind not in ("input", "output")]
    kinds = Counter(op.kind for op in real)
    fields = [op.receptive_field for op in real if op.receptive_field is not None]
    return Summary(
        it.title,
        it.parameters,
        it.macs,
        sum(op.memory for op in real),
        len(real),
        tuple(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        _depth(it),
        fields[-1] if fields else None,
        bool(real) and real[-1].receptive_field is None,
        it.notes,
        any(op.uncounted for op in real),
    )


def cost(one: Summary | Part, written: Callable[[int], str]) -> str:
    """Its multiply-accumulates as `written`; ``≥ 1.2 M`` where it does more than is counted, ``not counted`` where none is."""
    if one.uncounted:
        return f"≥ {written(one.macs)}" if one.macs else "not counted"
    return written(one.macs)


def _depth(it: Architecture) -> int:
    """Ops run in order and edges lead forwards, so one walk finds the longest way."""
    longest: dict[str, int] = {}
    for op in it.ops:
        before = max((longest[edge.source] for edge in it.inputs_of[op.id]), default=0)
        longest[op.id] = before + (op.kind in WEIGHTED)
    return max(longest.values(), default=0)


def parts(it: Architecture, depth: int | None = None) -> tuple[Part, ...]:
    """The network in a few parts, in order; input and output, and what only hands values on, are left out."""
    short = fused(without(it))
    if depth is not None:
        return _at(short, depth)
    shown = _at(short, 0)
    for deeper in range(1, DEEPEST):
        if sum(1 for part in shown if part.parameters) >= ENOUGH and not _hidden(shown):
            break
        opened = _at(short, deeper)
        if len(opened) > MANY:
            break
        shown = opened
    return shown


def _hidden(shown: tuple[Part, ...]) -> bool:
    """Whether one block holds nearly all that the network does."""
    most = MOSTLY * sum(part.macs for part in shown)
    return any(part.kind == "block" and part.macs > most for part in shown)


def _at(it: Architecture, depth: int) -> tuple[Part, ...]:
    ops = (op for op in at_depth(it, depth).ops if op.kind not in ("input", "output"))
    return tuple(
        Part(op.path or op.id, op.op, op.kind, op.parameters, op.macs, op.memory, layers(op), op.shape, op.uncounted)
        for op in ops
    )


def layers(op: Op) -> int:
    """Convolutions, linear layers and attentions that an op stands for."""
    return sum(map(layers, op.parts)) if op.parts else int(op.kind in WEIGHTED)
