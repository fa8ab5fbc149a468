r"""Grad-CAM++: Grad-CAM in which every place has its own weight, so that several objects of a class all count.

$$ L^c = \mathrm{ReLU}\left(\sum_k w_k^c A^k\right), \quad
w_k^c = \sum_{ij} \alpha_{ij}^{kc} \, \mathrm{ReLU}\left(\frac{\partial S^c}{\partial A^k_{ij}}\right) $$

$$ \alpha_{ij}^{kc} = \frac{\left(\partial S^c / \partial A^k_{ij}\right)^2}
{2 \left(\partial S^c / \partial A^k_{ij}\right)^2 + \sum_{ab} A^k_{ab} \left(\partial S^c / \partial A^k_{ij}\right)^3} $$

$A^k$ is unit $k$ of the layer, $S^c$ the logit of class $c$ before the softmax. The second line is the paper's eq. 19,
the closed form for the score $Y^c = \exp(S^c)$ in a network of rectifiers, whose higher derivatives are powers of the
first. $\alpha$ is 0 where its denominator is.

Reading it: as Grad-CAM, bright places speak for the class. It covers more of an object, and more objects of one class.

Limits: it shows less of what tells two classes apart, since negative gradients are cut. The closed form supposes
rectified maps: where the gradient is positive, the denominator is then at least twice the numerator. On a layer with
values below zero (a convolution before its normalisation, a linear bottleneck) it can come near zero or change sign,
single places then dominate, and rounding may decide the map. Look at the rectifier behind such a layer, or at Grad-CAM.

Departure: the gradient of $\exp(S^c)$ has a further factor $\exp(S^c)$. It is the same at every place and unit of an
image, scales the whole map, and overflows for large logits: it is left out, as is usual, so values compare within an
image only. No small constant is added to the denominator: where other software adds one, layers with small gradients fade.
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
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class GradCAMpp:
    """The layer's units, weighted by their positive gradients place by place, summed, rectified: (n, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "chattopadhyay2017",
            "Aditya Chattopadhyay, Anirban Sarkar, Prantik Howlader and Vineeth N. Balasubramanian",
            2017,
            "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks",
            arxiv="1710.11063",
        ),
    )
    caption: ClassVar[str] = "Where {layer} speaks for {target}, every place weighted by itself."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "both"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        A, G = reads.activation, reads.gradient
        few = max(1, CACHE // A[0].numel())
        yield Heatmap(torch.cat([grad_cam_pp(a, g) for a, g in zip(A.split(few), G.split(few), strict=True)]))


CACHE = 2**21
"""Values that stay in a processor's cache while they are worked on: whole batches of large layers take ten times as long."""


def grad_cam_pp(A: Float[Tensor, "n k h w"], G: Float[Tensor, "n k h w"]) -> Float[Tensor, "n h w"]:
    """The maps of some images, from a layer's output and its gradient."""
    # Eq. 19 over G²: a gradient of 1e-15 is common in deep layers, and its cube would be lost to underflow.
    # Only places of positive gradient count, so ReLU(G) may stand for G in the denominator too.
    G = G.relu()
    denominator = torch.addcmul(A.new_tensor(2.0), A.sum(dim=(2, 3), keepdim=True), G)  # 2 + sum(A) G, (n, k, h, w)
    weighted = G.div_(denominator)  # alpha * ReLU(G), eq. 19
    w = weighted.sum(dim=(2, 3))  # (n, k)
    if not w.isfinite().all():  # a denominator of 0: alpha is 0 where it is undefined
        w = weighted.nan_to_num(0, posinf=0, neginf=0).sum(dim=(2, 3))
    return torch.einsum("nk,nkhw->nhw", w, A).relu()
