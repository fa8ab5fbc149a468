"""Where the tensors of a run come from: a node, constants, or nowhere that could be seen.

made        the output of a node                    constants   what is the same for every input, and what it was made from
neither     made past the recorder, by an autograd.Function, a scripted function, NumPy: known by where its numbers lie,
            where a node has just written them there; else of unknown origin
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from generator.model.calls import Call, tensors
from generator.model.graph import Constant, Ref
from generator.model.memory import overlaps, shares, version, where

Source = nn.Parameter | Ref


class Origins:
    """The tensors of one run, held weakly. What the model holds before it begins is constant."""

    def __init__(self, model: nn.Module) -> None:
        self.made = WeakTensorKeyDictionary()
        """tensor -> Ref"""
        self.versions = WeakTensorKeyDictionary()
        self.constants = WeakTensorKeyDictionary()
        """tensor -> what it was made from: parameters that no node tells of yet, and nodes"""
        self.overwritten: set[Ref] = set()
        self._newest: tuple[Tensor, Ref] | None = None
        """The last node's only result: held, so that nothing else comes to lie in its memory."""
        for value in _kept(model):
            self.constants[value] = ()

    def known(self, tensor: Tensor) -> bool:
        """Whether it was seen to be made, or is a constant."""
        return tensor in self.made or tensor in self.constants

    def rank(self, tensor: Tensor) -> tuple[float, int]:
        """When it was made, where it is known: the order of tensors in sets, which have none."""
        ref = self.made.get(tensor)
        return (math.inf, 0) if ref is None else (ref.node, ref.output)

    def constant(self, tensor: Tensor, sources: tuple[Source, ...] = ()) -> None:
        """It is the same for every input, and was made from these."""
        self.made.pop(tensor, None)
        self.constants[tensor] = sources

    def make(self, tensor: Tensor, ref: Ref) -> None:
        """A node gave it, or wrote into it; a buffer or an empty tensor that was written into is no constant any more."""
        self.made[tensor] = ref
        self.versions[tensor] = version(tensor)
        self.constants.pop(tensor, None)

    def latest(self, results: tuple[Tensor, ...], refs: tuple[Ref, ...]) -> None:
        """These are what the last node gave."""
        self._newest = (results[0], refs[0]) if len(results) == 1 else None

    def recognise(self, tensor: Tensor) -> bool:
        """An autograd.Function hands out its result as a new object: it is known by where its numbers lie."""
        if self.known(tensor):
            return True
        if not self._newest:
            return False
        last, ref = self._newest
        if where(last) != where(tensor) or ref.shape != tuple(tensor.shape):
            return False
        self.make(tensor, ref)
        return True

    def unchanged(self, call: Call, output: Any, family: str) -> bool:
        """Whether the call handed back a tensor it was given, and wrote nothing into it. Where torch does not count what is written
        (in inference mode), operations that only hand on are taken for such."""
        if not isinstance(output, Tensor) or output not in self.versions:
            return False
        if not any(value is output for value in tensors((call.args, call.kwargs))):
            return False
        now = version(output)
        return family in ("copy", "reshape") if now == -1 else now == self.versions[output]

    def overwrite(self, results: tuple[Tensor, ...]) -> list[tuple[Tensor, Ref | None]]:
        """The first of these was written into, and so were those that lie where it does: these others, and what they were (None:
        constants)."""
        written, found = results[0], list[tuple[Tensor, Ref | None]]()
        for value, ref in list(self.made.items()):
            if shares(value, written):
                self.overwritten.add(ref)
                self.versions[value] = version(value)
                found.append((value, ref))
        found += [(value, None) for value in self.constants if not isinstance(value, nn.Parameter)]
        return [
            (value, ref)
            for value, ref in found
            if overlaps(value, written) and not any(value is result for result in results)
        ]

    def sources(self, call: Call) -> tuple[Source, ...]:
        """The parameters among a call's arguments, and what the constants among them were made from."""
        found: list[Source] = []
        for value in tensors((call.args, call.kwargs)):
            found += [value] if isinstance(value, nn.Parameter) else self.constants.get(value, ())
        return tuple(found)

    def within(self, module: nn.Module) -> tuple[tuple[Ref, ...], tuple[Source, ...]]:
        """What a module holds that this run made, as weights that others work out or a hook does: what nodes gave, and what the
        constants among it were made from."""
        parts = (vars(part) for part in module.modules())
        values = [
            value for own in parts for held in (own, own["_parameters"], own["_buffers"]) for value in held.values()
        ]
        known = [value for value in values if isinstance(value, Tensor) and not isinstance(value, nn.Parameter)]
        made = tuple(self.made[value] for value in known if value in self.made)
        return made, tuple(one for value in known for one in self.constants.get(value, ()))

    def frozen(self, value: Any) -> Any:
        """An argument, with a `Ref` or a `Constant` for each tensor."""
        if isinstance(value, Tensor):
            return self.made[value] if value in self.made else Constant(tuple(value.shape))
        if isinstance(value, (tuple, list)):
            return tuple(map(self.frozen, value))
        return value if isinstance(value, (int, float, str, slice, type(None), type(...))) else repr(type(value))


_DEEP = 4
"""Containers and objects in each other that are looked into for tensors."""


def _kept(model: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers, tensors in attributes of any kind, and in the constants of the files that its classes are in."""
    seen: set[int] = set()
    for module in model.modules():
        yield from _inside(vars(module), seen, _DEEP)
    for file in {type(module).__module__ for module in model.modules()}:
        if not file.startswith("torch."):
            values = vars(sys.modules[file]).values() if file in sys.modules else ()
            known = [value for value in values if isinstance(value, (Tensor, dict, list, tuple))]
            yield from _inside(known, seen, _DEEP)


def _inside(value: Any, seen: set[int], deep: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):  # in a plain list, where torch does not know of it
        for part in value.modules():
            if id(part) not in seen:
                seen.add(id(part))
                yield from (*part.parameters(recurse=False), *part.buffers(recurse=False))
    elif deep and id(value) not in seen and not isinstance(value, (str, bytes, int, float, type)):
        seen.add(id(value))
        if not isinstance(value, (dict, list, tuple, set)):
            value = getattr(value, "__dict__", {})
        for item in tuple(value.values() if isinstance(value, dict) else value):
            yield from _inside(item, seen, deep - 1)
