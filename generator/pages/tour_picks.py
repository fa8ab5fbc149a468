"""Which unit each step of the tour begins with: one whose map is worth looking at.

    conv ─▶ ReLU6      the unit whose map tells places apart most behind the rectifier: strong and above zero here, silent there
    conv ─▶ mean ─▶ scores      at the last maps: the unit that adds most to the score of the class that is named

What lies at the rim is left out, since a loud rim comes of what was put around the map and says nothing of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from generator.explain.twenty import Twenty, unpack
from generator.pages import escape, explain
from generator.pages.context import Site
from generator.pages.tour_columns import Column
from generator.pages.views import Atlas, ImageView

RIM = 16
"""A rim is the side of a map divided by this, at least one place."""
SMALL = 8
"""Places to a side below which a map has no rim."""
Pick = list[int | str]
"""[unit], or [unit, the class to whose score it adds most]"""


def picks(site: Site, columns: Sequence[Column]) -> list[dict[str, Pick]]:
    """Of each column, by image, the unit to begin with: of the images whose numbers are shown."""
    found: list[dict[str, Pick]] = [{} for _ in columns]
    shows = [_shows(site, one) for one in columns]
    for image in site.report.images:
        units: dict[int, int] = {}
        for k in range(len(columns)):
            if image.slug not in shows[k]:
                continue
            shown = _behind(columns, k)
            if shown not in units:
                units[shown] = _of(columns[shown], image)
            if units[shown] >= 0:
                found[k][image.slug] = [units[shown]]
        ends = _last(site, columns, image) if image.slug in {slug for one in shows for slug in one} else {}
        for k, pick in ends.items():
            if image.slug in shows[k]:
                found[k][image.slug] = pick
    return found


def _shows(site: Site, column: Column) -> tuple[str, ...]:
    """The images of which a column's numbers are shown."""
    return (
        explain.shows(site, column.op.id)
        if column.view and column.op
        else explain.shows(site, column.main.id)
        if column.main
        else ()
    )


def _behind(columns: Sequence[Column], k: int) -> int:
    """The column whose maps tell which unit of column k is worth showing: the curve right behind it, else its own."""
    here = columns[k]
    after = columns[k + 1] if k + 1 < len(columns) else None
    if here.view is None or after is None or after.view is None or after.op is None or after.op.kind != "act":
        return k
    same = after.view.layer.units == here.view.layer.units and here.op is not None and here.op.kind != "act"
    return k + 1 if same else k


def _of(column: Column, image: ImageView) -> int:
    """The unit whose map varies most; -1 where there are no maps."""
    item = column.view.maps.get(image.slug) if column.view else None
    if not isinstance(item, Atlas) or not item.units or item.rgb or not item.lo:
        return -1
    return item.units[int(np.argmax(spread(maps_of(item))))]


def maps_of(item: Atlas) -> Float[NDArray[np.float32], "n h w"]:
    """The maps of a gray atlas as numbers, as exact as its 256 grays."""
    sheet = np.asarray(cv2.imdecode(np.frombuffer(item.picture.read(), np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
    h, w = item.tile_h, item.tile_w
    rows = -(-len(item.units) // item.columns)
    room = np.zeros((rows * (h + 1), item.columns * (w + 1)), np.uint8)
    room[: sheet.shape[0], : sheet.shape[1]] = sheet
    tiles = room.reshape(rows, h + 1, item.columns, w + 1).swapaxes(1, 2)[:, :, :h, :w]
    gray = tiles.reshape(-1, h, w)[: len(item.units)].astype(np.float32)
    lo, hi = (np.array(side, np.float32)[:, None, None] for side in (item.lo, item.hi))
    return np.asarray((gray - 128) / 127 * hi if item.signed else lo + gray / 255 * (hi - lo), np.float32)


def spread(maps: Float[NDArray[np.float32], "n h w"]) -> Float[NDArray[np.float32], " n"]:
    """How much each map varies from place to place, its rim left out: the standard deviation; of maps of one place, the number itself."""
    h, w = maps.shape[1:]
    if h * w == 1:
        return maps[:, 0, 0]
    dy, dx = (0 if side < SMALL else max(1, round(side / RIM)) for side in (h, w))
    return np.asarray(maps[:, dy : h - dy, dx : w - dx].std(axis=(1, 2)), np.float32)


def _last(site: Site, columns: Sequence[Column], image: ImageView) -> Mapping[int, Pick]:
    """Of the columns that lead to the scores by one mean a map, the unit that adds most to the score of the first class."""
    explained = site.report.explained
    end = next((k for k, one in enumerate(columns) if any(op.kind == "linear" for op in one.ops)), 0)
    linear = next((op for op in columns[end].ops if op.kind == "linear"), None)
    pool = columns[end - 1].main if end else None
    last = columns[end - 2] if end > 1 else None
    if explained is None or linear is None or pool is None or pool.kind != "pool" or last is None or last.view is None:
        return {}
    weights = next((one for name, one in explained.kernels.items() if name == linear.id), None)
    item = last.view.maps.get(image.slug)
    if (
        weights is None
        or not isinstance(item, Atlas)
        or not item.lo
        or not image.predictions
        or "avg" not in pool.op.lower()
    ):
        return {}
    first = image.predictions[0]
    kernel = unpack(Twenty(weights.shape, weights.power, weights.read()))
    kernel = kernel.reshape(kernel.shape[0], -1)
    if kernel.shape[1] != last.view.layer.units or not 0 <= first.index < len(kernel):
        return {}
    terms = maps_of(item).mean(axis=(1, 2)) * kernel[first.index][list(item.units)]
    pick: Pick = [item.units[int(np.argmax(terms))], escape.clean(first.label)]
    chain = [end - 2]
    while chain[-1] > 0 and _behind(columns, chain[-1] - 1) == chain[-1]:
        chain.append(chain[-1] - 1)
    return dict.fromkeys((end - 1, *chain), pick) if terms.max() > 0 else {}
