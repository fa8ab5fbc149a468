"""Some units for the first page: what each looks for, beside the photographs that raise it most.

Of the deeper half of the layers that have pictures, evenly spaced, each gives the unit whose third strongest photograph stands
furthest above what the unit gives elsewhere: one that answers to few things, and to all of them alike.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.dataset.answers import Answers
from generator.names import Layer, LayerName
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.faces import tile_of
from generator.pages.views import Atlas, Example, LayerView

MOST = 6
"""Units."""
RAISE = 3
"""Photographs of each."""


@dataclass(frozen=True)
class Raising:
    """A photograph that raises a unit: its address, what is on it, and the middle of what the unit sees there, in percent of
    its sides; None where that is not known."""

    picture: str
    says: str
    at: tuple[float, float] | None


@dataclass(frozen=True)
class Shown:
    """A unit on the first page; `picture` is a data address, `slug` its layer's."""

    layer: LayerName
    slug: str
    unit: int
    picture: str
    raising: tuple[Raising, ...]


def shown(site: Site) -> list[Shown]:
    """At most `MOST` units, shallow to deep; none where the report has no searched pictures or no set was asked."""
    views = [view for view in site.report.layers if _candidates(view).size]
    views = views[len(views) // 2 :]
    if len(views) > MOST:
        views = [views[round(k * (len(views) - 1) / (MOST - 1))] for k in range(MOST)]
    of_number = {example.number: example for example in site.report.examples}
    return [_shown(site, view, of_number) for view in views]


def _candidates(view: LayerView) -> NDArray[np.int64]:
    """Tiles of the layer's pictures, the most telling unit first: alive, with as many photographs as are shown."""
    atlas, answers = view.pictures, view.answers
    if not isinstance(atlas, Atlas) or answers is None or answers.images.shape[1] < RAISE:
        return np.zeros(0, np.int64)
    units = np.array(atlas.units, np.int64)
    dead = np.array(atlas.dead or (False,) * len(units))
    found = np.where(dead | (answers.images[units, :RAISE] < 0).any(axis=1), np.nan, standing(answers)[units])
    order = np.argsort(-found, kind="stable")
    return order[np.isfinite(found[order])]


def standing(answers: Answers) -> NDArray[np.float64]:
    """(c,) how many standard deviations of its values over the sample a unit's third strongest photograph lies above their mean;
    NaN of one that does not vary."""
    counts = answers.histogram.astype(np.float64)
    lo, hi = answers.histogram_lo[:, None].astype(np.float64), answers.histogram_hi[:, None].astype(np.float64)
    middles = lo + (np.arange(counts.shape[1]) + 0.5) / counts.shape[1] * (hi - lo)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / counts.sum(axis=1, keepdims=True)
        mean = (share * middles).sum(axis=1)
        spread = np.sqrt((share * (middles - mean[:, None]) ** 2).sum(axis=1))
        found: NDArray[np.float64] = np.where(spread > 0, (answers.values[:, RAISE - 1] - mean) / spread, np.nan)
    return found


def _shown(site: Site, view: LayerView, of_number: dict[int, Example]) -> Shown:
    atlas, answers = view.pictures, view.answers
    assert isinstance(atlas, Atlas)
    assert answers is not None
    tile = int(_candidates(view)[0])
    unit = atlas.units[tile]
    sheet = Image.open(io.BytesIO(atlas.picture.read()))
    raising = [
        Raising(
            site.tree.picture(one.picture, escape.slug(one.page) if one.page else f"example-{one.number}"),
            escape.clean(one.shows or one.name),
            _middle(site, view.layer, int(answers.places[unit, rank])),
        )
        for rank in range(RAISE)
        if (one := of_number.get(int(answers.images[unit, rank]))) is not None
    ]
    return Shown(view.layer.name, view.slug, unit, tile_of(atlas, sheet, tile, atlas.tile_w), tuple(raising))


def _middle(site: Site, layer: Layer, place: int) -> tuple[float, float] | None:
    """Where on the image the middle of the receptive field of a place of the map lies, in percent from the left and the top."""
    if layer.jump is None or layer.offset is None:
        return None
    row, column = divmod(place, layer.shape[2])
    _, height, width = site.report.input_shape
    y, x = layer.offset[0] + row * layer.jump[0], layer.offset[1] + column * layer.jump[1]
    return tuple(round(100 * min(max((at + 0.5) / side, 0), 1), 1) for at, side in ((x, width), (y, height)))  # type: ignore[return-value]
