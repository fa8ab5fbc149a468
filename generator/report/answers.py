"""What the units of a report's layers answer to in its dataset: what the store lacks of that, what it costs, and doing it.

    dataset ──▶ decoded beside the passes ──▶ batches ──▶ generator.dataset.survey ──▶ a record for each layer
                                                                     └──▶ the pictures that stand in a unit's list

A layer's record depends on the dataset's listing, not on which other layers were asked for with it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generator.command.progress import Stage
from generator.dataset.activity import positive
from generator.dataset.answers import NONE, Answers
from generator.dataset.marks import mark
from generator.dataset.sources import Dataset, Sample
from generator.dataset.strongest import UNMARKED
from generator.dataset.survey import Portion, survey
from generator.engine.passes import Engine
from generator.errors import UserError
from generator.images import ImageRecord
from generator.images.decode import Undecodable, bombs_measured
from generator.model.preprocess import Preprocess
from generator.names import INPUT, Digest, LayerName
from generator.pages.views import Passes
from generator.report.arrays import packed, unpacked
from generator.report.jobs import Jobs, SetRequest
from generator.report.keys import cell_key, engine_digest, own_digest
from generator.report.predictions import Predictions
from generator.store import Record, Store, key_of
from generator.threads import pool

BATCH = 32
"""Images of a pass on a CPU: what a layer's reduction costs whatever the batch is shared by so many."""
GPU_BATCH = 64
AHEAD = 3
"""Batches that are decoded while one runs."""
QUALITY = 88
"""Of the JPEGs of a dataset's pictures."""


