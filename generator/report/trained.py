"""The records of checkpoints into what pages show: tiles of all checkpoints on one sheet, on one scale where it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from generator import encode
from generator.artifacts import NotApplicable
from generator.pages.learning_views import Moment, Said, Training
from generator.pages.views import Atlas, Gray, Heat, Picture
from generator.report.shelf import atlas_of
from generator.report.training import FILTERS, Learning
from generator.store import Record, digest


def training_of(learning: Learning, label: Callable[[int], str]) -> Training:
    """All checkpoints, as pages have them; `label` says what a class is called.

    Raises:
        LookupError: a checkpoint was not looked at yet.
    """
    store = learning.setup.store
    records = [store.get(learning.key(one)) for one in learning.checkpoints]
    chosen = store.get(learning.chosen_key)
    if chosen is None or None in records:
        raise LookupError("what checkpoints show is not in the store")
    known = [record for record in records if record is not None]
    images = range(len(learning.images))
    units = [tuple(chosen.meta["units"].get(layer.name, ())) for layer in learning.layers]
    shown = [k for k in range(len(units)) if units[k]]
    classes = chosen.meta["classes"]

    def array(record: Record, name: str) -> NDArray[np.float32] | None:
        shape = record.meta["shapes"].get(name)
        return None if shape is None else np.frombuffer(store.blob(record, name), "<f4").reshape(shape)

    def several(name: str) -> NDArray[np.float32]:
        return np.concatenate([found for record in known if (found := array(record, name)) is not None])

    moments = tuple(
        Moment(
            checkpoint.label,
            tuple(
                Said(first, label(first), odds)
                for first, odds in zip(record.meta["first"], record.meta["said"], strict=True)
            ),
            record.meta["loss"],
            record.meta["right"],
        )
        for checkpoint, record in zip(learning.checkpoints, known, strict=True)
    )
    kernels, filters, channels = _kernels([array(record, "kernels") for record in known])
    measured = learning.labelled
    return Training(
        moments,
        tuple(images),
        tuple(Said(index, label(index), moments[-1].says[n].probability) for n, index in enumerate(classes)),
        kernels,
        "" if learning.first is None else learning.first.name,
        filters,
        tuple(learning.layers[k].name for k in shown),
        tuple(units[k] for k in shown),
        {(at, n): sheet(several(f"map-{k}-{n}")) for at, k in enumerate(shown) for n in images},
        {n: tuple(_heat(array(record, f"cam-{n}")) for record in known) for n in images},
        learning.setup.default_layer,
        0 if isinstance(measured, NotApplicable) else len(measured.numbers),
        channels,
    )


def sheet(maps: NDArray[np.float32]) -> Atlas:
    """Maps (k, h, w) as tiles, each on its own scale; where any is below zero, about zero."""
    made = encode.atlas(torch.from_numpy(np.array(maps)), signed=bool((maps < 0).any()))
    return _atlas(made)


def _kernels(found: Sequence[NDArray[np.float32] | None]) -> tuple[Atlas | NotApplicable, int, int]:
    """(sheet, filters, channels): kernels (o, i, h, w) of all checkpoints, filter by filter on the filter's own scale over them all.

    Of three channels they are drawn as colours; of any other number, the first alone, on the scale of what is drawn.
    """
    known = [one for one in found if one is not None]
    if len(known) < len(found) or not known:
        return NotApplicable("the model has no convolution whose kernels could be drawn."), 0, 0
    values = np.stack(known)[:, :FILTERS]  # (k, o, i, h, w)
    i = values.shape[2]
    values = values if i == 3 else values[:, :, :1]
    reach = np.abs(values).max(axis=(0, 2, 3, 4), keepdims=True)
    unit = values / np.where(reach > 0, reach, 1)
    k, o, _, h, w = values.shape
    ends = [float(f"{v:.5g}") for v in np.broadcast_to(reach[:, :, 0, 0, 0], (k, o)).ravel()]
    gray = (128 + np.rint(unit * 127)).astype(np.uint8)
    if i == 3:
        made = encode.rgb_atlas(np.ascontiguousarray(gray.transpose(0, 1, 3, 4, 2).reshape(k * o, h, w, 3)))
        made = encode.Encoded({**made.meta, "lo": [-v for v in ends], "hi": ends}, made.blobs)
        return _atlas(made), o, i
    tiles = gray[:, :, 0].reshape(k * o, h, w)
    grid = encode.Grid.of(*tiles.shape)
    meta = {
        "kind": "atlas", "columns": grid.columns, "tile": [h, w], "size": list(grid.size), "count": k * o, "signed": True,
        "lo": [-v for v in ends], "hi": ends,
    }  # fmt: skip
    return _atlas(encode.Encoded(meta, {"atlas.png": encode.png(grid.lay(tiles))})), o, i


def _atlas(made: encode.Encoded) -> Atlas:
    data, (height, width) = made.blobs["atlas.png"], made.meta["size"]
    return atlas_of(Picture(data, digest(data), width, height), made.meta)


def _heat(values: NDArray[np.float32] | None) -> Heat | NotApplicable:
    """A class activation map on its own scale."""
    if values is None:
        return NotApplicable("this checkpoint gives no map.")
    made = encode.heat(torch.from_numpy(np.array(values)), signed=bool((values < 0).any()))
    meta = made.meta
    height, width = meta["size"]
    if "raw.gray" in made.blobs:
        shown: Picture | Gray = Gray(made.blobs["raw.gray"], width, height)
    else:
        data = made.blobs["raw.png"]
        shown = Picture(data, digest(data), width, height)
    return Heat(shown, meta["lo"], meta["hi"], meta["signed"], meta["empty"])
