"""Whether deconvnet tells units of a layer apart, and images, measured once on the pictures that are kept, and remembered."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image

from generator.dataset.likeness import likeness
from generator.images import ImageRecord
from generator.names import INPUT
from generator.pages.views import Likeness
from generator.report.jobs import Jobs
from generator.report.keys import own_digest
from generator.report.reconstructions import RULES
from generator.report.sheets import shrunk
from generator.store import Record, Store, key_of

PAIRED = 5
"""Units compared, the first ones chosen, or images: ten pairs."""
DECONVNETS, GUIDED = ("deconvnet", "deconvnet_backward"), "guided_backprop"
PICTURE = "0.picture.jpg"


def likenesses(record: Record, store: Store) -> tuple[float, ...]:
    """How alike the first tiles of different units are, of each of `RULES`; NaN where there are not two."""
    found = [_name(record, rule) for rule in RULES]
    return _kept(store, found, lambda: [likeness(_first(record, rule, store)) for rule in RULES])


def of_images(jobs: Jobs, store: Store, images: Sequence[ImageRecord]) -> Mapping[str, Likeness]:
    """How alike the pictures are that each deconvnet makes of the first images, for what the model ranks first, and those of
    guided backprop; of a deconvnet that was drawn for two images at least, as guided backprop was."""
    records = {name: _drawn(jobs, store, name, images[:PAIRED]) for name in (*DECONVNETS, GUIDED)}
    found = {}
    for name in DECONVNETS:
        pair = records[name], records[GUIDED]
        if all(len(some) > 1 for some in pair):
            blobs = [_name(record, PICTURE) for some in pair for record in some]
            own, guided = _kept(store, blobs, lambda pair=pair: [likeness(_small(some, store)) for some in pair])  # type: ignore[misc]
            found[name] = Likeness(own, guided, jobs.description.facts.max_pools > 0)
    return found


def _kept(store: Store, of: Sequence[str], measure: Callable[[], Sequence[float]]) -> tuple[float, ...]:
    """What `measure` gives of blobs with these digests."""
    code = [own_digest("generator.dataset.likeness"), own_digest("generator.report.vague")]
    key = key_of({"likeness": list(of), "code": code})
    kept = store.get(key)
    if kept is None:
        kept = store.put(key, {"likeness": [None if math.isnan(value) else value for value in measure()]})
    return tuple(math.nan if value is None else float(value) for value in kept.meta["likeness"])


def _name(record: Record, blob: str) -> str:
    return record.blobs.get(blob) or record.inline[blob].hex()


def _drawn(jobs: Jobs, store: Store, name: str, images: Sequence[ImageRecord]) -> list[Record]:
    """A method's records of these images that hold a picture of the first target."""
    request = next((one for one in jobs.requests if one.name == name and one.layer == INPUT), None)
    records = (store.get(jobs.key(request, image)) for image in images) if request else ()
    return [one for one in records if one is not None and (PICTURE in one.blobs or PICTURE in one.inline)]


def _small(records: Sequence[Record], store: Store) -> Float[NDArray[np.float32], "k h w c"]:
    """The pictures, SIDE on their longer side, gray being 0."""
    found = []
    for record in records:
        with Image.open(io.BytesIO(store.blob(record, PICTURE))) as picture:
            height, width = shrunk(picture.height, picture.width)
            small = picture.convert("RGB").resize((width, height), Image.Resampling.BOX)
            found.append(np.asarray(small, np.float32) - 128)
    return np.stack(found)


def _first(record: Record, rule: str, store: Store) -> Float[NDArray[np.float32], "k h w c"]:
    """The first tile of each unit, gray being 0."""
    meta = record.meta
    (h, w), columns = meta["tile"], meta["columns"]
    sheet = np.asarray(Image.open(io.BytesIO(store.blob(record, rule))).convert("RGB"), np.float32) - 128
    firsts = [k for k, (_, rank) in enumerate(meta["entries"]) if rank == 0][:PAIRED]
    corners = [(k // columns * (h + 1), k % columns * (w + 1)) for k in firsts]
    return np.array([sheet[y : y + h, x : x + w] for y, x in corners], np.float32).reshape(-1, h, w, 3)
