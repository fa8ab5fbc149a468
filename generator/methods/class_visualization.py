r"""Class visualization: pictures made from noise that raise the score of a class as far as they can.

$$ x^{*} = \arg\max_{x} \; \mathbb{E}_{\tau} \big[ y_c\big(\tau(x)\big) \big] - R(x), \quad
x = \sigma\big(C \, \mathcal{F}^{-1}(s \odot z)\big) $$

$y_c$ is the score of class $c$ in front of the softmax: behind it, the others could be pushed down instead. $\tau$ is a random
shift, turn and zoom, larger than for a unit so that the class is seen near and far, and $x$ is searched for in a spectrum $z$,
as activation maximization has it. $R$ is the total variation, off unless asked for.

The classes are those that maps of the report's images are drawn for: of each image the first few (option `targets`), of all
of them at most `most`.

Reading it: what stands in the picture, many times over and from several sides, is what the model needs to see to say the
class. What it shows beside the object (a hand that holds it, the water around it) is part of what the model goes by. The number
is the class's score on the picture: compare it with the score of a photograph.

Limits: it is one of many pictures, and another seed shows another. It shows neither what is rare in the class nor where in a
photograph the class was found. A high score does not make it a likely picture: no photograph looks like this. Colours and the
number of repetitions mean little. Pictures smaller than the model's input show the object larger; a model that refuses them
gets its own size.

Departure: the first paper searches pixels with an L2 prior; here the search is that of the second, in a spectrum and with
random looks, and by the optimiser that the page of activation maximization describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import NotApplicable
from generator.methods import ModelFacts, ModelHandle, Places, Scope, method
from generator.methods._searches import PictureSearch, option, shared
from generator.names import Layer, Paper
from generator.search.objectives import Classes


@method
@dataclass(frozen=True)
class ClassVisualization(PictureSearch):
    """Pictures (classes, channels, height, width) in [0, 1], one a class."""

    steps: int = option(128, "Gradient steps of a search; each is a forward and a backward pass of the whole model.")
    size: int = shared("size", 160)
    rate: float = shared("rate", 0.02)
    decay: float = shared("decay", 1.3)
    contrast: float = shared("contrast", 0.9)
    jitter: int = shared("jitter", 16)
    turn: float = shared("turn", 10.0)
    zoom: float = shared("zoom", 0.1)
    total_variation: float = shared("total_variation", 0.0)
    targets: int = option(3, "Of each image, so many of the classes that maps are drawn for; 0: none.", key=False)
    most: int = option(48, "At most so many classes, those of the first images.", key=False)
    precision: str = shared("precision", "auto")
    batch: int = shared("batch", 8)

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "simonyan2013",
            "Karen Simonyan, Andrea Vedaldi and Andrew Zisserman",
            2013,
            "Deep Inside Convolutional Networks: Visualising Image Classification Models and Saliency Maps",
            arxiv="1312.6034",
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
    caption: ClassVar[str] = "What raises {target} most: a picture made from noise."
    scope: ClassVar[Scope] = "class_search"
    places: ClassVar[Places] = "layers"
    needs_target: ClassVar[bool] = True

    def aim(self, handle: ModelHandle, layer: Layer | None, subjects: tuple[int, ...]) -> tuple[Classes, None]:
        return Classes(tuple((index,) for index in subjects)), None

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        if not self.targets or not self.most:
            return NotApplicable("its options `targets` and `most` leave it no class in this report.")
        return None if model.classes else NotApplicable("the model has no class scores.")
