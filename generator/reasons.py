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


def not_averaged(model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
    """For accounts of the class score place by place: only the layer in front of global average pooling has one."""
    if model.head_layer is None:
        return NotApplicable("the model does not end in global average pooling and one linear layer.")
    if layer is not None and (layer.name == model.head_layer or _ends_in(layer, model)):
        return None
    return NotApplicable(f"it is defined on {model.head_layer} only, which is averaged before the classifier.")


def _ends_in(block: Layer, model: ModelFacts) -> bool:
    """Whether `block` is a container that gives on what the averaged layer gave it: only ends of containers between."""
    head = model.layers.get(model.head_layer or block.name, block)
    after = [layer for layer in model.layers.values() if head.depth < layer.depth <= block.depth]
    inside = f"{head.path}.".startswith(f"{block.path}.")
    return bool(after) and inside and all(layer.kind == "block" for layer in after)


def no_places(layer: Layer | None) -> NotApplicable | None:
    """For maps over places: a layer with a single place has nowhere to point to."""
    if layer is None or layer.shape[1:] != (1, 1):
        return None
    return NotApplicable("the layer's output has one place only (1 x 1), so there is no where to show.")
