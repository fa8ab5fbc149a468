r"""CAM: which places of the last feature maps the class score is made of.

$$ M_c(x, y) = \sum_k w_k^c \, f_k(x, y) $$

$f_k$ is unit $k$ of the layer that is averaged before the classifier, $w_k^c$ the classifier's weight from unit $k$ to
class $c$. The map is an exact account of the score: its spatial mean plus the class's bias $b^c$ is the logit,

$$ S_c = b^c + \frac{1}{HW} \sum_{x,y} M_c(x, y). $$

Reading it: values above zero raise the logit, values below zero lower it, in the logit's own units. The map has the
layer's resolution; upsampling makes it look sharper than it is.

Limits: it exists only for models that end in global average pooling and one linear layer, and for the layer that is
averaged. A place is a place of the layer's grid: its unit sees far more of the image than the square drawn.

Departure: the paper sums over places where the models average, and leaves the bias out; hence the mean and the bias in
the second line. Nothing is rectified: places that speak against the class are shown, as in the paper's definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import HEAD, Activation, Need, Reads, Weights
from generator.errors import UserError
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places, not_averaged


@method
@dataclass(frozen=True)
class CAM:
    """The classifier applied at every place of the averaged layer: (n, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "zhou2015",
            "Bolei Zhou, Aditya Khosla, Agata Lapedriza, Aude Oliva and Antonio Torralba",
            2015,
            "Learning Deep Features for Discriminative Localization",
            arxiv="1512.04150",
        ),
    )
    caption: ClassVar[str] = "What each place of {layer} adds to {target}."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return not_averaged(model, layer) or no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Weights(HEAD)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        if reads.classes is None:
            raise UserError(f"cam needs a class as its target, got {reads.target}: name a class, or leave cam out")
        f, w = (
            reads.activation,
            reads.weight[reads.classes].sum(dim=1),
        )  # (n, k, h, w), (n, k): a group's classes add up
        yield Heatmap(torch.einsum("nk,nkhw->nhw", w, f), signed=True)  # eq. 2
