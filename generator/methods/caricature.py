r"""Caricature: a photograph as a layer sees it, exaggerated.

$$ x^{*} = \arg\max_{x} \; \frac{\langle A(x), A(x_0) \rangle}{\lVert A(x_0) \rVert}
\; \max\big(\cos(A(x), A(x_0)), 0.1\big)^{q} $$

$A(x_0)$ is what the layer gives for the photograph $x_0$, all units and places as one vector; $q$ is the option `sharp`. The
picture $x$ is made from noise, in a spectrum, under random small shifts, turns and zooms, as activation maximization has it.

Reading it: what the layer answers to in the photograph is there again at about the same places, only more so: edges and
grain in early layers, textures next, then eyes, ears and wheels. What the layer does not look at is not in the picture: where the
photograph had it, there is something else, or nothing. Go through the layers from left to right to see what becomes of the
photograph.

Limits: colours of dim places are made up, and so is whatever the layer does not answer to. The cosine counts all units alike, so
that a few loud ones may rule. The score's scale is the layer's own: compare it with where the search began, never with another
layer. It says nothing of what the model decides.

Departure: the cited articles give the idea (the dot product with an activation, and its power of the cosine, from the code that
goes with them); here the search is the one on the page of activation maximization, and the cosine counts as 0.1 at least, so that
noise that points another way is pulled as well.
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
from generator.search.objectives import Caricature as Exaggerated


@method
@dataclass(frozen=True)
class Caricature:
    """Pictures (images, channels, height, width) in [0, 1], one an image."""

    steps: int = option(64, "Gradient steps of a search; each is a forward and a backward pass up to the layer.")
    size: int = option(160, "Longest side of a picture in pixels, the model's input at most.")
    sharp: float = option(1.0, "The power of the cosine: more asks for the same mixture rather than for much of it.")
    rate: float = option(0.02, "Step size, in units of the spectrum (its noise starts at 0.01).")
    decay: float = option(1.0, "Low frequencies count as 1 / frequency to this power; more is smoother.")
    contrast: float = option(0.9, "Root mean square held in front of the sigmoid; 0 leaves the contrast free.")
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
            "olah2018",
            "Chris Olah, Arvind Satyanarayan, Ian Johnson, Shan Carter, Ludwig Schubert, Katherine Ye and Alexander Mordvintsev",
            2018,
            "The Building Blocks of Interpretability",
            venue="Distill",
            doi="10.23915/distill.00010",
        ),
        Paper(
            "olah2017",
            "Chris Olah, Alexander Mordvintsev and Ludwig Schubert",
            2017,
            "Feature Visualization",
            venue="Distill",
            doi="10.23915/distill.00007",
        ),
    )
    caption: ClassVar[str] = "{image} as {layer} sees it, exaggerated: a picture made from noise."
    scope: ClassVar[Scope] = "image_search"
    places: ClassVar[Places] = "compared"
    animate: ClassVar[int] = 0
    photographs: ClassVar[int] = 0

    def __post_init__(self) -> None:
        at_least(self, 1, "steps", "size", "batch")
        at_least(self, 0, "images", "sharp", "jitter", "rate", "contrast")

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
            seen = torch.stack([handle.photograph(number) for number in some])
            of = Exaggerated(layer.name, seen, self.sharp)
            return climb(climb_of(self, size), handle, of, [draw(seed) for _ in some], size)

        sizes = dict.fromkeys((fitted(self.size, handle.input_shape), handle.input_shape[1:]))
        for some, found in in_batches(images, self.batch, tuple(sizes), run):
            yield grid(some, found)
