"""Where the maps of a model with a score at every place are judged: the last layer of features, before they become scores.

… ─▶ features (128, 28, 28) ─▶ scores (21, 28, 28) ─▶ made larger (21, 224, 224)
                ▲ here               a map of either of these is the score itself, once more
"""

from __future__ import annotations

from itertools import dropwhile

from generator.model.describe import Description
from generator.names import Layer

SCORED_BY_PLACE = ("segmentation",)
"""Kinds of heads that have scores at every place."""


def last_features(description: Description) -> Layer | None:
    """The deepest layer whose channels are features, of a model with scores at every place; None of any other.

    Scores are what has as many channels as the output, from there up. What only brings features to another size is passed
    over, and so is a layer of one place.
    """
    if description.readout.kind not in SCORED_BY_PLACE or not description.layers:
        return None
    channels = description.layers[-1].shape[0]
    before = dropwhile(lambda layer: layer.shape[0] == channels, reversed(description.layers))
    return next((layer for layer in before if layer.kind != "other" and layer.shape[1:] != (1, 1)), None)
