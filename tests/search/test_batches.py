"""Searches in batches: fewer at a time where there is no room, at any of the sizes."""

import pytest
import torch

from generator.search.batches import in_batches


def test_fewer_at_a_time_where_there_is_no_room():
    tried: list[tuple[tuple[int, ...], int]] = []

    def run(some: tuple[int, ...], size: int) -> str:
        tried.append((some, size))
        if size == 96:
            raise RuntimeError("this head takes 224 alone")
        if len(some) > 1:
            raise torch.OutOfMemoryError
        return f"{some[0]} at {size}"

    found = list(in_batches([1, 2, 3, 4], 4, [96, 224], run))  # type: ignore[arg-type]
    assert found == [((k,), f"{k} at 224") for k in (1, 2, 3, 4)]
    assert tried[:4] == [((1, 2, 3, 4), 96), ((1, 2, 3, 4), 224), ((1, 2), 224), ((1,), 224)]
    assert sum(size == 96 for _, size in tried) == 1


def test_one_that_has_no_room_alone_and_a_size_that_none_takes_are_raised():
    def full(some: tuple[int, ...], size: int) -> str:
        raise torch.OutOfMemoryError

    def refused(some: tuple[int, ...], size: int) -> str:
        raise RuntimeError("no such size")

    with pytest.raises(torch.OutOfMemoryError):
        list(in_batches([1, 2], 2, [96], full))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="no such size"):
        list(in_batches([1, 2], 2, [96, 224], refused))  # type: ignore[arg-type]
