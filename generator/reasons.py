"""Why a method draws nothing here, where several methods have the same reason: said once, in one wording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.artifacts import NotApplicable
from generator.names import Layer

if TYPE_CHECKING:
    from generator.methods import ModelFacts


def no_rectifier(model: ModelFacts) -> NotApplicable | None:
    """For backward rules of rectifiers: without one they are the plain gradient under another name."""
    if model.rectifiers:
        return None
    return NotApplicable("the model has no rectifier (ReLU or its kin), so the map would be the plain gradient again.")


def no_places(layer: Layer | None) -> NotApplicable | None:
    """For maps over places: a layer with a single place has nowhere to point to."""
    if layer is None or layer.shape[1:] != (1, 1):
        return None
    return NotApplicable("the layer's output has one place only (1 x 1), so there is no where to show.")
