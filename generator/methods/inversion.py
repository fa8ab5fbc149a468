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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from generator.methods import method
from generator.methods._searches import FromImages, shared
from generator.names import Layer, Paper
from generator.search.objectives import Inversion as Met
from generator.search.objectives import Objective


@method
@dataclass(frozen=True)
class Inversion(FromImages):
    """Pictures (images, channels, height, width) in [0, 1], one an image."""

    steps: int = shared("steps", 128)
    size: int = shared("size", 160)
    rate: float = shared("rate", 0.04)
    decay: float = shared("decay", 1.4)
    total_variation: float = shared("total_variation", 1.0)
    lp: float = shared("lp", 10.0)
    images: int = shared("images", 8)
    layers: str = shared("layers", "all")
    batch: int = shared("batch", 8)

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
    looks: ClassVar[int] = 2
    fixed: ClassVar[Mapping[str, float]] = {"contrast": 0.0}

    def of_images(self, layer: Layer, seen: Tensor) -> Objective:
        return Met(layer.name, seen)
