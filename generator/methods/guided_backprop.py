r"""Guided backprop: the gradient, with whatever speaks against the target cut off at every rectifier.

$$ R^l_i = (f^l_i > 0) \cdot (R^{l+1}_i > 0) \cdot R^{l+1}_i $$

$f^l$ is what enters rectifier $l$ in the forward pass, $R^{l+1}$ what comes back to it from above. The first condition
is the ordinary gradient's, the second is the deconvnet's: a signal passes only where the rectifier was on and the
signal is positive. All else is plain backpropagation.

Reading it: sharp strokes along edges and textures that units on the way to the target respond to. Gray is zero.

Limits: it shows the picture more than the decision. It partly recovers the input whatever the target, changes little
between classes, and stays much the same when the layers above are randomised (Adebayo et al. 2018): no evidence of what
the model relies on. Without rectifiers there is nothing to guide, and nothing is drawn.

The rule is applied to every rectifier however it is written (`nn.ReLU`, `F.relu`, `x.relu()`, `clamp`), and to ReLU6
and Hardtanh too, whose gradient is also cut where they are saturated from above.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Gradient, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import INPUT, Layer, LayerName, Paper
from generator.reasons import no_rectifier


@method
@dataclass(frozen=True)
class GuidedBackprop:
    """The gradient of the target on the input under the guided rule, (n, c, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "springenberg2014",
            "Jost Tobias Springenberg, Alexey Dosovitskiy, Thomas Brox and Martin Riedmiller",
            2014,
            "Striving for Simplicity: The All Convolutional Net",
            arxiv="1412.6806",
        ),
        Paper(
            "adebayo2018",
            "Julius Adebayo, Justin Gilmer, Michael Muelly, Ian Goodfellow, Moritz Hardt and Been Kim",
            2018,
            "Sanity Checks for Saliency Maps",
            venue="NeurIPS",
            arxiv="1810.03292",
        ),
    )
    caption: ClassVar[str] = "The strokes of {image} that excite units on the way to {target}."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_rectifier(model)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Gradient(INPUT, rule="guided"),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield InputMap(reads.gradient)  # R^0, fig. 1 c
