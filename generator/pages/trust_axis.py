"""Axes of small plots in percent of their width, and numbers written so that they stand under each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from generator.pages.numbers import MINUS
from generator.pages.trust_views import Better, Estimate

MARGIN = 5.0
"""Percent of a plot left free at either end, so that no dot is cut."""
LOG = 10.0
"""From this ratio of the largest to the middle mean on, an axis is logarithmic: one loud map must not rule it."""


def sure(estimate: Estimate) -> bool:
    """Whether it has an interval."""
    return math.isfinite(estimate.mean) and math.isfinite(estimate.low) and math.isfinite(estimate.high)


@dataclass(frozen=True)
class Axis:
    """From values to percent of a column's width; `low` and `high` are logarithms where it is logarithmic."""

    low: float
    high: float
    log: bool
    backwards: bool

    @staticmethod
    def of(estimates: Iterable[Estimate], better: Better) -> Axis:
        """Wide enough for all means, and for intervals of the usual width: longer ones run out of the plot."""
        known = list(estimates)
        means = [e.mean for e in known]
        if not means:
            return Axis(0.0, 1.0, False, better == "lower")
        log = min(means) > 0 and max(means) >= LOG * median(means)
        scale = math.log10 if log else float
        low, high = scale(min(means)), scale(max(means))
        halves = [(scale(e.high) - scale(e.low)) / 2 for e in known if sure(e) and (e.low > 0 or not log)]
        pad = max(0.04 * (high - low), median(halves) if halves else 0.0) or abs(high) * 0.1 or 1.0
        if not log and low >= 0:
            return Axis(max(0.0, low - pad), _capped(high + pad, high), log, better == "lower")
        return Axis(low - pad, high + pad, log, better == "lower")

    def place(self, value: float) -> float:
        """Percent from the left, within the plot."""
        if self.log and value <= 0:
            part = -1.0
        else:
            part = ((math.log10(value) if self.log else value) - self.low) / (self.high - self.low)
        part = 1 - part if self.backwards else part
        return round(min(100.0, max(0.0, MARGIN + part * (100 - 2 * MARGIN))), 1)

    @property
    def left(self) -> float:
        """The value at the plot's left end."""
        return self._value(self.high if self.backwards else self.low)

    @property
    def right(self) -> float:
        """The value at its right end."""
        return self._value(self.low if self.backwards else self.high)

    def _value(self, end: float) -> float:
        return float(10**end) if self.log else end


def _capped(high: float, seen: float) -> float:
    """Shares end at 1 and percentages at 100: an axis of either does not run beyond."""
    return next((top for top in (1.0, 100.0) if seen <= top < high < top * 1.5), high)


@dataclass(frozen=True)
class Writer:
    """Writes the numbers of one column so that they stand under each other."""

    power: int
    """Numbers are written in units of 10 to this power, which the column's head says; 0, -3, -6, …"""
    decimals: int | None
    """None: two significant digits each, where numbers span orders of magnitude."""

    @staticmethod
    def of(values: Iterable[float], log: bool) -> Writer:
        """By the largest of the numbers, or the smallest where all sizes count."""
        sizes = [abs(v) for v in values if v]
        if not sizes:
            return Writer(0, 2)
        least = min(sizes) * 10 if log else max(sizes)
        power = min(0, 3 * math.floor((math.log10(least) + 1.5) / 3))
        largest = max(sizes) / 10**power
        return Writer(
            power, None if log else 0 if largest >= 1000 else 1 if largest >= 10 else 2 if largest >= 1.5 else 3
        )

    def __call__(self, value: float) -> str:
        """0.1234 -> 0.123"""
        scaled = value / 10**self.power
        if self.decimals is None:
            return self._digits(scaled)
        return f"{round(scaled, self.decimals) + 0.0:,.{self.decimals}f}".replace("-", MINUS)

    def short(self, value: float) -> str:
        """Two digits, for the ends of an axis."""
        return self._digits(value / 10**self.power)

    @property
    def unit(self) -> str:
        """×10⁻³"""
        return f"×10{str(self.power).translate(_RAISED)}" if self.power else ""

    @staticmethod
    def _digits(value: float) -> str:
        if not value:
            return "0"
        places = max(0, 1 - math.floor(math.log10(abs(value))))
        return f"{round(value, places) + 0.0:,.{min(places, 6)}f}".replace("-", MINUS)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
