"""A dataclass of arrays and plain values as one record: the arrays behind one another as bytes, and how they are cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from generator.store import Record, Store

BLOB = "arrays"


def packed(value: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The meta and the blobs of a dataclass whose fields are arrays and JSON-able values."""
    values = {field.name: getattr(value, field.name) for field in fields(value)}
    arrays = {name: np.ascontiguousarray(one) for name, one in values.items() if isinstance(one, np.ndarray)}
    meta = {
        "arrays": [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()],
        "plain": {name: one for name, one in values.items() if name not in arrays},
    }
    return meta, {BLOB: b"".join(array.tobytes() for array in arrays.values())}


def unpacked(record: Record, store: Store) -> Mapping[str, Any]:
    """What `packed` put away, by field. Arrays cannot be written to."""
    data = store.blob(record, BLOB)
    found: dict[str, Any] = dict(record.meta["plain"])
    at = 0
    for name, kind, shape in record.meta["arrays"]:
        array = np.frombuffer(data, np.dtype(kind), int(np.prod(shape)), at).reshape(shape)
        found[name] = array
        at += array.nbytes
    return found
