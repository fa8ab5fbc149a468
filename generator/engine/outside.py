"""What a model keeps outside itself, as far as that can be seen: copies of it would write into the same.

    hook, or a function with a closure ──▶ a list, a dict, a tensor, a module that no copy has for its own

A module-level variable, an attribute of a class, a file and what compiled code keeps are not seen.
"""

from __future__ import annotations

import functools
from collections import deque
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from torch import Tensor, nn

SAFE = ("torch", "torchvision")
"""Packages whose own modules keep nothing outside themselves."""
WRITTEN = (nn.Module, Tensor, list, dict, set, bytearray, deque)
"""What code can write into: of such a function holds the very object, however often the module that has it is copied."""
FUNCTIONS = (FunctionType, BuiltinMethodType, functools.partial)


def keeps_outside(module: nn.Module) -> bool:
    """Whether the module has hooks, or functions of it, or put on it, hold what can be written into."""
    return any(_hooked(part) or any(_holds(one, set()) for one in _functions(part)) for part in module.modules())


def _hooked(part: nn.Module) -> bool:
    return bool(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks)


def _functions(part: nn.Module) -> list[Any]:
    """Those put on the module itself, and the methods of its class and of those it derives from, down to torch's."""
    found = [value for value in vars(part).values() if isinstance(value, FUNCTIONS)]
    for kind in type(part).__mro__:
        if kind.__module__.partition(".")[0] not in (*SAFE, "builtins", "typing", "abc"):
            found += [getattr(value, "__func__", value) for value in vars(kind).values()]
    return [value for value in found if isinstance(value, FUNCTIONS)]


def _holds(value: Any, seen: set[int]) -> bool:
    """Whether a function holds, by closure or default, what can be written into; or is that itself, within one."""
    if id(value) in seen:
        return False
    seen.add(id(value))
    if isinstance(value, WRITTEN):
        return True
    inner: list[Any] = []
    if isinstance(value, FunctionType):
        inner += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        for cell in value.__closure__ or ():
            try:
                inner.append(cell.cell_contents)
            except ValueError:  # not filled yet
                continue
    elif isinstance(value, functools.partial):
        inner += [value.func, *value.args, *value.keywords.values()]
    elif isinstance(value, MethodType):
        inner += [value.__func__, value.__self__]
    elif isinstance(value, BuiltinMethodType):  # a list's `append`
        inner += [value.__self__]
    elif isinstance(value, (tuple, frozenset)):
        inner += value
    return any(_holds(one, seen) for one in inner)
