"""Tasks abreast: on a CPU each runs in one thread, with a copy of the model on the same weights, and several run at once.

    tasks ─┬▶ copy 1, in one thread: first, third, fourth
           └▶ copy 2, in one thread: second, fifth

Passes of an image or of a few small pictures are hundreds of operations of a fraction of a millisecond. Two threads that
share each of them spend a third of their time meeting; two threads with a task each do not meet at all. Which tasks share
the machine changes no bit of what they give: each is computed by one thread, or by as many as its share of a large machine.

That holds of models whose copies do not meet. Three kinds are told, and their tasks run one after the other: those with hooks,
or with functions that hold what can be written into (`generator.engine.outside`); those that draw random numbers in
evaluation mode from torch's, Python's or NumPy's own generator, which all threads share; and those that give something else
when they are run again on the same, since they draw from a generator of their own or remember. Not told, so that their tasks may
spoil each other: a model that writes into a variable of a Python module, an attribute of a class, a file, or what compiled code
keeps, while its output does not show it; and one that does either only for some inputs, since a noise is all that is tried.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np
import torch

from generator.engine.capture import prepared
from generator.engine.merged import alike
from generator.engine.outside import keeps_outside
from generator.engine.passes import Counts, Engine
from generator.model.calls import tensors
from generator.model.twin import alongside
from generator.threads import pool

MOST = 4
"""Tasks at once: each holds the maps of a pass of its own in memory."""
Task = TypeVar("Task")


def abreast(engine: Engine, tasks: Sequence[Task], work: Callable[[Engine, Task], None]) -> None:
    """Run `work` on every task; they start in this order. What it does must not depend on the others.

    `work` is given an engine that no other task has at the time; its passes are counted in `engine`. On another device than
    a CPU, with one thread, and for a model whose copies cannot be made or would meet, tasks run one after the other with
    `engine` itself. The first error is raised once what is running has ended; what has not begun is left.
    """
    threads = torch.get_num_threads()
    engines = copies(engine, min(MOST, threads)) if tasks and threads > 1 and engine.device.type == "cpu" else []
    if not engines:
        for task in tasks:
            work(engine, task)
        return
    free: SimpleQueue[Engine] = SimpleQueue()
    for one in engines:
        free.put(one)

    def run(task: Task) -> None:
        mine = free.get()
        try:
            work(mine, task)
        finally:
            free.put(mine)

    with pool(len(engines), "convatlas-abreast", threads // len(engines)) as team:
        waiting = [team.submit(run, task) for task in tasks]
        try:
            for begun in waiting:
                begun.result()
        finally:
            for begun in waiting:
                begun.cancel()
            wait(waiting)
            for one in engines:
                engine.counts.forward += one.counts.forward
                engine.counts.backward += one.counts.backward
                engine.copies |= one.copies
                one.counts = Counts()


def copies(engine: Engine, count: int) -> list[Engine]:
    """Engines of copies of the model that run beside each other; none where it cannot be copied, or copies would meet. Made
    once for the same weights, and tried by three forwards on noise, which are not counted: one of the model, two of a copy."""
    stamp = tuple((value.data_ptr(), value._version) for value in _tensors(engine))
    if engine.beside is None or engine.beside[0] != (count, stamp):
        engine.beside = (count, stamp), _made(engine, count)
    found = engine.beside[1]
    for one in found:
        one.copies = engine.copies
    return found


def _made(engine: Engine, count: int) -> list[Engine]:
    if engine.facts is None or keeps_outside(engine.module):
        return []
    noise = torch.randn(1, *engine.facts.input_shape, generator=torch.Generator().manual_seed(0))
    try:
        found = [
            replace(engine, module=alongside(engine.module), counts=Counts(), rows=dict(engine.rows))
            for _ in range(count)
        ]
        with prepared(engine.module), prepared(found[0].module), torch.no_grad(), _undrawn() as drawn:
            tried = (engine, found[0], found[0])
            own, mine, again = (list(tensors(one.invocation(one.module, one.batch(noise)))) for one in tried)
    except Exception:  # a module that cannot be copied, or whose copy does not run
        return []
    for one in found:
        one.lender = engine
    return found if not drawn and alike(mine, own) and all(map(torch.equal, mine, again)) else []


@contextmanager
def _undrawn() -> Iterator[list[str]]:
    """The names of the generators that all threads share and that numbers are drawn from within, told at its end; they are set
    back."""
    drawn: list[str] = []
    before = torch.get_rng_state(), random.getstate(), _numpys()
    try:
        yield drawn
    finally:
        after = torch.get_rng_state(), random.getstate(), _numpys()
        if not torch.equal(before[0], after[0]):
            drawn.append("torch")
            torch.set_rng_state(before[0])
        if before[1] != after[1]:
            drawn.append("python")
            random.setstate(before[1])
        if before[2] != after[2]:
            drawn.append("numpy")
            np.random.set_state(before[2])  # noqa: NPY002 (models draw from it)


def _numpys() -> tuple[Any, ...]:
    """The state of NumPy's own generator, to be compared."""
    name, key, *rest = np.random.get_state()  # noqa: NPY002
    return name, tuple(np.asarray(key).tolist()), *rest


def _tensors(engine: Engine) -> tuple[torch.Tensor, ...]:
    return *engine.module.parameters(), *engine.module.buffers()
