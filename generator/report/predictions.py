"""What the model says of each image: asked of the engine like any method, in the same forward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, NotApplicable, Scores
from generator.engine.needs import Logits, Need, Reads
from generator.methods import ModelFacts, Places, Scope
from generator.names import Layer, LayerName, Paper


@dataclass(frozen=True)
class Predictions:
    """The class scores of each image, (n, classes)."""

    papers: ClassVar[tuple[Paper, ...]] = ()
    caption: ClassVar[str] = "What the model says of {image}."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        """Always: every model here classifies."""
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        """The class scores."""
        return (Logits(),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        """The scores themselves."""
        yield Scores(reads[Logits()])
