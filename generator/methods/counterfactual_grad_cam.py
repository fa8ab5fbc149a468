r"""Counterfactual Grad-CAM: which places in a layer speak against a class.

$$ L^c = \mathrm{ReLU}\left(\sum_k \alpha_k^c A^k\right), \quad
\alpha_k^c = \frac{1}{Z} \sum_{i} \sum_{j} - \frac{\partial y^c}{\partial A^k_{ij}} $$

Grad-CAM with the gradients negated: $A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$ before the softmax, and $Z$
the number of places of the layer.

Reading it: bright places lower the logit. Were they not in the picture, the model would be surer of the class. Zero means
that a place does not speak against it; a map that is zero everywhere finds nothing against it.

Limits: Grad-CAM's own, in the same places. It says what to take away for a higher score, never what else would have to be
there, and nothing of how the picture would look without it.

The map is rectified, as Grad-CAM's is: it is the part that Grad-CAM cuts off, with its sign changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.grad_cam import GradCAM
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class CounterfactualGradCAM:
    """The layer's units, weighted by their negated average gradients, summed, rectified: (n, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = GradCAM.papers
    caption: ClassVar[str] = "Where {layer} speaks against {target}."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        A, G = reads.activation, reads.gradient  # (n, k, h, w)
        alpha = -G.mean(dim=(2, 3))  # (n, k), the negated weights of sec. 3
        yield Heatmap(torch.einsum("nk,nkhw->nhw", alpha, A).relu())  # eq. 2