@dataclass(frozen=True)
class Asking:
    """Which units are asked about which images."""

    jobs: Jobs
    dataset: Dataset
    classes: tuple[int | None, ...]
    """Of each image of the dataset, where a label names it: of the model's, or of `names`."""
    ranks: bool = True
    """Whether the model ranks classes: one that gives numbers of another kind says of no image what is on it."""
    own: tuple[ImageRecord, ...] = ()
    """The report's images, where they are the dataset: their pictures are in the store already."""
    names: tuple[str, ...] = ()
    """The dataset's labels, where they are classes of their own (`generator.dataset.named`). Hostile."""
    notes: tuple[str, ...] = ()
    """What was made of labels that name no class of the model."""

    def of(self, store: Store, layer: LayerName) -> Answers | None:
        """What a layer's units answer to; None where nobody asked them.

        Raises:
            LookupError: they were not asked yet.
        """
        request = next((one for one in self.requests if one.layer.name == layer), None)
        return None if request is None else answers_of(self, store, request)

    @property
    def requests(self) -> tuple[SetRequest, ...]:
        """The layers that are asked, each with its method."""
        return self.jobs.sets

    @cached_property
    def by_model(self) -> bool:
        """Whether classes are what the model says first of each image: labels of the set name none. Not of the report's
        own images: each would be a class of its own, of which selectivity says nothing."""
        return self.ranks and not self.own and all(index is None for index in self.classes)

    @cached_property
    def _known(self) -> Digest:
        return key_of({"classes": list(self.classes), "by the model": self.by_model})

    def key(self, request: SetRequest) -> Digest:
        """The key of what a layer's units answer to."""
        return cell_key(
            self.jobs.model,
            request.method,
            request.layer.name,
            dataset=self.dataset.fingerprint,
            classes=self._known,
            seed=self.jobs.seed,
            code=[own_digest("generator.dataset.survey"), own_digest("generator.dataset.marks")],
        )

    def picture_key(self, number: int) -> Digest:
        """The key of an image's picture as the model sees it."""
        return key_of(
            {
                "picture": number,
                "dataset": self.dataset.fingerprint,
                "preprocessing": self.jobs.model.preprocessing,
                "engine": engine_digest(),
            }
        )

    @cached_property
    def said_key(self) -> Digest:
        """The key of what the model says first of each image."""
        return cell_key(
            self.jobs.model,
            Predictions(),
            INPUT,
            dataset=self.dataset.fingerprint,
            code=[own_digest("generator.dataset.survey")],
        )

    def lacking(self, store: Store) -> tuple[SetRequest, ...]:
        """The layers that the store knows nothing of; one of them where what the model says is all that it lacks."""
        found = tuple(request for request in self.requests if store.get(self.key(request)) is None)
        return found or self.requests[: int(self.by_model and store.get(self.said_key) is None)]

    def passes(self, store: Store, size: int) -> Passes:
        """What `fill_answers` will make, where every image can be read."""
        return Passes(-(-len(self.dataset) // size) if self.lacking(store) else 0, 0)


def batch_size(engine: Engine) -> int:
    """Images of one pass on this device."""
    return BATCH if engine.device.type == "cpu" else GPU_BATCH


def fill_answers(asking: Asking, engine: Engine, preprocess: Preprocess, store: Store, stage: Stage) -> None:
    """Pass the dataset through the model, where a layer lacks its record; then keep the pictures that lists name.

    Raises:
        UserError: not one picture can be read. Nothing is kept: units that were shown nothing answer to nothing.
    """
    lacks = {request.layer.name: request for request in asking.lacking(store)}
    if lacks:
        skipped: list[tuple[str, str]] = []
        states = {name: request.method.start(request.layer, engine.device) for name, request in lacks.items()}
        stream = told(portions(asking, preprocess, batch_size(engine), skipped), stage)
        said = np.full(len(asking.dataset), NONE, np.int32) if asking.by_model else None
        found = survey(engine, states, stream, asking.jobs.seed, said)
        if len(skipped) == len(asking.dataset):
            raise _none(skipped)
        for name, answers in found.items():
            meta, blobs = packed(answers)
            store.put(asking.key(lacks[name]), meta | {"skipped": skipped}, blobs)
        if said is not None:
            store.put(asking.said_key, {}, {"classes": said.astype("<i4").tobytes()})
    if not asking.own:
        _fill_pictures(asking, preprocess, store)


def told(stream: Iterable[Portion], stage: Stage) -> Iterator[Portion]:
    """The stream, each portion told to `stage` when it has been taken."""
    for portion in stream:
        yield portion
        stage.advance(len(portion.numbers))


def portions(
    asking: Asking,
    preprocess: Preprocess,
    size: int,
    skipped: list[tuple[str, str]],
    numbers: Sequence[int] | None = None,
) -> Iterator[Portion]:
    """The dataset, or the images of these `numbers`, in batches, decoded in threads beside; images that cannot be read are
    named in `skipped`, each with the reason."""

    def decoded(sample: Sample) -> tuple[Sample, torch.Tensor | str, int]:
        try:
            with asking.dataset.load(sample, preprocess.channels) as picture:
                x = preprocess(picture)
                return sample, x, mark(x)
        except Undecodable as why:
            return sample, str(why), UNMARKED

    with bombs_measured(), warnings.catch_warnings(), pool(2, "dataset") as team:
        warnings.simplefilter("ignore")  # what Pillow warns of is either harmless or in the reason
        waiting: list[Any] = []
        ready: list[tuple[Sample, torch.Tensor, int]] = []

        def take(future: Any) -> None:
            sample, x, own_mark = future.result()
            if isinstance(x, str):
                skipped.append((sample.name, x))
            else:
                ready.append((sample, x, own_mark))

        for sample in asking.dataset if numbers is None else map(asking.dataset.__getitem__, numbers):
            waiting.append(team.submit(decoded, sample))
            if len(waiting) >= AHEAD * size:
                take(waiting.pop(0))
            if len(ready) == size:
                yield _portion(ready, asking.classes)
                ready = []
        for future in waiting:
            take(future)
            if len(ready) == size:
                yield _portion(ready, asking.classes)
                ready = []
        if ready:
            yield _portion(ready, asking.classes)


def once_more(asking: Asking, preprocess: Preprocess, size: int, numbers: Sequence[int]) -> Iterator[Portion]:
    """These images, which the pass over the dataset has read already, in batches.

    Raises:
        UserError: one cannot be read any more, at the end: nothing is to be kept of what the others gave.
    """
    skipped: list[tuple[str, str]] = []
    yield from portions(asking, preprocess, size, skipped, numbers)
    for name, why in skipped:
        raise _gone(name, why)


def _none(skipped: Sequence[tuple[str, str]]) -> UserError:
    many, (name, why) = len(skipped), skipped[0]
    return UserError(
        f"dataset: expected at least one picture that can be read, but none of {many:,} can; the first is {name!r}: {why} "
        "Name another set, or put whole pictures into it"
    )


def _gone(name: str, why: object) -> UserError:
    return UserError(
        f"dataset: {name!r} could be read when the dataset was passed through the model, but not any more: {why} "
        "Put it back, or leave it out, and build again"
    )


def again(asking: Asking, sample: Sample, preprocess: Preprocess) -> torch.Tensor:
    """The input (c, h, w) of an image that the pass over the dataset has read already.

    Raises:
        UserError: it cannot be read any more. It stands in units' lists, which would name what nobody can see.
    """
    try:
        with asking.dataset.load(sample, preprocess.channels) as picture:
            return preprocess(picture)
    except Undecodable as why:
        raise _gone(sample.name, why) from None


def _portion(ready: Sequence[tuple[Sample, torch.Tensor, int]], classes: Sequence[int | None]) -> Portion:
    numbers = [sample.index for sample, _, _ in ready]
    known = [classes[number] for number in numbers] if any(c is not None for c in classes) else []
    return Portion(torch.stack([x for _, x, _ in ready]), numbers, known, [own_mark for *_, own_mark in ready])


def _fill_pictures(asking: Asking, preprocess: Preprocess, store: Store) -> None:
    """Every picture that stands in a list, as the model sees it."""
    lacks = [number for number in named(asking, store) if store.get(asking.picture_key(number)) is None]
    samples = map(asking.dataset.__getitem__, lacks)

    def keep(sample: Sample) -> None:
        seen = Image.fromarray(preprocess.picture(again(asking, sample, preprocess)))
        buffer = io.BytesIO()
        seen.save(buffer, "JPEG", quality=QUALITY, optimize=True)
        meta = {"name": sample.name, "label": sample.label, "size": [seen.height, seen.width]}
        store.put(asking.picture_key(sample.index), meta, {"seen.jpg": buffer.getvalue()})

    with pool(2, "pictures") as team:
        for _ in team.map(keep, samples):
            pass


# ---- records


def answers_of(asking: Asking, store: Store, request: SetRequest) -> Answers:
    """What a layer's units answer to.

    Raises:
        LookupError: nobody asked them yet.
    """
    record = store.get(asking.key(request))
    if record is None:
        raise LookupError(f"what the units of {request.layer.name} answer to is not in the store")
    return Answers(**unpacked(record, store))


def activity_of(asking: Asking, store: Store) -> Mapping[LayerName, NDArray[np.float32]]:
    """How much the units of each layer that was asked are on in the dataset, as far as the store knows."""
    found = {}
    for request in asking.requests:
        if store.get(asking.key(request)) is not None:
            found[request.layer.name] = positive(answers_of(asking, store, request))
    return found


def skipped_of(asking: Asking, store: Store) -> Sequence[tuple[str, str]]:
    """(name, reason) of each image that could not be read."""
    record = store.get(asking.key(asking.requests[0])) if asking.requests else None
    return () if record is None else tuple((name, reason) for name, reason in record.meta["skipped"])


def named(asking: Asking, store: Store) -> Sequence[int]:
    """The numbers of the images that stand in a list, in order."""
    found = [np.unique(answers_of(asking, store, request).images) for request in asking.requests]
    return [int(number) for number in np.unique(np.concatenate(found)) if number != NONE] if found else []


def pictures_of(asking: Asking, store: Store) -> Mapping[int, Record]:
    """The records of all pictures that stand in a list, by the image's number; of the report's own images all. Those that
    the store has from earlier reports, and no list names, stay there."""
    if asking.own:
        found = {number: store.get(asking.jobs.photo_key(image)) for number, image in enumerate(asking.own)}
    else:
        found = {number: store.get(asking.picture_key(number)) for number in named(asking, store)}
    return {number: record for number, record in found.items() if record is not None}


def classes_of(asking: Asking, store: Store) -> Sequence[int | None]:
    """The class of each image: by its label, or by what the model says of it first where labels of the set name none."""
    record = store.get(asking.said_key) if asking.by_model else None
    if record is None:
        return asking.classes
    return [None if index == NONE else index for index in np.frombuffer(store.blob(record, "classes"), "<i4").tolist()]
