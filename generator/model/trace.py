"""Record one run of a model as a graph: a node for every operation, an edge for every tensor that it read.

    x ──▶ conv1 ──▶ bn1 ──▶ relu ──▶ F.add ──▶ ...      node    a leaf module or a torch function outside leaves
          └───────── layer1.0 ─────────┘               group   a container: an interval of nodes, never a prefix of names

Edges go by the identity of tensors, so a model may be written in any way that Python allows. An operation in place
replaces what its tensor stood for (and the tensor it is a view of). Parameters, buffers, further inputs and what is
worked out from these alone are constants, and have a node only where making them costs multiply-accumulates. What a
node computes is told by its family (see operations.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from generator.engine.invoke import Invocation
from generator.engine.rules import as_max_pool, as_rectifier
from generator.model.calls import Call, Listener, tensors, watch
from generator.model.decisions import Decisions, Sizes, decides, elastic, uncalled
from generator.model.graph import Graph, Group, Held, Node, Ref, leads_back
from generator.model.holding import counted
from generator.model.lengths import plain
from generator.model.macs import function_macs, module_macs
from generator.model.memory import shares, where
from generator.model.operations import (
    Settings,
    function_family,
    function_settings,
    mask_settings,
    module_family,
    module_settings,
    own_forward,
    short_name,
)
from generator.model.origins import Origins, Source
from generator.model.within import Within
from generator.model.writes import given_to, rest_of, wrote_into
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
        listener = Listener(recorder.enter, recorder.failed)
        with torch.enable_grad(), watch(model, recorder.on_call, recorder.count, listener=listener):
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
        """Parameters whose numbers stand in an earlier row."""
        self.held: list[dict[int, int]] = []
        """What each container holds: how many numbers, by parameter."""
        self.decisions, self.sizes = Decisions(), Sizes()
        self.ran: set[str] = set()
        """Paths of the modules that were called."""
        self.leaf: nn.Module | None = None
        self.pads: list[tuple[int, ...]] = []
        self.permuted = False
        self.within: Within | None = None
        """What the open leaf does, where its forward is not torch's own."""
        self.starts: dict[int, list[int]] = {}
        self.raised: list[str] = []
        """Paths of the outermost modules that raised, which the model survived."""
        self.origins = Origins(self.model)
        self.names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        self._add(INPUT, "", "input", "input", (), (self.x,), plain=True, module=False)

    # ---- what happens during the run

    def enter(self, module: nn.Module, leaf: bool, args: Any, kwargs: Any) -> None:
        """A leaf or a container begins."""
        if module is self.model and len(self.nodes) == 1:
            self._given(args, kwargs)
        if leaf:
            self.leaf, self.pads, self.permuted = module, [], False
            plain = own_forward(module) and not is_parametrized(module)
            self.within = None if plain else Within(module, self.origins)
        else:
            self.starts.setdefault(id(module), []).append(len(self.nodes))
            self.decisions.enter()

    def failed(self, module: nn.Module, path: str, leaf: bool) -> None:
        """A leaf or a container raised: what stands around it may go on without."""
        self.raised = [*(one for one in self.raised if not one.startswith(f"{path}.")), path]
        if leaf:
            self.leaf, self.pads, self.within = None, [], None
        else:
            self.starts[id(module)].pop()
            self.decisions.leave(None, (), len(self.nodes))

    def _given(self, args: Any, kwargs: Any) -> None:
        """What the model is called with: the batch, the image out of it, or what is the same for every image."""
        for value in tensors((args, kwargs)):
            if value is self.x:
                continue
            if where(value) == where(self.x) and value.shape == self.x.shape[1:]:
                whole = self.origins.made[self.x]
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
                self.origins.constant(value)

    def count(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See every torch function, inside leaves too; change none. What constants pass through changes no gradient."""
        if (rectifier := as_rectifier(function, args, kwargs)) is not None:
            self.rectifiers += rectifier.x not in self.origins.constants
        elif (pool := as_max_pool(function, args, kwargs)) is not None:
            self.max_pools += pool.x not in self.origins.constants
            self.overlapping_pools += pool.overlaps and pool.x not in self.origins.constants
        elif self.leaf is not None and (name := getattr(function, "__name__", "")) in ("pad", "permute"):
            if name == "pad":
                amounts = args[1] if len(args) > 1 else kwargs.get("pad", ())
                self.pads.append(tuple(int(amount) for amount in amounts))
            self.permuted |= name == "permute"
        if self.leaf is None:
            return self.sizes.run(function, args, kwargs, self.origins.made, self.decisions, len(self.nodes))
        if self.within is None:
            return NotImplemented
        output = function(*args, **kwargs)
        self.within.ran(function, args, kwargs, output)
        return output

    def on_call(self, call: Call, output: Any) -> None:
        """A leaf, a function or a container has ended."""
        call = replace(call, args=plain(call.args), kwargs=plain(call.kwargs))
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
        inside = None if self.within is None else self.within.ended(output)
        made, others = self.origins.within(module)
        sources = (*module.parameters(), *self.origins.sources(call), *others)
        self.touched.update(map(id, sources))
        family = module_family(module)
        if self.origins.unchanged(call, output, family):
            return
        if family == "layer_norm" and self.permuted:  # LayerNorm2d: over the channels of (n, c, h, w)
            family = "channel_norm"
        self._record(
            call,
            output,
            op=type(module).__name__,
            family=family,
            settings={**module_settings(module, pads), **mask_settings(family, 5, call.args, call.kwargs)},
            parameters=self._counted(sources),
            macs=module_macs(module, family, call.args, call.kwargs, output) if inside is None else inside.macs,
            uncounted=inside is not None and inside.uncounted,
            held=self._held(sources, module),
            inside=None if own_forward(module) else inside,
            more=made,
            others=others,
        )

    def _function(self, call: Call, function: str, output: Any) -> None:
        name = short_name(function)
        if name == "setitem":  # x[...] = y returns nothing: what it wrote to is its output
            output = call.args[0]
        results = list(tensors(output))
        sources = self.origins.sources(call)
        self.touched.update(map(id, sources))
        if decides(function):
            for value in tensors(call.args):
                if value in self.origins.made:
                    self.decisions.decide(self.origins.made[value], len(self.nodes))
        family = function_family(name, call.args, call.kwargs)
        if not results or self.origins.unchanged(call, output, family):
            return
        macs = function_macs(name, family, call.args, call.kwargs, output)
        knows_only_the_shape = name.startswith("new_") or name.endswith("_like")
        if knows_only_the_shape or (not macs and not self._read(call)):
            for result in results:
                self.origins.constant(result, () if knows_only_the_shape else sources)
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
            elastic=elastic(name, call.args),
            method=call.method,
        )

    def _container(self, call: Call, module: nn.Module, output: Any) -> None:
        start = self.starts[id(module)].pop()
        fresh = len(self.nodes) > start
        seen = [self.origins.recognise(one) if fresh else self.origins.known(one) for one in tensors(output)]
        opaque = bool(call.path) and not all(seen)
        if opaque:
            # made out of our sight, by an autograd.Function or outside torch: the container is one opaque operation
            self.touched.update(map(id, module.parameters()))
            if self._read(call):
                op, own = type(module).__name__, self._counted(module.parameters())
                self._record(call, output, op=op, family="unknown", settings={}, parameters=own, macs=None, opaque=True)
        given = [ref for one in tensors(output, rank=self.origins.rank) if (ref := self.origins.made.get(one))]
        self.decisions.leave(output, given, len(self.nodes))
        if opaque:
            return
        ref = self.origins.made.get(output) if isinstance(output, Tensor) else None
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
                0,  # told at the end, when it is known who reads what
                len(module._modules),
            )
        )
        self.held.append({id(one): one.numel() for one in module.parameters()})

    # ---- bookkeeping

    def _next(self) -> int:
        self.order += 1
        return self.order

    def _held(self, sources: Iterable[Tensor | Ref], module: nn.Module | None = None) -> tuple[Held, ...]:
        """The parameters among these, each once; what is none of the `module`'s own is data to it."""
        own = self.names if module is None else set(map(id, module.parameters()))
        found = {self.names.get(id(one), ""): one for one in sources if isinstance(one, Tensor)}
        return tuple(Held(name, tuple(one.shape), id(one) not in own) for name, one in found.items() if name)

    def _counted(self, sources: Iterable[Tensor | Ref]) -> int:
        """How many numbers the model's own parameters among these are that stand in no earlier row."""
        known = [one for one in sources if isinstance(one, Tensor) and id(one) in self.names]
        return sum(one.numel() for one in known if self._first(one))

    def _first(self, one: Tensor) -> bool:
        new = id(one) not in self.counted
        self.counted.add(id(one))
        return new

    def _read(self, call: Call) -> tuple[Ref, ...]:
        """What the call read of what the input went into; a tensor of unknown origin becomes a node of its own."""
        found: list[Ref] = []
        for value in tensors((call.args, given_to(call)), rank=self.origins.rank):
            if value in self.origins.constants:
                continue
            if not self.origins.recognise(value):
                self._appears(value, call.path)
            found.append(self.origins.made[value])
        return tuple(dict.fromkeys(found))

    def _appears(self, tensor: Tensor, path: str) -> None:
        """A tensor of unknown origin, of whatever size, is a node of its own."""
        name = LayerName(f"{path}.?" if path else "?")
        self._add(name, path, "?", "unknown", (), (tensor,), plain=True, module=False, macs=None)

    def _record(
        self, call: Call, output: Any, more: tuple[Ref, ...] = (), others: tuple[Source, ...] = (), **facts: Any
    ) -> None:
        """`more` is what it read beside its arguments, `others` what that was made from where it is the same for every input."""
        inputs = tuple(dict.fromkeys((*self._read(call), *more)))
        results, read = tuple(tensors(output)), tuple(tensors((call.args, given_to(call))))
        wrote = bool(results) and any(results[0] is value for value in read)
        lying = self.origins.overwrite(results) if wrote_into(call, results) else []
        inputs = tuple(dict.fromkeys((*inputs, *rest_of(results, lying))))
        aliases = [(value, Ref(len(self.nodes), 0, tuple(value.shape)), ref) for value, ref in lying if inputs]
        node = self._add(
            call.name,
            call.path,
            facts.pop("op"),
            facts.pop("family"),
            inputs,
            results,
            plain=call.tensor(output) is not None,
            module=call.module is not None,
            arguments=self.origins.frozen(call.args),
            constants=tuple(
                dict.fromkeys(one for one in (*self.origins.sources(call), *others) if isinstance(one, Ref))
            ),
            in_place=wrote,
            aliases=tuple((now, before) for _, now, before in aliases),
            view=bool(results) and all(any(shares(value, result) for value in read) for result in results),
            **facts,
        )
        if not inputs:  # fed from constants alone: it costs, but what it gives is a constant too
            for result in results:
                self.origins.constant(result, (self.origins.made[result],))
        for value, now, _ in aliases:
            self.origins.make(value, now)
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
        macs: int | None = 0,
        uncounted: bool = False,
        **more: Any,
    ) -> Node:
        index = len(self.nodes)
        outputs = tuple(Ref(index, k, tuple(result.shape)) for k, result in enumerate(results))
        node = Node(
            index, self._next(), name, path, op, family, inputs, outputs, plain, module, settings or {}, arguments, parameters,
            macs or 0, sum(one.numel() * one.element_size() for one in results), uncounted or macs is None, not torch.is_grad_enabled(), **more,
        )  # fmt: skip
        self.nodes.append(node)
        for result, ref in zip(results, outputs, strict=True):
            self.origins.make(result, ref)
        self.origins.latest(results, outputs)
        self.sizes.follow(node)
        return node

    def graph(self, output: Any) -> Graph:
        """All that was seen, frozen."""
        given = tuple(tensors(output, rank=self.origins.rank))
        for value in given:
            if not self.origins.known(value):
                self._appears(value, "")
        ends = tuple(self.origins.made.get(value) for value in given)
        return Graph(
            tuple(self.nodes),
            counted(self.groups, self.held, self.nodes, self.counted),
            ends,
            self.rectifiers,
            self.max_pools,
            self.overlapping_pools,
            frozenset(self.origins.overwritten),
            tuple(name for name, parameter in self.model.named_parameters() if id(parameter) not in self.touched),
            uncalled(self.model, self.ran, self.touched),
            tuple(self.decisions.made),
            tuple(self.raised),
            bool(given) and not leads_back(self.nodes, ends),
        )
