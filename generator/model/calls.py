"""Watch a model run: every leaf module call, every container's output, every torch function outside leaves, by name.

    forward ──▶ pre-hook: push path ──▶ (functions: TorchFunctionMode) ──▶ hook: pop path, name the call
                                                │
                            blocks.0.conv       │  blocks.0.F.relu       second call of blocks.0.act: blocks.0.act@2

The describer and the engine both watch through here, so that a name means the same call to both.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from generator.model.operations import LEAVES, function_name, short_name
from generator.names import LayerName


def is_leaf(module: nn.Module) -> bool:
    """Whether a module call is one operation to a reader."""
    return isinstance(module, LEAVES)


@dataclass(frozen=True)
class Call:
    """One call seen: `module` is None for a function, `function` None for a module."""

    name: LayerName
    path: str
    module: nn.Module | None
    function: str | None
    leaf: bool
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    method: str = ""
    """What the innermost forward called that led to this function, where a listener is told; empty: the forward itself."""

    def tensor(self, output: Any) -> torch.Tensor | None:
        """What it gives on; of `nn.MultiheadAttention`, which gives its weights beside it, the first. None of other tuples."""
        found = output[0] if self._attends(output) else output
        return found if isinstance(found, torch.Tensor) else None

    def instead(self, output: Any, given: torch.Tensor) -> Any:
        """The output with `given` for that tensor."""
        return (given, *output[1:]) if self._attends(output) else given

    def _attends(self, output: Any) -> bool:
        return isinstance(self.module, nn.MultiheadAttention) and isinstance(output, tuple)


OnCall = Callable[[Call, Any], Any]
"""Given a call and its output; what it returns other than None replaces the output for the rest of the model."""
Implement = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Given (function, args, kwargs): a result, or NotImplemented for torch's own."""


@dataclass(frozen=True)
class Listener:
    """What else may be told of a run, of what stands outside leaves."""

    enter: Callable[[nn.Module, bool, Any, Any], None]
    """A module's forward begins: the module, whether it is a leaf, its arguments."""
    failed: Callable[[nn.Module, str, bool], None]
    """A module's forward raised, which the model may survive: the module, its path, whether it is a leaf."""


@dataclass(frozen=True)
class _Open:
    """A module whose forward has begun."""

    module: nn.Module
    path: str
    leaf: bool
    handled: BaseException | None
    """What the model was about to handle when it was called."""


class _Watcher:
    """Where a forward is: the containers that are open, whether a leaf is, and how often each name was called."""

    def __init__(
        self, model: nn.Module, on_call: OnCall, implement: Implement | None, listener: Listener | None
    ) -> None:
        self.model, self.on_call, self.implement, self.listener = model, on_call, implement, listener
        self.open: list[_Open] = []
        self.leaves = 0
        self.reporting = False
        """Whether on_call is running: what that computes is not the model's."""
        self.seen: Counter[str] = Counter()

    def numbered(self, name: str) -> LayerName:
        """The name of this call: the second of ``relu`` is ``relu@2``."""
        self.seen[name] += 1
        return LayerName(name if self.seen[name] == 1 else f"{name}@{self.seen[name]}")

    def function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a torch function, and report it where it stands outside leaves."""
        out = NotImplemented if self.implement is None or self.reporting else self.implement(func, args, kwargs)
        if out is NotImplemented:
            out = func(*args, **kwargs)
        if self.leaves or self.reporting or not self.open:
            return out
        if getattr(func, "__name__", "") == "__get__" and not isinstance(out, torch.Tensor):
            return out  # x.shape is no call to a reader; x.T and x.data are
        here, function = self.open[-1].path, function_name(func)
        name = self.numbered((f"{here}.F." if here else "F.") + short_name(function))
        method = "" if self.listener is None else _called_by_forward(sys._getframe(1))
        replaced = self.on_call(Call(name, here, None, function, True, args, kwargs, method), out)
        return out if replaced is None else replaced

    def enter(self, module: nn.Module, path: str, leaf: bool, args: Any, kwargs: Any) -> None:
        """A module's forward begins."""
        if self.reporting:  # a parametrization that on_call asked for a weight
            return
        if module is self.model and not any(one.module is module for one in self.open):  # it may call itself
            self.open.clear()
            self.seen.clear()
            self.leaves = 0
        if self.listener is not None and not self.leaves:
            with self._reporting():
                self.listener.enter(module, leaf, args, kwargs)
        self.open.append(_Open(module, path, leaf, sys.exception()))
        self.leaves += leaf

    def leave(self, module: nn.Module, path: str, leaf: bool, args: Any, kwargs: Any, output: Any) -> Any:
        """A module's forward has ended, by returning or by raising; what stands inside a leaf is not reported."""
        if self.reporting or not self.open or self.open[-1].module is not module:
            return None  # what raised was another's hook, before the forward began
        failed = sys.exception() is not self.open.pop().handled
        self.leaves -= leaf
        if self.leaves:
            return None
        with self._reporting():
            if not failed:
                return self.on_call(Call(self.numbered(path), path, module, None, leaf, args, kwargs), output)
            if self.listener is not None:
                self.listener.failed(module, path, leaf)
        return None

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        self.reporting = True
        try:
            yield
        finally:
            self.reporting = False

    def hook(self, module: nn.Module, path: str) -> Iterator[RemovableHandle]:
        """The two hooks of one module."""
        leaf = is_leaf(module)
        yield module.register_forward_pre_hook(
            lambda part, args, kwargs: self.enter(part, path, leaf, args, kwargs), with_kwargs=True
        )
        yield module.register_forward_hook(
            lambda part, args, kwargs, output: self.leave(part, path, leaf, args, kwargs, output),
            with_kwargs=True,
            always_call=True,
        )


