"""The weights of a model's dense layers, as plain numbers for a drawing: of the widest layers the strongest units alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

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
    if not layers or len(layers) != len(modules):
        return it  # written as a function, or something else that is called linear: shapes alone are known
    weights = [layer.weight.detach().double().cpu() for layer in layers]
    chosen = [_strongest(k, weights, most) for k in range(len(weights) + 1)]
    dense: Mapping[str, Dense] = {
        op.id: Dense(
            tuple(chosen[k]),
            tuple(chosen[k + 1]),
            tuple(tuple(map(_short, row)) for row in weights[k][chosen[k + 1]][:, chosen[k]].tolist()),
            tuple(_short(layers[k].bias.detach().double()[unit].item()) for unit in chosen[k + 1])
            if layers[k].bias is not None
            else (),
        )
        for k, op in enumerate(found.ops)
    }
    return with_dense(it, dense)


def _strongest(k: int, weights: list[Tensor], most: int) -> list[int]:
    squares = torch.zeros(weights[k].shape[1] if k < len(weights) else weights[-1].shape[0], dtype=torch.float64)
    if k > 0:
        squares += weights[k - 1].square().sum(dim=1)
    if k < len(weights):
        squares += weights[k].square().sum(dim=0)
    return [int(unit) for unit in torch.argsort(squares, descending=True, stable=True)[:most]]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
