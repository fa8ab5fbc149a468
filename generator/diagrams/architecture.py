"""What is drawn: operations in the order in which they run, the tensors between them, and the blocks that hold them.

op      one call of a module or a function, or several fused into one      edge    a tensor that one op gives and another reads
block   a container's call: an interval of ops, never a prefix of names, so that closing it can make no cycle
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from generator.names import LayerName

OpKind = Literal[
    "input",
    "conv",
    "norm",
    "act",
    "pool",
    "linear",
    "attention",
    "merge",
    "softmax",
    "resample",
    "reshape",
    "copy",
    "block",
    "other",
    "output",
]
Shape = tuple[int, ...]
"""Of one image: (channels, height, width), (features,), (tokens, features); () where it is not known."""
OUTPUT = "@output"
"""Id of the op that stands for what the network returns."""
PARAMETER = "Parameter"
"""`Op.op` of what is learned and joins the data by itself, as a class token does: an input that is the same for every image."""
FUNCTIONS = "functions"
"""`Block.op` of what is no call of a module, but many functions that one calls in a row; see `loose.py`."""
MISSING = "?"
"""`Op.op` of a tensor that is read and that nothing gives, as a prototxt file may name one."""
SHARES = "Shares its weights with"
"""How the last sentence of `Op.note` begins, where it is of what shares weights."""
FLOAT = 4
"""Bytes of a number, where its type is not known."""


@dataclass(frozen=True)
class Op:
    """One operation, or several that are drawn as one."""

    id: str
    """Unique: the dotted path; the second call of a shared module is ``path@2``."""
    kind: OpKind
    op: str
    """The class, function or Caffe type: ``Conv2d``, ``F.add``, ``InnerProduct``."""
    shape: Shape
    """Of what it gives."""
    path: str = ""
    """Dotted path of the module called, of the module that the function was called in, or the Caffe layer's name."""
    call: int = 1
    """Which call of that module this is."""
    attributes: tuple[tuple[str, str], ...] = ()
    """What a reader wants to know of it: ``(("kernel", "3×3"), ("stride", "2"), ...)``."""
    parameters: int = 0
    """0 where they were counted by an earlier call."""
    weights: tuple[int, ...] = ()
    """How many numbers each parameter has that it reads, wherever they are counted; 0 where that is not known."""
    macs: int = 0
    """Multiply-accumulates for one image; FLOPs are twice as many."""
    uncounted: bool = False
    """Whether it does work that is not among them."""
    memory: int = 0
    """Bytes of what it gives for one image; 0 where it writes into what it read, or gives a view of it."""
    receptive_field: tuple[int, int] | None = None
    """(height, width) in pixels of the input; None: the whole of it."""
    in_place: bool = False
    layer: LayerName | None = None
    """The layer that has this name in a report, where it is one."""
    parts: tuple[Op, ...] = ()
    """The ops that this one stands for, in order; empty where it stands for itself."""
    times: int = 1
    """How many such stand one behind the other, where repetitions were folded; its sums are then of all of them."""
    last: str = ""
    """Id of the last of them."""
    shared: int = 0
    """The same number for all that share weights; 0: it shares none."""
    residual: bool = False
    """Of a closed block: whether what it reads is added to what it makes of that; see `residual.py`."""
    note: str = ""
    """A sentence, where something is special: its shape is not known, its path could differ."""

    @property
    def counted(self) -> str:
        """Its multiply-accumulates in words; nothing where it has none."""
        if self.uncounted:
            return f"{self.macs:,}, and what is not counted" if self.macs else "not counted"
        return f"{self.macs:,}" if self.macs else ""

    @property
    def own_note(self) -> str:
        """Its note without what is said of others: with whom it shares weights, or that it is learned."""
        return "" if self.learned else self.note.partition(SHARES)[0].strip()

    @property
    def learned(self) -> bool:
        """Whether it stands for a parameter that joins the data by itself."""
        return self.kind == "input" and self.op == PARAMETER

    @property
    def missing(self) -> bool:
        """Whether it stands for a tensor that nothing gives."""
        return self.kind == "input" and self.op == MISSING


@dataclass(frozen=True)
class Edge:
    """A tensor from one op to another."""

    source: str
    target: str
    shape: Shape
    dashed: bool = False
    """Where another input could take another path."""


@dataclass(frozen=True)
class Block:
    """One call of a container: ops number `start` up to, not including, `stop`."""

    id: str
    op: str
    """The class."""
    start: int
    stop: int
    shape: Shape = ()
    parameters: int = 0
    macs: int = 0
    path: str = ""
    receptive_field: tuple[int, int] | None = None
    layer: LayerName | None = None
    times: int = 1
    """How many such stand one behind the other, where repetitions were folded; those inside say their own."""
    last: str = ""
    """Id of the last of them."""
    shared: int = 0
    """The same number for all calls of one container that has weights; 0: it was called once."""

    @property
    def run(self) -> bool:
        """Whether it is no call, but what is around a repetition: of several ops or blocks, or of one kind drawn one by one."""
        return bool(self.last) and not self.op and not self.path

    @property
    def head(self) -> str:
        """Id of the first op or block of a repetition: it names the whole of it."""
        return self.id.removesuffix(f" … {self.last}") if self.run else self.id


@dataclass(frozen=True)
class Architecture:
    """A network, ready to be drawn. `ops` run in this order; edges lead forwards."""

    title: str
    ops: tuple[Op, ...]
    edges: tuple[Edge, ...]
    blocks: tuple[Block, ...] = ()
    """In the order in which they begin, outer ones before those they hold; each lies wholly in those around it. Ids are unique."""
    parameters: int = 0
    """Of the whole network, each shared one once, unused ones too."""
    macs: int = 0
    unused: tuple[str, ...] = ()
    """Modules or parameters that no call touched."""
    notes: tuple[str, ...] = ()
    """Sentences a reader must know: which input size, what could not be traced."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Named facts of the source: ``{"phase": "TRAIN"}``."""

    @cached_property
    def by_id(self) -> Mapping[str, Op]:
        """The ops by id."""
        return {op.id: op for op in self.ops}

    @cached_property
    def inputs_of(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges into each op, in order; every op has an entry."""
        found: dict[str, list[Edge]] = {op.id: [] for op in self.ops}
        for edge in self.edges:
            found[edge.target].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    @cached_property
    def outputs_of(self) -> Mapping[str, tuple[Edge, ...]]:
        """The edges out of each op, in order; every op has an entry."""
        found: dict[str, list[Edge]] = {op.id: [] for op in self.ops}
        for edge in self.edges:
            found[edge.source].append(edge)
        return {name: tuple(edges) for name, edges in found.items()}

    def around(self, index: int) -> tuple[Block, ...]:
        """The blocks that hold op number `index`, outermost first."""
        return tuple(block for block in self.blocks if block.start <= index < block.stop)


def shape_words(shape: Shape) -> str:
    """``64 × 56 × 56``; ``?`` where it is not known."""
    return " × ".join(f"{side:,}" for side in shape) if shape else "?"
