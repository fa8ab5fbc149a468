"""Watch a model run: every leaf module call, every container's output, every torch function outside leaves, by name.

    forward ──▶ pre-hook: push path ──▶ (functions: TorchFunctionMode) ──▶ hook: pop path, name the call
                                                │
                            blocks.0.conv       │  blocks.0.F.relu       second call of blocks.0.act: blocks.0.act@2

The describer and the engine both watch through here, so that a name means the same call to both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name

from generator.names import LayerName

LEAVES: tuple[type[nn.Module], ...] = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.RMSNorm,
    nn.Linear, nn.Bilinear, nn.Identity, nn.Embedding, nn.Flatten, nn.Unflatten, nn.MultiheadAttention, nn.Upsample,
    nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle,
    nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd, nn.modules.pooling._LPPoolNd,
    nn.modules.dropout._DropoutNd, nn.modules.padding._ConstantPadNd, nn.modules.padding._ReflectionPadNd,
    nn.modules.padding._ReplicationPadNd,
    *(v for k, v in vars(nn.modules.activation).items() if isinstance(v, type) and issubclass(v, nn.Module) and k != "Module"),
)  # fmt: skip
"""What is drawn as one node, however it is written inside (a Conv2d subclass that pads by a child is one conv)."""


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


OnCall = Callable[[Call, Any], Any]
"""Given a call and its output; what it returns other than None replaces the output for the rest of the model."""
Implement = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Given (function, args, kwargs): a result, or NotImplemented for torch's own."""


def _short(func: Callable[..., Any]) -> str:
    """``relu`` of torch.nn.functional.relu, torch.relu and Tensor.relu."""
    name = getattr(func, "__name__", None) or (resolve_name(func) or "").rpartition(".")[2]
    return str(name)


@contextmanager
def watch(model: nn.Module, on_call: OnCall, implement: Implement | None = None) -> Iterator[None]:
    """Report every call of `model`'s next forward passes; `implement` may stand in for any torch function.

    Names start afresh at each forward of `model`. Hooks and the mode come off whatever happens.
    """
    paths: list[str] = []
    leaves = 0
    reporting = False  # what on_call itself computes is not the model's
    seen: Counter[str] = Counter()

    def numbered(name: str) -> LayerName:
        seen[name] += 1
        return LayerName(name if seen[name] == 1 else f"{name}@{seen[name]}")

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            out = NotImplemented if implement is None or reporting else implement(func, args, kwargs)
            if out is NotImplemented:
                out = func(*args, **kwargs)
            if leaves or reporting or not paths:
                return out
            if _short(func) == "__get__" and not isinstance(out, torch.Tensor):
                return out  # x.shape is no call to a reader; x.T and x.data are
            prefix = f"{paths[-1]}.F." if paths[-1] else "F."
            call = Call(numbered(prefix + _short(func).strip("_")), paths[-1], None, _short(func), True, args, kwargs)
            replaced = on_call(call, out)
            return out if replaced is None else replaced

    def enter(path: str, leaf: bool) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            nonlocal leaves
            if module is model:
                paths.clear()
                seen.clear()
                leaves = 0
            paths.append(path)
            leaves += leaf

        return hook

    def leave(path: str, leaf: bool) -> Callable[..., Any]:
        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
            nonlocal leaves, reporting
            paths.pop()
            leaves -= leaf
            if leaves:
                return None
            reporting = True
            try:
                return on_call(Call(numbered(path), path, module, None, leaf, args, kwargs), output)
            finally:
                reporting = False

        return hook

    handles = []
    try:
        for path, module in model.named_modules():
            leaf = is_leaf(module)
            handles.append(module.register_forward_pre_hook(enter(path, leaf), with_kwargs=True))
            handles.append(module.register_forward_hook(leave(path, leaf), with_kwargs=True))
        with Mode():
            yield
    finally:
        for handle in handles:
            handle.remove()


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in nested tuples, lists, dicts and plain objects' fields."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors(item)
    elif hasattr(value, "__dataclass_fields__"):
        for item in vars(value).values():
            yield from tensors(item)
