r"""Grad-CAM: which places in a layer speak for a class.

$$ L^c = \mathrm{ReLU}\left(\sum_k \alpha_k^c A^k\right), \quad
\alpha_k^c = \frac{1}{Z} \sum_{i} \sum_{j} \frac{\partial y^c}{\partial A^k_{ij}} $$

$A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$ before the softmax, and $Z$ the number of places of the
layer. $\alpha_k^c$ says how much the logit rises with unit $k$, averaged over places.

Reading it: bright places raise the logit; zero means that a place does not, or speaks against it. The map has the
layer's resolution (7 x 7 in a ResNet's last stage); upsampling makes it look sharper than it is. On the layer that a
global-average-pooled model averages it is the positive part of CAM, divided by the number of places.

Limits: averaging the gradient over places is exact only where it is the same everywhere, as in that last layer; further
down the weights mix places that pull in opposite directions and the map becomes unreliable. A map without a value above
zero is said to be empty, not stretched until it glows. Several objects of one class may be covered only in part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class GradCAM:
    """The layer's units, weighted by their average gradients, summed, rectified: (n, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "selvaraju2016",
            "Ramprasaath R. Selvaraju, Michael Cogswell, Abhishek Das, Ramakrishna Vedantam, Devi Parikh "
            "and Dhruv Batra",
            2016,
            "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
            arxiv="1610.02391",
        ),
    )
    caption: ClassVar[str] = "Where {layer} speaks for {target}."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "both"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        A, G = reads.activation, reads.gradient  # (n, k, h, w)
        alpha = G.mean(dim=(2, 3))  # (n, k), eq. 1
        yield Heatmap(torch.einsum("nk,nkhw->nhw", alpha, A).relu())  # eq. 2
