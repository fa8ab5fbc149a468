"""The pixels of a map in order of rank, and the changed inputs that are made by following that order.

map (h, w) ─▶ rank of every pixel ─▶ the first n of them replaced, for n = n_1, n_2, … ─▶ chunks (m, c, h, w)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import conv2d, pad

from generator.trust.impute import imputed

CHUNK = 16
"""Changed inputs that are held at once."""


def ranks(map_: Float[Tensor, "h w"]) -> Int[Tensor, "h w"]:
    """The rank of every pixel, 0 for the highest value.

    Equal values are ranked in one shuffled order, the same for every map of this size. In reading order a map that is
    zero over half of the picture would lose that half from the top down; shuffled, a flat map is a random one.

    Raises:
        ValueError: a value is not a number, and so has no rank.
    """
    flat = map_.detach().flatten().cpu()
    if bool(flat.isnan().any()):
        raise ValueError("expected a map of numbers to rank, received NaN")
    shuffled = torch.randperm(len(flat), generator=torch.Generator().manual_seed(len(flat)))
    order = shuffled[flat[shuffled].argsort(descending=True, stable=True)]
    found = torch.empty_like(order)
    found[order] = torch.arange(len(order))
    return found.reshape(map_.shape)


def counts(pixels: int, shares: Sequence[float]) -> tuple[int, ...]:
    """How many of `pixels` each share is, rounded down."""
    return tuple(math.floor(share * pixels + 1e-9) for share in shares)


def steps(number: int) -> tuple[float, ...]:
    """The shares 0, 1/number, …, 1."""
    return tuple(k / number for k in range(number + 1))


def replaced(
    start: Float[Tensor, "c h w"],
    end: Float[Tensor, "c h w"],
    rank: Int[Tensor, "h w"],
    first: Sequence[int],
    chunk: int = CHUNK,
) -> Iterator[Float[Tensor, "m c h w"]]:
    """`start`, with the pixels of lowest rank taken from `end`: as many as each entry of `first` says."""
    rank = rank.to(start.device)
    for at in range(0, len(first), chunk):
        limits = torch.tensor(first[at : at + chunk], device=start.device)[:, None, None, None]
        yield torch.where(rank < limits, end, start)


def filled(
    x: Float[Tensor, "c h w"],
    rank: Int[Tensor, "h w"],
    first: Sequence[int],
    noise: Float[Tensor, "c h w"],
    chunk: int = CHUNK,
) -> Iterator[Float[Tensor, "m c h w"]]:
    """`x`, with the pixels of lowest rank filled in from their neighbours, plus `noise` there (see impute.py)."""
    for at in range(0, len(first), chunk):
        made = []
        for limit in first[at : at + chunk]:
            missing = (rank < limit).to(x.device)
            made.append(torch.where(missing, imputed(x, missing) + noise, x))
        yield torch.stack(made)


def without(
    x: Float[Tensor, "c h w"], end: Float[Tensor, "c h w"], places: Bool[Tensor, "m h w"], chunk: int = CHUNK
) -> Iterator[Float[Tensor, "m c h w"]]:
    """`x`, with each of the sets of `places` taken from `end`."""
    for part in places.split(chunk):
        yield torch.where(part[:, None].to(x.device), end, x)


def blurred(x: Float[Tensor, "c h w"], sigma: float) -> Float[Tensor, "c h w"]:
    """`x` under a Gaussian of `sigma` pixels, cut at three sigma; beyond the edge the picture is mirrored."""
    for axis, size in ((1, x.shape[1]), (2, x.shape[2])):
        radius = min(math.ceil(3 * sigma), size - 1)
        at = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
        weights = torch.exp(-(at**2) / (2 * sigma**2))
        weights = weights / weights.sum()
        kernel = weights[None, None, :, None] if axis == 1 else weights[None, None, None, :]
        edges = (0, 0, radius, radius) if axis == 1 else (radius, radius, 0, 0)
        x = conv2d(pad(x[:, None], edges, mode="reflect"), kernel)[:, 0]
    return x


def boxes(size: tuple[int, int], samples: int, shares: Sequence[float], seed: int = 0) -> Bool[Tensor, "m h w"]:
    """Squares at random places wholly inside a picture of `size`: their sides are `shares` of its shorter side, in turn."""
    height, width = size
    generator = torch.Generator().manual_seed(seed)
    found = torch.zeros(samples, height, width, dtype=torch.bool)
    for k in range(samples):
        side = max(1, round(shares[k % len(shares)] * min(size)))
        top = int(torch.randint(height - side + 1, (), generator=generator))
        left = int(torch.randint(width - side + 1, (), generator=generator))
        found[k, top : top + side, left : left + side] = True
    return found
