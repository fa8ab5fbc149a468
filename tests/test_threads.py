"""Threads beside torch's own (generator/threads.py)."""

from __future__ import annotations

import threading

import pytest
import torch

from generator.executors.local import workers
from generator.threads import pair, pool


@pytest.fixture
def two():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def computing() -> tuple[int, int]:
    large = torch.ones(1000, 1000)
    assert float((large + 1).sum()) == 2e6  # an operation that torch splits between threads
    return threading.get_ident(), torch.get_num_threads()


def test_in_its_threads_torch_has_one_thread_and_the_caller_keeps_its_own(two):
    with pool(3, "test") as team:
        inside = [team.submit(computing).result() for _ in range(12)]
        assert {count for _, count in inside} == {1}
        assert threading.get_ident() not in {thread for thread, _ in inside}
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2


def test_a_thread_started_elsewhere_afterwards_has_the_callers_number(two):
    with pool(2, "test"):
        found = []
        thread = threading.Thread(target=lambda: found.append(computing()[1]))
        thread.start()
        thread.join()
    assert found == [2]


def test_workers_and_the_pair_are_such_threads(two):
    counts = []
    with workers(2) as team:
        for _ in range(8):
            team.submit(lambda: counts.append(computing()[1]))
    assert set(counts) == {1}
    assert {count for _, count in pair().map(lambda _: computing(), range(8))} == {1}
    assert torch.get_num_threads() == 2
