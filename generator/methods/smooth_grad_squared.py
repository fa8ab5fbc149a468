r"""SmoothGrad-Squared: how strongly the score depends on each pixel, averaged over noisy copies of the picture.

$$ \hat{M}_c(x) = \frac{1}{n} \sum_{i=1}^{n} \left( \frac{\partial y^c}{\partial x}\Big(x + \varepsilon_i\Big) \right)^2,
\quad \varepsilon_i = \mathcal{N}(0, \sigma^2) $$

$y^c$ is the logit of class $c$, $x$ the input as the model gets it, $n$ the number of `samples`; $\sigma$ is `noise` times the
distance from the lowest value of the input to its highest.

Reading it: bright pixels move the score, in whichever direction: the squares do not cancel as the signs do in SmoothGrad.
In the article's test, which trains the model anew without the pixels ranked first, it ranked pixels far better than
SmoothGrad and than the gradient itself.

Limits: there is no sign: it does not say whether a pixel speaks for the class or against it. Squares favour the few strong
places. It is the sum of SmoothGrad's square and VarGrad, so where the noise alone makes the gradient large, it is large.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.methods import Cost, Model, ModelFacts, Places, Scope, method
from generator.methods._noise import NOISE, SAMPLES, SMILKOV, cost, moments
from generator.methods._options import at_least
from generator.names import Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class SmoothGradSquared:
    """The mean squared gradient at noisy copies of the input, never negative, (1, c, h, w)."""

    samples: int = field(default=16, metadata={"doc": SAMPLES})
    noise: float = field(default=0.15, metadata={"doc": NOISE})

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "hooker2018",
            "Sara Hooker, Dumitru Erhan, Pieter-Jan Kindermans and Been Kim",
            2018,
            "A Benchmark for Interpretability Methods in Deep Neural Networks",
            venue="NeurIPS",
            arxiv="1806.10758",
        ),
        SMILKOV,
    )
    caption: ClassVar[str] = "How strongly {target} depends on each place of {image}, averaged over noise."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least(self, 1, "samples")
        at_least(self, 0, "noise")

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return cost(self.samples, self.noise, targets)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        found = moments(reads.input, model, self.samples, self.noise)
        for mean, variance in zip(found.mean, found.variance, strict=True):
            yield InputMap((mean.square() + variance)[None], signed=False)
