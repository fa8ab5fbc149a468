"""What a leaf does inside whose forward is not torch's own: `class LoRA(nn.Linear)`, a convolution that holds another.

x ──▶ F.linear ──▶ F.add ──▶ y          the functions that it calls, in a small graph of their own: what it costs is
└───▶ F.matmul ──────┘                  the sum of them, what a place of it sees is told through them
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from generator.model.calls import tensors
from generator.model.graph import Constant, Inner, Inside, Node, Ref
from generator.model.macs import function_macs
from generator.model.memory import where
from generator.model.operations import function_family, function_name, function_settings, short_name
from generator.model.origins import Origins
from generator.names import LayerName


class Within:
    """The functions of one call of a leaf. Their nodes and refs count from -1 down, beside those of the run."""

    def __init__(self, module: nn.Module, origins: Origins) -> None:
        self.origins = origins
        self.nodes: list[Node] = []
        self.held: list[Tensor] = [*module.parameters(), *module.buffers()]
        """So that no two have one id."""
        self.made: dict[int, Ref | None] = {id(one): None for one in self.held}
        """Ref by tensor; None of what is the same for every input."""
        self.macs, self.uncounted = 0, False
        self.calls: list[Inner] = []

    def ran(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A function has ended."""
        self.calls += _inner(function, args, kwargs)
        name = short_name(function_name(function))
        results = tuple(tensors(args[0] if name == "setitem" else output))
        if not results:
            return
        family = function_family(name, args, kwargs)
        macs = function_macs(name, family, args, kwargs, output)
        self.macs, self.uncounted = self.macs + (macs or 0), self.uncounted or macs is None
        given = {key: value for key, value in kwargs.items() if key != "out"}
        refs = tuple(dict.fromkeys(filter(None, map(self._ref, tensors((args, given))))))
        if not refs:
            self._hold(results, (None,) * len(results))
            return
        made = self._add(f"F.{name}", family, refs, results, function_settings(name, family, args, kwargs), args)
        self._hold(results, made)
        base = results[0]._base
        if base is not None and any(results[0] is value for value in tensors(args)):  # written through a view
            self._hold((base,), self._add("?", "unknown", (), (base,)))

    def ended(self, output: Any) -> Inside:
        """The call has: its functions, and which of the tensors is its own."""
        given = next(tensors(output), None)
        ref = None if given is None else self._known(given)
        uncounted = self.uncounted or (ref is None and given is not None)
        return Inside(tuple(self.nodes), ref, self.macs, uncounted, tuple(self.calls))

    # ---- whence tensors are

    def _known(self, tensor: Tensor) -> Ref | None:
        """The ref of what was seen to be made; what an autograd.Function hands out is known by where its numbers lie."""
        found = self.made.get(id(tensor)) or self.origins.made.get(tensor)
        if found is None and self.nodes and id(tensor) not in self.made:
            last, ref = self.held[-1], self.nodes[-1].outputs[-1]
            found = ref if ref.shape == tuple(tensor.shape) and where(last) == where(tensor) else None
        return found

    def _ref(self, tensor: Tensor) -> Ref | None:
        """None of what is the same for every input; a tensor of unknown origin is a node of its own."""
        found = self._known(tensor)
        if found is None and id(tensor) not in self.made and tensor not in self.origins.constants:
            self._hold((tensor,), self._add("?", "unknown", (), (tensor,)))
            found = self.made[id(tensor)]
        return found

    def _hold(self, results: tuple[Tensor, ...], refs: tuple[Ref | None, ...]) -> None:
        self.held += results
        self.made.update(zip(map(id, results), refs, strict=True))

    def _frozen(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._known(value) or Constant(tuple(value.shape))
        if isinstance(value, (tuple, list)):
            return tuple(map(self._frozen, value))
        return value if isinstance(value, (int, float, str, slice, type(None), type(...))) else repr(type(value))

    def _add(
        self,
        op: str,
        family: str,
        inputs: tuple[Ref, ...],
        results: tuple[Tensor, ...],
        settings: Any = None,
        args: tuple[Any, ...] = (),
    ) -> tuple[Ref, ...]:
        index = -1 - len(self.nodes)
        refs = tuple(Ref(index, k, tuple(one.shape)) for k, one in enumerate(results))
        plain, arguments = len(results) == 1, self._frozen(args)
        self.nodes.append(
            Node(index, 0, LayerName(op), "", op, family, inputs, refs, plain, False, settings or {}, arguments, 0, 0)
        )
        return refs


def _inner(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Inner, ...]:
    """A function called inside a leaf; nothing of what only asks for a shape or hands on a tensor."""
    name = short_name(function_name(function))
    family = function_family(name, args, kwargs)
    if family in ("unknown", "copy"):
        return ()
    arguments = tuple(Constant(tuple(one.shape)) if isinstance(one, Tensor) else one for one in args)
    return (Inner(f"F.{name}", family, function_settings(name, family, args, kwargs), arguments),)
