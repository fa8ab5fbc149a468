"""Tasks abreast: on a CPU each runs in one thread, with a copy of the model on the same weights, and several run at once.

    tasks ─┬▶ copy 1, in one thread: first, third, fourth
           └▶ copy 2, in one thread: second, fifth

Passes of an image or of a few small pictures are hundreds of operations of a fraction of a millisecond. Two threads that
share each of them spend a third of their time meeting; two threads with a task each do not meet at all. Which tasks share
the machine changes no bit of what they give: each is computed by one thread, or by as many as its share of a large machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import replace
from queue import SimpleQueue
from typing import TypeVar

import torch

from generator.engine.capture import prepared
from generator.engine.merged import alike
from generator.engine.passes import Counts, Engine
from generator.model.twin import alongside
from generator.threads import pool

MOST = 4
"""Tasks at once: each holds the maps of a pass of its own in memory."""
Task = TypeVar("Task")


def abreast(engine: Engine, tasks: Sequence[Task], work: Callable[[Engine, Task], None]) -> None:
    """Run `work` on every task; they start in this order. What it does must not depend on the others.

    `work` is given an engine that no other task has at the time; its passes are counted in `engine`. On another device than
    a CPU, with one thread, and for a model that cannot be copied, tasks run one after the other with `engine` itself. The
    first error is raised once what is running has ended; what has not begun is left.
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
    """Engines of copies of the model that run beside each other; none where it cannot be copied. Made once for the same
    weights, and compared with the model by a forward each on noise, which is not counted."""
    stamp = tuple((value.data_ptr(), value._version) for value in _tensors(engine))
    if engine.beside is None or engine.beside[0] != (count, stamp):
        engine.beside = (count, stamp), _made(engine, count)
    found = engine.beside[1]
    for one in found:
        one.copies = engine.copies
    return found


def _made(engine: Engine, count: int) -> list[Engine]:
    if engine.facts is None or any(part._forward_hooks or part._forward_pre_hooks for part in engine.module.modules()):
        return []  # what a hook keeps outside the module would be shared
    noise = torch.randn(1, *engine.facts.input_shape, generator=torch.Generator().manual_seed(0))
    try:
        found = [
            replace(engine, module=alongside(engine.module), counts=Counts(), rows=dict(engine.rows))
            for _ in range(count)
        ]
        with prepared(engine.module), prepared(found[0].module), torch.no_grad():
            mine, own = (one.invocation(one.module, one.batch(noise)) for one in (found[0], engine))
    except Exception:  # a module that cannot be copied, or whose copy does not run
        return []
    for one in found:
        one.lender = engine
    return found if alike(mine, own) else []


def _tensors(engine: Engine) -> tuple[torch.Tensor, ...]:
    return *engine.module.parameters(), *engine.module.buffers()
