"""Searches in batches: smaller ones where a device has no room, and at another size where a model refuses the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from generator.errors import UserError
from generator.search.climb import Found

S = TypeVar("S")
T = TypeVar("T")


def in_batches(
    subjects: Sequence[S], together: int, sizes: Sequence[T], run: Callable[[tuple[S, ...], T], Found]
) -> Iterator[tuple[tuple[S, ...], Found]]:
    """What `run` finds for at most `together` subjects at a time, in their order.

    `sizes` are the sizes of pictures to try, the one wanted first: a head or position table of one size refuses others, in
    as many ways as there are models. Once one is refused, the next serves for all that is left.
    """
    left = list(sizes)
    todo = [tuple(subjects[at : at + together]) for at in range(0, len(subjects), together)]
    while todo:
        some = todo.pop(0)
        try:
            found = run(some, left[0])
        except UserError:
            raise
        except torch.OutOfMemoryError:  # pictures do not depend on their company: fewer at a time
            if len(some) == 1:
                raise
            todo[:0] = [some[: len(some) // 2], some[len(some) // 2 :]]
            continue
        except Exception:
            if len(left) == 1:
                raise
            del left[0]
            todo.insert(0, some)
            continue
        yield some, found


def fitted(longest: int, shape: tuple[int, int, int]) -> tuple[int, int]:
    """(height, width) of pictures shaped like an input (channels, height, width), their longer side `longest` at most."""
    share = min(1.0, longest / max(shape[1:]))
    return max(1, round(shape[1] * share)), max(1, round(shape[2] * share))