def _called_by_forward(frame: FrameType | None) -> str:
    """The name of what the innermost forward around `frame` called, torch's own functions and nameless ones not told."""
    names: list[str] = []
    while frame is not None and frame.f_code.co_filename != nn.modules.module.__file__:
        code = frame.f_code
        if not code.co_filename.startswith(_NOT_THE_MODELS) and not code.co_name.startswith("<"):
            names.append(code.co_name)
        frame = frame.f_back
    return names[-2] if frame is not None and len(names) > 1 else ""


def asking(frame: FrameType | None) -> FrameType | None:
    """The innermost frame around `frame` that is the model's own code."""
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_MODELS):
        frame = frame.f_back
    return frame


_NOT_THE_MODELS = (f"{Path(torch.__file__).parent}{os.sep}", f"{Path(__file__).parent}{os.sep}")
"""Where the files are that a call passes on its way here: torch's own, and those beside this one."""


class _Mode(TorchFunctionMode):
    """Hands every torch function to the watcher. A class of the module: one made for each forward would be a cycle of
    references, and keep that forward's tensors until Python looks for cycles."""

    def __init__(self, watcher: _Watcher) -> None:
        super().__init__()
        self.watcher = watcher

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.watcher.function(func, args, kwargs or {})


@contextmanager
def watch(
    model: nn.Module,
    on_call: OnCall,
    implement: Implement | None = None,
    modules: Collection[str] | None = None,
    listener: Listener | None = None,
) -> Iterator[None]:
    """Report every call of `model`'s next forward passes; `implement` may stand in for any torch function.

    With `modules` (paths), only calls of these modules are reported, and no function's: nothing else is then slowed
    down. Names start afresh at each forward of `model`. Hooks and the mode come off whatever happens.
    """
    watcher = _Watcher(model, on_call, implement, listener)
    handles: list[RemovableHandle] = []
    functions = modules is None or implement is not None
    around = {path[:end] for path in modules or () for end in range(len(path)) if path[end] == "."}
    try:
        for path, module in model.named_modules():
            # to name a function, all that is open must be known; to name a module, whether it stands inside a leaf
            inside = path in around and is_leaf(module)
            if functions or module is model or inside or path in (modules or ()):
                handles += watcher.hook(module, path)
        with _Mode(watcher) if functions else nullcontext():
            yield
    finally:
        for handle in handles:
            handle.remove()


Rank = Callable[[torch.Tensor], Any]
"""Where a tensor stands in an order."""


def tensors(value: Any, around: tuple[int, ...] = (), rank: Rank | None = None) -> Iterator[torch.Tensor]:
    """Every tensor in nested tuples, lists, dicts, sets and plain objects' fields; `around` are the ids of what holds it, which
    it may hold in turn. Sets have no order that is the same in every process: what is in them comes by its `rank`."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, _PLAIN) or id(value) in around:
        return
    else:
        if isinstance(value, dict):
            items: Iterable[Any] = value.values()
        else:
            items = value if isinstance(value, _CONTAINERS) else fields_of(value).values()
        if rank is not None and isinstance(value, (set, frozenset)):
            items = sorted(value, key=lambda item: [rank(inside) for inside in tensors(item, around, rank)])
        around = (*around, id(value))
        for item in items:
            yield from tensors(item, around, rank)


_CONTAINERS = (dict, tuple, list, set, frozenset)
_PLAIN = (str, bytes, int, float, complex, type(None), type, nn.Module)


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass; of another plain object those that hold tensors or containers. No fields, or none set: none."""
    if isinstance(value, _PLAIN):
        return {}
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__ if hasattr(value, name)}
    own = {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in _slots(value)}}
    return {name: item for name, item in own.items() if isinstance(item, (torch.Tensor, *_CONTAINERS))}


def _slots(value: Any) -> Iterator[str]:
    """Names of the fields that its classes keep in ``__slots__``, and that are set."""
    for cls in type(value).__mro__:
        named = cls.__dict__.get("__slots__", ())
        for name in (named,) if isinstance(named, str) else named:
            private = name.startswith("__") and not name.endswith("__")
            name = f"_{cls.__name__.lstrip('_')}{name}" if private else name
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield name
