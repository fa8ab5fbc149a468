"""What searches are for, each as a number: a unit of a layer, a class, an image of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from generator.encode import from_npy
from generator.images import ImageRecord
from generator.methods import registry
from generator.names import ClassTarget, LayerName, RankTarget, TrueTarget
from generator.report.jobs import PREDICTIONS, Jobs, Search
from generator.report.units import Said, choose_units
from generator.store import Store
from generator.wiring.threads import Threads


def choose_subjects(
    units: str,
    jobs: Jobs,
    images: Sequence[ImageRecord],
    store: Store,
    threads: Callable[[], Threads],
    *,
    keep: bool = False,
    dataset: str = "",
    said: Callable[[], Said | None] = dict,
) -> Mapping[tuple[str, LayerName], tuple[int, ...]]:
    """(search, layer) -> what it searches for: units as `choose_units` has them, classes, or numbers of images."""
    found = dict(choose_units(units, jobs, images, store, threads, keep=keep, dataset=dataset, said=said))
    for search in jobs.searches:
        if search.scope == "class_search":
            found[search.name, search.at] = classes_of(search, jobs, images, store)
        elif search.scope == "image_search":
            found[search.name, search.at] = tuple(range(min(search.method.images, len(images))))
    return found


def units_by_layer(
    subjects: Mapping[tuple[str, LayerName], tuple[int, ...]],
) -> Mapping[LayerName, tuple[int, ...]]:
    """Of what searches are for, the units of each layer."""
    scopes = {name: info.cls.scope for name, info in registry().items()}
    return {layer: chosen for (name, layer), chosen in subjects.items() if scopes[name] == "search"}


def classes_of(search: Search, jobs: Jobs, images: Sequence[ImageRecord], store: Store) -> tuple[int, ...]:
    """The classes that maps are drawn for, of each image the first so many, each once, in the order of the images.

    Which class a model ranks first is known when it has seen the image. Before that a number below zero, another for each,
    stands for the class: as many searches as there can be at most, for a plan.
    """
    found: dict[int, None] = {}
    for number, image in enumerate(images):
        unknown = -1 - number * len(jobs.targets)
        found.update(dict.fromkeys(_of_image(jobs, image, store, search.method.targets, unknown)))
    return tuple(found)[: min(search.method.most, jobs.description.classes)]


def _of_image(jobs: Jobs, image: ImageRecord, store: Store, most: int, unknown: int) -> Iterator[int]:
    order: Sequence[int] | None = None
    of_classes = [one for one in jobs.targets if isinstance(one, (ClassTarget, RankTarget, TrueTarget))]
    for at, target in enumerate(of_classes[:most]):
        if isinstance(target, ClassTarget):
            yield target.index
        elif isinstance(target, TrueTarget):
            truth = jobs.truth(image)
            if truth is not None:
                yield truth
        else:
            order = ranking(jobs, image, store) if order is None else order
            yield order[target.rank - 1] if order else unknown - at


def ranking(jobs: Jobs, image: ImageRecord, store: Store) -> list[int]:
    """Classes by their score on an image, highest first; [] where the model has not seen it yet."""
    record = store.get(jobs.key(PREDICTIONS, image))
    if record is None:
        return []
    scores = from_npy(store.blob(record, "0.values.npy"))
    return [int(index) for index in np.argsort(-scores.astype(np.float64), kind="stable")]


def known(subjects: Sequence[int]) -> bool:
    """Whether all of them are known yet."""
    return all(one >= 0 for one in subjects)
