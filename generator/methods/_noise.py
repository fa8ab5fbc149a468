"""The gradient at noisy copies of a picture: what SmoothGrad and its variants make their maps of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from generator.methods import Cost, Made, Model
from generator.names import Paper

SAMPLES = "noisy copies of the picture: each is a forward and a backward pass"
NOISE = "standard deviation of the noise, as a share of the distance from the input's lowest value to its highest"
"""What the options mean."""

SMILKOV = Paper(
    "smilkov2017",
    "Daniel Smilkov, Nikhil Thorat, Been Kim, Fernanda Viégas and Martin Wattenberg",
    2017,
    "SmoothGrad: removing noise by adding noise",
    arxiv="1706.03825",
)


@dataclass(frozen=True)
class Moments:
    """Of the gradients at the noisy copies, place by place."""

    mean: Float[Tensor, "t c h w"]
    variance: Float[Tensor, "t c h w"]
    """The mean squared distance from the mean."""


def cost(samples: int, noise: float, targets: int) -> Cost:
    """What `moments` makes."""
    return Cost(forward=samples, backward=samples * targets, alike=_alike(samples, noise))


def moments(x: Float[Tensor, "1 c h w"], model: Model, samples: int, noise: float) -> Moments:
    """Mean and variance of d value / d x over `samples` noisy copies of `x`: made once for all methods that ask for it."""
    return model.once(_alike(samples, noise), lambda: _moments(x, model, samples, noise))


def _alike(samples: int, noise: float) -> str:
    return f"gradients at {samples} copies with noise {noise}"


def _moments(x: Float[Tensor, "1 c h w"], model: Model, samples: int, noise: float) -> Moments:
    """Added up batch by batch."""
    copies = noisy(x, model.generator, samples, noise)
    mean = x.new_zeros((model.targets, *x.shape[1:]))
    squares = torch.zeros_like(mean)  # of the distances from the mean of what was seen so far
    for cut, G in model.gradients(copies):  # (t, b, c, h, w)
        seen, b = cut.start, cut.stop - cut.start
        here = G.mean(dim=1)
        off = here - mean
        squares += (G - here[:, None]).square_().sum(dim=1) + off.square() * (seen * b / cut.stop)
        mean += off * (b / cut.stop)
    return Moments(mean, squares / samples)


def noisy(x: Float[Tensor, "1 c h w"], generator: torch.Generator, samples: int, noise: float) -> Made:
    """Copies of `x` with Gaussian noise: each has a seed of its own, so that it is the same in whatever batch."""
    sigma = noise * (x.max() - x.min())
    seeds = torch.randint(2**62, (samples,), generator=generator).tolist()

    def make(cut: slice) -> Tensor:
        drawn = [torch.randn(x.shape[1:], generator=torch.Generator().manual_seed(seed)) for seed in seeds[cut]]
        return x + sigma * torch.stack(drawn).to(x)

    return Made(samples, make)
