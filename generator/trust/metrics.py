"""The numbers that maps are judged by: their names, which way is better, and what each one does in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One number of a map of an image."""

    name: str
    title: str
    better: Literal["lower", "higher"]
    summary: str
    unit: str = ""
    decides: bool = False
    """Whether the verdict rests on it. The others can be won without being right: docs/trust.md says how."""


METRICS = (
    Metric(
        "deletion",
        "Deletion",
        "lower",
        "Pixels are emptied, the most relevant first: the area under the target's score.",
    ),
    Metric(
        "insertion",
        "Insertion",
        "higher",
        "A blurred picture is made sharp, the most relevant pixels first: the area under the target's score.",
        decides=True,
    ),
    Metric(
        "road",
        "ROAD",
        "higher",
        "Pixels are filled in from their neighbours: half of what the score loses more without the most relevant ones "
        "than without the least relevant ones.",
        decides=True,
    ),
    Metric(
        "average_drop",
        "Average drop",
        "lower",
        "The picture is darkened by its map: what the target's score loses, in percent.",
        "%",
    ),
    Metric(
        "increase",
        "Increase in confidence",
        "higher",
        "The share of pictures that score higher when darkened by their map.",
    ),
    Metric(
        "infidelity",
        "Infidelity",
        "lower",
        "Random squares are emptied: the share of what the score loses that the map, summed over each, does not foretell.",
    ),
    Metric(
        "pointing_game",
        "Pointing game",
        "higher",
        "Whether the map's highest place is on an object of the target's kind.",
    ),
    Metric(
        "energy_in_box",
        "Energy in the box",
        "higher",
        "The share of the map's positive values that lies on an object of the target's kind.",
    ),
)  # fmt: skip
"""In the order of columns."""

DECIDING = tuple(metric.name for metric in METRICS if metric.decides)


def metric(name: str) -> Metric:
    """The metric of that name."""
    return next(found for found in METRICS if found.name == name)
