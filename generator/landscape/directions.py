"""Random directions in the space of weights whose filters are as long as the model's own.

A network of rectifiers and batch norms computes the same whatever the scale of a filter, so a step means nothing but in
proportion to the filter that it changes (Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018,
arXiv 1712.09913, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor]
"""Name -> tensor, as in `state_dict`."""


def direction(module: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """A direction drawn from a normal distribution, of the shape of all parameters of `module`, its filters normalised.

    Whatever has one axis (biases, the scales and shifts of norms) does not move, as in the paper's figures.
    """
    made = {}
    for name, weight in module.named_parameters():
        drawn = torch.randn(weight.shape, generator=generator).to(weight.device, weight.dtype)
        made[name] = normalised(drawn, weight.detach())
    return made


def normalised(drawn: Tensor, weight: Tensor) -> Tensor:
    """``d_i * |w_i| / |d_i|`` for each filter i, along the first axis; zero where `weight` has one axis at most."""
    if weight.dim() <= 1:
        return torch.zeros_like(drawn)
    axes = tuple(range(1, weight.dim()))
    lengths = torch.linalg.vector_norm(weight, dim=axes, keepdim=True)
    return drawn * lengths / torch.linalg.vector_norm(drawn, dim=axes, keepdim=True).clamp_min(1e-12)


def moved(at: Weights, steps: tuple[tuple[float, Weights], ...]) -> dict[str, Tensor]:
    """``at + sum of share * direction``, of the parameters that move."""
    made = {}
    for name in steps[0][1]:
        here = at[name].clone()
        for share, along in steps:
            here += share * along[name]
        made[name] = here
    return made


def between(first: Weights, last: Weights, share: float) -> dict[str, Tensor]:
    """``(1 - share) * first + share * last`` of all that is a number with a point: parameters and the statistics of batch
    norms; all else as in `last` (Goodfellow, Vinyals and Saxe, "Qualitatively characterizing neural network optimization
    problems", ICLR 2015, arXiv 1412.6544)."""
    return {
        name: torch.lerp(first[name].to(value), value, share) if value.is_floating_point() else value
        for name, value in last.items()
    }
