"""The weights of a model's dense layers, as plain numbers for a drawing: of the widest layers the strongest units alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from generator.diagrams.architecture import Architecture
from generator.diagrams.dense import columns
from generator.diagrams.extras import Dense, with_dense

MOST = 32
"""Units of a layer whose weights are kept: more could not be told apart."""
DIGITS = 4


def with_weights(it: Architecture, module: nn.Module, most: int = MOST) -> Architecture:
    """The same with the weights between the `most` strongest units of each column of dense layers.

    A unit is strong whose weights are: the root of the sum of the squares of all that lead to it and from it.
    """
    found = columns(it)
    modules = [module.get_submodule(op.path) if op.path else module for op in found.ops]
    layers = [one for one in modules if isinstance(one, nn.Linear)]
    if not layers or len(layers) != len(modules) or any(is_lazy(layer.weight) for layer in layers):
        return it  # written as a function, or something else that is called linear: shapes alone are known
    weights = [layer.weight.detach().cpu() for layer in layers]
    chosen = [_strongest(k, weights, most) for k in range(len(weights) + 1)]
    dense: Mapping[str, Dense] = {
        op.id: Dense(
            tuple(chosen[k]),
            tuple(chosen[k + 1]),
            tuple(tuple(map(_short, row)) for row in weights[k][chosen[k + 1]][:, chosen[k]].double().tolist()),
            tuple(_short(layers[k].bias.detach().double()[unit].item()) for unit in chosen[k + 1])
            if layers[k].bias is not None
            else (),
        )
        for k, op in enumerate(found.ops)
    }
    return with_dense(it, dense)


def _strongest(k: int, weights: list[Tensor], most: int) -> list[int]:
    """The units of column `k` by their norms, in doubles, of which a layer of 25,088 x 4,096 is never copied as a whole."""
    norm = partial(torch.linalg.vector_norm, dtype=torch.float64)
    squares = torch.zeros(weights[k].shape[1] if k < len(weights) else weights[-1].shape[0], dtype=torch.float64)
    if k > 0:
        squares += norm(weights[k - 1], dim=1).square()
    if k < len(weights):
        squares += norm(weights[k], dim=0).square()
    return [int(unit) for unit in torch.argsort(squares, descending=True, stable=True)[:most]]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
