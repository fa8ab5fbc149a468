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
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def direction(module: nn.Module, generator: torch.Generator) -> dict[str, Tensor]:
    """A direction drawn from a normal distribution, of the shape of all parameters of `module`, its filters normalised.

    Whatever has one axis (biases, the scales and shifts of norms) does not move, as in the paper's figures.
    """
    transposed = {id(one.weight): one.groups for one in module.modules() if isinstance(one, TRANSPOSED)}
    made = {}
    for name, weight in module.named_parameters():
        drawn = torch.randn(weight.shape, generator=generator).to(weight.device, weight.dtype)
        made[name] = normalised(drawn, weight.detach(), transposed.get(id(weight)))
    return made


def normalised(drawn: Tensor, weight: Tensor, transposed: int | None = None) -> Tensor:
    """``d_i * |w_i| / |d_i|`` for each filter i; zero where `weight` has one axis at most.

    A filter is what makes one output: one index of the first axis; of a transposed convolution with `transposed` groups,
    whose weight is (inputs, outputs of a group, ...), the inputs of one group at one index of the second.
    """
    if weight.dim() <= 1:
        return torch.zeros_like(drawn)
    if transposed is None:
        return drawn * _as_long(drawn, weight, tuple(range(1, weight.dim())))
    split = (transposed, -1, *weight.shape[1:])  # groups, inputs of one, outputs of one, ...
    d, w = drawn.reshape(split), weight.reshape(split)
    return (d * _as_long(d, w, (1, *range(3, w.dim())))).reshape(weight.shape)


def _as_long(drawn: Tensor, weight: Tensor, axes: tuple[int, ...]) -> Tensor:
    """What makes `drawn` as long as `weight` over these axes."""
    lengths = torch.linalg.vector_norm(weight, dim=axes, keepdim=True)
    return lengths / torch.linalg.vector_norm(drawn, dim=axes, keepdim=True).clamp_min(1e-12)


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
    problems", ICLR 2015, arXiv 1412.6544). Beyond the ends a variance stays that of the nearer one: a straight line may take
    it below 0, where there is no loss."""
    return {
        name: _between(first[name].to(value), value, _held(share) if _is_variance(name) else share)
        for name, value in last.items()
    }


def _between(first: Tensor, last: Tensor, share: float) -> Tensor:
    return torch.lerp(first, last, share) if last.is_floating_point() else last


def _held(share: float) -> float:
    """The nearest share between the ends."""
    return min(1.0, max(0.0, share))


def _is_variance(name: str) -> bool:
    return name.rpartition(".")[2] == "running_var"
