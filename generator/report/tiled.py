"""The pictures of single units on one atlas, made once and kept: a unit's own picture is quantised once, and never again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from generator.encode import rgb_atlas
from generator.report.jobs import Jobs, Search
from generator.store import Record, Store, key_of


def tiled(jobs: Jobs, search: Search, units: tuple[int, ...], store: Store) -> tuple[Record, Mapping[str, Any]] | None:
    """The record of the atlas of the `units` chosen, and what is known of it; None where no unit has a picture."""
    records = [(unit, store.get(key)) for unit, key in jobs.unit_keys(search, units).items()]
    found = [(unit, record) for unit, record in records if record is not None]
    if not found:
        return None
    pixels = [dict(r.blobs).get("atlas.png") or r.inline["atlas.png"].hex() for _, r in found]
    key = key_of({"tiled": pixels})
    record = store.get(key)
    if record is None:
        tiles = [np.asarray(Image.open(io.BytesIO(store.blob(r, "atlas.png"))).convert("RGB")) for _, r in found]
        made = rgb_atlas(np.stack(tiles))
        record = store.put(key, made.meta, made.blobs)
    meta = {
        **record.meta,
        "units": [unit for unit, _ in found],
        "scores": [r.meta["scores"][0] for _, r in found],
        "dead": [r.meta["dead"][0] for _, r in found],
    }
    return record, meta
