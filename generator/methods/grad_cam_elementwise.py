r"""Element-wise Grad-CAM: the positive contributions of a layer to the class score, each place of each unit by itself.

$$ L^c = \sum_k \mathrm{ReLU}\left(\frac{\partial y^c}{\partial A^k} \odot A^k\right) $$

$A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$ before the softmax, $\odot$ the product place by place.

Reading it: bright places hold units that raise the logit. Unlike in HiResCAM, a unit that lowers it at the same place takes
nothing away. On a rectified layer the map equals LayerCAM; elsewhere a negative value under a negative gradient counts too.

Limits: evidence against the class is never seen, and a place where much speaks for and much against is as bright as one
where all speaks for. In shallow layers it is noisy.

There is no paper: it is the variant that the cited library has under this name, of the cited paper's method. The map is
rectified unit by unit, before the sum, so it has no values below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.grad_cam import GradCAM
from generator.methods.hires_cam import in_cache
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class GradCAMElementwise:
    """The layer's output times its gradient, rectified, summed over units: (n, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "gildenblat2021",
            "Jacob Gildenblat and contributors",
            2021,
            "PyTorch library for CAM methods",
            url="https://github.com/jacobgil/pytorch-grad-cam",
        ),
        *GradCAM.papers,
    )
    caption: ClassVar[str] = "Where units of {layer} speak for {target}, whatever others there say against it."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield Heatmap(in_cache(lambda A, G: (G * A).relu_().sum(dim=1), reads.activation, reads.gradient))
