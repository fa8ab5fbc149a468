"""Which units a search draws: told by the feature maps already in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from generator.images import ImageRecord
from generator.names import LayerName
from generator.report.jobs import Jobs
from generator.selectors import parse_units
from generator.store import Store


def choose_units(
    units: str, jobs: Jobs, images: Sequence[ImageRecord], store: Store
) -> Mapping[tuple[str, LayerName], tuple[int, ...]]:
    """(search, layer) -> units. ``top:K`` ranks them by their highest activation in any image; where a layer has no
    stored feature maps, its first K stand for them."""
    maps = {request.layer: request for request in jobs.requests if request.name == "feature_maps"}
    chosen: dict[tuple[str, LayerName], tuple[int, ...]] = {}
    for search in jobs.searches:
        layer, strengths = search.layer, np.zeros(search.layer.units)
        selection = parse_units(units, layer.units)
        if selection.top is not None and layer.name in maps:
            for image in images:
                record = store.get(jobs.key(maps[layer.name], image))
                if record is not None:
                    meta = record.meta["maps"][0]
                    strengths = np.maximum(strengths, meta.get("raw_hi", meta["hi"]))
        chosen[search.name, layer.name] = selection.choose(strengths.tolist())
    return chosen
