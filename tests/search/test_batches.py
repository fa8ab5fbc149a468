"""Searches in batches: fewer at a time where there is no room, at any of the sizes."""

import weakref

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


def test_a_number_that_was_refused_is_not_tried_again():
    tried: list[int] = []

    def run(some: tuple[int, ...], size: int) -> str:
        tried.append(len(some))
        if len(some) > 2:
            raise torch.OutOfMemoryError
        return ""

    room: dict[int, int] = {}
    found = list(in_batches(range(20), 8, [96], run, room))  # type: ignore[arg-type]
    assert [some for some, _ in found] == [(k, k + 1) for k in range(0, 20, 2)]
    assert tried == [8, 4, *[2] * 10]
    assert room == {96: 2}
    tried.clear()
    assert [some for some, _ in in_batches(range(3), 8, [96], run, room)] == [(0, 1), (2,)]  # type: ignore[arg-type]
    assert tried == [2, 1]
    assert [some for some, _ in in_batches(range(2), 8, [48], run, room)] == [(0, 1)]  # type: ignore[arg-type]


def test_no_room_on_the_processor_is_a_refused_number_and_no_other_runtime_error_is():
    tried: list[int] = []

    def run(some: tuple[int, ...], size: int) -> str:
        tried.append(len(some))
        if len(some) > 1:
            torch.empty(10**15)  # four million gigabytes: torch's own words
        return ""

    assert len(list(in_batches([1, 2, 3, 4], 4, [96, 224], run))) == 4  # type: ignore[arg-type]
    assert tried == [4, 2, 1, 1, 1, 1]

    def broken(some: tuple[int, ...], size: int) -> str:
        tried.append(len(some))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    tried.clear()
    with pytest.raises(RuntimeError, match="mat1"):
        list(in_batches([1, 2, 3, 4], 4, [96], broken))  # type: ignore[arg-type]
    assert tried == [4]


def test_a_mistake_in_code_is_no_refused_size():
    tried: list[int] = []

    def mistaken(some: tuple[int, ...], size: int) -> str:
        tried.append(size)
        if size == 96:
            raise AttributeError("no attribute 'wieght'")
        return ""

    with pytest.raises(AttributeError, match="wieght"):
        list(in_batches([1, 2], 2, [96, 224], mistaken))  # type: ignore[arg-type]
    assert tried == [96]


@pytest.mark.parametrize("broken", [RuntimeError, TypeError])
@pytest.mark.parametrize("refusal", [RuntimeError, ValueError, AssertionError, IndexError, ZeroDivisionError])
def test_a_refusal_is_the_cause_of_what_the_next_size_raises_and_holds_nothing(
    refusal: type[Exception], broken: type[Exception]
):
    held: list[weakref.ref[torch.Tensor]] = []

    def run(some: tuple[int, ...], size: int) -> str:
        if size == 96:
            try:
                model()
            except LookupError as inner:
                raise refusal("takes 224 alone") from inner
        assert held[0]() is None, "what ran at the refused size has gone"
        raise torch.OutOfMemoryError if len(some) > 1 else broken("and this is broken")

    def model() -> None:
        ran = torch.zeros(2)
        held.append(weakref.ref(ran))
        raise LookupError

    with pytest.raises(broken, match="and this is broken") as raised:
        list(in_batches([1, 2], 2, [96, 224], run))  # type: ignore[arg-type]
    assert isinstance(raised.value.__cause__, refusal) and str(raised.value.__cause__) == "takes 224 alone"
