"""Atlases and heats as plain dicts for the data scripts, and the scripts themselves.

A data script is one call, `convatlas.put(kind, key, value)`, because fetch is refused on file://.
"""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from generator.artifacts import NotApplicable
from generator.names import Digest
from generator.pages import escape, numbers
from generator.pages.docs_tree import DocsTree
from generator.pages.numbers import compact
from generator.pages.views import Atlas, Gray, Heat
from generator.store import digest


def script(kind: str, key: str, value: object) -> str:
    """The text of one data script."""
    return f"convatlas.put({escape.json(kind)},{escape.json(key)},{escape.json(value)});\n"


def atlas(tree: DocsTree, item: Atlas | NotApplicable, name: str) -> dict[str, Any]:
    """{src, aw, ah, cols, w, h, n, units, lo, hi, rlo, rhi, signed, rgb, …} or {na: reason}.

    `units` is left out where tile k shows unit k, `rlo`/`rhi` where they equal `lo`/`hi`.
    """
    if isinstance(item, NotApplicable):
        return {"na": escape.clean(item.reason)}
    lo, hi = [compact(v) for v in item.lo], [compact(v) for v in item.hi]
    made: dict[str, Any] = {
        "src": tree.picture(item.picture, name),
        "aw": item.picture.width,
        "ah": item.picture.height,
        "cols": item.columns,
        "w": item.tile_w,
        "h": item.tile_h,
        "n": len(item.units),
        "lo": lo,
        "hi": hi,
        "signed": item.signed,
        "rgb": item.rgb,
    }
    if item.units != tuple(range(len(item.units))):
        made["units"] = list(item.units)
    if item.raw_lo and (item.raw_lo, item.raw_hi) != (item.lo, item.hi):
        made |= {"rlo": [compact(v) for v in item.raw_lo], "rhi": [compact(v) for v in item.raw_hi]}
    if item.full:
        made["full"] = [compact(v) for v in item.full]
    if item.scores:
        made["scores"] = [compact(v) for v in item.scores]
    if item.norms:
        made["norms"] = [compact(v) for v in item.norms]
    if any(item.dead):
        made["dead"] = [int(v) for v in item.dead]
        made["why"] = [escape.clean(why) for why in item.reasons]
    return made


@cache
def _form() -> Digest:
    """How scripts are written: this file and the one that shortens numbers."""
    return digest(Path(__file__).read_bytes() + Path(numbers.__file__).read_bytes())


def atlas_digest(item: Atlas) -> Digest:
    """Stands for all that `atlas` says of it: an unchanged script is then not written out again to be compared."""
    floats = np.array(
        [(*item.lo, *item.hi, *item.raw_lo, *item.raw_hi, *item.full, *item.scores, *item.norms)], np.float64
    ).tobytes()
    plain = repr(
        (
            item.reasons,
            item.columns,
            item.tile_w,
            item.tile_h,
            item.signed,
            item.rgb,
            len(item.lo),
            len(item.raw_lo),
            len(item.full),
        )
    )
    whole = np.array((*item.units, *item.dead), np.int64).tobytes()
    return digest(b"\0".join((_form().encode(), item.picture.digest.encode(), plain.encode(), whole, floats)))


def heat(tree: DocsTree, item: Heat | NotApplicable, name: str) -> dict[str, Any]:
    """{gray or src, lo, hi, signed, empty, w, h, facts, top, bottom} or {na: reason}: a map's bytes themselves (base64), or its picture."""
    if isinstance(item, NotApplicable):
        return {"na": escape.clean(item.reason)}
    facts = {"facts": [[fact, compact(value)] for fact, value in item.facts]} if item.facts else {}
    shown = item.shown
    drawn = (
        {"gray": base64.b64encode(shown.data).decode()}
        if isinstance(shown, Gray)
        else {"src": tree.picture(shown, name)}
    )
    return {
        **facts,
        **drawn,
        "lo": compact(item.lo),
        "hi": compact(item.hi),
        "signed": item.signed,
        "empty": item.empty,
        "w": item.shown.width,
        "h": item.shown.height,
        **beyond(item),
    }


def beyond(item: Heat) -> dict[str, Any]:
    """{top, bottom}: the true largest and smallest value of a map whose scale does not say them."""
    if item.raw_lo is not None and item.raw_hi is not None:
        return {"top": compact(item.raw_hi), "bottom": compact(item.raw_lo)}
    return {"top": compact(item.raw_hi)} if item.raw_hi is not None and item.raw_hi > item.hi else {}


def tiles(item: Atlas, most: int) -> dict[str, Any]:
    """The first tiles of an atlas, for a small wall that needs no data script: their size and offsets."""
    places = [
        (k % item.columns * (item.tile_w + 1), k // item.columns * (item.tile_h + 1))
        for k in range(min(most, len(item.units)))
    ]
    return {"w": item.tile_w, "h": item.tile_h, "tiles": places, "signed": item.signed, "rgb": item.rgb}


def strongest(item: Atlas, most: int) -> list[int]:
    """The tiles with the largest absolute raw value, strongest first."""
    ends = list(zip(item.raw_lo or item.lo, item.raw_hi or item.hi, strict=True))
    order = sorted(range(len(ends)), key=lambda k: (-max(abs(ends[k][0]), abs(ends[k][1])), k))
    return order[:most]
