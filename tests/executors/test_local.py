"""The local executor: a batch that does not fit is halved, results that wait are bounded, the first error ends it all."""

from __future__ import annotations

import gc
import hashlib
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import generator.executors.local as local
from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.engine.passes import Engine, Served
from generator.engine.plan import BatchPlan
from generator.names import INPUT
from generator.report.plan import plan_report
from generator.report.setup import Setup, set_up
from generator.resources import packaged

METHODS = ["feature_maps", "grad_cam", "grad_cam_pp", "saliency", "guided_backprop", "input_response"]


@pytest.fixture(autouse=True)
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which memory format is faster is measured, and the two round differently in the last bit."""
    monkeypatch.setattr("generator.build.faster_format", lambda engine, shape: "contiguous")


def setup_for(folder: Path, images: int, **more: object) -> Setup:
    """A report of the first few digits, in a store of its own."""
    pictures = folder / "images"
    pictures.mkdir(parents=True)
    for file in sorted(packaged("inputs/digits").glob("*.png"))[:images]:
        shutil.copy(file, pictures)
    given = {"model": "tinyvgg_digits", "images": str(pictures), "layers": ["conv", "act"], "methods": METHODS}
    given |= {"store": str(folder / "store"), "device": "cpu", "targets": "top:2", "units": "top:2"}
    return set_up(load_config(None, given | more), Silent())


def contents(folder: Path) -> dict[str, str]:
    """Every file of a store with the sha256 of its bytes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def with_room_for(most: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch, after: int = 7) -> None:
    """A device that runs out of memory in any batch of more than `most` images, when it has served `after` requests;
    `sizes` are the batches tried."""
    run = Engine.run

    def limited(self: Engine, x: Tensor, todo: BatchPlan, *more: Any) -> Iterator[Served]:
        sizes.append(len(x))
        for k, served in enumerate(run(self, x, todo, *more)):
            if len(x) > most and k == after:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            yield served

    monkeypatch.setattr(Engine, "run", limited)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    alone = setup_for(tmp_path / "alone", 5, batch_size=1)
    compute(alone, plan_report(alone), Silent())
    sizes: list[int] = []
    with_room_for(1, sizes, monkeypatch, after=0)
    setup = setup_for(tmp_path / "halved", 5, batch_size=5)
    todo = plan_report(setup)
    assert [len(batch.images) for batch in todo.batches] == [5]
    compute(setup, todo, Silent())
    assert sizes == [5, 2, 1, 1, 3, 1, 2, 1, 1]
    assert setup.jobs.missing(setup.store, setup.images.images[4]) == 0
    # what ran alone in the end is what runs alone from the start, to the last bit
    assert contents(tmp_path / "halved/store") == contents(tmp_path / "alone/store")


def test_no_room_on_the_processor_halves_a_batch_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, sizes = Engine.run, []

    def limited(self: Engine, x: Tensor, *more: Any) -> Iterator[Served]:
        sizes.append(len(x))
        if len(x) > 1:
            torch.empty(10**15)
        yield from run(self, x, *more)

    monkeypatch.setattr(Engine, "run", limited)
    setup = setup_for(tmp_path, 2, batch_size=2)
    compute(setup, plan_report(setup), Silent())
    assert sizes == [2, 1, 1]


def test_halves_that_fit_are_not_halved_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    with_room_for(3, sizes, monkeypatch)
    setup = setup_for(tmp_path, 6, batch_size=6)
    compute(setup, plan_report(setup), Silent())
    assert sizes == [6, 3, 3]
    assert all(setup.jobs.missing(setup.store, image) == 0 for image in setup.images.images)


def test_every_image_is_counted_once_however_it_was_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with_room_for(1, [], monkeypatch)
    setup = setup_for(tmp_path, 5, batch_size=3)
    told: list[str] = []

    class Told:
        def advance(self, count: int = 1, what: str = "") -> None:
            told.append(what)

    todo = plan_report(setup)
    local.fill_images(setup.jobs, todo.batches, setup.engine, setup.loaded.preprocess, setup.store, Told())
    assert told == [image.name for image in setup.images.images]


def test_an_image_that_does_not_fit_alone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    with_room_for(0, sizes, monkeypatch)
    setup = setup_for(tmp_path, 2, batch_size=2)
    with pytest.raises(torch.OutOfMemoryError):
        compute(setup, plan_report(setup), Silent())
    assert sizes == [2, 1]


