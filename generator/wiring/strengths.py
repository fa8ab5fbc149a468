r"""Strengths: how much of a unit's kernel looks at each of its input channels.

$$ s_{oc} = \frac{\lVert W^{oc} \rVert_2}{\lVert W^{o} \rVert_2}, \qquad \sum_c s_{oc}^2 = 1 $$

$W^{oc}$ is the slice of unit $o$'s kernel that looks at channel $c$, $W^o$ the whole kernel. As a share of the reader's own
kernel, the wires of different readers compare: a layer with large weights does not outshout one with small ones. The sum
of a slice, $t_{oc} = \sum W^{oc}$, says whether an even patch of the channel speaks for the unit or against it.

Normalisations in between are left out on purpose. Their scale tells how far the channel swings, which is a property of
the channel and not of this wire; a channel behind a sum has several, or none that can be told; and left out, the number
belongs to the very slice that is drawn. What it costs: a channel whose scale is all but zero may have a large share.
The signs of scales are kept, in `Sources.direction`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.wiring.kernels import Kernels

ABSENT = -1
"""Stands in arrays of indices where a unit has fewer wires than there are columns."""


@dataclass(frozen=True)
class Inputs:
    """The strongest input channels of each unit, strongest first. A slice of zeros is no wire."""

    channel: Int[NDArray[np.int32], "u k"]
    """Indices of `Wiring.sources`, or `ABSENT`."""
    share: Float[NDArray[np.float32], "u k"]
    """The slice's norm as a share of the kernel's, 0 to 1."""
    total: Float[NDArray[np.float32], "u k"]
    """The slice's sum: above 0 where more of the channel speaks for the unit."""


@dataclass(frozen=True)
class Readers:
    """The units of one layer that read each of its c input channels through the largest shares."""

    unit: Int[NDArray[np.int32], "c k"]
    share: Float[NDArray[np.float32], "c k"]
    total: Float[NDArray[np.float32], "c k"]


def inputs(kernels: Kernels, k: int, on: Float[NDArray[np.float32], " c"] | None = None) -> Inputs:
    """The `k` strongest input channels of each unit; with `on`, how much each channel is on, weighed by that, but for units
    none of whose channels ever is."""
    share, total = _slices(kernels)  # (o, i)
    if on is not None:
        share = _weighed(share, torch.from_numpy(on).to(share), kernels.groups)
    top, which = share.topk(min(k, share.shape[1]), dim=1)
    group = torch.arange(kernels.units, device=which.device) // (kernels.units // kernels.groups)
    channel = which + group[:, None] * share.shape[1]
    return Inputs(*_arrays(channel, top, total.gather(1, which)))


def _weighed(share: Float[Tensor, "o i"], on: Float[Tensor, " c"], groups: int) -> Float[Tensor, "o i"]:
    by_group = share.unflatten(0, (groups, -1)) * on.view(groups, 1, -1)  # (g, o / g, i)
    drive = by_group.flatten(0, 1)
    whole = torch.linalg.vector_norm(drive, dim=1, keepdim=True)
    return torch.where(whole > 0, drive / whole.clamp(min=torch.finfo(drive.dtype).tiny), share)


def straight(units: int) -> Inputs:
    """Of a layer without weights: unit i hands on channel i."""
    ones = np.ones((units, 1), np.float32)
    return Inputs(np.arange(units, dtype=np.int32)[:, None], ones, ones.copy())


def readers(kernels: Kernels, k: int) -> Readers:
    """The `k` units that read each input channel most."""
    groups = kernels.groups
    share, total = (each.unflatten(0, (groups, -1)).transpose(1, 2) for each in _slices(kernels))  # (g, i, o)
    top, which = share.topk(min(k, share.shape[2]), dim=2)
    unit = which + torch.arange(groups, device=which.device)[:, None, None] * share.shape[2]
    return Readers(*_arrays(unit.flatten(0, 1), top.flatten(0, 1), total.gather(2, which).flatten(0, 1)))


def _slices(kernels: Kernels) -> tuple[Float[Tensor, "o i"], Float[Tensor, "o i"]]:
    """The share of each slice in its kernel's norm (0 in a kernel of zeros), and its sum."""
    size = torch.linalg.vector_norm(kernels.shaped, dim=2)
    whole = torch.linalg.vector_norm(size, dim=1, keepdim=True)
    return torch.where(whole > 0, size / whole, 0), kernels.weight.sum(dim=2)


def _arrays(
    index: Tensor, share: Tensor, total: Tensor
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    wired = share > 0
    found = (torch.where(wired, index, ABSENT).int(), share, torch.where(wired, total, 0))
    return tuple(each.cpu().contiguous().numpy() for each in found)  # type: ignore[return-value]
