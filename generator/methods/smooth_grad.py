r"""SmoothGrad: what each pixel does to the score, averaged over noisy copies of the picture.

$$ \hat{M}_c(x) = \frac{1}{n} \sum_{i=1}^{n} \frac{\partial y^c}{\partial x}\Big(x + \varepsilon_i\Big), \quad
\varepsilon_i = \mathcal{N}(0, \sigma^2) $$

$y^c$ is the logit of class $c$, $x$ the input as the model gets it, $n$ the number of `samples`; $\sigma$ is `noise` times the
distance from the lowest value of the input to its highest.

Reading it: as a gradient: more of a channel at a place where the map is positive raises the score. The gradient of a
rectified model jumps from pixel to pixel; what survives the average holds around the picture, not only at it.

Limits: the noise blurs the question along with the answer: the map is of a whole neighbourhood of pictures, noisy ones,
whose scores may differ from this one's. A few samples leave grain, more cost more: each is a forward and a backward pass. A
gradient of both signs averages to nothing where SmoothGrad-Squared shows it strong.

Departure: none in the sum. The paper shows absolute values of it; here the sign is kept.
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
class SmoothGrad:
    """The mean gradient at noisy copies of the input, signed, (1, c, h, w)."""

    samples: int = field(default=16, metadata={"doc": SAMPLES})
    noise: float = field(default=0.15, metadata={"doc": NOISE})

    papers: ClassVar[tuple[Paper, ...]] = (SMILKOV,)
    caption: ClassVar[str] = "What more of a channel at a place of {image} does to {target}, averaged over noise."
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
        for mean in found.mean:
            yield InputMap(mean[None])
