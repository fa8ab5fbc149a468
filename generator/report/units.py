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
    units: str, jobs: Jobs, images: Sequence[ImageRecord], store: Store, *, keep: bool = False
) -> Mapping[tuple[str, LayerName], tuple[int, ...]]:
    """(search, layer) -> units, for searches of units. ``top:K`` ranks them by their highest activation in any image; where a layer has no
    stored feature maps, its first K stand for them.

    A choice is kept (with `keep`) and holds as long as all images that made it are in the set, so that one image more
    computes that image alone and no unit anew.
    """
    maps = {request.layer: request for request in jobs.requests if request.name == "feature_maps"}
    have = {image.digest for image in images}
    chosen: dict[tuple[str, LayerName], tuple[int, ...]] = {}
    for search in jobs.searches:
        layer = search.layer
        if layer is None or search.scope != "search":
            continue
        selection = parse_units(units, layer.units)
        if selection.top is None or layer.name not in maps:
            chosen[search.name, layer.name] = selection.choose()
            continue
        key = jobs.choice_key(search, units)
        kept = store.get(key)
        if kept is not None and have.issuperset(kept.meta["images"]):
            chosen[search.name, layer.name] = tuple(kept.meta["units"])
            continue
        strengths, complete = np.zeros(layer.units), True
        for image in images:
            record = store.get(jobs.key(maps[layer.name], image))
            if record is None:
                complete = False
                continue
            meta = record.meta["maps"][0]
            strengths = np.maximum(strengths, meta.get("raw_hi", meta["hi"]))
        best = selection.choose(strengths.tolist())
        chosen[search.name, layer.name] = best
        if keep and complete:
            store.put(key, {"units": list(best), "images": sorted(have)})
    return chosen
