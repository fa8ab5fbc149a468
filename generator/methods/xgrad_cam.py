r"""XGrad-CAM: Grad-CAM with weights that add up to the layer's own account of the class score.

$$ M_c(x, y) = \sum_k w_c^k F^k(x, y), \quad
w_c^k = \sum_{x,y} \frac{F^k(x, y)}{\sum_{x,y} F^k(x, y)} \frac{\partial S_c}{\partial F^k(x, y)} $$

$F^k$ is unit $k$ of the layer, $S_c$ the logit of class $c$ before the softmax. Where Grad-CAM takes the plain mean of a
unit's gradient, here each place counts as much as it is active.

Reading it: values above zero raise the logit, values below zero lower it. Their sum over places is
$\sum_k \sum_{x,y} F^k \, \partial S_c / \partial F^k$, the score to first order: the paper's axiom of conservation, as near
as weights of whole units can come to it. On the layer that a global-average-pooled model averages it equals Grad-CAM
before its rectifier.

Limits: a unit still has one weight for all its places. The weights suppose units that do not change sign: where a unit's
values nearly cancel, on a layer in front of its rectifier, the sum below the fraction is near zero and that unit drowns the
others. Look at the rectifier behind such a layer.

Departure: where a unit's sum is zero the weight is undefined, and taken as zero: such a unit is off everywhere, or cancels
exactly. Other software adds a small constant to the sum instead, and shows the positive part; here nothing is added and
nothing rectified, or values would not add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.hires_cam import in_cache
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class XGradCAM:
    """The layer's units, weighted by the mean of their gradients where they are active, summed: (n, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "fu2020",
            "Ruigang Fu, Qingyong Hu, Xiaohu Dong, Yulan Guo, Yinghui Gao and Biao Li",
            2020,
            "Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs",
            arxiv="2008.02312",
        ),
    )
    caption: ClassVar[str] = "Where {layer} speaks for or against {target}, in parts that add up to its score."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield Heatmap(in_cache(xgrad_cam, reads.activation, reads.gradient), signed=True)


def xgrad_cam(F: Float[Tensor, "n k h w"], G: Float[Tensor, "n k h w"]) -> Float[Tensor, "n h w"]:
    """The maps of some images, from a layer's output and its gradient."""
    w = (F * G).sum(dim=(2, 3)) / F.sum(dim=(2, 3))  # (n, k)
    w = w.nan_to_num(0, posinf=0, neginf=0)  # over a sum of zero
    return torch.einsum("nk,nkhw->nhw", w, F)
