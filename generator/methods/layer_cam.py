r"""LayerCAM: Grad-CAM in which every place of every unit is weighted by its own positive gradient.

$$ M^c = \mathrm{ReLU}\left(\sum_k \mathrm{ReLU}\left(g^{kc}\right) \odot A^k\right), \quad
g_{ij}^{kc} = \frac{\partial y^c}{\partial A_{ij}^k} $$

$A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$ before the softmax, $\odot$ the product place by place.

Reading it: bright places raise the logit; zero means that a place does not, or speaks against it. Since no gradient is
averaged over places, maps of shallow layers stay meaningful: they are finer, and show which edges and textures counted.

Limits: places that speak against the class are not shown, and do not count against those that speak for it, so the map
tells two similar classes less well apart. In shallow layers it is noisy, and bright along all strong edges.

The map is rectified, as in the paper; on a rectified layer it has nothing below zero anyway. The paper also passes maps of
shallow layers through $\tanh$ to compare layers in one picture; raw values are drawn here, each map on its own scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.hires_cam import in_cache
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class LayerCAM:
    """The layer's output times its positive gradient, summed over units, rectified: (n, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "jiang2021",
            "Peng-Tao Jiang, Chang-Bin Zhang, Qibin Hou, Ming-Ming Cheng and Yunchao Wei",
            2021,
            "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
            venue="IEEE Transactions on Image Processing",
            doi="10.1109/TIP.2021.3089943",
        ),
    )
    caption: ClassVar[str] = "Where {layer} speaks for {target}, each place by its own positive gradient."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield Heatmap(in_cache(lambda A, G: G.relu().mul_(A).sum(dim=1).relu_(), reads.activation, reads.gradient))
