r"""Inversion: what of a photograph can be told from what a layer gives for it.

$$ x^{*} = \arg\min_{x} \; \frac{\lVert A(x) - A(x_0) \rVert^2}{\lVert A(x_0) \rVert^2} + \lambda_\alpha R_\alpha(x)
+ \lambda_{V} R_V(x), \quad R_\alpha = \frac{1}{N} \sum_p |x_p - 1/2|^\alpha, \quad
R_V = \frac{1}{N} \sum_p (\partial_u x)_p^2 + (\partial_v x)_p^2 $$

$A(x_0)$ is the layer's code of the photograph $x_0$: all its units at all its places. The search begins at noise and knows
nothing but that code. $R_\alpha$ (with $\alpha = 6$) and $R_V$ are means over the $N$ values of the picture; their weights
$\lambda_\alpha$ and $\lambda_V$ are the options `lp` and `total_variation`. The number beside a picture is minus the first term: 0 where the code is met, $-1$ for a picture that gives none.

Reading it: what comes back is what the layer has kept. Early layers give the photograph; the deeper the layer, the more is left
to chance: first exact colours and positions, then shapes, until parts of the object float about. Places that come back wrong are
those which the model has already thrown away. Lay the photograph over it to compare.

Limits: what does not come back may be lost to the layer, or only to the search, which stops after a number of steps: read the
score with the picture. Priors fill in what the code leaves open, so that smooth parts may be made up. It is one of many pictures
with nearly this code.

Departure: the paper descends on pixels with momentum; here the picture is a spectrum of decorrelated colours and the optimiser
that of activation maximization. Its second prior is a mean of squares (the paper's $\beta = 2$), and both are weighed per pixel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from generator.artifacts import Artifact, NotApplicable
from generator.methods import ModelFacts, ModelHandle, Places, Scope, method
from generator.methods._options import at_least
from generator.methods._searches import climb_of, draw, grid, option, passes, refusal
from generator.names import Layer, Paper
from generator.search.batches import fitted, in_batches
from generator.search.climb import Found, climb
from generator.search.objectives import Inversion as Met


@method
@dataclass(frozen=True)
class Inversion:
    """Pictures (images, channels, height, width) in [0, 1], one an image."""

    steps: int = option(128, "Gradient steps of a search; each is a forward and a backward pass up to the layer.")
    size: int = option(160, "Longest side of a picture in pixels, the model's input at most.")
    rate: float = option(0.04, "Step size, in units of the spectrum (its noise starts at 0.01).")
    decay: float = option(1.4, "Low frequencies count as 1 / frequency to this power; more is smoother.")
    total_variation: float = option(1.0, "Weight of the prior against differences of neighbouring pixels.")
    lp: float = option(10.0, "Weight of the prior against distance from mid-gray.")
    images: int = option(8, "Of how many of the report's images, the first ones; 0: of none.", key=False)
    layers: str = option("all", "At which of the compared layers: a selector, such as all or block.", key=False)
    batch: int = option(8, "Pictures searched for together; they do not depend on it.", key=False)

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "mahendran2015",
            "Aravindh Mahendran and Andrea Vedaldi",
            2015,
            "Understanding Deep Image Representations by Inverting Them",
            venue="CVPR",
            arxiv="1412.0035",
        ),
    )
    caption: ClassVar[str] = "What {layer} keeps of {image}: a picture made from noise to give the same there."
    scope: ClassVar[Scope] = "image_search"
    places: ClassVar[Places] = "compared"
    animate: ClassVar[int] = 0
    photographs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "size", "batch")
        at_least(self, 0, "images", "rate", "total_variation", "lp")

    @property
    def together(self) -> int:
        """Images searched for together."""
        return self.batch

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None:
        return refusal(self, model, layer)

    def passes(self, layer: Layer, images: int) -> tuple[int, int]:
        return passes(self.steps, images, self.batch, 2)

    def search(
        self,
        handle: ModelHandle,
        layer: Layer,
        images: tuple[int, ...],
        seed: int,
        animated: Collection[int] = (),
    ) -> Iterator[Artifact]:
        def run(some: tuple[int, ...], size: tuple[int, int]) -> Found:
            of = Met(layer.name, torch.stack([handle.photograph(number) for number in some]))
            return climb(climb_of(self, size, contrast=0.0), handle, of, [draw(seed) for _ in some], size)

        sizes = dict.fromkeys((fitted(self.size, handle.input_shape), handle.input_shape[1:]))
        for some, found in in_batches(images, self.batch, tuple(sizes), run):
            yield grid(some, found)
