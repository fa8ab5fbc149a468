"""Numbers in twenty bits, as data scripts carry them: halves (fp16) with four more bits of precision.

    floats ──▶ times a power of two ──▶ sign, 5 bits of exponent, 14 of fraction ──▶ high bytes, middle bytes, low halves of bytes ──▶ deflate

A half is a number to one part in 2,048: where a thousand products cancel, as they do in convolutions of 1 x 1, the sum of such products is
off by several thousandths of the largest in a map. To one part in 32,768 it stays below a thousandth, for a quarter more bytes.
The power of two brings the largest number near the top of what the exponent reaches: nothing overflows, and what is small keeps its bits.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP = 14
"""The largest number is stored below 2 ** (TOP + 1)."""
FRACTION = 14
SPECIAL = 31 << FRACTION
"""What is infinite; one more is no number."""


@dataclass(frozen=True)
class Twenty:
    """An array in twenty bits: its shape, the power of two it was multiplied by, and its bytes, deflated."""

    shape: tuple[int, ...]
    power: int
    data: bytes


def pack(values: NDArray[np.float32]) -> Twenty:
    """Pack an array. What is infinite or no number stays so."""
    flat = values.astype(np.float64).ravel()
    finite = np.isfinite(flat)
    size = np.abs(np.where(finite, flat, 0.0))
    top = float(size.max(initial=0.0))
    power = TOP - math.floor(math.log2(top)) if top > 0 else 0
    size = np.ldexp(size, power)
    exponent = np.maximum(np.frexp(size)[1] - 1, -TOP)
    steps = np.rint(np.ldexp(size, FRACTION - exponent)).astype(np.int64)
    # a fraction that is rounded up to the next power of two carries into the exponent by itself
    code = np.where(steps < 1 << FRACTION, steps, ((exponent + TOP) << FRACTION) + steps)
    code = np.where(np.isinf(flat), SPECIAL, np.where(np.isnan(flat), SPECIAL + 1, code))
    code = (code | np.where(np.signbit(flat), 1 << 19, 0)).astype(np.uint32)
    low = np.pad(code & 15, (0, len(code) % 2)).reshape(-1, 2)
    made = zlib.compressobj(6)
    planes = (code >> 12, code >> 4 & 255, low[:, 0] << 4 | low[:, 1])
    data = b"".join(made.compress(plane.astype(np.uint8).tobytes()) for plane in planes) + made.flush()
    return Twenty(tuple(values.shape), power, data)


def unpack(packed: Twenty) -> NDArray[np.float32]:
    """The numbers back, as float32."""
    n = math.prod(packed.shape)
    raw = np.frombuffer(zlib.decompress(packed.data), np.uint8).astype(np.int64)
    high, middle, low = raw[:n], raw[n : 2 * n], np.stack([raw[2 * n :] >> 4, raw[2 * n :] & 15], 1).ravel()[:n]
    code = high << 12 | middle << 4 | low
    field, fraction = code >> FRACTION & 31, code & ((1 << FRACTION) - 1)
    steps = np.where(field > 0, fraction + (1 << FRACTION), fraction)
    size = np.ldexp(steps.astype(np.float64), np.maximum(field, 1) - 1 - TOP - FRACTION - packed.power)
    size = np.where(field == 31, np.where(fraction > 0, np.nan, np.inf), size)
    return np.where(code >> 19 > 0, -size, size).astype(np.float32).reshape(packed.shape)
