r"""VarGrad: where the gradient changes most from one noisy copy of the picture to the next.

$$ \hat{M}_c(x) = \frac{1}{n} \sum_{i=1}^{n} \big( g_i - \bar{g} \big)^2, \quad
g_i = \frac{\partial y^c}{\partial x}\Big(x + \varepsilon_i\Big), \quad \bar{g} = \frac{1}{n} \sum_{i=1}^{n} g_i $$

$y^c$ is the logit of class $c$, $x$ the input as the model gets it, $n$ the number of `samples`, $\varepsilon_i$ Gaussian noise
whose standard deviation is `noise` times the distance from the lowest value of the input to its highest.

Reading it: bright pixels are those whose say changes with the noise, because rectifiers behind them turn on and off. It is
SmoothGrad-Squared less the square of SmoothGrad, so close to the former wherever the mean gradient is small.

Limits: it does not depend on the gradient itself, only on how it varies: of a linear model it is zero everywhere. There is no
sign. The variance of a few samples is rough; each costs a forward and a backward pass.
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
class VarGrad:
    """The variance of the gradient over noisy copies of the input, never negative, (1, c, h, w)."""

    samples: int = field(default=16, metadata={"doc": SAMPLES})
    noise: float = field(default=0.15, metadata={"doc": NOISE})

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "adebayo2018b",
            "Julius Adebayo, Justin Gilmer, Ian Goodfellow and Been Kim",
            2018,
            "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values",
            arxiv="1810.03307",
        ),
        SMILKOV,
    )
    caption: ClassVar[str] = "Where the gradient of {target} at {image} changes with noise."
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
        for variance in found.variance:
            yield InputMap(variance[None], signed=False)
