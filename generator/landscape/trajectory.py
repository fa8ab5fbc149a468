r"""Where a training went, seen on a plane through its last weights (Li et al. 2018, arXiv 1712.09913, section 7).

$$ M = [\theta_0 - \theta_n;\ \dots;\ \theta_{n-1} - \theta_n] $$

Differences in spaces of many dimensions are nearly at right angles to any direction drawn at random, so that such a plane
shows nearly nothing of them. The two directions of a principal component analysis of M hold most. Ours is not centred, as
the plane goes through $\theta_n$: of all planes through it, this one is nearest to the checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from generator.landscape.directions import Weights

FLAT = 1e-9
"""Of the first direction's sum of squares: with less than that along the second, the checkpoints lie on one line."""


@dataclass(frozen=True)
class Projection:
    """Differences of weights on a plane."""

    points: tuple[tuple[float, float], ...]
    """(across, up) of each: the nearest place of the plane, in steps along its two directions."""
    off: tuple[float, ...]
    """How far each is from there, as the length of the rest."""
    held: float
    """Share of the sum of squares of all differences that lies in the plane; NaN where there is none."""


def differences(states: Sequence[Weights], centre: Weights, names: Sequence[str]) -> list[dict[str, Tensor]]:
    """``state - centre`` of the tensors called `names`, in float32 on the CPU."""
    middle = {name: centre[name].detach().float().cpu() for name in names}
    return [{name: state[name].detach().float().cpu() - middle[name] for name in names} for state in states]


def principal(found: Sequence[Weights], generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The two directions of length 1, at right angles, that hold most of the differences' squares.

    `across` leads away from the first difference, so that time goes from left to right; along `up` the one furthest from 0 is
    above it. Where all differences lie on one line, what is lacking is drawn at random.
    """
    squares, vectors = torch.linalg.eigh(
        products(found, found)
    )  # of M M^T: as many rows as checkpoints, not as weights
    made: list[dict[str, Tensor]] = []
    for k, sign in zip(range(len(found))[:-3:-1], (_away, _above), strict=False):
        if float(squares[k]) > FLAT * float(squares[-1]):
            shares = sign(vectors[:, k]) * vectors[:, k] / squares[k].sqrt()  # u = M^T v / sqrt(lambda)
            made.append(_summed(found, shares.tolist()))
    while len(made) < 2:
        drawn = {name: torch.randn(one.shape, generator=generator) for name, one in found[0].items()}
        made.append(_upright(drawn, made))
    return made[0], made[1]


def _summed(found: Sequence[Weights], shares: Sequence[float]) -> dict[str, Tensor]:
    return {
        name: sum((a * one[name] for a, one in zip(shares, found, strict=True)), 0 * v) for name, v in found[0].items()
    }


def _upright(drawn: Weights, to: Sequence[Weights]) -> dict[str, Tensor]:
    """Of length 1, at right angles to those of length 1."""
    along = products([drawn], to)[0].tolist() if to else []
    rest = _summed([drawn, *to], [1.0, *(-a for a in along)])
    return _summed([rest], [1 / float(products([rest], [rest])[0, 0].sqrt())])


def _away(vector: Float[Tensor, " k"]) -> float:
    return -1.0 if float(vector[0]) > 0 else 1.0


def _above(vector: Float[Tensor, " k"]) -> float:
    return 1.0 if float(vector[vector.abs().argmax()]) > 0 else -1.0


def project(found: Sequence[Weights], across: Weights, up: Weights) -> Projection:
    """The differences on the plane of two directions, whatever their lengths and the angle between them: least squares. Of none,
    nothing."""
    if not found:
        return Projection((), (), float("nan"))
    plane = products([across, up], [across, up])  # (2, 2)
    along = products(found, [across, up])  # (k, 2)
    points = torch.linalg.solve(plane, along.T).T
    inside = (points * along).sum(dim=1)
    whole = torch.stack([products([one], [one])[0, 0] for one in found])
    rest = (whole - inside).clamp_min(0).sqrt()
    total = float(whole.sum())
    held = float(inside.sum()) / total if total > 0 else float("nan")
    return Projection(tuple((x, y) for x, y in points.tolist()), tuple(rest.tolist()), held)


def products(rows: Sequence[Weights], columns: Sequence[Weights]) -> Float[Tensor, "rows columns"]:
    """Of each with each, summed over all tensors in float64."""
    total = torch.zeros(len(rows), len(columns), dtype=torch.float64)
    for name in rows[0]:
        a, b = (torch.stack([one[name].detach().double().cpu().flatten() for one in of]) for of in (rows, columns))
        total += a @ b.T
    return total


def ends(values: Sequence[float], count: int, least: float = 1.0, beyond: float = 0.25) -> tuple[float, ...]:
    """`count` even ticks that hold all `values` and 0, and go on a share `beyond` of their range at either side at least, of
    `least` where there is none; one of the ticks is 0."""
    low, high = min(0.0, *values), max(0.0, *values)
    margin = beyond * ((high - low) or least)
    left, right = margin - low, high + margin
    before = min(count - 2, max(1, round(left / (left + right) * (count - 1))))
    step = max(left / before, right / (count - 1 - before))
    return tuple((k - before) * step for k in range(count))
