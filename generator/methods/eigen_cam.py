r"""Eigen-CAM: where a layer does most of what it does, whatever the class.

$$ L = O^\top v_1, \quad O = U \Sigma V^\top $$

$O$ is the layer's output for one image with one row a unit and one column a place, $v_1$ the unit vector over units that
belongs to its largest singular value $\sigma_1$: a weighting of the units under which the map over places is as strong as it
can be. With $L$, a product of two vectors, the whole output is approximated as well as such a product can.

Reading it: bright places are those where the layer's dominant pattern of units is strong. On a rectified layer no value is
below zero; elsewhere zero is zero, and values below it have the pattern reversed. The sign of $v_1$ is free: it is chosen so
that the map agrees with the sum of all units.

Limits: no class is asked for, so no class is explained: the map is the same for all, and for a picture with two objects shows
what the layer finds strong, not what the decision rests on. Where two patterns are about equally strong, any mixture of them
would do, and small changes of the picture turn one into another. The sum of all units may be near zero in front of a
rectifier; the sign then means little.

The signed map is drawn, as in the paper. Other software subtracts each unit's mean over places before the decomposition,
which the paper does not (option `center`), leaves the sign to chance and cuts off what is below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Activation, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.grad_cam_pp import CACHE
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class EigenCAM:
    """The layer's output projected on its first singular vector over units: (n, h, w), signed."""

    center: bool = field(
        default=False, metadata={"doc": "subtract each unit's mean over places first, as other software does"}
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "muhammad2020",
            "Mohammed Bany Muhammad and Mohammed Yeasin",
            2020,
            "Eigen-CAM: Class Activation Map using Principal Components",
            arxiv="2008.00299",
        ),
    )
    caption: ClassVar[str] = "Where {layer} is most active in {image}, along its first principal component."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Activation(layer),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        few = max(1, CACHE // reads.activation[0].numel())
        parts = reads.activation.split(few)
        yield Heatmap(torch.cat([projected(A, self.center) for A in parts]), signed=True)


def projected(A: Float[Tensor, "n k h w"], center: bool) -> Float[Tensor, "n h w"]:
    """Each image's maps (k, h, w), projected on their first singular vector over units; it agrees with their sum."""
    X = A.flatten(2)  # (n, k, hw)
    if center:
        X = X - X.mean(dim=2, keepdim=True)
    if X.shape[1] <= X.shape[2]:
        v, _ = first_vector(X)  # (n, 1, k)
        L = torch.bmm(v, X)
        agreement = v.sum(dim=2, keepdim=True)  # L · (1ᵀ X) = σ² (v · 1)
    else:
        L, sigma = first_vector(X.mT)  # (n, 1, hw): the other side's vector is the map itself, but for its length
        agreement = torch.bmm(L, X.mT).sum(dim=2, keepdim=True)
        L = L * sigma
    return torch.where(agreement < 0, -L, L).view(len(A), *A.shape[2:])


SQUARINGS, STEPS = 24, 8
"""Squarings at most: after so many, two squared singular values that differ by one part in a million are told apart. And
the steps that follow: each divides what is left of the second by eight or more."""
TINY, HUGE = 1e-20, 1e20
"""Between them, sums of squares lose nothing to underflow or overflow in single precision."""


def first_vector(M: Float[Tensor, "n m d"]) -> tuple[Float[Tensor, "n 1 m"], Float[Tensor, "n 1 1"]]:
    """The first left singular vector of each matrix, m <= d, and the largest singular value.

    By squaring M Mᵀ again and again: what belongs to smaller singular values fades as a square does. A vector that is
    multiplied by what is left turns into the first at once. M is read once; matrix products are what processors do best.
    """
    products, size = torch.bmm(M, M.mT), M.new_ones(1)  # (n, m, m)
    total = trace(products)
    if not bool(((total > TINY) & (total < HUGE)).all()):
        size = M.abs().amax(dim=(1, 2), keepdim=True)  # (n, 1, 1)
        M = M * (1 / size).nan_to_num(0, posinf=0)
        products = torch.bmm(M, M.mT)
    C = products.nan_to_num(0, posinf=0, neginf=0)
    C = C / positive(trace(C))
    for _ in range(SQUARINGS):
        C = torch.bmm(C, C)
        # of squared singular values whose sum is 1, the sum of squares: 1 where one is left
        total = trace(C)
        C = C / positive(total)
        if bool(((total > 0.8) | (total == 0)).all()):
            break
    v = C[torch.arange(len(C), device=C.device), C.diagonal(dim1=1, dim2=2).argmax(dim=1)][:, None]  # (n, 1, m)
    for _ in range(STEPS):
        v = normalize(torch.bmm(v, C), dim=2)
    return v, size * torch.bmm(torch.bmm(v, products), v.mT).clamp(min=0).sqrt()


def trace(C: Float[Tensor, "n m m"]) -> Float[Tensor, "n 1 1"]:
    """The sum of each matrix' diagonal."""
    return C.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]


def positive(total: Tensor) -> Tensor:
    """What to divide by: 1 where there is nothing to divide."""
    return total.where(total > 0, 1)
