"""Which way round an operation hands values on: more in is more out (1), less (-1), or not known (0).

    conv1 #17 ──▶ batch norm, scale -0.4 ──▶ relu ──▶ conv2 channel 17        more of unit 17 is less of the channel

A kernel that speaks for its channel speaks against such a unit, so a page that names the unit must know. Told only from
what is certain: the signs of a normalisation's scale, of numbers in the code, and what kind of function it is.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from generator.model.graph import Constant, Graph, Node, Ref

_RISING = frozenset(("exp", "log", "sqrt", "floor", "ceil", "round", "erf", "nan_to_num", "expm1", "log1p", "masked_fill",
                     "channel_shuffle", "native_channel_shuffle", "channelshuffle", "mean", "sum", "amax", "amin", "max",
                     "min", "median", "logsumexp"))  # fmt: skip
_FALLING = frozenset(("neg", "rsqrt", "reciprocal", "logical_not"))
_KEEPING = frozenset(("act", "copy", "max_pool", "avg_pool", "adaptive_pool", "resample"))
"""Families that hand on more for more; of the smooth activations (GELU, SiLU, Hardswish) all but a dent below zero."""
_POSITIVE = frozenset(("sigmoid", "hardsigmoid", "relu", "relu6", "softplus", "exp", "softmax"))
"""Operations whose results are never negative: gates."""


def short(node: Node) -> str:
    """``relu`` of ``F.relu``, ``channelshuffle`` of ``ChannelShuffle``."""
    return node.op.removeprefix("F.").lower()


def way(node: Node) -> int:
    """The direction of an operation on one tensor without a scale of its own."""
    name = short(node)
    if node.family in _KEEPING or name in _RISING:
        return 1
    return -1 if name in _FALLING else 0


def scale_signs(node: Node, module: nn.Module) -> Tensor | int:
    """The signs of a normalisation's scale, shaped to be broadcast to its output; 0 where it cannot be read."""
    if not node.module:
        return 0
    weight = getattr(module.get_submodule(node.path), "weight", None)
    if weight is None:
        return 1
    shape, axis = node.outputs[0].shape, -1 if node.family == "layer_norm" else 1
    if weight.dim() != 1 or len(weight) != shape[axis]:
        return 0
    sizes = [1] * len(shape)
    sizes[axis] = -1
    return torch.sign(weight.detach().float().cpu()).int().view(sizes)


def summed_way(node: Node, which: int) -> int:
    """The direction of the `which`-th positional argument in a sum, a difference or a choice."""
    name = short(node)
    if name in ("add", "iadd", "radd", "maximum", "minimum", "fmax", "fmin", "max", "min"):
        return 0 if "alpha" in node.settings else 1
    if name in ("sub", "subtract", "isub", "rsub"):
        minus = 0 if name == "rsub" else 1
        return 0 if "alpha" in node.settings else (-1 if which == minus else 1)
    return 0


def factor_way(graph: Graph, factors: list[Any]) -> int:
    """The direction of a product in one of its factors, given the others."""
    found = 1
    for factor in factors:
        if isinstance(factor, Ref):
            found *= short(graph.nodes[factor.node]) in _POSITIVE
        elif isinstance(factor, Constant) or not isinstance(factor, (int, float)):
            found = 0
        else:
            found *= (factor > 0) - (factor < 0)
    return found
