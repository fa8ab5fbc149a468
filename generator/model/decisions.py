"""Where a run's own numbers chose what to do next, and which modules it never reached.

stem ──▶ mean ──▶ gt ──▶ bool       from here to the end of the container's call, another input may go another way
  └────▶ head ─ ─ ─ ─ ─ ─ ─ ─ ─▶      an early exit has nothing in between: what it returned is open to its readers
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from generator.model.calls import asking, is_leaf, tensors
from generator.model.graph import Decision, Node, Ref
from generator.model.lengths import Look, looks, plain, watched
from generator.model.operations import ELASTIC, function_name
from generator.model.uses import Stored, stored

_DECIDING = frozenset(
    (
        *("__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__", "__array__"),
        *("item", "tolist", "numpy", "is_nonzero", "equal", "allclose"),
    )
)


def decides(function: str) -> bool:
    """Whether a torch function makes Python's values of a tensor's: what the model then does may depend on them."""
    return function in _DECIDING


_MEASURING = ("shape", "size", "numel", "nelement", "__len__", "unbind")


class Sizes:
    """The lengths in a run's tensors that the input's numbers decided: of ``x.nonzero()``, ``x[mask]`` and what is made of them.

    Of what is made of them, dimensions of that length; one that happens to be as long is taken for such.
    """

    def __init__(self) -> None:
        self._lengths: dict[Ref, frozenset[int]] = {}

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Sizes:
        """Those of a run that has ended."""
        found = cls()
        for node in nodes:
            found.follow(node)
        return found

    def follow(self, node: Node) -> None:
        """A node has run."""
        known = frozenset().union(*(self._lengths.get(ref, frozenset()) for ref in node.inputs))
        if node.elastic:
            anywhere = "unique" in node.op or any(isinstance(one, tuple) for one in node.arguments)  # x[:, mask]
            known |= {length for ref in node.outputs for length in ref.shape[: None if anywhere else 1]}
        for ref in node.outputs:
            if lengths := known.intersection(ref.shape):
                self._lengths[ref] = lengths

    def measured(self, function: str, args: tuple[Any, ...], made: Mapping[Tensor, Ref]) -> Ref | None:
        """The tensor of which a call of this function asks such a length, if it does."""
        if not self._lengths or function not in _MEASURING or not args or not isinstance(args[0], Tensor):
            return None
        ref = made.get(args[0])
        if ref is None or ref not in self._lengths or not ref.shape:
            return None
        one_alone = function in ("__len__", "unbind") or (function == "size" and len(args) > 1)
        at = args[1] if len(args) > 1 else 0
        return ref if not one_alone or ref.shape[at] in self._lengths[ref] else None

    def decided(self, ref: Ref) -> bool:
        """Whether a dimension of this tensor is such a length."""
        return ref in self._lengths

    def run(
        self,
        function: Callable[..., Any],
        args: Any,
        kwargs: Any,
        made: Mapping[Tensor, Ref],
        found: Decisions,
        before: int,
    ) -> Any:
        """What a torch function gives that is asked for such a length, which is watched from there on, or is handed one; any
        other is not run, and NotImplemented. `before`: the node that is next."""
        if not self._lengths:
            return NotImplemented
        handed = tuple(looks((args, kwargs)))
        for look in handed:
            look.handed = True
        name = function_name(function)
        ref = self.measured(name, args, made)
        if ref is None and not handed:
            return NotImplemented
        output = function(*plain(args), **plain(kwargs))
        if ref is None:
            return output
        lengths = None if name in ("numel", "nelement") else self._lengths[ref]
        named = stored(asking(sys._getframe(1))) if isinstance(output, (int, torch.Size)) else Stored()
        if named.parts and isinstance(output, torch.Size) and len(named.uses) == len(output):
            parts = [Look(use=use) for use in named.uses]
            for side, look in zip(output, parts, strict=True):
                if side in self._lengths[ref]:
                    found.decide(ref, before, look)
            return torch.Size(watched(side, lengths, look) for side, look in zip(output, parts, strict=True))
        look = Look(use=named.uses[0]) if len(named.uses) == 1 else Look()
        found.decide(ref, before, look)
        return watched(output, lengths, look)


class Decisions:
    """The decisions of a run, gathered as its containers open and close."""

    def __init__(self) -> None:
        self.made: list[Decision] = []
        self._open: list[list[tuple[Ref, int, Look]]] = []
        """For each container that is open, the tensors that decided in it, before which node, and what became of it."""

    def enter(self) -> None:
        """A container's forward begins."""
        self._open.append([])

    def decide(self, ref: Ref, before: int, look: Look | None = None) -> None:
        """A tensor's numbers became Python's before node `before`; with a `look`, a length of it did, and may decide nothing."""
        if self._open:
            self._open[-1].append((ref, before, look or Look()))

    def leave(self, output: Any, given: Collection[Ref], stop: int) -> None:
        """A container has ended, and with it what was decided in it; `given` are the tensors in its output.

        One that returns a number or a word hands the decision on to the one that called it; so does one that returns nothing of
        the input's, which may have kept what it found, chosen between constants, or raised.
        """
        found = self._open.pop()
        told = [id(look) for look in looks(output)] if self._open else []  # who called it may look, or hand it on
        for ref, start, look in found:
            if look.decides and (look.seen or id(look) not in told):
                self.made.append(Decision(ref, start, stop, tuple(one for one in given if one.node < start)))
        if self._open and (_says(output) or not given):
            self._open[-1] += [(ref, stop, look) for ref, _, look in found]


def _says(value: Any) -> bool:
    """Whether there is a Python number or a word in it."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return any(map(_says, value))
    return isinstance(value, (bool, int, float, str))


_IDLE = (nn.Identity, nn.modules.dropout._DropoutNd)
"""What does nothing in evaluation mode: whether it was called is not worth a word."""


def elastic(name: str, args: tuple[Any, ...]) -> bool:
    """Whether what an operation gives is as large as its input's numbers say: `nonzero`, ``x[mask]``, ``where(mask)``."""
    masks = any(value.dtype in (torch.bool, torch.uint8) for value in tensors(args[1:]))
    return name in ELASTIC or (name == "getitem" and masks) or (name == "where" and len(args) == 1)


def uncalled(model: nn.Module, ran: Collection[str], touched: Collection[int]) -> tuple[str, ...]:
    """Paths of the outermost modules that no call reached: neither they (paths in `ran`) nor what they hold ran, and no
    function took one of their parameters (ids in `touched`). What lies inside a leaf, or only groups others, is none."""
    above = {path[:end] for path in ran for end in _dots(path)}
    found: list[str] = []
    closed: set[str] = set()
    """What is found, and leaves: what lies inside is not looked at."""
    for path, module in model.named_modules():
        inside = any(path[:end] in closed for end in _dots(path))
        if is_leaf(module):
            closed.add(path)
        if inside or not path or path in ran or path in above or isinstance(module, _IDLE):
            continue
        own = list(module.parameters())
        holds_nothing = not own and not any(is_leaf(part) for part in module.modules())
        if not holds_nothing and not any(id(parameter) in touched for parameter in own):
            found.append(path)
            closed.add(path)
    return tuple(found)


def _dots(path: str) -> list[int]:
    return [end for end, c in enumerate(path) if c == "."]
