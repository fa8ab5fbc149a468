r"""Guided Grad-CAM: the strokes of guided backprop, where Grad-CAM says that the class is.

$$ L^c_{\mathrm{guided}} = \mathrm{up}\left(L^c\right) \odot R^0 $$

$L^c$ is the rectified Grad-CAM map of the layer, $\mathrm{up}$ bilinear upsampling to the input's
size (corners not aligned), $R^0$ what guided backprop gives on the input, and $\odot$ the product place by place, for every
input channel.

Reading it: sharp strokes at the places that speak for the class. Gray is zero: nothing is drawn where Grad-CAM is zero. The
sign at a stroke is that of guided backprop: which way the channels should move.

Limits: which strokes are drawn is guided backprop's word, which hardly depends on the class; where they are drawn is
Grad-CAM's, at the layer's coarse resolution. Sharpness is no evidence: the strokes stay sharp when layers above are
randomised (Adebayo et al. 2018). Without rectifiers there is nothing to guide, and nothing is drawn.

The signed product with all input channels is drawn, unscaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.functional import interpolate

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Activation, Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.grad_cam import GradCAM
from generator.methods.guided_backprop import GuidedBackprop
from generator.names import INPUT, Layer, LayerName, Paper
from generator.reasons import no_places, no_rectifier

GUIDED = Gradient(INPUT, rule="guided")


@method
@dataclass(frozen=True)
class GuidedGradCAM:
    """Guided backprop times the layer's upsampled Grad-CAM map: (n, c, h, w) of the input, signed."""

    papers: ClassVar[tuple[Paper, ...]] = (*GradCAM.papers, *GuidedBackprop.papers)
    caption: ClassVar[str] = "The strokes of {image} where {layer} speaks for {target}."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_rectifier(model) or no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Gradient(layer), GUIDED

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        A, R = reads.activation, reads[GUIDED]  # (n, k, h, w) of the layer, (n, c, H, W) of the input
        (G,) = (value for need, value in reads.values.items() if isinstance(need, Gradient) and need != GUIDED)
        L = torch.einsum("nk,nkhw->nhw", G.mean(dim=(2, 3)), A).relu()  # Grad-CAM, eq. 1 and 2
        yield InputMap(interpolate(L[:, None], R.shape[2:], mode="bilinear", align_corners=False) * R)
