"""What pages show of searches for classes, and from images at layers: their pictures, and why there is none. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from generator.artifacts import NotApplicable
from generator.methods import registry
from generator.names import LayerName
from generator.pages.views import Sought
from generator.report.jobs import Jobs, Search
from generator.report.shelf import Lazy, Shelf
from generator.store import Store


@dataclass(frozen=True)
class SoughtViews:
    """The records of these searches, by what they are for."""

    jobs: Jobs
    store: Store
    subjects: Mapping[tuple[str, LayerName], tuple[int, ...]]
    """What each search is for."""
    label: Callable[[int], str]
    """What a class is called."""

    @property
    def classes(self) -> Mapping[int, Sought]:
        """The picture of each class that was searched for."""
        of = {one: search for search in self._searches("class_search") for one in self.subjects[search.name, search.at]}
        return Lazy(tuple(of), lambda index: self._sought(of[index], index, self.label(index)))

    def of_image(self, number: int) -> Mapping[tuple[str, LayerName], Sought | NotApplicable]:
        """By method and layer, what was searched for from the image of this number; of those that were not, why."""
        of = {(search.name, search.at): search for search in self._searches("image_search")}

        def read(key: tuple[str, LayerName]) -> Sought | NotApplicable:
            if key in self._refused:
                return self._refused[key]
            chosen = self.subjects[key]
            if number not in chosen:
                first = f"{len(chosen)} images" if len(chosen) > 1 else "image"
                return NotApplicable(
                    f"such pictures were made of the report's first {first} only, as the option `images` says."
                )
            return self._sought(of[key], number)

        return Lazy((*of, *self._refused), read)

    @cached_property
    def _refused(self) -> Mapping[tuple[str, LayerName], NotApplicable]:
        return {
            (method, layer): NotApplicable(reason)
            for method, layer, reason in self.jobs.refused
            if registry()[method].cls.scope == "image_search"
        }

    def _searches(self, scope: str) -> list[Search]:
        return [search for search in self.jobs.searches if search.scope == scope]

    def _sought(self, search: Search, subject: int, label: str = "") -> Sought:
        record = self.store.get(self.jobs.unit_key(search, subject))
        if record is None:
            raise LookupError(f"{search.name} of {label or subject} is not in the store")
        meta = record.meta
        return Sought(
            Shelf(self.store).picture(record, "atlas.png", meta["size"]),
            meta["scores"][0],
            meta["curves"][0][0],
            meta["dead"][0],
            label,
        )
