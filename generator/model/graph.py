"""A run of a model as a frozen graph: what the recorder writes, and the describer and the drawings read.

node    a leaf module or a torch function outside leaves       edge    a Ref to the tensor of another node
group   a call of a container: an interval of nodes
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from generator.model.operations import Settings
from generator.names import LayerName


@dataclass(frozen=True)
class Ref:
    """The tensor that node number `node` gave as its `output`-th."""

    node: int
    output: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Constant:
    """A tensor among a call's arguments that does not depend on the model's input."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Held:
    """A parameter that a call read, by its name in the model."""

    name: str
    shape: tuple[int, ...]
    data: bool = False
    """Whether a layer was given it, or what is made of it, to work on, and it is none of its weights."""


@dataclass(frozen=True)
class Inner:
    """A function that a leaf calls inside, where its forward is its own and not torch's."""

    op: str
    """``F.batch_norm``"""
    family: str
    settings: Settings
    arguments: tuple[Any, ...]
    """Plain ones as they are; a `Constant` stands for each tensor."""


@dataclass(frozen=True)
class Node:
    """One operation. `order` counts operations and containers together, in the order in which they ended."""

    index: int
    order: int
    name: LayerName
    path: str
    op: str
    """The class or function: ``Conv2d``, ``F.relu``."""
    family: str
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    plain: bool
    """Whether the call returned one tensor, and not several or a structure."""
    module: bool
    settings: Settings
    arguments: tuple[Any, ...]
    """Positional arguments; a `Ref` or a `Constant` stands for each tensor."""
    parameters: int
    """Of the module called, or of the parameters among the arguments; 0 when they were counted by an earlier call."""
    macs: int
    memory: int = 0
    """Bytes of what it gives."""
    uncounted: bool = False
    """Whether it does work that `macs` does not tell of."""
    detached: bool = False
    """Whether it ran with gradients off, as what is inside an autograd.Function does: no gradient reaches it."""
    in_place: bool = False
    """Whether it wrote into what it read."""
    view: bool = False
    """Whether what it gives lies in the memory of what it read, and needs none of its own."""
    elastic: bool = False
    """Whether the size of what it gives depends on the numbers that it read."""
    constants: tuple[Ref, ...] = ()
    """What else it read that nodes made, and that is the same for every input."""
    held: tuple[Held, ...] = ()
    """The parameters that it read: a leaf's own, or those among a function's arguments, and what these were made from."""
    aliases: tuple[tuple[Ref, Ref | None], ...] = ()
    """Other tensors that lie where it wrote: what stands for them now, and what did before (None: they were constants)."""
    opaque: bool = False
    """Whether it is a container that makes its output out of our sight."""
    method: str = ""
    """Of a function that a module's forward does not call itself: the method or function of the forward's that does."""
    inside: Inside | None = None
    """Of a leaf whose forward is not torch's own: what it does."""

    @property
    def inner(self) -> tuple[Inner, ...]:
        """Of a leaf whose forward is not torch's own, the functions that it called, in their order."""
        return () if self.inside is None else self.inside.calls


@dataclass(frozen=True)
class Inside:
    """The functions that a leaf called, as nodes numbered -1, -2, ...; they read each other, and what the leaf read."""

    nodes: tuple[Node, ...]
    output: Ref | None
    """What the leaf gave; None where that was made out of our sight."""
    macs: int
    uncounted: bool
    calls: tuple[Inner, ...]
    """All of them, those too that read nothing but weights."""


@dataclass(frozen=True)
class Group:
    """One call of a container: nodes `start` up to, not including, `stop`."""

    order: int
    name: LayerName
    path: str
    op: str
    start: int
    stop: int
    inputs: tuple[Ref, ...]
    output: Ref | None
    """The tensor it returned, where it returned one tensor and made that itself."""
    parameters: int
    children: int


@dataclass(frozen=True)
class Decision:
    """A tensor was turned into a Python value (`if x.mean() > 0`), or asked for a size that depends on the input's numbers
    (`if len(x.nonzero()) > 3`), by which the model may have chosen what to do next:
    nodes `start` up to, not including, `stop`, to the end of the container's call, could be others for another input; so
    could what it returned. None lie between where it returned at once."""

    ref: Ref
    start: int
    stop: int
    given: tuple[Ref, ...] = ()
    """What it returned that was there before: for who reads that from node `stop` on, it could be something else."""

    def opens(self, ref: Ref, reader: int) -> bool:
        """Whether node number `reader` could read something else than `ref`, or not run at all, for another input."""
        between = self.start <= reader < self.stop or self.start <= ref.node < self.stop
        return between or (reader >= self.stop and ref in self.given)


@dataclass(frozen=True)
class Graph:
    """One run. Node 0 is the input, its name ``@input``."""

    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    outputs: tuple[Ref | None, ...]
    """The tensors in what the model returned, in order; None for one that does not depend on the input."""
    rectifiers: int
    max_pools: int
    overlapping_pools: int
    overwritten: frozenset[Ref]
    """Tensors that a later operation wrote into, itself or through a view."""
    idle: tuple[str, ...]
    """Names of the parameters that no call touched."""
    uncalled: tuple[str, ...] = ()
    """Paths of the outermost modules that no call touched: neither they nor what they hold ran."""
    decisions: tuple[Decision, ...] = ()
    raised: tuple[str, ...] = ()
    """Paths of the outermost modules that raised an error which the model handled."""
    torn: bool = False
    """Whether what the model returned could not be followed back to its input."""


def leads_back(nodes: Sequence[Node], ends: Iterable[Ref | None]) -> bool:
    """Whether the way back from one of these comes to the input, which is the first node."""
    wanted = {ref.node for ref in ends if ref is not None}
    for node in reversed(nodes):
        if node.index in wanted:
            wanted.update(ref.node for ref in node.inputs)
    return 0 in wanted
