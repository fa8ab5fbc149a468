r"""Sobel edges: the edges of the picture, which any explanation has to beat.

$$ E = \sqrt{(K * Y)^2 + (K^\top * Y)^2}, \quad
K = \begin{pmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{pmatrix} $$

$Y$ is the luminance of the image as the model gets it: $0.299\,R + 0.587\,G + 0.114\,B$ (Rec. 601) of three channels, the
mean of any other number. Beyond the border the nearest pixel is repeated. Neither the model nor the class is looked at.

Reading it: bright where the luminance changes. It stands beside the other maps for comparison: a map that looks like this
one, or scores like it, may tell of the picture and not of the model. Adebayo et al. show how easily the two are mistaken
for each other; Hooker et al. use it as a control.

Limits: it sees no edge between two colours of the same luminance, and the finest scale alone. Channels that were normalised
with different deviations are mixed as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.guided_backprop import GuidedBackprop
from generator.methods.random_map import RandomMap
from generator.names import Layer, LayerName, Paper

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
REC_601 = (0.299, 0.587, 0.114)


@method
@dataclass(frozen=True)
class SobelEdges:
    """The magnitude of the luminance's gradient by Sobel's filter, (n, 1, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = (GuidedBackprop.papers[1], *RandomMap.papers)
    caption: ClassVar[str] = "The edges of {image}: a control."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        K = reads.input.new_tensor(SOBEL)
        Y = pad(luminance(reads.input), (1, 1, 1, 1), mode="replicate")
        gradient = conv2d(Y, torch.stack([K, K.T])[:, None])  # (n, 2, h, w): across, down
        yield InputMap(torch.linalg.vector_norm(gradient, dim=1, keepdim=True), signed=False)


def luminance(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
    """Rec. 601 of three channels, else the mean."""
    if x.shape[1] != 3:
        return x.mean(dim=1, keepdim=True)
    return torch.einsum("c,nchw->nhw", x.new_tensor(REC_601), x)[:, None]