def test_the_batch_that_did_not_fit_is_let_go_before_its_halves_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    held: list[weakref.ref[Tensor]] = []
    alive: list[int] = []
    run, empty = Engine.run, torch.cuda.empty_cache

    def limited(self: Engine, x: Tensor, todo: BatchPlan, *more: Any) -> Iterator[Served]:
        for served in run(self, x, todo, *more):
            if len(x) > 1 and isinstance(served.reads, local.Reads) and served.request.layer != INPUT:
                held.extend(weakref.ref(value) for value in served.reads.values.values())
                raise torch.OutOfMemoryError("CUDA out of memory.")
            yield served

    def emptied() -> None:
        gc.collect()
        alive.append(sum(ref() is not None for ref in held))
        empty()

    monkeypatch.setattr(Engine, "run", limited)
    monkeypatch.setattr(torch.cuda, "empty_cache", emptied)
    setup = setup_for(tmp_path, 2, batch_size=2)
    compute(setup, plan_report(setup), Silent())
    assert held
    assert alive == [0]


class Watched(threading.BoundedSemaphore):
    """A semaphore that says when somebody has to wait for room."""

    full: threading.Event

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if super().acquire(blocking=False):
            return True
        type(self).full.set()
        return super().acquire(blocking, timeout) if blocking else False


def test_no_more_results_wait_than_there_is_room_for():
    gate, done = threading.Event(), []
    with local.workers(2) as team:
        room = 16 * 2

        def task() -> None:
            gate.wait()
            done.append(1)

        for _ in range(room):
            team.submit(task)
        assert not team.room.acquire(blocking=False)  # the next result has to wait
        assert done == []
        gate.set()
    assert len(done) == room
    assert all(team.room.acquire(blocking=False) for _ in range(room))  # all of the room is given back, and no more
    assert not team.room.acquire(blocking=False)


def test_the_passes_wait_for_the_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Workers stand still until the passes have had to wait, or have ended: so many results are held at most."""
    Watched.full = threading.Event()
    monkeypatch.setattr(local.threading, "BoundedSemaphore", Watched)
    monkeypatch.setattr(local.os, "cpu_count", lambda: 2)
    setup = setup_for(tmp_path, 4, batch_size=1)
    todo = plan_report(setup)
    cells = sum(len(batch.images) * (len(batch.plan.requests) + 1) for batch in todo.batches)
    room = 16 * 2
    assert cells > 2 * room
    lock, held, most, seen = threading.Lock(), 0, 0, 0
    batches_run = 0
    run, cell, photo = Engine.run, local._cell_task, local._photo_task

    def counted(make: Callable[..., Callable[[], None]]) -> Callable[..., Callable[[], None]]:
        def made(*given: Any) -> Callable[[], None]:
            nonlocal held, most, seen
            task = make(*given)
            with lock:
                held, seen = held + 1, seen + 1
                most = max(most, held)

            def waits() -> None:
                nonlocal held
                Watched.full.wait()
                task()
                with lock:
                    held -= 1

            return waits

        return made

    def ending(self: Engine, x: Tensor, plan: BatchPlan, *more: Any) -> Iterator[Served]:
        nonlocal batches_run
        yield from run(self, x, plan, *more)
        batches_run += 1
        if batches_run == len(todo.batches):
            Watched.full.set()

    monkeypatch.setattr(local, "_cell_task", counted(cell))
    monkeypatch.setattr(local, "_photo_task", counted(photo))
    monkeypatch.setattr(Engine, "run", ending)
    local.fill_images(setup.jobs, todo.batches, setup.engine, setup.loaded.preprocess, setup.store, _Mute())
    assert seen == cells
    assert held == 0
    # the room, the one that waits at its door, and one a worker that has given its room back and not yet been counted
    assert room < most <= room + 1 + 2
    assert all(setup.jobs.missing(setup.store, image) == 0 for image in setup.images.images)


class _Mute:
    def advance(self, count: int = 1, what: str = "") -> None:
        pass


def test_pictures_are_decoded_a_batch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    load, events = local.load, []

    def loading(record: Any, channels: int) -> Any:
        events.append("load")
        return load(record, channels)

    run = Engine.run

    def running(self: Engine, x: Tensor, plan: BatchPlan, *more: Any) -> Iterator[Served]:
        events.append("run")
        yield from run(self, x, plan, *more)

    monkeypatch.setattr(local, "load", loading)
    monkeypatch.setattr(Engine, "run", running)
    setup = setup_for(tmp_path, 5, batch_size=2)
    compute(setup, plan_report(setup), Silent())
    assert events == ["load", "load", "run", "load", "load", "run", "load", "run"]


def test_an_error_in_a_worker_is_raised_and_later_tasks_are_not_taken():
    done: list[int] = []

    def broken() -> None:
        raise RuntimeError("disk full")

    def two_tasks() -> None:
        with local.workers(1) as team:
            team.submit(broken)
            while not team.failed:
                threading.Event().wait(0.001)
            team.submit(lambda: done.append(1))

    with pytest.raises(RuntimeError, match="disk full"):
        two_tasks()
    assert done == []


def test_an_error_in_the_last_task_is_raised_at_the_end():
    def broken() -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"), local.workers(1) as team:
        team.submit(broken)
