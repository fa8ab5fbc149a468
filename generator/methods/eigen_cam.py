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

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

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


SMALL = 96
"""Sides up to which M Mᵀ is made and decomposed: it costs as much as a few dozen steps, whatever the values are."""
STEPS = 96
"""Steps of the iteration at most. It takes 8 to 30, more only where two singular values are nearly equal."""
ENOUGH = 1e-6
"""How far the vector may be from the true one."""
EXHAUSTED = 2e-7
"""What is left of a vector, relative to what it was, when only rounding is left."""
GOLDEN = (5**0.5 - 1) / 2


def first_vector(M: Float[Tensor, "n m d"]) -> tuple[Float[Tensor, "n 1 m"], Float[Tensor, "n 1 1"]]:
    """The first left singular vector of each matrix, m <= d, and the largest singular value.

    Where m is not small, by Lanczos' iteration on M Mᵀ with full reorthogonalisation: M is read twice a step, and M Mᵀ,
    which costs as much as m / 2 steps, is never made.
    """
    n, m, _ = M.shape
    steps = min(STEPS, m)
    # a start that is orthogonal to the answer would never find it: all weights positive, no two alike
    start = 1 + torch.arange(m, dtype=torch.float64).mul(GOLDEN).frac()
    q = (start / start.norm()).to(M).expand(n, 1, m)
    b = torch.bmm(q, M)  # (n, 1, d)
    size = b.abs().amax(dim=2, keepdim=True)  # (n, 1, 1): squares of small gradients would be lost to underflow
    shrink = (1 / size).nan_to_num(0, posinf=0)
    if m <= SMALL:
        N = M * shrink
        squares, all_vectors = torch.linalg.eigh(torch.bmm(N, N.mT).nan_to_num(0, posinf=0, neginf=0))
        return all_vectors[:, None, :, -1], size * squares[:, -1:, None].clamp(min=0).sqrt()
    Q = M.new_empty(n, steps, m)
    diagonal = M.new_zeros(n, steps)
    beside = M.new_zeros(n, steps)
    check = min(8, steps)
    for i in range(steps):
        Q[:, i : i + 1] = q
        if i:
            b = torch.bmm(q, M)
        b = b * shrink
        w = torch.bmm(b, M.mT) * shrink  # (n, 1, m)
        diagonal[:, i] = b.square().sum(dim=(1, 2))
        V = Q[:, : i + 1]
        for _ in range(2):  # once is not enough where little is left
            w = w - torch.bmm(torch.bmm(w, V.mT), V)
        left = w.norm(dim=2, keepdim=True)  # (n, 1, 1)
        left = torch.where(left > EXHAUSTED * diagonal.amax(dim=1)[:, None, None], left, 0)
        beside[:, i] = left[:, 0, 0]
        if i + 1 == check:
            values, vectors = tridiagonal(diagonal[:, :check], beside[:, : check - 1])
            gap = values[:, -1] - values[:, -2] if i else values[:, -1]
            error = beside[:, i].double().cpu().numpy() * np.abs(vectors[:, -1, -1])
            if i + 1 == steps or np.all(error <= ENOUGH * gap):
                break
            check = min(steps, check + max(3, check // 3))
        q = w / left.where(left > 0, torch.inf)
    v = torch.bmm(torch.from_numpy(vectors[:, None, :, -1]).to(M), V)
    return v, size * torch.from_numpy(np.sqrt(values[:, -1:, None].clip(0))).to(M)


def tridiagonal(diagonal: Float[Tensor, "n s"], beside: Float[Tensor, "n s-1"]) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (n, s), ascending, and eigenvectors (n, s, s) of symmetric tridiagonal matrices, in double precision."""
    s = diagonal.shape[1]
    T = np.zeros((len(diagonal), s, s))
    T[:, range(s), range(s)] = diagonal.double().cpu().numpy()
    T[:, range(1, s), range(s - 1)] = beside.double().cpu().numpy()  # the lower triangle is the one that is read
    values, vectors = np.linalg.eigh(np.nan_to_num(T, nan=0, posinf=0, neginf=0))
    return values, vectors
