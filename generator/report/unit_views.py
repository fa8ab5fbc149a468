"""What pages show of single units: what they answer to, what of an image raised them, what they look for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from generator.artifacts import NotApplicable
from generator.images import ImageRecord
from generator.names import LayerName
from generator.pages.views import Atlas, Example, Reconstructions, Searched
from generator.report.answers import Asking, classes_of, pictures_of
from generator.report.jobs import Jobs, Search
from generator.report.reconstructions import NOTHING, RULES, VEIL, Wanted, kept
from generator.report.shelf import Lazy, Shelf
from generator.report.tiled import tiled
from generator.report.vague import likenesses
from generator.store import Store

NOT_ASKED = NotApplicable("it was not asked for.")


class Shows(Protocol):
    """Who knows the classes' names, and what the model says of an image."""

    def label(self, index: int) -> str:
        """What a class is called."""

    def first(self, image: ImageRecord) -> str:
        """The class that the model ranks first."""


@dataclass(frozen=True)
class UnitViews:
    """The records of units, by layer."""

    jobs: Jobs
    store: Store
    shows: Shows
    asking: Asking | None = None
    wanted: Sequence[Wanted] = ()

    @property
    def shelf(self) -> Shelf:
        """The store, for pages."""
        return Shelf(self.store)

    @cached_property
    def reconstructions(self) -> Mapping[LayerName, Reconstructions]:
        """What of their first patches raised chosen units, by layer."""
        found = {}
        for layer, record in kept(self.wanted, self.store):
            meta = {**record.meta, "kind": "rgb_atlas", "count": len(record.meta["entries"])}
            entries = tuple((int(unit), int(rank)) for unit, rank in record.meta["entries"])
            deconv, guided = (
                self.shelf.atlas(record, rule, {**meta, "dead": [NOTHING * blank for blank in meta["blank"][rule]]})
                for rule in RULES
            )
            alike = dict(zip(RULES, likenesses(record, self.store), strict=True))
            both = alike["deconv_unpool"], alike["guided"]
            veil = self.shelf.atlas(record, VEIL, {**meta, **record.meta[VEIL]})
            shares = tuple(math.nan if share is None else share for share in record.meta["half"])
            switches = self.jobs.description.facts.max_pools > 0
            found[layer] = Reconstructions(entries, deconv, guided, veil, shares, record.meta["deconv"], both, switches)
        return found

    def examples(self, images: Sequence[ImageRecord]) -> tuple[Example, ...]:
        """The images of the dataset that stand in a unit's list; those of them that are the report's have its name and page."""
        if self.asking is None:
            return ()
        found, classes = [], classes_of(self.asking, self.store)
        paths = {image.path.resolve(): image for image in images}
        for number, record in pictures_of(self.asking, self.store).items():
            locator = self.asking.dataset[number].locator
            own = paths.get(locator.resolve()) if isinstance(locator, Path) else None
            name = own.name if own else record.meta["name"]
            text = own.label if own and self.asking.own else record.meta["label"]
            size = record.meta["seen" if self.asking.own else "size"]
            picture = self.shelf.picture(record, "seen.jpg", size)
            index = classes[number]
            said = text or (self.shows.first(own) if own else "")
            shows = said if index is None or self.asking.names else self.shows.label(index)
            found.append(Example(number, name, picture, own.slug if own else None, text, shows))
        return tuple(found)

    def shown(self, examples: Sequence[Example]) -> Mapping[str, int]:
        """How many images of the dataset show each class, by what it is called; `examples` are those that lists name."""
        if self.asking is None:
            return {}
        classes = classes_of(self.asking, self.store)
        of_index = Counter(index for index in classes if index is not None)
        found = Counter[str]()
        for index, count in of_index.items():
            found[self.asking.names[index] if self.asking.names else self.shows.label(index)] += count
        found.update(one.shows for one in examples if one.shows and classes[one.number] is None)
        return found

    def _search(self, layer: LayerName) -> Search | None:
        return next((s for s in self.jobs.searches if s.scope == "search" and s.at == layer), None)

    def pictures(
        self, layer: LayerName, units: Mapping[tuple[str, LayerName], tuple[int, ...]]
    ) -> Atlas | NotApplicable:
        """What the units of a layer look for."""
        search = self._search(layer)
        if search is None:
            refused = [r for method, at, r in self.jobs.refused if (method, at) == ("activation_maximization", layer)]
            return NotApplicable(refused[0]) if refused else NOT_ASKED
        return self._tiled(search, units[search.name, layer])

    def _tiled(self, search: Search, units: tuple[int, ...]) -> Atlas | NotApplicable:
        made = tiled(self.jobs, search, units, self.store)
        if made is None:
            return NotApplicable("the layer has none of the units asked for.")
        record, meta = made
        return self.shelf.atlas(record, "atlas.png", meta)

    def searched(
        self, layer: LayerName, units: Mapping[tuple[str, LayerName], tuple[int, ...]]
    ) -> Mapping[int, Searched]:
        """What the searches of a layer's units left beside their pictures, read when asked for."""
        search = self._search(layer)
        if search is None:
            return {}
        keys = self.jobs.unit_keys(search, units[search.name, layer])

        def read(unit: int) -> Searched:
            record = self.store.get(keys[unit])
            if record is None:
                raise LookupError(f"{search.name} of unit {unit} of {layer} is not in the store")
            meta = record.meta
            return Searched(
                tuple(meta["curves"][0]),
                self.shelf.picture(record, "course.webp", meta["course"]["size"]) if "course" in meta else None,
                self.shelf.atlas(record, "variants.png", meta["variants"]) if "variants" in meta else None,
                self.shelf.picture(record, "opacity.png", meta["opacity"]) if "opacity" in meta else None,
            )

        return Lazy(tuple(keys), read)
