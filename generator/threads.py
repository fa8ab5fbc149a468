"""Threads beside the main one, which leave torch's own threads to it.

OpenMP gives each thread that runs a large operation a team of its own. Once all teams together have more threads than
the machine has processors, none of them waits for the others awake any more, and every operation of the main thread pays
for waking its team: twice the time for a model of small layers. See docs/adr/0016.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

_ONE_AT_A_TIME = threading.Lock()


def pool(count: int, name: str, threads: int = 1) -> ThreadPoolExecutor:
    """An executor of `count` threads, all started, in each of which torch computes with so many `threads`.

    What torch uses in the calling thread stays as it is.
    """
    own = torch.get_num_threads()
    ready, restored = threading.Barrier(count + 1), threading.Barrier(count + 1)

    def alone() -> None:
        torch.get_num_threads()  # torch gives a new thread its default at its first asking, and would undo what was set before
        torch.set_num_threads(threads)
        ready.wait()
        restored.wait()

    with _ONE_AT_A_TIME:
        made = ThreadPoolExecutor(count, name)
        for _ in range(count):
            made.submit(alone)
        ready.wait()
        torch.set_num_threads(own)  # for this thread, and for those parts of torch that have one number for all
        restored.wait()
    return made


@cache
def pair() -> ThreadPoolExecutor:
    """Two threads for the life of the process, for halves of a task that are too short to start threads for."""
    return pool(2, "convatlas-pair")
