"""What a report has to compute: every cell it wants, less those the store has, grouped so that passes are shared.

    cell      one method at one layer, of one image (kernels: of no image; searches: of one unit, of one class at no layer)
    batch     images that lack the same cells, run together: one forward, one backward per (rule, target)

Nothing here grows with images times layers: of each image only the set of its missing cells is kept, as a bit mask.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from generator.engine.needs import Weights
from generator.engine.plan import BatchPlan, Request, batches, plan
from generator.images import ImageRecord
from generator.images.photos import Photo
from generator.library import make_method, requests_for
from generator.methods import SEARCHES, Scope
from generator.model.describe import Description
from generator.names import INPUT, Digest, Layer, LayerName, Target, TrueTarget
from generator.report.keys import ModelKey, cell_key, code_digest, own_digest
from generator.report.picked import picked
from generator.report.predictions import Predictions
from generator.store import Store, key_of


@dataclass(frozen=True)
class Choice:
    """A method, its options filled in, and the layers it is drawn at."""

    name: str
    method: Any
    layers: tuple[Layer, ...]


LAST = sys.maxsize
"""The rank of a unit that is surely none of the first ones chosen."""


@dataclass(frozen=True)
class Search:
    """A search method at one layer, or of a class, where `layer` is None. What it searches for (units, classes, images) is
    chosen when the maps are known."""

    name: str
    method: Any
    layer: Layer | None

    @property
    def scope(self) -> Scope:
        """What it searches for: ``search`` for units, ``class_search``, ``image_search``."""
        found: Scope = self.method.scope
        return found

    @property
    def at(self) -> LayerName:
        """The layer's name, or `INPUT`."""
        return INPUT if self.layer is None else self.layer.name

    def for_unit(self, rank: int, *, shown: bool = False) -> Any:
        """The method as it is for what was chosen at this rank; `shown`: by the first page."""
        return self.method.of_unit(rank, shown=shown) if self.scope == "search" else self.method

    def alike(self, chosen: Sequence[int], some: Collection[int]) -> Mapping[Any, tuple[int, ...]]:
        """Of what was `chosen`, `some`, by the method as it is for them."""
        found: dict[Any, tuple[int, ...]] = {}
        shown = picked(chosen).shown
        for rank, one in enumerate(chosen):
            if one in some:
                method = self.for_unit(rank, shown=one in shown)
                found[method] = (*found.get(method, ()), one)
        return found


@dataclass(frozen=True)
class SetRequest:
    """A method over the whole dataset, at one layer."""

    name: str
    method: Any
    layer: Layer


@dataclass(frozen=True)
class Batch:
    """Images that lack the same cells, and the passes that fill them."""

    images: tuple[ImageRecord, ...]
    plan: BatchPlan


