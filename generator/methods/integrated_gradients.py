r"""Integrated gradients: what each pixel contributes on the way from a blank picture to this one.

$$ \mathrm{IG}_i(x) = (x_i - x'_i) \int_0^1 \frac{\partial F\big(x' + \alpha (x - x')\big)}{\partial x_i} \, d\alpha $$

$F$ is the target, $x$ the input as the model gets it, $x'$ the baseline: a black picture, a white one, or the zero that
the normalisation makes of the mean colour. The integral is taken by Gauss-Legendre quadrature at `steps` points.

Reading it: values add up, over pixels and channels, to $F(x) - F(x')$, the whole rise of the score from the blank to the
picture (the paper's axiom of completeness). Positive places raised it, negative ones lowered it. The completeness error
beside the picture, $\sum_i \mathrm{IG}_i - (F(x) - F(x'))$ as a share of that rise, says whether there were steps enough.

Limits: the answer depends on the baseline: with a black one, black parts of an object cannot count, since they do not
change. The pictures on the way are faded ones that the model never saw in training.

Departure: the paper sums a Riemann series at equal steps; Gauss-Legendre points reach the same error with fewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.methods import Cost, Made, Model, ModelFacts, Places, Scope, method
from generator.methods._options import at_least, one_of
from generator.names import Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class IntegratedGradients:
    """The path integral of the gradient from a baseline to the input, (1, c, h, w), signed."""

    steps: int = field(default=50, metadata={"doc": "points of the quadrature: each is a forward and a backward pass"})
    baseline: str = field(
        default="black", metadata={"doc": "where the path begins: `black`, `white`, or `zero`, the mean colour"}
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "sundararajan2017",
            "Mukund Sundararajan, Ankur Taly and Qiqi Yan",
            2017,
            "Axiomatic Attribution for Deep Networks",
            arxiv="1703.01365",
        ),
    )
    caption: ClassVar[str] = "What each place of {image} adds to {target}, on the way from a blank picture."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    limits: ClassVar[Mapping[str, float]] = {"completeness error": 0.05}  # section 5: steps enough for 5 %

    def __post_init__(self) -> None:
        at_least(self, 1, "steps")
        one_of(self, "baseline", "black", "white", "zero")

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return Cost(forward=self.steps + 2, backward=self.steps * targets)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        x = reads.input  # (1, c, h, w)
        start = self.start(x, model)
        points, weights = quadrature(self.steps, x)
        path = Made(self.steps, lambda cut: start + points[cut, None, None, None] * (x - start))
        total = x.new_zeros((model.targets, *x.shape[1:]))  # (t, c, h, w)
        for cut, gradients in model.gradients(path):  # (t, m, c, h, w)
            total += torch.einsum("m,tmchw->tchw", weights[cut], gradients)  # eq. 1
        ends = model.run(torch.cat([start, x])).values  # (t, 2)
        for t in range(model.targets):
            found = (x - start) * total[t]
            rise = ends[t, 1] - ends[t, 0]
            error = (found.sum() - rise) / rise.abs().clamp(min=1e-12)
            yield InputMap(found, facts=(("completeness error", float(error)),))

    def start(self, x: Float[Tensor, "1 c h w"], model: Model) -> Float[Tensor, "1 c h w"]:
        """The baseline x'."""
        if self.baseline == "zero":
            return torch.zeros_like(x)
        end = model.low if self.baseline == "black" else model.high
        return end[None, :, None, None].expand_as(x)


def quadrature(steps: int, like: Tensor) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Points and weights of the Gauss-Legendre rule on 0 ... 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return like.new_tensor((points + 1) / 2), like.new_tensor(weights / 2)
