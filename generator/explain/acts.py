"""Activation functions by name and parameters, as the page knows them: {fn: "clip", lo: 0, hi: 6} of nn.ReLU6, F.relu6 and clamp."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

from generator.model.graph import Node
from generator.model.kinds import limits

_SAME = {"selu", "silu", "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh", "softsign", "tanhshrink"}
"""Functions without parameters."""
_PARAMETERS: Mapping[str, tuple[tuple[str, float], ...]] = {
    "hardtanh": (("min_val", -1.0), ("max_val", 1.0)),
    "leaky_relu": (("negative_slope", 0.01),),
    "elu": (("alpha", 1.0),),
    "celu": (("alpha", 1.0),),
    "softplus": (("beta", 1.0), ("threshold", 20.0)),
    "hardshrink": (("lambd", 0.5),),
    "softshrink": (("lambd", 0.5),),
    "threshold": (("threshold", 0.0), ("value", 0.0)),
    "rrelu": (("lower", 1 / 8), ("upper", 1 / 3)),
}
"""Of each function its parameters in order, by torch's names and defaults."""
_CLASSES = {"LeakyReLU": "leaky_relu", "LogSigmoid": "logsigmoid", "GELU": "gelu", "RReLU": "rrelu"}


def act_of(node: Node, module: nn.Module | None) -> dict[str, Any] | None:
    """The settings of an activation function, JSON-able (an infinite bound is None); None of one that the page does not know."""
    name = _name(node, module)
    if name in ("relu", "relu6"):
        return _clip(0.0, 6.0 if name == "relu6" else math.inf)
    if name in ("clamp", "clip", "clamp_min", "clamp_max"):
        both = limits(node)
        return both and _clip(*both)
    if name == "prelu":
        return {"fn": "prelu"}
    if name == "gelu":
        how = getattr(module, "approximate", None) or node.settings.get("approximate", "none")
        return {"fn": "gelu_tanh" if how == "tanh" else "gelu"}
    if name in _SAME or name == "logsigmoid":
        return {"fn": name}
    if name not in _PARAMETERS:
        return None
    given = [_parameter(node, module, key, k + 1, default) for k, (key, default) in enumerate(_PARAMETERS[name])]
    if name == "hardtanh":
        return _clip(*given)
    if name == "rrelu":  # in evaluation mode the mean slope
        return {"fn": "leaky_relu", "negative_slope": sum(given) / 2}
    return {"fn": name} | {key: value for (key, _), value in zip(_PARAMETERS[name], given, strict=True)}


def _name(node: Node, module: nn.Module | None) -> str:
    """The function's name as torch.nn.functional has it, of a module that of the torch class it is or derives from."""
    if module is None:
        return node.op.removeprefix("F.")
    for base in type(module).__mro__:
        if base.__module__ == "torch.nn.modules.activation":
            return _CLASSES.get(base.__name__, base.__name__.lower())
    return ""


def _parameter(node: Node, module: nn.Module | None, key: str, position: int, default: float) -> float:
    if module is not None:
        return float(getattr(module, key, default))
    if key in node.settings:
        return float(node.settings[key])
    return float(node.arguments[position]) if len(node.arguments) > position else default


def _clip(lo: float, hi: float) -> dict[str, Any]:
    return {"fn": "clip", "lo": lo if math.isfinite(lo) else None, "hi": hi if math.isfinite(hi) else None}
