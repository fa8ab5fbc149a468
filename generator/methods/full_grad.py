r"""FullGrad: what the input and every bias contribute to the class score, laid over each other.

$$ f(x) = \nabla_x f(x)^\top x + \sum_l \sum_{c} \sum_{p} f^b_{l,c,p}(x), \quad
f^b_{l,c}(x) = b_{l,c} \, \frac{\partial f}{\partial z_{l,c}} $$

$$ S_f(x) = \psi\big(\nabla_x f(x) \odot x\big) + \sum_l \sum_c \psi\big(f^b_{l,c}(x)\big), \quad
\psi(\cdot) = \mathrm{up}\big(\mathrm{rescale}(|\cdot|)\big) $$

$f$ is the logit, $x$ the input, $z_{l,c}$ unit $c$ of convolution or batch normalisation $l$, and $b_{l,c}$ the bias that is
added to it at every place $p$; a batch normalisation's is that of the affine map it is when the model runs. The first line
is an identity in networks of rectifiers. The second is the map: each part in absolute value, from 0 to 1, upsampled
bilinearly to the input's size, and all of them added up.

Reading it: bright places matter, to the input itself or to units of any layer; fine detail comes from early layers, the broad
blobs from late ones. Values have no unit: they count how many units, all of the same weight, point to a place.

Limits: taking absolute values and stretching each part to the same range throws the identity away: the map no longer
adds up to anything, shows no sign, and tells little between classes. Since every unit is stretched by itself, the size of its
bias no longer matters (option `rescale`). Biases of linear layers have no place and are left out. The identity holds for
rectifiers and max-pooling; a smooth activation or a layer normalisation has biases that this does not see.

Departure: a part that is the same at all places, up to rounding, has no range to stretch, and adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import BiasGradients, Gradient, Input, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods._options import one_of
from generator.methods.hires_cam import in_cache
from generator.names import INPUT, Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class FullGrad:
    """Rescaled absolute contributions of the input and of every bias, added up at the input's size: (n, 1, h, w)."""

    rescale: Literal["unit", "layer"] = field(
        default="unit",
        metadata={
            "doc": "what is stretched to 0 ... 1: each `unit` by itself, as the paper writes it, or a `layer` as a whole, as "
            "its authors' program does, so that units keep their sizes relative to each other"
        },
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "srinivas2019",
            "Suraj Srinivas and François Fleuret",
            2019,
            "Full-Gradient Representation for Neural Network Visualization",
            venue="NeurIPS",
            arxiv="1905.00780",
        ),
    )
    caption: ClassVar[str] = "Where {image}, and units of all layers, matter to {target}."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        one_of(self, "rescale", "unit", "layer")

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        if model.biased:
            return None
        return NotApplicable("no convolution or batch normalisation adds a bias: it would be input x gradient again.")

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Input(), Gradient(INPUT), BiasGradients()

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        x = reads.input  # (n, c, h, w)
        total = in_cache(lambda x, G: self.psi(x * G), x, reads.gradient)  # (n, h, w)
        for bias, G in reads.biased.values():  # (k,), (n, k, h', w')
            part = in_cache(lambda b, G: self.psi(b * G), bias[None, :, None, None].expand_as(G), G)
            total = total + interpolate(part[:, None], x.shape[2:], mode="bilinear", align_corners=False)[:, 0]
        yield InputMap(total[:, None], signed=False)

    def psi(self, parts: Float[Tensor, "n k h w"]) -> Float[Tensor, "n h w"]:
        """Absolute values, rescaled, and summed over units: as upsampling is linear, it may come after the sum."""
        parts = parts.abs()
        over = (2, 3) if self.rescale == "unit" else (1, 2, 3)
        low, high = parts.amin(dim=over, keepdim=True), parts.amax(dim=over, keepdim=True)
        reach = (high - low).where(high - low > FLAT * high, torch.inf)
        return parts.sub_(low).div_(reach).sum(dim=1)


FLAT = 1e-6
"""Differences this small, relative to the value, are rounding: stretched from 0 to 1 they would be noise."""
