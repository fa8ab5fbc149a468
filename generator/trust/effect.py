"""How large a difference is: beside how far the score moves at all.

    lowest ├──────────────── every score of a picture, changed in every way ────────────────┤ highest
           ├─┤ a difference below SLIGHT of that way is slight, however many pictures agree on it

An interval that leaves out zero says that a difference is there, and not that it matters: six pictures that agree on the
fourth decimal leave out zero too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SLIGHT = 0.02
"""The share of the way of the score below which a difference has no weight."""
BARELY = 0.02
"""Of a probability, and of any score as a share of its largest value: a way shorter than this is hardly one."""
STILL = 1e-5
"""A score that moves by less than this share of its largest value does not move: single precision keeps no more."""


@dataclass(frozen=True)
class Reach:
    """The lowest and the highest score of each picture, over everything that was done to it."""

    ranges: tuple[tuple[float, float], ...]
    shares: bool
    """Whether scores are probabilities, so that 1 is all there is."""

    @staticmethod
    def of(ranges: Iterable[Sequence[float]], *, shares: bool) -> Reach:
        """From pairs."""
        return Reach(tuple((float(low), float(high)) for low, high in ranges), shares)

    @property
    def way(self) -> float:
        """How far the score moves, in the mean over the pictures; 0 where there is none."""
        return sum(high - low for low, high in self.ranges) / len(self.ranges) if self.ranges else 0.0

    @property
    def size(self) -> float:
        """The largest absolute score of a picture, in the mean."""
        return sum(max(abs(low), abs(high)) for low, high in self.ranges) / len(self.ranges) if self.ranges else 0.0

    @property
    def still(self) -> bool:
        """Whether the score does not depend on what the picture shows: then nothing can be judged."""
        return all(high - low <= STILL * max(abs(low), abs(high)) for low, high in self.ranges)

    @property
    def barely(self) -> bool:
        """Whether it moves so little that any difference between maps is small."""
        return self.way < BARELY * (1.0 if self.shares else self.size)

    def slight(self, difference: float) -> bool:
        """Whether a difference between two maps' numbers is too small to matter."""
        return abs(difference) < SLIGHT * self.way


def amount(value: float) -> str:
    """Two significant digits: 0.18, 0.00027, 12, 1,200."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    if value and abs(value) < 1e-5:
        return "less than 0.00001"
    places = 2 if not value else max(0, 1 - _power(value))
    return f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def span(values: Sequence[float]) -> str:
    """``0.18``, or ``0.08 to 0.18``."""
    low, high = amount(min(values)), amount(max(values))
    return low if low == high else f"{low} to {high}"


def _power(value: float) -> int:
    """Of its first digit: 0.18 -> -1, once rounded to two digits."""
    return int(f"{value:.1e}".partition("e")[2])
