r"""Dataset examples: the images of a set that raise a unit most, each cut out by what the unit sees there.

$$ x_1, \dots, x_9 = \mathrm{top}_9 \big( \max_{ij} A^k_{ij}(x), \; x \in D \big), \quad
\mathrm{patch} = o + s \, (i, j) \pm r / 2 $$

$A^k$ is the map of unit $k$ of the layer on image $x$ of the set $D$. A patch is what the unit can see of the image from the
place where it answers most: $r$ pixels wide, its receptive field, around the pixel $o + s\,(i, j)$, where $s$ is the layer's
stride in pixels and $o$ the centre of the first unit. Each image stands once in a unit's list, at its strongest place; so does a
picture that the set has several times.

Reading it: what the patches have in common is what the unit answers to. Look at the weakest of the nine as well: its value
says how far the set has to offer more of the same. The histogram is of the unit's values at all places: a unit that is on
nearly everywhere tells little by being on.

Beside the first patches of chosen units stand their reconstructions, as in the paper's figure 2: a signal of 1 at the unit's
place is sent back to the pixels, by the deconvnet with switches and by guided backprop, and cut out where the patch is. Gray
is zero; what stands out is the part of the patch that raised the unit. So that it can be told what that is, the patch stands
there a second time, under a veil that leaves open where the guided reconstruction lies: its magnitude over all colours, smoothed
over a fortieth of the patch. The number is the least share of the patch that holds half of it; it is 50 % where it is spread
evenly.

Limits: only what the set holds is found. With few images nine patches are merely the nine images. In deep layers a unit sees
more than it uses, often the whole image, so that the patch does not say which part counted: the reconstruction beside it
does. The veil says where, not what: signs are lost, and that a place is left open does not prove that the unit needs it.
Of EfficientNet-Lite0 the open part alone, the rest gray, gave back nearly all of a unit's answer (0.85 to 1.07 of it, in four
layers), and the same mask at another place 0.01 in a middle layer and 0.40 in the last one; but the rest without the open
part still gave 0.26 to 0.60: evidence lies outside of it as well.
Guided backprop leans towards edges whatever the unit. A deconvnet without the switches of max-pools gives a pattern of the
weights, and is drawn for each unit's first patch alone, so that it can be measured and said. What lies outside the picture is padding, and is hatched. Strength is not importance: a unit may answer strongly and
hardly move the class scores.

Departure: a rectified unit that is off in an image answers to nothing there, and the image is left out of its list, so that
a list may be shorter than nine. Mean and maximum are over all places of all images; histogram, sparsity and correlation are
from a uniform sample of 512 places. Selectivity is that of Morcos and others, of classes that the set says (the model's, or its labels themselves
where not all of them name one), or the model first of each image where labels tell none: the mean of the class where it is highest, less the mean of the others, over their sum. A class is named only where it stands
out beyond what classes drawn at random would, even without the unit's strongest image. Colour selectivity is that of Rafegas and others, the
share of a unit's answers that goes when images turn gray, but of one uniform sample of the set for all units, at each image's
strongest place, and not of each unit's own hundred images; small values mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from generator.artifacts import NotApplicable
from generator.dataset.reduction import Reduction
from generator.errors import UserError
from generator.methods import ModelFacts, Places, Scope, method
from generator.methods.deconvnet import Deconvnet
from generator.names import Layer, Paper


@method
@dataclass(frozen=True)
class DatasetExamples:
    """The strongest images of each unit, and where in them; its mean, maximum, histogram, sparsity and selectivity."""

    top: int = field(default=9, metadata={"doc": "Images kept of each unit."})
    reconstructions: int = field(
        default=4,
        metadata={
            "doc": "Of the units that `units` chooses, so many patches get their deconvnet and guided reconstruction; 0: none.",
            "key": False,
        },
    )
    colour: int = field(
        default=256,
        metadata={
            "doc": "So many images of the set, a uniform sample, are seen in gray as well, which tells colour-selective units; "
            "0: none.",
            "key": False,
        },
    )
    layers: str = field(
        default="conv",
        metadata={
            "doc": "Which of the report's layers have reconstructions: a selector, such as conv or all.",
            "key": False,
        },
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        *Deconvnet.papers,
        Paper(
            "morcos2018",
            "Ari S. Morcos, David G.T. Barrett, Neil C. Rabinowitz and Matthew Botvinick",
            2018,
            "On the importance of single directions for generalization",
            venue="ICLR",
            arxiv="1803.06959",
        ),
        Paper(
            "rafegas2020",
            "Ivet Rafegas, Maria Vanrell, Luís A. Alexandre and Guillem Arias",
            2020,
            "Understanding trained CNNs by indexing neuron selectivity",
            venue="Pattern Recognition Letters",
            arxiv="1702.00382",
        ),
    )
    caption: ClassVar[str] = (
        "What raises unit {unit} of {layer} most: patches of images, cut out by what the unit sees."
    )
    scope: ClassVar[Scope] = "set"
    places: ClassVar[Places] = "layers"

    def __post_init__(self) -> None:
        if self.top < 1:
            raise UserError(f"dataset_examples: expected top to be 1 or more, got {self.top}")
        if self.reconstructions < 0:
            raise UserError(f"dataset_examples: expected reconstructions to be 0 or more, got {self.reconstructions}")
        if self.colour < 0:
            raise UserError(f"dataset_examples: expected colour to be 0 or more, got {self.colour}")

    def applies(self, model: ModelFacts, layer: Layer) -> NotApplicable | None:
        return None

    def start(self, layer: Layer, device: torch.device | str) -> Reduction:
        return Reduction.start(layer.units, self.top, device)
