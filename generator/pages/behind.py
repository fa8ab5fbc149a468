"""Pictures for units that only hand a channel on: what was searched for the unit behind, where one channel leads to one.

    relu #17 ◀── norm #17 ◀── conv #17      not through a kernel, nor behind a sum, nor where more of one is less of the other

An activation's unit looks for what its convolution's looks for, and mostly that one alone was searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from generator.artifacts import NotApplicable
from generator.names import LayerName
from generator.pages.views import Atlas, LayerView

NONE = -1


@dataclass(frozen=True)
class Behind:
    """A layer whose pictures stand for units of another one."""

    layer: LayerName
    slug: str
    pictures: Atlas
    """Its own, but `units` are those of the other layer, -1 where a tile stands for none."""
    own: tuple[int, ...]
    """Its own unit at each tile."""


def behind(views: Iterable[LayerView]) -> Mapping[LayerName, tuple[Behind, ...]]:
    """Of each layer, the pictures that stand for units of it that have none; layers that have none are left out."""
    pages = {view.layer.name: view for view in views}
    steps = {name: _steps(view) for name, view in pages.items()}
    tiles = {name: _tiles(view.pictures) for name, view in pages.items()}
    made: dict[LayerName, tuple[Behind, ...]] = {}
    for name in pages:
        found: dict[LayerName, dict[int, int]] = {}
        for unit in steps[name]:
            end = _end(steps, tiles, name, unit) if unit not in tiles[name] else None
            if end is not None:
                found.setdefault(end[0], {}).setdefault(end[1], unit)
        if found:
            made[name] = tuple(_behind(pages[source], units) for source, units in found.items())
    return made


def _steps(view: LayerView) -> dict[int, tuple[LayerName, int]]:
    """What each unit hands on that reads one channel of one other unit and no kernel weighs: (layer, unit)."""
    wires = view.wires
    if wires is None or wires.weighted or not wires.channel.shape[1]:
        return {}
    alone = np.flatnonzero((wires.channel >= 0).sum(axis=1) == 1)
    made = {}
    for unit in alone.tolist():
        channel = int(wires.channel[unit].max())
        at, end = wires.starts[channel : channel + 2]
        if end - at == 1 and wires.source_way[at] > 0:
            made[unit] = wires.layers[wires.source_layer[at]], int(wires.source_unit[at])
    return made


def _tiles(pictures: Atlas | NotApplicable) -> dict[int, bool]:
    """The units that were searched, each with whether its picture shows it."""
    if isinstance(pictures, NotApplicable):
        return {}
    dead = pictures.dead or (False,) * len(pictures.units)
    return {unit: not none for unit, none in zip(pictures.units, dead, strict=True)}


def _end(
    steps: Mapping[LayerName, Mapping[int, tuple[LayerName, int]]],
    tiles: Mapping[LayerName, Mapping[int, bool]],
    name: LayerName,
    unit: int,
) -> tuple[LayerName, int] | None:
    """The nearest unit behind that was searched; None where its picture shows nothing, or none was."""
    step = steps[name].get(unit)
    while step is not None:
        layer, unit = step
        if unit in tiles.get(layer, {}):
            return step if tiles[layer][unit] else None
        step = steps.get(layer, {}).get(unit)
    return None


def _behind(source: LayerView, units: Mapping[int, int]) -> Behind:
    pictures = source.pictures
    assert isinstance(pictures, Atlas)
    mapped = tuple(units.get(unit, NONE) for unit in pictures.units)
    return Behind(source.layer.name, source.slug, replace(pictures, units=mapped), pictures.units)
