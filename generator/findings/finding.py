"""What a check says of a model: how grave it is, the evidence, the threshold, the places, and a small drawing of numbers.

judge(evidence) ──▶ Finding (serious, warning, note, fine)   or   NotApplicable: it could not be judged, because …
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from generator.names import LayerName

Severity = Literal["serious", "warning", "note", "fine"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note", "fine")
"""Gravest first.

serious   the model, or what is read from it, is wrong or mostly wasted
warning   something to look into before the model is used or trained on
note      worth to know; sound models have it too
fine      looked for and not found
"""


@dataclass(frozen=True)
class Place:
    """Where a finding is: a layer, and which of its units."""

    layer: LayerName
    text: str
    """``112 of 1,152``: what of the layer."""
    units: tuple[int, ...] = ()
    """The units meant; empty where the whole layer is."""
    mark: str = ""
    """The filter of the layer's page that shows units of this kind: ``dead``; "" where it has none."""
    query: str = ""
    """What the page of all units is asked to list just these units, beside the layer's name; "" where it knows none."""
    said: tuple[str, ...] = ()
    """What the panel of a unit says of it: one sentence for all of the units, or one for each."""
    front: LayerName | None = None
    """The layer in front whose units these are, one by one: what is searched for and wired are the units of convolutions."""


@dataclass(frozen=True)
class Dot:
    """One number of a drawing."""

    layer: LayerName
    value: float
    text: str
    """What is said of it when pointed at."""
    part: float | None = None
    """Of a bar, how much of it counts: drawn strongly, the rest faintly."""
    raised: bool = False
    """Whether it is beyond the threshold."""
    unit: int | None = None
    series: int = 0
    """Index into `Drawing.series`."""


@dataclass(frozen=True)
class Drawing:
    """Numbers in order of execution, left to right: bars from zero, or dots where the axis is logarithmic or runs below zero."""

    caption: str
    form: Literal["bars", "dots"]
    dots: tuple[Dot, ...]
    series: tuple[str, ...] = ()
    """Names of kinds of dots, where there are several."""
    log: bool = False
    share: bool = False
    """Whether numbers are shares, to be written as percentages."""
    lines: tuple[tuple[float, str], ...] = ()
    """(value, what it is): thresholds and limits, drawn across."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    severity: Severity
    evidence: str
    """One or two sentences with numbers; `names` in backticks."""
    threshold: str
    """From where on it is how grave, and why from there."""
    places: tuple[Place, ...] = ()
    """Gravest first."""
    drawing: Drawing | None = None
    query: str = ""
    """What the page of all units is asked to list such units of every layer: ``never on``; "" where it knows none."""


def graded(value: float, note: float, warning: float, serious: float) -> Severity:
    """The severity of a number of which more is worse, by its three thresholds; a number at a threshold is beyond it."""
    return "serious" if value >= serious else "warning" if value >= warning else "note" if value >= note else "fine"
