r"""Deconvnet: a signal run backwards through the network, rectified on its way down, as Zeiler and Fergus drew it.

$$ R^l_i = (R^{l+1}_i > 0) \cdot R^{l+1}_i $$

That is the rule at a rectifier: the signal $R^{l+1}$ from above is itself rectified, whether or not the rectifier was
on in the forward pass. At a convolution the signal passes through the transposed filters. At a max-pool it is put back
where the maximum was (the recorded *switch*); where windows overlap and two of them chose the same place, one value
overwrites the other.

Reading it: what in the image, put together from the filters, would send such a signal up to the target. Gray is zero.

Limits: it shows the picture more than the decision. The switches and the local filters partly recover the input,
whatever the target (Nie et al. 2018), so it is expected to look much the same when the layers above are randomised.
Without max-pools there are no switches and the picture turns vague. Without rectifiers nothing is drawn.

Departure: the paper starts from one unit's value and has no batch normalisation; here the signal starts with 1 at the
target, and layers that are neither rectifier nor max-pool use their ordinary gradient, which for a convolution is the
transposed filter. The variant that adds where windows overlap is `deconvnet_backward`; without overlapping windows the
two are the same picture.
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
class Deconvnet:
    """The target's signal brought down to the input, unpooling by switches: (n, c, h, w), signed."""

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
            "nie2018",
            "Weili Nie, Yang Zhang and Ankit Patel",
            2018,
            "A Theoretical Explanation for Perplexing Behaviors of Backpropagation-based Visualizations",
            venue="ICML",
            arxiv="1805.07039",
        ),
    )
    caption: ClassVar[str] = (
        "{target} projected back onto {image}, rectified on the way, max-pools undone by their switches."
    )
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return no_rectifier(model)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Gradient(INPUT, rule="deconv_unpool"),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        yield InputMap(reads.gradient)  # R^0, sec. 2.1
