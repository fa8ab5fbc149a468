"""Some units for the first page: what each looks for, beside the photographs that raise it most.

Chosen are, in the deeper half of the layers that have pictures, the units whose strongest photographs are most of one kind to the
network itself (`generator.dataset.kin`). One a layer, and no two for the same photographs.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from generator.dataset.kin import Kin
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
    views = [view for view in site.report.layers if _tiles(view)]
    views = views[len(views) // 2 :]
    answers = [view.answers for view in site.report.layers if view.answers is not None]
    if not views or not answers:
        return []
    kin = Kin(answers[-1])
    found: list[tuple[float, int, int, tuple[int, ...]]] = []
    for k, view in enumerate(views):
        assert view.answers is not None
        assert isinstance(view.pictures, Atlas)
        kinship = kin.kinship(view.answers)
        found += [(float(kinship[view.pictures.units[t]]), k, t, _strongest(view, t)) for t in _tiles(view)]
    found.sort(key=lambda one: -one[0])  # of equals the shallow one, as they come
    chosen: dict[int, int] = {}
    taken: list[set[int]] = []
    for _, k, tile, images in found:
        if len(chosen) < MOST and k not in chosen and all(len(other.intersection(images)) < 2 for other in taken):
            chosen[k] = tile
            taken.append({*images})
    of_number = {example.number: example for example in site.report.examples}
    return [_shown(site, views[k], chosen[k], of_number) for k in sorted(chosen)]


def _tiles(view: LayerView) -> list[int]:
    """Tiles of the layer's pictures that are alive, of units with as many photographs as are shown."""
    atlas, answers = view.pictures, view.answers
    if not isinstance(atlas, Atlas) or answers is None or answers.images.shape[1] < RAISE:
        return []
    dead = atlas.dead or (False,) * len(atlas.units)
    return [k for k, off in enumerate(dead) if not off and min(_strongest(view, k)) >= 0]


def _strongest(view: LayerView, tile: int) -> tuple[int, ...]:
    assert isinstance(view.pictures, Atlas)
    assert view.answers is not None
    return tuple(view.answers.images[view.pictures.units[tile], :RAISE].tolist())


def _shown(site: Site, view: LayerView, tile: int, of_number: Mapping[int, Example]) -> Shown:
    atlas, answers = view.pictures, view.answers
    assert isinstance(atlas, Atlas)
    assert answers is not None
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
    rows, columns = (layer.sees(axis, at) for axis, at in enumerate(divmod(place, layer.shape[2])))
    if rows is None or columns is None:
        return None
    _, height, width = site.report.input_shape
    y, x = sum(rows) / 2, sum(columns) / 2
    return tuple(round(100 * min(max((at + 0.5) / side, 0), 1), 1) for at, side in ((x, width), (y, height)))  # type: ignore[return-value]
