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

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from generator.methods import method
from generator.methods._searches import FromImages, option, shared
from generator.names import Layer, Paper
from generator.search.objectives import Caricature as Exaggerated
from generator.search.objectives import Objective


@method
@dataclass(frozen=True)
class Caricature(FromImages):
    """Pictures (images, channels, height, width) in [0, 1], one an image."""

    steps: int = shared("steps", 64)
    size: int = shared("size", 160)
    sharp: float = option(1.0, "The power of the cosine: more asks for the same mixture rather than for much of it.")
    rate: float = shared("rate", 0.02)
    decay: float = shared("decay", 1.0)
    contrast: float = shared("contrast", 0.9)
    jitter: int = shared("jitter", 8)
    turn: float = shared("turn", 5.0)
    zoom: float = shared("zoom", 0.05)
    precision: str = shared("precision", "auto")
    images: int = shared("images", 8)
    layers: str = shared("layers", "all")
    batch: int = shared("batch", 8)

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
    looks: ClassVar[int] = 2

    def of_images(self, layer: Layer, seen: Tensor) -> Objective:
        return Exaggerated(layer.name, seen, self.sharp)
