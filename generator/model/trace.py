"""Record one run of a model as a graph: a node for every operation, an edge for every tensor that it read.

    x ──▶ conv1 ──▶ bn1 ──▶ relu ──▶ F.add ──▶ ...      node    a leaf module or a torch function outside leaves
          └───────── layer1.0 ─────────┘               group   a container: an interval of nodes, never a prefix of names

Edges go by the identity of tensors, so a model may be written in any way that Python allows. An operation in place
replaces what its tensor stood for (and the tensor it is a view of). Parameters, buffers, further inputs and what is
worked out from these alone are constants, and have a node only where making them costs multiply-accumulates. What a
node computes is told by its family (see operations.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from generator.engine.invoke import Invocation
from generator.engine.rules import as_max_pool, as_rectifier
from generator.model.calls import Call, is_leaf, tensors, watch
from generator.model.decisions import Decisions, decides, uncalled
from generator.model.graph import Constant, Graph, Group, Held, Node, Ref
from generator.model.macs import function_macs, module_macs
from generator.model.memory import shares, version, where
from generator.model.operations import (
    ELASTIC,
    FUNCTIONS,
    Settings,
    function_settings,
    mask_settings,
    module_family,
    module_settings,
    short_name,
)
from generator.names import INPUT, LayerName

Observe = Callable[[Node, tuple[Any, ...], Any], None]
"""Told of each node as it happens, with the call's arguments and its output."""


def trace(
    model: nn.Module, x: Tensor, observe: Observe | None = None, invocation: Invocation | None = None
) -> tuple[Graph, Any]:
    """Run `model` once on the image `x` (1, c, h, w), called as `invocation` says, and return its graph and its output.
    Whatever the model raises passes through."""
    recorder = _Recorder(model, x, observe)
    required = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        for parameter in required:  # no graph is built, and gradients are off only where the model turns them off
            parameter.requires_grad_(False)
        with recorder.listening(), torch.enable_grad(), watch(model, recorder.on_call, recorder.count):
            output = (invocation or Invocation())(model, x)
    finally:
        for parameter, flag in required.items():
            parameter.requires_grad_(flag)
    return recorder.graph(output), output


