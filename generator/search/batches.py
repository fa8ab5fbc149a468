"""Searches in batches: smaller ones where a device has no room, and at another size where a model refuses the first."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import TypeVar

import torch

from generator.errors import UserError
from generator.room import no_room
from generator.search.climb import Found

S = TypeVar("S")
T = TypeVar("T")

REFUSALS = (RuntimeError, ValueError, AssertionError, IndexError, ArithmeticError)
"""How models say that a size is none of theirs. Whatever else is raised is a mistake in code, and no other size mends it."""


def in_batches(
    subjects: Sequence[S],
    together: int,
    sizes: Sequence[T],
    run: Callable[[tuple[S, ...], T], Found],
    room: MutableMapping[T, int] | None = None,
) -> Iterator[tuple[tuple[S, ...], Found]]:
    """What `run` finds for at most `together` subjects at a time, in their order.

    `sizes` are the sizes of pictures to try, the one wanted first: a head or position table of one size refuses others, in
    as many ways as there are models (REFUSALS). Once one is refused, the next serves for all that is left; where it fails as
    well, the first refusal is the cause of what is raised. Where the device has no room, half as many are tried, then and
    from then on: pictures do not depend on their company. `room` keeps how many of each size had room at most, for whoever
    searches for more of the same.
    """
    left, room = list(sizes), {} if room is None else room
    at = 0
    refusal: BaseException | None = None
    while at < len(subjects):
        some = tuple(subjects[at : at + min(together, room.get(left[0], together))])
        found = None
        try:
            found = run(some, left[0])
        except UserError:
            raise
        except Exception as error:
            full = no_room(error)
            if not isinstance(error, REFUSALS) or len(some if full else left) == 1:
                if refusal is not None:
                    raise error from refusal
                raise
            if not full:
                refusal = refusal or _let_go(error)
                del left[0]
                continue
        if found is None:  # not in the handler: the error there still holds what ran
            torch.cuda.empty_cache()
            room[left[0]] = min(len(some) // 2, room.get(left[0], together))
            continue
        yield some, found
        at += len(some)


def _let_go(error: BaseException) -> BaseException:
    """The error, and those it came from, without what their frames hold: all that ran."""
    one: BaseException | None = error
    while one is not None:
        traceback.clear_frames(one.__traceback__)
        one = one.__cause__ or one.__context__
    return error


def fitted(longest: int, shape: tuple[int, int, int]) -> tuple[int, int]:
    """(height, width) of pictures shaped like an input (channels, height, width), their longer side `longest` at most."""
    share = min(1.0, longest / max(shape[1:]))
    return max(1, round(shape[1] * share)), max(1, round(shape[2] * share))
