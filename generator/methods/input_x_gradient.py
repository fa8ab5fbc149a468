r"""Input x gradient: what each pixel contributes to the class score, to first order.

$$ a = x \odot \frac{\partial S_c}{\partial x} $$

$x$ is the image as the model gets it, $S_c$ the logit of class $c$ before the softmax, $\odot$ the product pixel by pixel.

Reading it: positive pixels raise the score, negative ones lower it, compared with the pixel that the model gets as zero: for
most models the mean colour. In a network of rectifiers without biases the values add up to the logit exactly.

Limits: a pixel of the mean colour counts nothing, however much the class depends on it. Elsewhere the map holds the slope at
this picture for the whole way to zero, and is as noisy as the gradient is. With biases the values do not add up: what is
missing is FullGrad's other part.

The signed product with all input channels is kept. The paper compares it with DeepLIFT, as "gradient x input".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Gradient, Input, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import INPUT, Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class InputXGradient:
    """The input times the plain gradient of the target on it, (n, c, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "shrikumar2016",
            "Avanti Shrikumar, Peyton Greenside, Anna Shcherbina and Anshul Kundaje",
            2016,
            "Not Just a Black Box: Learning Important Features Through Propagating Activation Differences",
            arxiv="1605.01713",
        ),
    )
    caption: ClassVar[str] = "What each pixel of {image} contributes to {target}, to first order."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Input(), Gradient(INPUT)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield InputMap(reads.input * reads.gradient)
