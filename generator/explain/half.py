"""Numbers as halves (fp16), as data scripts carry them.

    floats ──▶ times a power of two ──▶ fp16 ──▶ high bytes, then low bytes ──▶ deflate

The power of two brings the largest number near the top of what halves reach: nothing overflows, and what is small keeps its eleven
bits. High bytes together compress; low ones hardly do.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP = 14
"""The largest number is stored below 2 ** (TOP + 1)."""


@dataclass(frozen=True)
class Halves:
    """An array as halves: its shape, the power of two it was multiplied by, and its bytes, deflated."""

    shape: tuple[int, ...]
    power: int
    data: bytes


def halves(values: NDArray[np.float32]) -> Halves:
    """Pack an array. What is no number stays so."""
    finite = np.abs(values[np.isfinite(values)])
    top = float(finite.max()) if finite.size else 0.0
    power = TOP - math.floor(math.log2(top)) if top > 0 else 0
    power = max(-100, min(100, power))
    small = np.ldexp(values.astype(np.float32), power).astype(np.float16)
    planes = np.ascontiguousarray(small).view(np.uint8).reshape(-1, 2)
    made = zlib.compressobj(6)
    data = made.compress(planes[:, 1].tobytes()) + made.compress(planes[:, 0].tobytes()) + made.flush()
    return Halves(tuple(values.shape), power, data)


def unpacked(packed: Halves) -> NDArray[np.float32]:
    """The numbers back, as float32."""
    planes = np.frombuffer(zlib.decompress(packed.data), np.uint8).reshape(2, -1)
    small = np.ascontiguousarray(planes[::-1].T).view(np.float16).reshape(packed.shape)
    return np.ldexp(small.astype(np.float32), -packed.power)