@dataclass
class _Recorder:
    model: nn.Module
    x: Tensor
    observe: Observe | None
    nodes: list[Node] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.order = 0
        self.rectifiers = self.max_pools = self.overlapping_pools = 0
        self.touched: set[int] = set()
        """Parameters of leaves that ran or among a function's arguments."""
        self.counted: set[int] = set()
        """Modules and parameters whose numbers stand in an earlier row."""
        self.decisions = Decisions()
        self.ran: set[str] = set()
        """Paths of the modules that were called."""
        self.leaf: nn.Module | None = None
        self.pads: list[tuple[int, ...]] = []
        self.permuted = False
        self.starts: dict[int, list[int]] = {}
        self.made = WeakTensorKeyDictionary()
        """tensor -> Ref"""
        self.versions = WeakTensorKeyDictionary()
        self.names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        self.constants = WeakTensorKeyDictionary()
        """tensor -> what it was made from: parameters that no node tells of yet, and nodes"""
        self.overwritten: set[Ref] = set()
        self.newest: tuple[tuple[int, int], Ref] | None = None
        """Where in memory the last node's only result lies."""
        for module in self.model.modules():
            for value in (*module._parameters.values(), *module._buffers.values(), *vars(module).values()):
                for held in value if isinstance(value, (list, tuple)) else (value,):
                    if isinstance(held, Tensor):
                        self.constants[held] = ()
        self._add(INPUT, "", "input", "input", (), (self.x,), plain=True, module=False)

    # ---- what happens during the run

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note where containers begin and which leaf is open: the watcher tells only of ends."""

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self.leaf is not None:
                return
            if module is self.model and len(self.nodes) == 1:
                self._given(args, kwargs)
            if is_leaf(module):
                self.leaf, self.pads, self.permuted = module, [], False
            else:
                self.starts.setdefault(id(module), []).append(len(self.nodes))
                self.decisions.enter()

        handles = [module.register_forward_pre_hook(enter, with_kwargs=True) for module in self.model.modules()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _given(self, args: Any, kwargs: Any) -> None:
        """What the model is called with: the batch, the image out of it, or what is the same for every image."""
        for value in tensors((args, kwargs)):
            if value is self.x:
                continue
            if where(value) == where(self.x) and value.shape == self.x.shape[1:]:
                whole = self.made[self.x]
                self._add(
                    INPUT,
                    "",
                    "F.getitem",
                    "getitem",
                    (whole,),
                    (value,),
                    plain=True,
                    module=False,
                    arguments=(whole, 0),
                )
            else:
                self.constants[value] = ()

    def count(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See every torch function, inside leaves too; change none. What constants pass through changes no gradient."""
        if (rectifier := as_rectifier(function, args, kwargs)) is not None:
            self.rectifiers += rectifier.x not in self.constants
        elif (pool := as_max_pool(function, args, kwargs)) is not None:
            self.max_pools += pool.x not in self.constants
            self.overlapping_pools += pool.overlaps and pool.x not in self.constants
        elif self.leaf is not None and (name := getattr(function, "__name__", "")) in ("pad", "permute"):
            if name == "pad":
                amounts = args[1] if len(args) > 1 else kwargs.get("pad", ())
                self.pads.append(tuple(int(amount) for amount in amounts))
            self.permuted |= name == "permute"
        return NotImplemented

    def on_call(self, call: Call, output: Any) -> None:
        """A leaf, a function or a container has ended."""
        if call.module is not None:
            self.ran.add(call.path)
        if call.module is not None and not call.leaf:
            self._container(call, call.module, output)
        elif call.module is not None:
            self._leaf(call, call.module, output)
        elif call.function is not None:
            self._function(call, call.function, output)

    def _leaf(self, call: Call, module: nn.Module, output: Any) -> None:
        pads, self.leaf, self.pads = tuple(self.pads), None, []
        sources = (*module.parameters(), *self._sources(call))
        self.touched.update(map(id, sources))
        if self._unchanged(call, output):
            return
        family = module_family(module)
        if family == "layer_norm" and self.permuted:  # LayerNorm2d: over the channels of (n, c, h, w)
            family = "channel_norm"
        self._record(
            call,
            output,
            op=type(module).__name__,
            family=family,
            settings={**module_settings(module, pads), **mask_settings(family, 5, call.args, call.kwargs)},
            parameters=self._counted(sources),
            macs=module_macs(module, family, call.args, call.kwargs, output),
            held=self._held(sources),
        )

    def _function(self, call: Call, function: str, output: Any) -> None:
        name = short_name(function)
        if name == "setitem":  # x[...] = y returns nothing: what it wrote to is its output
            output = call.args[0]
        results = list(tensors(output))
        sources = self._sources(call)
        self.touched.update(map(id, sources))
        if decides(function):
            for value in tensors(call.args):
                if value in self.made:
                    self.decisions.decide(self.made[value], len(self.nodes))
        if not results or self._unchanged(call, output):
            return
        family = FUNCTIONS.get(name, "unknown")
        macs = function_macs(name, family, call.args, call.kwargs, output)
        knows_only_the_shape = name.startswith("new_") or name.endswith("_like")
        if knows_only_the_shape or (not macs and not self._read(call)):
            for result in results:
                self.constants[result] = () if knows_only_the_shape else sources
            return
        self._record(
            call,
            output,
            op=f"F.{name}",
            family=family,
            settings={
                **function_settings(name, family, call.args, call.kwargs),
                **mask_settings(family, 3, call.args, call.kwargs),
            },
            parameters=self._counted(sources),
            macs=macs,
            held=self._held(sources),
            elastic=name in ELASTIC or _picks(name, call.args),
        )

    def _container(self, call: Call, module: nn.Module, output: Any) -> None:
        start = self.starts[id(module)].pop()
        self.decisions.leave(output, len(self.nodes))
        parameters = self._parameters(module)
        for result in tensors(output):
            self._recognise(result, start)
        if any(result not in self.made and result not in self.constants for result in tensors(output)):
            # made out of our sight, by an autograd.Function or outside torch: the container is one opaque operation
            self.touched.update(map(id, module.parameters()))
            if self._read(call):
                op, own = type(module).__name__, self._counted(module.parameters())
                self._record(call, output, op=op, family="unknown", settings={}, parameters=own, macs=0, opaque=True)
            return
        ref = self.made.get(output) if isinstance(output, Tensor) else None
        if ref is not None and not start <= ref.node < len(self.nodes):
            ref = None  # handed through
        self.groups.append(
            Group(
                self._next(),
                call.name,
                call.path,
                type(module).__name__,
                start,
                len(self.nodes),
                self._read(call),
                ref,
                parameters,
                len(module._modules),
            )
        )

    # ---- bookkeeping

    def _next(self) -> int:
        self.order += 1
        return self.order

    def _sources(self, call: Call) -> tuple[nn.Parameter | Ref, ...]:
        """The parameters among a call's arguments, and what the constants among them were made from."""
        found: list[nn.Parameter | Ref] = []
        for value in tensors((call.args, call.kwargs)):
            found += [value] if isinstance(value, nn.Parameter) else self.constants.get(value, ())
        return tuple(found)

    def _held(self, sources: Iterable[Tensor | Ref]) -> tuple[Held, ...]:
        """The parameters among these, each once."""
        found = {self.names.get(id(one), ""): one for one in sources if isinstance(one, Tensor)}
        return tuple(Held(name, tuple(one.shape)) for name, one in found.items() if name)

    def _counted(self, sources: Iterable[Tensor | Ref]) -> int:
        """How many numbers the parameters among these are that stand in no earlier row."""
        return sum(one.numel() for one in sources if isinstance(one, Tensor) and self._first(one))

    def _first(self, counted: nn.Module | Tensor) -> bool:
        new = id(counted) not in self.counted
        self.counted.add(id(counted))
        return new

    def _parameters(self, module: nn.Module) -> int:
        """All that a container holds, at its first call."""
        return sum(parameter.numel() for parameter in module.parameters()) if self._first(module) else 0

    def _read(self, call: Call) -> tuple[Ref, ...]:
        """What the call read of what the input went into; a tensor of unknown origin becomes a node of its own."""
        found: list[Ref] = []
        kwargs = {key: value for key, value in call.kwargs.items() if key != "out"}
        for value in tensors((call.args, kwargs)):
            if value in self.constants:
                continue
            if value not in self.made:
                if value.dim() < 2:
                    continue
                name = LayerName(f"{call.path}.?" if call.path else "?")
                self._add(name, call.path, "?", "unknown", (), (value,), plain=True, module=False)
            found.append(self.made[value])
        return tuple(dict.fromkeys(found))

    def _recognise(self, tensor: Tensor, start: int) -> None:
        """An autograd.Function hands out its result as a new object: it is known by where its numbers lie."""
        if tensor in self.made or tensor in self.constants or len(self.nodes) <= start or not self.newest:
            return
        place, ref = self.newest
        if place == where(tensor) and ref.shape == tuple(tensor.shape):
            self._made(tensor, ref)

    def _unchanged(self, call: Call, output: Any) -> bool:
        """Whether the call handed back a tensor it was given, and wrote nothing into it."""
        if not isinstance(output, Tensor) or output not in self.versions:
            return False
        given = any(value is output for value in tensors((call.args, call.kwargs)))
        return given and version(output) == self.versions[output]

    def _record(self, call: Call, output: Any, **facts: Any) -> None:
        inputs = self._read(call)
        results, read = tuple(tensors(output)), tuple(tensors((call.args, call.kwargs)))
        wrote = bool(results) and any(results[0] is value for value in tensors(call.args))
        base = results[0]._base if wrote else None
        if wrote:
            self.overwritten.update(ref for value, ref in self.made.items() if shares(value, results[0]))
        if base is not None and base in self.made:  # written through a view: the whole tensor is new
            inputs = tuple(dict.fromkeys((*inputs, self.made[base])))
        node = self._add(
            call.name,
            call.path,
            facts.pop("op"),
            facts.pop("family"),
            inputs,
            results,
            plain=isinstance(output, Tensor),
            module=call.module is not None,
            arguments=self._frozen(call.args),
            constants=tuple(dict.fromkeys(one for one in self._sources(call) if isinstance(one, Ref))),
            in_place=wrote,
            view=bool(results) and all(any(shares(value, result) for value in read) for result in results),
            **facts,
        )
        if not inputs:  # fed from constants alone: it costs, but what it gives is a constant too
            for result in results:
                self.constants[result] = (self.made.pop(result),)
        if base is not None:
            self._made(base, Ref(node.index, 0, tuple(base.shape)))
        if self.observe is not None:
            self.observe(node, call.args, output)

    def _add(
        self,
        name: LayerName,
        path: str,
        op: str,
        family: str,
        inputs: tuple[Ref, ...],
        results: tuple[Tensor, ...],
        *,
        plain: bool,
        module: bool,
        settings: Settings | None = None,
        arguments: tuple[Any, ...] = (),
        parameters: int = 0,
        macs: int = 0,
        **more: Any,
    ) -> Node:
        index = len(self.nodes)
        outputs = tuple(Ref(index, k, tuple(result.shape)) for k, result in enumerate(results))
        node = Node(
            index, self._next(), name, path, op, family, inputs, outputs, plain, module, settings or {}, arguments, parameters,
            macs, not torch.is_grad_enabled(), **more,
        )  # fmt: skip
        self.nodes.append(node)
        for result, ref in zip(results, outputs, strict=True):
            self._made(result, ref)
        self.newest = (where(results[0]), outputs[0]) if len(results) == 1 else None
        return node

    def _made(self, tensor: Tensor, ref: Ref) -> None:
        self.made[tensor] = ref
        self.versions[tensor] = version(tensor)
        if tensor in self.constants:  # a buffer or an empty tensor that the input was written into
            del self.constants[tensor]

    def _frozen(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self.made[value] if value in self.made else Constant(tuple(value.shape))
        if isinstance(value, (tuple, list)):
            return tuple(map(self._frozen, value))
        return value if isinstance(value, (int, float, str, slice, type(None), type(...))) else repr(type(value))

    def graph(self, output: Any) -> Graph:
        """All that was seen, frozen."""
        ends = tuple(self.made.get(value) for value in tensors(output))
        return Graph(
            tuple(self.nodes),
            tuple(self.groups),
            ends,
            self.rectifiers,
            self.max_pools,
            self.overlapping_pools,
            frozenset(self.overwritten),
            tuple(name for name, parameter in self.model.named_parameters() if id(parameter) not in self.touched),
            uncalled(self.model, self.ran, self.touched),
            tuple(self.decisions.made),
        )


def _picks(name: str, args: tuple[Any, ...]) -> bool:
    """Whether ``x[mask]`` or ``where(mask)`` gives as many values as the mask says."""
    masks = any(value.dtype in (torch.bool, torch.uint8) for value in tensors(args[1:]))
    return (name == "getitem" and masks) or (name == "where" and len(args) == 1)
