r"""HiResCAM: what each place of a layer contributes to the class score, to first order.

$$ H_c = \sum_k \frac{\partial y^c}{\partial A^k} \odot A^k $$

$A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$ before the softmax, $\odot$ the product place by place. Where
Grad-CAM averages a unit's gradient over all places first, here each place keeps its own.

Reading it: values above zero raise the logit, values below zero lower it, in the logit's own units. Only places whose
values the model used can be bright. Where one linear layer follows, as behind global average pooling or a flattened last
convolution, values add up to the logit less its bias: the map is an exact account, and equal to CAM over the number of
places.

Limits: further down it is the first-order account, with gradients held fixed, and noisier than Grad-CAM, since neighbouring
places differ in their gradients. A place is a place of the layer's grid: its unit sees far more of the image than the
square drawn.

Nothing is rectified: the signed map is drawn, as in the paper's definition. Other software shows its positive part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.grad_cam_pp import CACHE
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class HiResCAM:
    """The layer's output times its gradient, summed over units: (n, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "draelos2020",
            "Rachel Lea Draelos and Lawrence Carin",
            2020,
            "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
            arxiv="2011.08891",
        ),
    )
    caption: ClassVar[str] = "What each place of {layer} contributes to {target}, to first order."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield Heatmap(
            in_cache(lambda A, G: (G * A).sum(dim=1), reads.activation, reads.gradient),
            signed=True,
        )


def in_cache(of: Callable[[Tensor, Tensor], Tensor], A: Tensor, G: Tensor) -> Tensor:
    """`of` a layer's output and gradient (n, k, h, w), for so few images at a time that their product stays in cache."""
    few = max(1, CACHE // A[0].numel())
    return torch.cat([of(a, g) for a, g in zip(A.split(few), G.split(few), strict=True)])
