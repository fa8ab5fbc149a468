r"""Deep dream: a photograph with more of whatever a layer answers to in it.

$$ x_{t+1} = x_t + \eta \, \nabla_{x} \, \mathbb{E}_{\tau} \Big[ \frac{1}{KHW} \sum_{kij} A^k_{ij}\big(\tau(x)\big)^2 \Big], \quad
x_0 = \text{the photograph} $$

$A$ is the layer's output, of $K$ units at $H \times W$ places; squaring it makes what is strong stronger, wherever it is and
whichever unit it comes from. $\tau$ is a random small shift, turn and zoom, and the steps are taken on the spectrum of the
picture, as activation maximization has it. There is no target: few steps (option `steps`) keep the photograph in sight.

Reading it: what grows out of the photograph is what the layer finds there: lines and grids in early layers, whorls of fur and
scales in the middle, eyes and snouts late. It grows where the photograph gave it a start, so that it also tells what the layer
took for what. The number is the layer's mean square on the picture: compare it with that of the photograph, where the search
began.

Limits: how far the picture goes is set by the number of steps and their size, not by the model. Units that are loud anyhow rule
it. It is a picture of the layer more than of the photograph, and says nothing of a class.

Departure: the article climbs pixels by plain gradients over several sizes of the picture (octaves); here it is one size, the
spectrum, and the optimiser that the page of activation maximization describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from generator.methods import method
from generator.methods._searches import FromImages, option, shared
from generator.names import Layer, Paper
from generator.search.objectives import DeepDream as Strength
from generator.search.objectives import Objective


@method
@dataclass(frozen=True)
class DeepDream(FromImages):
    """Pictures (images, channels, height, width) in [0, 1], one an image."""

    steps: int = option(
        24, "Gradient steps from the photograph; each is a forward and a backward pass up to the layer."
    )
    size: int = shared("size", 160)
    rate: float = option(0.02, "Step size, in units of the spectrum.")
    decay: float = shared("decay", 1.0)
    jitter: int = shared("jitter", 8)
    turn: float = shared("turn", 5.0)
    zoom: float = shared("zoom", 0.05)
    precision: str = shared("precision", "auto")
    images: int = shared("images", 8)
    layers: str = shared("layers", "all")
    batch: int = shared("batch", 8)

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "mordvintsev2015",
            "Alexander Mordvintsev, Christopher Olah and Mike Tyka",
            2015,
            "Inceptionism: Going Deeper into Neural Networks",
            venue="Google Research Blog",
            url="https://research.google/blog/inceptionism-going-deeper-into-neural-networks/",
        ),
    )
    caption: ClassVar[str] = "{image}, with more of what {layer} answers to in it."
    begun: ClassVar[bool] = True
    fixed: ClassVar[Mapping[str, float]] = {"contrast": 0.0}

    def of_images(self, layer: Layer, seen: Tensor) -> Objective:
        return Strength(layer.name)
