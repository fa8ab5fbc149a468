r"""Saliency: how much a small change of each pixel would change the class score.

$$ w = \frac{\partial S_c}{\partial I}(I_0) $$

$S_c$ is the logit of class $c$, before the softmax, $I_0$ the image as the model gets it. Near $I_0$ the score is about
$S_c(I) \approx w^\top I + b$. The paper's single-channel map is $M_{ij} = \max_{ch} |w_{ij,ch}|$, the largest absolute
value over the colour channels.

Reading it: the strong places are those where the score is most sensitive, whichever way. In the signed picture, gray is
zero, and a colour says which way the channels should move to raise the score.

Limits: it is a slope, not a contribution: a pixel on which the class depends entirely shows nothing once its effect
has saturated. The map is noisy, since slopes of piecewise linear functions jump from pixel to pixel. It is the slope
along the normalised input; per unit of the pixel itself, divide channel by channel by the standard deviation.

Departure: the signed gradient with all input channels is kept, and the absolute maximum is taken for display only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import INPUT, Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class Saliency:
    """The plain gradient of the target on the input, (n, c, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "simonyan2013",
            "Karen Simonyan, Andrea Vedaldi and Andrew Zisserman",
            2013,
            "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
            arxiv="1312.6034",
        ),
    )
    caption: ClassVar[str] = "Where a small change of {image} would change {target} most."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Gradient(INPUT),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield InputMap(reads.gradient)  # w, eq. 4
