"""Some units for the first page: what each looks for, beside the photographs that raise it most.

They are those of which a search was told to make more (`Report.first_page`): a film of how the picture came about, and other pictures of
the same unit. Where it was told of none, the clearest of those that have a picture (`generator.dataset.clear`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from generator.dataset.clear import RAISE, clearest, strongest
from generator.dataset.kin import Kin
from generator.names import Layer, LayerName
from generator.pages import escape
from generator.pages.context import Site
from generator.pages.faces import tile_of
from generator.pages.views import Atlas, Example, LayerView

OTHERS = 3
"""Other pictures of each, at most."""
SMALL = 64
"""Side of these, in pixels."""


@dataclass(frozen=True)
class Raising:
    """A photograph that raises a unit: its address, its size in pixels, what is on it, and the middle of what the unit sees there,
    in percent of its sides; None where that is not known."""

    picture: str
    width: int
    height: int
    says: str
    at: tuple[float, float] | None


@dataclass(frozen=True)
class Shown:
    """A unit on the first page; `picture` and `others`, further ones of the same unit, are data addresses, `slug` its layer's, `film`
    the address of how the picture came about, "" where it was not kept."""

    layer: LayerName
    slug: str
    unit: int
    picture: str
    raising: tuple[Raising, ...]
    film: str = ""
    others: tuple[str, ...] = ()


def shown(site: Site) -> list[Shown]:
    """At most `generator.dataset.clear.MOST` units, shallow to deep; none where the report has no searched pictures or no set was asked."""
    found = [(view, some) for view in site.report.layers if (some := _tiles(view))]
    answers = [view.answers for view in site.report.layers if view.answers is not None]
    if not found or not answers:
        return []
    first = site.report.first_page
    chosen = {
        k: shown[0]
        for k, (view, some) in enumerate(found)
        if (shown := [unit for unit in some if unit in first.get(view.layer.name, ())])
    }
    if not chosen:
        asked = [(view.answers, list(some)) for view, some in found if view.answers is not None]
        chosen = dict(clearest(asked, Kin(answers[-1])))
    of_number = {example.number: example for example in site.report.examples}
    return [_shown(site, found[k][0], found[k][1][unit], of_number) for k, unit in chosen.items()]


def _tiles(view: LayerView) -> dict[int, int]:
    """Unit -> tile of the layer's pictures that are alive, of units with as many photographs as are shown."""
    atlas, answers = view.pictures, view.answers
    if not isinstance(atlas, Atlas) or answers is None:
        return {}
    dead = atlas.dead or (False,) * len(atlas.units)
    alive = {unit: k for k, (unit, off) in enumerate(zip(atlas.units, dead, strict=True)) if not off}
    return {unit: k for unit, k in alive.items() if strongest(answers, unit)}


def _shown(site: Site, view: LayerView, tile: int, of_number: Mapping[int, Example]) -> Shown:
    atlas, answers = view.pictures, view.answers
    assert isinstance(atlas, Atlas)
    assert answers is not None
    unit = atlas.units[tile]
    sheet = Image.open(io.BytesIO(atlas.picture.read()))
    raising = [
        Raising(
            site.tree.picture(one.picture, escape.slug(one.page) if one.page else f"example-{one.number}"),
            one.picture.width,
            one.picture.height,
            escape.clean(one.shows or one.name),
            _middle(site, view.layer, int(answers.places[unit, rank])),
        )
        for rank in range(RAISE)
        if (one := of_number.get(int(answers.images[unit, rank]))) is not None
    ]
    film, others = _more(site, view, unit)
    return Shown(
        view.layer.name, view.slug, unit, tile_of(atlas, sheet, tile, atlas.tile_w), tuple(raising), film, others
    )


def _more(site: Site, view: LayerView, unit: int) -> tuple[str, tuple[str, ...]]:
    """The film of a unit's search, and its other pictures, as addresses."""
    one = view.searched.get(unit)
    if one is None:
        return "", ()
    film = "" if one.course is None else site.tree.picture(one.course, f"{escape.slug(view.slug)}-{unit}-course")
    if one.variants is None:
        return film, ()
    sheet, many = Image.open(io.BytesIO(one.variants.picture.read())), len(one.variants.units)
    return film, tuple(tile_of(one.variants, sheet, k, SMALL) for k in range(1, min(many, 1 + OTHERS)))


def _middle(site: Site, layer: Layer, place: int) -> tuple[float, float] | None:
    """Where on the image the middle of the receptive field of a place of the map lies, in percent from the left and the top."""
    if layer.jump is None or layer.offset is None:
        return None
    row, column = divmod(place, layer.shape[2])
    _, height, width = site.report.input_shape
    y, x = layer.offset[0] + row * layer.jump[0], layer.offset[1] + column * layer.jump[1]
    return tuple(round(100 * min(max((at + 0.5) / side, 0), 1), 1) for at, side in ((x, width), (y, height)))  # type: ignore[return-value]
