"""Whether deconvnet tells units of a layer apart, measured once on the tiles that are kept, and remembered."""

from __future__ import annotations

import io
import math

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image

from generator.dataset.likeness import likeness
from generator.report.keys import own_digest
from generator.report.reconstructions import RULES
from generator.store import Record, Store, key_of

PAIRED = 5
"""Units compared, the first ones chosen: ten pairs."""


def likenesses(record: Record, store: Store) -> tuple[float, ...]:
    """How alike the first tiles of different units are, of each of `RULES`; NaN where there are not two."""
    key = key_of(
        {
            "likeness": [record.blobs.get(rule) or record.inline[rule].hex() for rule in RULES],
            "code": [own_digest("generator.dataset.likeness"), own_digest("generator.report.vague")],
        }
    )
    kept = store.get(key)
    if kept is None:
        values = [likeness(_first(record, rule, store)) for rule in RULES]
        kept = store.put(key, {"likeness": [None if math.isnan(value) else value for value in values]})
    return tuple(math.nan if value is None else float(value) for value in kept.meta["likeness"])


def _first(record: Record, rule: str, store: Store) -> Float[NDArray[np.float32], "k h w c"]:
    """The first tile of each unit, gray being 0."""
    meta = record.meta
    (h, w), columns = meta["tile"], meta["columns"]
    sheet = np.asarray(Image.open(io.BytesIO(store.blob(record, rule))).convert("RGB"), np.float32) - 128
    firsts = [k for k, (_, rank) in enumerate(meta["entries"]) if rank == 0][:PAIRED]
    corners = [(k // columns * (h + 1), k % columns * (w + 1)) for k in firsts]
    return np.array([sheet[y : y + h, x : x + w] for y, x in corners], np.float32).reshape(-1, h, w, 3)
