"""Run jobs in this process: passes of a few images abreast, encoding and writing beside them in workers.

A bounded number of results waits for the workers, so that memory does not grow with the number of images.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from generator.artifacts import Artifact, NotApplicable
from generator.command.progress import Stage
from generator.encode import Encoded, encode
from generator.engine.abreast import abreast
from generator.engine.needs import Reads
from generator.engine.passes import Engine, Served
from generator.engine.plan import BatchPlan, Request
from generator.engine.probe import Shared, probed
from generator.engine.targets import UNLABELLED
from generator.images import ImageRecord, load
from generator.images.larger import larger
from generator.images.photos import photo
from generator.methods import only
from generator.model.preprocess import Preprocess
from generator.names import Digest, TrueTarget
from generator.report.jobs import Batch, Jobs
from generator.room import no_room
from generator.store import Store
from generator.threads import pool


@dataclass
class Workers:
    """A few threads behind a bounded queue. The first error of any is raised at the next `submit`, or at the end."""

    pool: ThreadPoolExecutor
    room: threading.BoundedSemaphore
    failed: list[BaseException] = field(default_factory=list)

    def submit(self, task: Callable[[], None]) -> None:
        """Run `task` in a worker as soon as there is room."""
        if self.failed:
            raise self.failed[0]
        self.room.acquire()
        try:
            future = self.pool.submit(task)
        except RuntimeError:
            self.room.release()
            raise
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self.room.release()
        if not future.cancelled() and (error := future.exception()) is not None:
            self.failed.append(error)


@contextmanager
def workers(count: int | None = None) -> Iterator[Workers]:
    """Workers until the block ends; all they were given is done then, unless the block raised."""
    many = count or max(2, min(8, os.cpu_count() or 2))
    team = pool(many, "convatlas")
    found = Workers(team, threading.BoundedSemaphore(16 * many))
    try:
        yield found
    except BaseException:
        team.shutdown(wait=False, cancel_futures=True)
        raise
    team.shutdown(wait=True)
    if found.failed:
        raise found.failed[0]


def fill_images(
    jobs: Jobs, batches: Sequence[Batch], engine: Engine, preprocess: Preprocess, store: Store, stage: Stage
) -> None:
    """Run every batch and store every cell of it."""
    with workers() as team:
        cells = Cells(jobs, preprocess, store, team)

        def run(engine: Engine, batch: Batch) -> None:
            pictures = [load(image, preprocess.channels) for image in batch.images]
            x = torch.stack([preprocess(picture) for picture in pictures])
            for image, picture, one in zip(batch.images, pictures, x, strict=True):
                team.submit(_photo_task(jobs, image, picture, one, preprocess, store))
            bigger = larger(pictures, x, preprocess)
            for part in _fitting(engine, x, batch, bigger, cells):
                for image in part:
                    stage.advance(what=image.name)

        abreast(engine, batches, run)


@dataclass(frozen=True)
class Cells:
    """Where what is computed goes: into the store, by workers."""

    jobs: Jobs
    preprocess: Preprocess
    store: Store
    team: Workers

    def put(self, request: Request, image: ImageRecord, parts: Sequence[Artifact | NotApplicable], n: int) -> None:
        """Store the cell of one image: row `n` of each of the `parts`, which are one a target."""
        unlabelled = self.jobs.truth(image) is None
        held = [
            NotApplicable(UNLABELLED) if unlabelled and isinstance(target, TrueTarget) else part
            for part, target in zip(parts, request.targets or (None,), strict=True)
        ]
        self.team.submit(_cell_task(self.store, self.jobs.key(request, image), held, n))


def _fitting(
    engine: Engine, x: Tensor, batch: Batch, bigger: Callable[[int], Tensor], cells: Cells
) -> Iterator[tuple[ImageRecord, ...]]:
    """The batch whole, or in halves where the device has no room for it."""
    todo = [slice(0, len(x))]
    while todo:
        part = todo.pop(0)
        fits = True
        try:
            _one_batch(engine, x[part], batch.plan, batch.images[part], _cut(bigger, part), cells)
        except Exception as error:
            if not no_room(error) or part.stop - part.start == 1:
                raise
            fits = False
        if fits:
            yield batch.images[part]
            continue
        torch.cuda.empty_cache()  # not above: the error there still holds the frames, and so the tensors, of what ran
        half = (part.start + part.stop) // 2
        todo[:0] = [slice(part.start, half), slice(half, part.stop)]


def _cut(bigger: Callable[[int], Tensor], part: slice) -> Callable[[int], Tensor]:
    return lambda scale: bigger(scale)[part]


def _one_batch(
    engine: Engine,
    x: Tensor,
    todo: BatchPlan,
    images: tuple[ImageRecord, ...],
    bigger: Callable[[int], Tensor],
    cells: Cells,
) -> None:
    open_: dict[Request, list[Artifact | NotApplicable]] = {}
    made: tuple[Shared, ...] = tuple({} for _ in images)
    truth = [cells.jobs.truth(image) for image in images]
    for served in engine.run(x, todo, truth, bigger):
        request = served.request
        if request.probes:
            for n, image in enumerate(images):
                cells.put(request, image, _probed(engine, served, n, x, image, cells, made[n]), 0)
            continue
        found: Artifact | NotApplicable
        if isinstance(served.reads, Reads):
            found = _to_cpu(only(request.name, request.method.compute(served.reads)))
        else:
            found = served.reads
        parts = open_.setdefault(request, [])
        parts.append(found)
        if len(parts) == max(1, len(request.targets)):
            del open_[request]
            for n, image in enumerate(images):
                cells.put(request, image, parts, n)


def _probed(
    engine: Engine, served: Served, n: int, x: Tensor, image: ImageRecord, cells: Cells, made: Shared
) -> list[Artifact | NotApplicable]:
    found = probed(engine, served, n, x, cells.preprocess.ends, int(image.digest[:12], 16), made)
    return [one if isinstance(one, NotApplicable) else _to_cpu(one) for one in found]


def _to_cpu(artifact: Artifact) -> Artifact:
    values = getattr(artifact, "values", None)
    if isinstance(values, Tensor) and values.device.type != "cpu":
        object.__setattr__(artifact, "values", values.cpu())  # the one reference: nobody else has seen it yet
    return artifact


def _cell_task(store: Store, key: Digest, parts: Sequence[Artifact | NotApplicable], n: int) -> Callable[[], None]:
    def task() -> None:
        store.put(key, *_joined(parts, n))

    return task


def _joined(parts: Sequence[Artifact | NotApplicable], n: int) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The record of one cell: its maps by target."""
    maps: list[Any] = []
    blobs: dict[str, bytes] = {}
    for t, part in enumerate(parts):
        if isinstance(part, NotApplicable):
            maps.append({"not_applicable": part.reason})
            continue
        made: Encoded = encode(part, n)
        blobs |= {f"{t}.{name}": data for name, data in made.blobs.items()}
        maps.append(dict(made.meta))
    return {"maps": maps}, blobs


def _photo_task(
    jobs: Jobs, image: ImageRecord, picture: Image, x: Tensor, preprocess: Preprocess, store: Store
) -> Callable[[], None]:
    def task() -> None:
        key = jobs.photo_key(image)
        if store.get(key) is None:
            made = photo(picture, preprocess.picture(x))
            store.put(key, made.meta, made.blobs)

    return task


def fill_weights(jobs: Jobs, engine: Engine, store: Store, stage: Stage) -> None:
    """Store every cell that reads weights alone. No pass runs."""
    with workers() as team:
        for request in jobs.weights:
            key = jobs.key(request, None)
            if store.get(key) is None:
                (served,) = engine.weights(request)
                assert isinstance(served.reads, Reads)
                parts: list[Artifact | NotApplicable] = [only(request.name, request.method.compute(served.reads))]
                team.submit(_cell_task(store, key, parts, 0))
            stage.advance(what=request.layer)
