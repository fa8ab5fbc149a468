r"""EigenGrad-CAM: the dominant pattern of what a layer's units contribute to the class score.

$$ L^c = P^\top v_1, \quad P = U \Sigma V^\top, \quad P^k = \frac{\partial y^c}{\partial A^k} \odot A^k $$

$A^k$ is unit $k$ of the layer, $y^c$ the logit of class $c$ before the softmax, $\odot$ the product place by place. $P$ has
one row a unit and one column a place, each row less its mean (option `center`), and $v_1$ is the unit vector over units that
belongs to its largest singular value. HiResCAM is the plain sum of the same products over units.

Reading it: bright places are those where the strongest common pattern of contributions is strong. It is Eigen-CAM made to
depend on the class, and smoother than HiResCAM, since what units do each for themselves is left out. The sign of $v_1$ is
free: it is chosen so that the map agrees with the sum of all products, so that bright places mostly raise the logit.

Limits: it shows one pattern, and says nothing of how much of the score lies in the others. A contribution that is the same
everywhere is subtracted with the mean: zero stands for the average place, not for no contribution. Where two patterns are
about equally strong, any mixture of them would do, and small changes of the picture turn one into another.

There is no paper: it is the variant of Eigen-CAM that the cited library has under this name, which subtracts the mean where
Eigen-CAM's paper does not. The signed map is drawn; that library leaves the sign to chance and cuts off what is below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.eigen_cam import EigenCAM, projected
from generator.methods.grad_cam_elementwise import GradCAMElementwise
from generator.methods.hires_cam import in_cache
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class EigenGradCAM:
    """The layer's output times its gradient, projected on its first singular vector over units: (n, h, w), signed."""

    center: bool = field(default=True, metadata={"doc": "subtract each unit's mean over places first"})

    papers: ClassVar[tuple[Paper, ...]] = (GradCAMElementwise.papers[0], *EigenCAM.papers)
    caption: ClassVar[str] = "Where {layer} contributes most to {target}, along the first principal component."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        maps = in_cache(lambda A, G: projected(A * G, self.center), reads.activation, reads.gradient)
        yield Heatmap(maps, signed=True)
