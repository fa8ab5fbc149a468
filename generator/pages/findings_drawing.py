"""Numbers of layers as small drawings: one panel, or one for each series, all on one axis.

25 % ┄┄┄┄┄┄┄┄┄┄┄┄┄ warning          1e3 ·
     ▂ █   ▁ ▃  ▂                      1   · · ·  ·
   0 ┴────────────                  1e−3        ·  ·
     conv1     conv9                   conv1      conv9
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from generator.findings.finding import Dot, Drawing
from generator.findings.words import few, percent

WIDTH, HEIGHT = 600.0, 100.0
"""Of a panel, in its own units: it is stretched to the room that it has."""
NICE = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Where the axis of shares may end."""
EDGE = 4.0
"""Units at top and bottom within which a dot would be cut off."""


@dataclass(frozen=True)
class Mark:
    """One bar or dot."""

    dot: Dot
    left: float
    """Of the slot that answers to the pointer."""
    slot: float
    x: float
    """Of the dot's centre, or the bar's left edge."""
    y: float
    """Of the dot's centre, or the bar's upper edge."""
    width: float
    strong: float
    """Upper edge of the part that counts."""


@dataclass(frozen=True)
class Panel:
    """One row of marks."""

    title: str
    marks: tuple[Mark, ...]

    @property
    def ends(self) -> tuple[str, str]:
        """The layers left and right, by name; the same once."""
        first, last = self.marks[0].dot.layer, self.marks[-1].dot.layer
        return first, "" if first == last else last


@dataclass(frozen=True)
class Chart:
    """A drawing in places. Heights are from the top, in percent."""

    caption: str
    bars: bool
    panels: tuple[Panel, ...]
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Axis:
    """From the lowest to the highest value; of logarithms where it is logarithmic."""

    low: float
    high: float
    log: bool

    def at(self, value: float) -> float:
        """Height of a value from the top; what is beyond an end is put there."""
        place = (math.log10(value) if value > 0 else self.low) if self.log else value
        part = (min(self.high, max(self.low, place)) - self.low) / (self.high - self.low)
        return round(HEIGHT - part * HEIGHT, 2)


def chart(drawing: Drawing) -> Chart | None:
    """None where there is nothing to draw: no layer, or bars that are all empty."""
    if not any(dot.value or drawing.form == "dots" for dot in drawing.dots):
        return None
    axis = axis_of(drawing)
    series = range(max(1, len(drawing.series)))
    panels = []
    for k in series:
        dots = [dot for dot in drawing.dots if dot.series == k]
        if dots:
            title = drawing.series[k] if drawing.series else ""
            panels.append(Panel(title, tuple(_marks(dots, axis, drawing.form == "bars"))))
    inside = [(value, text) for value, text in drawing.lines if 0 <= axis.at(value) < HEIGHT and _within(axis, value)]
    return Chart(
        drawing.caption,
        drawing.form == "bars",
        tuple(panels),
        tuple((axis.at(value), text) for value, text in ticks(axis, drawing.share)),
        tuple((axis.at(value), text) for value, text in inside),
    )


def axis_of(drawing: Drawing) -> Axis:
    """Of shares, from 0 to a round number; of logarithms, whole powers of ten; lines that are near are kept in sight."""
    values = [dot.value for dot in drawing.dots]
    if drawing.log:
        known = [value for value in (*values, *(value for value, _ in drawing.lines)) if value > 0]
        low = math.floor(math.log10(min(known, default=1.0)))
        return Axis(low, max(low + 1, math.ceil(math.log10(max(known, default=1.0)))), True)
    near = min((value for value, _ in drawing.lines), default=0.0)
    most = max(*values, near) if values else near
    return Axis(0.0, next((end for end in NICE if end >= most), most) if drawing.share else most or 1.0, False)


def _within(axis: Axis, value: float) -> bool:
    place = math.log10(value) if axis.log else value
    return axis.low < place <= axis.high


def ticks(axis: Axis, share: bool) -> list[tuple[float, str]]:
    """The ends of the axis, and of a logarithmic one 1, where it lies between."""
    if not axis.log:
        return [(axis.low, "0"), (axis.high, percent(axis.high) if share else few(axis.high))]
    powers = [axis.low, axis.high] + [0.0] * (axis.low < 0 < axis.high)
    return [(10.0**power, few(10.0**power)) for power in sorted(powers)]


def _marks(dots: Sequence[Dot], axis: Axis, bars: bool) -> list[Mark]:
    slot = WIDTH / len(dots)
    wide = round(min(slot * 0.74, 40.0), 2)
    made = []
    for k, dot in enumerate(dots):
        left = slot * k
        y = axis.at(dot.value)
        if not bars:
            y = min(HEIGHT - EDGE, max(EDGE, y))
        part = dot.value if dot.part is None else dot.part
        x = left + (slot - wide) / 2 if bars else left + slot / 2
        made.append(Mark(dot, round(left, 2), round(slot, 2), round(x, 2), y, wide, axis.at(part)))
    return made
