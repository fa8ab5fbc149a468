"""What pages know of whether maps are to be believed: numbers of each image and of the set, curves, sentences. No tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from generator.names import LayerName

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Metric:
    """A number that maps are judged by."""

    name: str
    """``deletion``: the key in `Judged.values`, in CSV columns and in addresses."""
    title: str
    better: Better
    summary: str
    """One sentence: what is done to the image, and what is measured."""
    unit: str = ""
    """Written behind numbers: ``%``."""
    decides: bool = True
    """Whether the verdict rests on it; the others stand beside it."""


@dataclass(frozen=True)
class MapId:
    """Which maps are meant: a method at a layer, or on the input."""

    method: str
    layer: LayerName
    """INPUT for methods that draw on the input."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` images with its 95 % interval; without one (NaN) where there is one image only."""

    mean: float
    low: float
    high: float
    n: int


Standing = Literal["better", "worse", "undecided", "baseline"]
"""Of a method beside a baseline, by the interval of the paired difference: above it, below it, or zero inside."""


@dataclass(frozen=True)
class Summary:
    """A method's maps over the set."""

    of: MapId
    estimates: Mapping[str, Estimate]
    """By metric."""
    beside: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    """Baseline (``random_map``, ``sobel_edges``) -> metric -> standing."""


@dataclass(frozen=True)
class SanityCurve:
    """Rank correlation of a method's maps with the trained model's, as the weights are randomised from the output down."""

    of: MapId
    correlations: tuple[float, ...]
    """One a stage, mean over `n` images; the first is 1, of the trained model."""
    n: int
    passed: bool | None
    """None where the rule cannot say."""
    why: Literal["", "few", "near", "split"] = ""
    """Why not: one image only; too near the limit; images say opposite things."""


@dataclass(frozen=True)
class Doubt:
    """What a map's own check says against it: ``completeness error`` of 0.63, where 0.05 is the most that is allowed."""

    fact: str
    value: float
    limit: float


@dataclass(frozen=True)
class Agreement:
    """Rank correlations between maps: `matrix[i][j]` of `of[i]` with `of[j]`; NaN where one has no ranking (a flat map)."""

    of: tuple[MapId, ...]
    matrix: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Settings:
    """With what the numbers were taken: without it, nobody can tell how much they rest on."""

    images: int
    """That were judged."""
    steps: int
    """Of the curves of insertion and deletion."""
    shares: tuple[float, ...]
    """Of the pixels, what ROAD took away."""
    squares: int
    """That infidelity emptied."""
    stages: int
    """Of the sanity check; 0 where none was made."""
    checked: int
    """The images of the sanity check."""
    layers: tuple[LayerName, ...] = ()
    """At which maps of layers were judged."""


@dataclass(frozen=True)
class Trust:
    """All of it. Numbers are of the first target's maps."""

    metrics: tuple[Metric, ...] = ()
    baselines: tuple[str, ...] = ("random_map", "sobel_edges")
    images: Mapping[str, Mapping[MapId, Mapping[str, float]]] = field(default_factory=dict)
    """Image slug -> map -> metric -> number."""
    summaries: tuple[Summary, ...] = ()
    stages: tuple[str, ...] = ()
    """What was randomised at each point of the sanity curves: ``trained``, ``_fc``, ``_conv_head``, …"""
    sanity: tuple[SanityCurve, ...] = ()
    agreement: Mapping[str, Agreement] = field(default_factory=dict)
    """Image slug -> agreement of its maps."""
    agreement_of_set: Agreement | None = None
    sentences: tuple[str, ...] = ()
    """The verdict, for a reader who reads nothing else."""
    doubts: Mapping[str, Mapping[MapId, Doubt]] = field(default_factory=dict)
    """Image slug -> the maps that do not hold by their own check, each with the worst of what speaks against it."""
    settings: Settings | None = None
    """None where nothing was judged."""
