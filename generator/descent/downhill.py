"""In which valley a place lies: that of the minimum which one comes to by going downhill only, in short steps.

    place ──▶ Newton's step with the size of each curvature, no longer than a fiftieth of the box ──▶ … ──▶ minimum, or none

Every step lowers the loss. Within a step of a rim this may be the other side than that of steepest descent; Newton's steps are not held up in a narrow valley as steps along the slope
would be. `templates/assets/js/descent-core.js` does the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from generator.descent.surfaces import Surface

STEPS = 400
"""Steps at most."""
NEAR = 1e-3
"""How near the end of the way must be to a minimum, as a share of the box's width."""


def valleys(surface: Surface, places: Tensor) -> Tensor:
    """(...) of (..., 2): the index of the minimum that lies downhill of each place, -1 where none does."""
    at = places.reshape(-1, 2).double().clone()
    width = surface.box[1] - surface.box[0]
    fine = at.isfinite().all(1) & (at.abs() < 1e6).all(1)
    at[~fine] = 0
    damping = torch.full((len(at),), 1e-3, dtype=at.dtype)
    going = fine.clone()
    for _ in range(STEPS):
        if not going.any():
            break
        at[going], damping[going], moved = _stepped(surface, at[going], damping[going], width / 50)
        going[going.clone()] = moved
    centres = torch.tensor([(m.x, m.y) for m in surface.minima], dtype=at.dtype)
    distance, which = (at[:, None] - centres).norm(dim=-1).min(-1)
    found = torch.where(fine & (distance <= NEAR * width), which, -1)
    return found.reshape(places.shape[:-1])


def _stepped(surface: Surface, at: Tensor, damping: Tensor, longest: float) -> tuple[Tensor, Tensor, Tensor]:
    """Places after a step, where it leads down; how much curvature is added next; and which go on."""
    loss, slope, curvature = _derivatives(surface, at)
    values, vectors = torch.linalg.eigh(curvature)
    bent = values.abs() + damping[:, None] * values.abs().amax(1, keepdim=True) + 1e-12
    step = -torch.einsum("nij,nj->ni", vectors, torch.einsum("nij,ni->nj", vectors, slope) / bent)
    length = step.norm(dim=-1, keepdim=True)
    step = step * (longest / length.clamp(min=longest))
    there = at + step
    lower = surface.value(there[:, 0], there[:, 1]) < loss
    damping = torch.where(lower, damping / 3, damping * 4).clamp(min=1e-9)
    return torch.where(lower[:, None], there, at), damping, (length[:, 0] > 1e-9) & (damping < 1e9)


def _derivatives(surface: Surface, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss (n), slope (n, 2) and curvature (n, 2, 2) by autograd."""
    with torch.enable_grad():
        x = at.detach().clone().requires_grad_()
        loss = surface.value(x[:, 0], x[:, 1])
        (slope,) = torch.autograd.grad(loss.sum(), x, create_graph=True)
        rows = [torch.autograd.grad(slope[:, k].sum(), x, retain_graph=True)[0] for k in range(2)]
    return loss.detach(), slope.detach(), torch.stack(rows, 1)
