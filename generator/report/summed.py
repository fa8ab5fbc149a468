"""Contributions on the input as one number a place: what is judged is what is drawn.

    stored (c, h, w) ── per_place ──▶ sums (h, w), signed ── clipped at a quantile ──▶ 8-bit gray about zero

The stored values stay as they are, and so do their keys: pictures of sums are made from them once, and kept beside them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from generator.encode import CLIP, LARGE, from_npy, jpeg, png, quantise
from generator.names import Digest
from generator.report.keys import engine_digest, own_digest
from generator.store import Record, Store, key_of
from generator.trust.maps import per_place

Floats = NDArray[np.float32]


def sums(values: Floats) -> Floats:
    """Of contributions (c, h, w), what a place adds to the score, (h, w)."""
    found = per_place(torch.from_numpy(np.nan_to_num(values)), adds_up=True)
    return np.nan_to_num(
        np.asarray(found, np.float32)
    )  # numbers at the end of float32 may add up to more than there is


def picture(values: Floats) -> tuple[dict[str, object], bytes]:
    """The sums of `values` (c, h, w) as a gray picture, 128 for zero, and the ends of its scale: lo and hi = -lo, the
    quantile at which they are drawn full, and raw_lo and raw_hi, the smallest and the largest of all."""
    found = sums(values)
    size = np.abs(found)
    top = np.float32(float(np.quantile(size, CLIP)) or float(size.max()))
    (gray,), _, _ = quantise(np.clip(found, -top, top)[None], signed=True)
    ends = {"lo": -top, "hi": top, "raw_lo": found.min(), "raw_hi": found.max()}
    meta = {name: float(f"{float(value):.5g}") for name, value in ends.items()}
    return {**meta, "empty": bool(top <= 0)}, png(gray) if gray.size <= LARGE else jpeg(gray)


def kept(store: Store, of: Digest, read: Callable[[], bytes]) -> tuple[Digest, Record]:
    """The key and the record of the picture of sums, its blob ``sums``; made where the store lacks it. `of` is the digest
    of the .npy bytes that `read` gives."""
    code = [engine_digest(), own_digest(__name__), own_digest(per_place.__module__)]
    key = key_of({"sums of": of, "code": code})
    record = store.get(key)
    if record is None:
        meta, drawn = picture(from_npy(read()))
        record = store.put(key, meta, {"sums": drawn})
    return key, record
