"""The head's wires seen from their other end: of each class the few units that speak for it most.

    channel 17 ──▶ tabby, tiger cat           unit 4 ──▶ tabby 0.31
    channel 90 ──▶ tabby              ─▶      unit 9 ──▶ tabby 0.28      of every layer whose channels the head reads

Of each unit only the strongest classes are kept, and most classes are the strongest of none. Both ends of a class's weights are
carried back, those above zero and those below: a normalisation on the way may turn a channel over.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from generator.wiring.feeds import Feeds
from generator.wiring.kernels import Kernels
from generator.wiring.strengths import ABSENT, Readers

FEW = 8
"""Units kept for each class."""


def class_readers(head: Kernels, k: int = FEW) -> Readers:
    """(channels, m) the classes that read each channel, of each class only its k largest weights above zero and its k below. `head`
    are the kernels of a linear layer, whose units are the classes."""
    weight = head.weight[:, :, 0]  # (classes, channels)
    k = min(k, weight.shape[1])
    norm = torch.linalg.vector_norm(weight, dim=1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
    which = torch.cat([weight.topk(k, dim=1).indices, (-weight).topk(k, dim=1).indices], dim=1)
    pairs = torch.stack([which.flatten(), torch.arange(len(weight)).to(which).repeat_interleave(2 * k)]).unique(dim=1)
    channel, unit = (each.cpu().numpy() for each in pairs)  # sorted by channel
    value = weight[unit, channel].cpu().numpy()
    share = (weight.abs() / norm)[unit, channel].cpu().numpy()
    column = np.arange(len(channel)) - np.searchsorted(channel, channel)
    shape = (weight.shape[1], int(column.max(initial=-1)) + 1)
    found = Readers(np.full(shape, ABSENT, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.float32))
    found.unit[channel, column] = np.where(share > 0, unit, ABSENT)
    found.share[channel, column], found.total[channel, column] = share, value
    return found


def by_class(
    found: Feeds, classes: int, k: int = FEW
) -> tuple[Int[NDArray[np.int32], "classes k"], Float[NDArray[np.float32], "classes k"]]:
    """The k units of a layer that speak for each class most and their shares, strongest first; ABSENT and 0 where there are fewer.
    `found` is what `passed_back` makes of `class_readers`."""
    speaks = (found.unit != ABSENT) & (found.sign > 0)
    own = np.nonzero(speaks)[0]
    which, share = found.unit[speaks], found.share[speaks]
    order = np.lexsort((own, -share, which))
    own, which, share = own[order], which[order], share[order]
    if len(own):  # a class that reads a unit by two channels names it once
        _, first = np.unique(which.astype(np.int64) * (int(own.max()) + 1) + own, return_index=True)
        kept = np.sort(first)
        own, which, share = own[kept], which[kept], share[kept]
    rank = np.arange(len(which)) - np.searchsorted(which, which)
    units, shares = np.full((classes, k), ABSENT, np.int32), np.zeros((classes, k), np.float32)
    units[which[rank < k], rank[rank < k]] = own[rank < k]
    shares[which[rank < k], rank[rank < k]] = share[rank < k]
    return units, shares
