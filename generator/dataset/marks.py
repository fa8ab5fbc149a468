"""The mark of a picture: 64 bits of what the model is given of it, the same for copies and hardly ever for two others.

A sum of its numbers' bits, the halves of each pair mixed, each times a random number, modulo 2^64: in whole numbers, so that it is exact in any order, and a few times
as fast as a digest of bytes. It is held only beside the entries of units' lists: a digest of every image of a set would grow with the set.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

MIXES = 0x9E3779B1
"""Odd, 32 bits."""


def mark(x: Tensor) -> int:
    """That of an input (c, h, w); never 0."""
    flat = x.detach().to("cpu", torch.float32).contiguous().flatten()
    bits = (flat if len(flat) % 2 == 0 else torch.cat([flat, flat.new_zeros(1)])).view(torch.int64)
    mixed = bits ^ ((bits >> 32) & 0xFFFFFFFF) * MIXES  # of a product only lower bits reach higher ones
    return int((mixed * _factors(len(bits))).sum()) or 1


@cache
def _factors(count: int) -> Tensor:
    """(count,) odd numbers of 64 bits."""
    drawn = np.random.Generator(np.random.Philox(count)).integers(0, 2**63, count, np.int64)
    return torch.from_numpy(2 * drawn + 1)
