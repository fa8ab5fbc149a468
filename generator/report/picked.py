"""The units chosen at a layer, with what is to be made of some of them beyond a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Picked(tuple[int, ...]):
    """Units in the order in which they were chosen: a tuple, for whoever asks no more.

    `shown`: those among them that the first page shows. `own`: how many of them, the first ones, were chosen for themselves;
    those behind are there for the sake of the threads that come by.
    """

    shown: frozenset[int]
    own: int

    def __new__(cls, units: Iterable[int], shown: Iterable[int] = (), own: int | None = None) -> Picked:
        made = super().__new__(cls, units)
        made.shown = frozenset(shown)
        made.own = len(made) if own is None else own
        return made


def picked(units: Sequence[int]) -> Picked:
    """The same; of units of which no more is known none is shown, and all were chosen for themselves."""
    return units if isinstance(units, Picked) else Picked(units)
