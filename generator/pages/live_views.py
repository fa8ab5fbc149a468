"""What the live page sees: the files of the model and of its runtime, and how a picture becomes the model's input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.artifacts import NotApplicable
from generator.engine.output import Readout
from generator.model.preprocess import Preprocess
from generator.names import Digest, LayerName


@dataclass(frozen=True)
class File:
    """A file for the site: `digest` of its bytes names it there."""

    digest: Digest
    size: int
    read: Callable[[], bytes] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Sample:
    """An image of the report as the model sees it: a PNG of the input's size."""

    slug: str
    name: str
    """Hostile."""
    seen: File


@dataclass(frozen=True)
class Live:
    """A model that was exported, and all that the page says of it."""

    graphs: Mapping[str, File]
    """``maps``: every output; ``scores``: the scores alone."""
    weights: tuple[File, ...]
    """Parts of the one file that both graphs read."""
    runtime: Mapping[str, Path] | NotApplicable
    layers: tuple[LayerName, ...]
    """Those whose maps are outputs, in order of execution."""
    averaged: LayerName | None
    """The layer that a linear head averages; None where class activation maps are not exact."""
    biases: tuple[float, ...]
    scores_apart: float
    """The largest difference between ONNX and torch over the largest value, of the scores (and class activation maps)."""
    maps_apart: float
    apart_at: str
    readout: Readout
    classes: int
    labels: tuple[str, ...]
    """Hostile; empty where classes have no names."""
    preprocess: Preprocess
    seconds: float = 0.0
    """What exporting it took."""
    checked: int = 0
    """Inputs on which torch and the ONNX were run and compared."""
    samples: tuple[Sample, ...] = ()

    @property
    def bytes(self) -> int:
        """Of the graphs and the weights."""
        return sum(file.size for file in (*self.graphs.values(), *self.weights))
