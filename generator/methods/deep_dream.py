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
from generator.search.objectives import DeepDream as Strength


@method
@dataclass(frozen=True)
class DeepDream:
    """Pictures (images, channels, height, width) in [0, 1], one an image."""

    steps: int = option(
        24, "Gradient steps from the photograph; each is a forward and a backward pass up to the layer."
    )
    size: int = option(160, "Longest side of a picture in pixels, the model's input at most.")
    rate: float = option(0.02, "Step size, in units of the spectrum.")
    decay: float = option(1.0, "Low frequencies count as 1 / frequency to this power; more is smoother.")
    jitter: int = option(
        8, "Each step sees the picture shifted by up to so many pixels either way, an eighth of it at most."
    )
    turn: float = option(5.0, "Each step sees it turned by up to so many degrees either way.")
    zoom: float = option(0.05, "Each step sees it larger or smaller by up to this share.")
    images: int = option(8, "Of how many of the report's images, the first ones; 0: of none.", key=False)
    layers: str = option("all", "At which of the compared layers: a selector, such as all or block.", key=False)
    batch: int = option(8, "Pictures searched for together; they do not depend on it.", key=False)

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
    scope: ClassVar[Scope] = "image_search"
    places: ClassVar[Places] = "compared"
    animate: ClassVar[int] = 0
    photographs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "size", "batch")
        at_least(self, 0, "images", "jitter", "rate")

    @property
    def together(self) -> int:
        """Images searched for together."""
        return self.batch

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None:
        return refusal(self, model, layer)

    def passes(self, layer: Layer, images: int) -> tuple[int, int]:
        return passes(self.steps, images, self.batch, 1)

    def search(
        self,
        handle: ModelHandle,
        layer: Layer,
        images: tuple[int, ...],
        seed: int,
        animated: Collection[int] = (),
    ) -> Iterator[Artifact]:
        def run(some: tuple[int, ...], size: tuple[int, int]) -> Found:
            begun = torch.stack([handle.photograph(number) for number in some])
            return climb(
                climb_of(self, size, contrast=0.0),
                handle,
                Strength(layer.name),
                [draw(seed) for _ in some],
                size,
                start=begun,
            )

        sizes = dict.fromkeys((fitted(self.size, handle.input_shape), handle.input_shape[1:]))
        for some, found in in_batches(images, self.batch, tuple(sizes), run):
            yield grid(some, found)