@dataclass(frozen=True)
class Jobs:
    """Everything a report wants. `requests` are per image, `weights` per model, `searches` per unit, class, or image and
    layer, `sets` over the dataset."""

    model: ModelKey
    requests: tuple[Request, ...]
    weights: tuple[Request, ...]
    searches: tuple[Search, ...]
    refused: tuple[tuple[str, LayerName, str], ...]
    """(method, layer, reason) where a method does not apply."""
    targets: tuple[Target, ...]
    seed: int
    description: Description = field(repr=False)
    sets: tuple[SetRequest, ...] = ()
    truths: Mapping[str, int] = field(default_factory=dict)
    """The true class of an image, by its slug; images without a label are not in it."""
    digests: tuple[Digest, ...] = ()
    """Of the report's images, in their order: some searches are from them."""

    def truth(self, image: ImageRecord) -> int | None:
        """The class that the image is labelled with, or None."""
        return self.truths.get(image.slug)

    def key(self, request: Request, image: ImageRecord | None) -> Digest:
        """The key of a request for one image, or of weights where there is none."""
        return cell_key(
            self.model,
            request.method,
            request.layer,
            image=None if image is None else image.digest,
            targets=request.targets,
            **self._labelled(request, image),
        )

    def _labelled(self, request: Request, image: ImageRecord | None) -> Mapping[str, int | None]:
        """What of an image's label a result depends on: nothing, but for maps of the true class."""
        wanted = image is not None and any(isinstance(target, TrueTarget) for target in request.targets)
        return {"truth": self.truth(image)} if wanted and image is not None else {}

    def animated(self, search: Search, units: tuple[int, ...]) -> frozenset[int]:
        """Those of the `units` chosen whose course is kept."""
        return frozenset(units[: search.method.animate]) | picked(units).shown

    def unit_keys(self, search: Search, units: tuple[int, ...]) -> Mapping[int, Digest]:
        """The keys of the searches of the `units` (or classes, or images) chosen, in their order."""
        filmed, shown = self.animated(search, units), picked(units).shown
        return {
            unit: self.unit_key(search, unit, n, animated=unit in filmed, shown=unit in shown)
            for n, unit in enumerate(units)
        }

    def unit_key(
        self, search: Search, unit: int, rank: int = 0, *, animated: bool = False, shown: bool = False
    ) -> Digest:
        """The key of the search for one unit, chosen at this rank, by the first page or not, with its course or without; or of
        that for one class, or from one image."""
        return self.named_key(search, self.name_of(search, unit), rank, animated=animated, shown=shown)

    def name_of(self, search: Search, unit: int) -> str:
        """What a unit, a class or an image is called in keys: its number, or an image's digest, for others may come before it."""
        return self.digests[unit] if search.scope == "image_search" else str(unit)

    def named_key(
        self, search: Search, name: str, rank: int = 0, *, animated: bool = False, shown: bool = False
    ) -> Digest:
        """The key of the search for what is called so."""
        course = {"course": True} if animated else {}
        if search.scope == "image_search":
            return self._search_key(search, image=name)
        of = {"class": int(name)} if search.scope == "class_search" else {"unit": int(name)}
        return self._search_key(search, search.for_unit(rank, shown=shown), **of, **course)

    def pending_key(self, search: Search) -> Digest:
        """The key of the batch that a search finished last."""
        return self._search_key(search, pending=True)

    def _search_key(self, search: Search, method: Any = None, **more: Any) -> Digest:
        if read := self.digests[: search.method.photographs]:
            more["photographs"] = list(read)
        return cell_key(self.model, method or search.method, search.at, seed=self.seed, **more)

    def choice_key(self, search: Search, units: str) -> Digest:
        """The key of the units chosen for a search."""
        return cell_key(self.model, search.method, search.at, choice=units)

    def ways_key(self, units: str, dataset: str) -> Digest:
        """The key of the units chosen for all searches of units together, strongest inputs of deeper ones among them, by what
        they answered to in a dataset of this fingerprint."""
        of = [
            [search.name, search.at, self.choice_key(search, units)]
            for search in self.searches
            if search.scope == "search"
        ]
        asked = [[request.name, request.layer.name] for request in self.sets]
        return key_of(
            {
                "ways": of,
                "asked": asked,
                "dataset": dataset,
                "first page": [getattr(s.method, "first_page", 0) for s in self.searches if s.scope == "search"],
                "code": [
                    own_digest("generator.report.units"),
                    own_digest("generator.report.traces"),
                    code_digest(
                        "generator.dataset.clear",
                        "generator.dataset.trace",
                        "generator.dataset.drive",
                        "generator.wiring.active",
                    ),
                ],
            }
        )

    def photo_key(self, image: ImageRecord) -> Digest:
        """The key of an image's own pictures."""
        return cell_key(self.model, Photo(), INPUT, image=image.digest)

    def missing(self, store: Store, image: ImageRecord) -> int:
        """Which requests the store lacks for this image, as a bit mask; 0 where it has all."""
        mask = 0
        for bit, request in enumerate(self.requests):
            if store.get(self.key(request, image)) is None:
                mask |= 1 << bit
        if store.get(self.photo_key(image)) is None:
            mask |= 1 << len(self.requests)
        return mask

    def batches(self, store: Store, images: Sequence[ImageRecord], size: int) -> Iterator[Batch]:
        """The batches that fill what the store lacks."""
        groups: dict[int, list[ImageRecord]] = {}
        for image in images:
            if mask := self.missing(store, image):
                groups.setdefault(mask, []).append(image)
        for mask, members in groups.items():
            asked = tuple(request for bit, request in enumerate(self.requests) if mask >> bit & 1)
            merged = plan(asked, self.description.facts)
            for part in batches(len(members), size):
                yield Batch(tuple(members[part]), merged)


PREDICTIONS = Request("predictions", Predictions(), INPUT, ())


def jobs(
    choices: Sequence[Choice],
    targets: tuple[Target, ...],
    description: Description,
    model: ModelKey,
    seed: int,
    truths: Mapping[str, int] | None = None,
    *,
    compared: Collection[LayerName],
    digests: tuple[Digest, ...] = (),
) -> Jobs:
    """All cells of these choices, with what does not apply set apart.

    At a layer that is not `compared`, pages show the first target alone, and no other is asked for.
    """
    requests: list[Request] = [PREDICTIONS]
    weights: list[Request] = []
    searches: list[Search] = []
    sets: list[SetRequest] = []
    refused: list[tuple[str, LayerName, str]] = []
    for choice in choices:
        scope = choice.method.scope
        if scope in (*SEARCHES, "set"):
            for layer in (None,) if scope == "class_search" else choice.layers:
                reason = choice.method.applies(description.facts, layer)
                if reason is not None:
                    refused.append((choice.name, INPUT if layer is None else layer.name, reason.reason))
                elif layer is not None and scope == "set":
                    sets.append(SetRequest(choice.name, choice.method, layer))
                else:
                    searches.append(Search(choice.name, choice.method, layer))
            continue
        asked, no = requests_for(choice.name, choice.method, choice.layers, targets, description)
        for each in asked:
            alone = each.layer not in (INPUT, *compared)
            request = replace(each, targets=each.targets[:1]) if alone else each
            (weights if all(isinstance(need, Weights) for need in request.needs) else requests).append(request)
        refused += [(choice.name, layer, reason.reason) for layer, reason in no.items()]
    return Jobs(
        model,
        tuple(requests),
        tuple(weights),
        tuple(searches),
        tuple(refused),
        targets,
        seed,
        description,
        tuple(sets),
        truths or {},
        digests,
    )


def choose(
    name: str, options: dict[str, Any], layers: Sequence[Layer], compared: Sequence[Layer], description: Description
) -> Choice:
    """A method and where it is drawn: at the report's `layers`, at the `compared` ones, or at both, as it says itself."""
    method = make_method(name, options)
    wanted: set[LayerName] = set()
    if method.places in ("layers", "both"):
        wanted |= {layer.name for layer in layers}
    if method.places in ("compared", "both"):
        wanted |= {layer.name for layer in compared}
    return Choice(name, method, tuple(layer for layer in description.layers if layer.name in wanted))
