r"""Score-CAM: which places in a layer speak for a class, by showing the model one unit's part of the picture at a time.

$$ L^c = \mathrm{ReLU}\left(\sum_k \alpha_k^c A^k\right), \quad
\alpha_k^c = \frac{\exp C(A^k)}{\sum_l \exp C(A^l)}, \quad
C(A^k) = f^c(X \circ H^k) - f^c(X_b) $$

$A^k$ is unit $k$ of the layer and $H^k$ its map, enlarged to the input and stretched to $0 \ldots 1$; $X \circ H^k$ is the
picture seen through it, and $f^c$ the logit of class $c$. $C$ is the channel-wise increase of confidence over a blank input
$X_b$: the softmax over the units takes that constant out again, so the blank is not run.

Reading it: bright places belong to units through which alone the model still sees the class. No gradient is used, so noisy
or vanishing ones cannot spoil it. The map has the layer's resolution; upsampling makes it look sharper than it is.

Limits: the softmax is over logits, which may differ by many units of one: then one or a few units are all the map. A mask
dims the picture towards the mean colour of the training pictures and leaves nothing as it was, so the model answers to
pictures that it never saw. All weights are positive: a unit that speaks against the class is small, never subtracted. It
costs a forward pass for each unit; with `units` only those of the highest mean activation in the image are tried, and the
rest has no weight.

Departure: none from the paper's algorithm. The authors' own code differs: it weights by the class's probability, without a
softmax over the units. The library pytorch-grad-cam takes the softmax over the raw logits, which is the same as here, and
enlarges the maps corner to corner, which differs a little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Input, Need, Reads
from generator.methods import Cost, Made, Model, ModelFacts, Places, Scope, method
from generator.methods._options import at_least
from generator.methods._strongest import UNITS, how_many, strongest
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class ScoreCAM:
    """The layer's units, weighted by the softmax of the logits of the input masked by each, summed, rectified: (1, h, w)."""

    units: int = field(default=0, metadata={"doc": UNITS})

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "wang2020",
            "Haofan Wang, Zifan Wang, Mengnan Du, Fan Yang, Zijian Zhang, Sirui Ding, Piotr Mardziel and Xia Hu",
            2020,
            "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
            arxiv="1910.01279",
        ),
    )
    caption: ClassVar[str] = "Where the units of {layer} stand through which {target} is seen best."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least(self, 0, "units")

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Input()

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return Cost(forward=how_many(self.units, layer))

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        x, A = reads.input, reads.activation  # (1, c, h, w), (1, k, h', w')
        A = A[0, strongest(A, self.units)]  # (m, h', w')
        seen = Made(len(A), lambda cut: x * masks(A[cut], (x.shape[2], x.shape[3])))
        alpha = model.run(seen).values.softmax(dim=1).to(A)  # (t, m), algorithm 1
        for weights in alpha:
            yield Heatmap(torch.einsum("m,mhw->hw", weights, A).relu()[None])


def masks(A: Float[Tensor, "m h w"], size: tuple[int, int]) -> Float[Tensor, "m 1 height width"]:
    """The maps enlarged and stretched to 0 ... 1; a map with one value throughout lets nothing through."""
    H = interpolate(A[:, None], size=size, mode="bilinear", align_corners=False)
    H = H - H.amin(dim=(2, 3), keepdim=True)
    top = H.amax(dim=(2, 3), keepdim=True)
    return H / top.where(top > 0, 1)
