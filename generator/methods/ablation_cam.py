r"""Ablation-CAM: which places in a layer speak for a class, by how far the score falls when a unit is silenced.

$$ L^c = \mathrm{ReLU}\left(\sum_k w_k^c A^k\right), \quad w_k^c = \frac{y^c - y_k^c}{y^c} $$

$A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$, and $y_k^c$ what is left of it when $A^k$ is zero everywhere and
the rest of the model runs on.

Reading it: bright places belong to units without which the score falls; units without which it rises are subtracted. No
gradient is used: where it has vanished because the model is sure, a silenced unit still shows. On the layer that a
global-average-pooled model averages, it is the sum of the units' maps, each weighted by what it adds to the score. The map
has the layer's resolution; upsampling makes it look sharper than it is.

Limits: units are silenced one by one: where several say the same, none is missed, and all count little. Zero means silence
only behind a rectifier; elsewhere it is a value like another. It costs the part of a forward pass behind the layer for each
unit; with `units` only those of the highest mean activation in the image are tried, and the rest has no weight.

Departure: the paper divides by $y^c$, which turns the map around where the logit is negative: what held it up would then be
called against it. Here the division is by $|y^c|$, so that bright always means that the score falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Need, Reads
from generator.methods import Cost, Made, Model, ModelFacts, Places, Scope, method
from generator.methods._options import at_least
from generator.methods._strongest import UNITS, how_many, strongest
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class AblationCAM:
    """The layer's units, weighted by the share of the score that is lost without each, summed, rectified: (1, h, w)."""

    units: int = field(default=0, metadata={"doc": UNITS})

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "desai2020",
            "Saurabh Desai and Harish G. Ramaswamy",
            2020,
            "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
            venue="IEEE Winter Conference on Applications of Computer Vision",
            doi="10.1109/WACV45572.2020.9093360",
        ),
    )
    caption: ClassVar[str] = "Where the units of {layer} stand without which {target} falls."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least(self, 0, "units")

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Activation(layer),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return Cost(forward=how_many(self.units, layer) + 2)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        A = reads.activation  # (1, k, h, w)
        tried = strongest(A, self.units)  # (m,)

        def silenced(cut: slice) -> Tensor:
            """Rows of `A` without a unit each; the last row, after all units, is whole."""
            units = tried[cut]
            rows = A.repeat(cut.stop - cut.start, 1, 1, 1)
            rows[torch.arange(len(units), device=A.device), units] = 0
            return rows

        scores = model.resume(layer, Made(len(tried) + 1, silenced)).values  # (t, m + 1)
        y, y_k = scores[:, -1:], scores[:, :-1]
        w = ((y - y_k) / y.abs().clamp(min=1e-12)).to(A)  # (t, m)
        for weights in w:
            if weights.isnan().any():
                yield NotApplicable(
                    "the target does not depend on this layer, or its score is not a number where a unit is silenced."
                )
            else:
                yield Heatmap(torch.einsum("m,mhw->hw", weights, A[0, tried]).relu()[None])
