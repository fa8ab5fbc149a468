"""Runs of torch.optim on a surface, in float64, from one start or from many at once.

Every optimizer here works weight by weight, and the loss of many starts is the sum of theirs: each start of a batch runs
as it would alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generator.descent.downhill import valleys
from generator.descent.optimizers import Optimizer, Settings
from generator.descent.surfaces import Surface


@dataclass(frozen=True)
class Run:
    """Where an optimizer came by on a surface."""

    surface: Surface
    optimizer: Optimizer
    settings: Settings
    points: Tensor
    """(steps + 1, 2), or (steps + 1, n, 2) of n starts; the first is the start."""
    losses: Tensor
    """(steps + 1) or (steps + 1, n)"""

    @property
    def arrived(self) -> tuple[Tensor, Tensor]:
        """`arrivals` of its points."""
        return arrivals(self.surface, self.points)


def descend(
    surface: Surface,
    optimizer: Optimizer,
    start: Sequence[float] | Tensor,
    steps: int,
    settings: Settings | None = None,
) -> Run:
    """Run `steps` updates from `start`: (2) or (n, 2).

    Settings that are not given are the optimizer's own, its learning rate the surface's.

    Raises KeyError for a setting that the optimizer lacks.
    """
    full = optimizer.given(settings or {}, surface.rates.get(optimizer.name))
    at = torch.as_tensor(start, dtype=torch.float64).clone().requires_grad_()
    torched = optimizer.make([at], full)
    points, losses = [at.detach().clone()], []
    for _ in range(steps):
        torched.zero_grad()
        loss = surface.value(at[..., 0], at[..., 1])
        loss.sum().backward()
        losses.append(loss.detach())
        torched.step()
        points.append(at.detach().clone())
    with torch.no_grad():
        losses.append(surface.value(at[..., 0], at[..., 1]))
    return Run(surface, optimizer, full, torch.stack(points), torch.stack(losses))


def arrivals(surface: Surface, points: Tensor) -> tuple[Tensor, Tensor]:
    """In which well each run ends: the one that lies downhill of its last point; and since which step it is within the ring around its bottom.

    Args:
        points: (steps + 1, ..., 2)

    Returns:
        The index of that minimum, -1 where there is none, (...); and the first step from which on the run never left its radius,
        (...), which is the number of steps where the last point lies outside.
    """
    centres = torch.tensor([(m.x, m.y) for m in surface.minima], dtype=points.dtype)  # (m, 2)
    distance = (points[..., None, :] - centres).norm(dim=-1)  # (steps + 1, ..., m)
    inside = distance <= surface.radius  # a distance that is no number is outside
    which = valleys(surface, points[-1])
    chosen = inside.gather(-1, which.clamp(min=0).expand(len(points), *which.shape)[..., None])[..., 0]
    stays = chosen.flip(0).int().cumprod(0).sum(0)  # how many of the last points lie inside without a break
    since = torch.where(which < 0, len(points), len(points) - stays).clamp(max=len(points) - 1)
    return which, since


def grid(surface: Surface, columns: int, rows: int) -> Tensor:
    """(rows * columns, 2): the middles of equal cells of the box, row by row from the top, where y is greatest."""
    x0, x1, y0, y1 = surface.box
    xs = x0 + (torch.arange(columns, dtype=torch.float64) + 0.5) * (x1 - x0) / columns
    ys = y1 - (torch.arange(rows, dtype=torch.float64) + 0.5) * (y1 - y0) / rows
    return torch.stack([xs.expand(rows, -1), ys[:, None].expand(-1, columns)], -1).reshape(-1, 2)
