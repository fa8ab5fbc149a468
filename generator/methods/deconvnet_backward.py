r"""Deconvnet (backward): the deconvnet as a backward pass, in which overlapping pooling windows add up.

$$ R^l_i = (R^{l+1}_i > 0) \cdot R^{l+1}_i $$

The rule at a rectifier is the deconvnet's: the signal $R^{l+1}$ from above is rectified, whether or not the rectifier
was on in the forward pass. Everything else is the ordinary gradient, max-pools included: a place that is the maximum of
two overlapping windows receives the sum of both signals, where the paper's unpooling keeps one of them.

Reading it: as the picture of `deconvnet`. This is the variant that most software draws, because it needs nothing but a
changed gradient at rectifiers; it is here so that the two can be compared.

Limits: those of `deconvnet`. The two differ only in models whose max-pool windows overlap (AlexNet, ResNet); in VGG,
and in models without max-pools, they are the same picture. Without rectifiers nothing is drawn.
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
class DeconvnetBackward:
    """The gradient of the target on the input under the deconvnet rule, (n, c, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "zeiler2014",
            "Matthew D. Zeiler and Rob Fergus",
            2014,
            "Visualizing and Understanding Convolutional Networks",
            venue="ECCV",
            arxiv="1311.2901",
        ),
        Paper(
            "springenberg2014",
            "Jost Tobias Springenberg, Alexey Dosovitskiy, Thomas Brox and Martin Riedmiller",
            2014,
            "Striving for Simplicity: The All Convolutional Net",
            arxiv="1412.6806",
        ),
    )
    caption: ClassVar[str] = "{target} projected back onto {image}, overlapping pooling windows added up."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_rectifier(model)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Gradient(INPUT, rule="deconv"),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield InputMap(reads.gradient)  # R^0; the rule is fig. 1 c of springenberg2014
