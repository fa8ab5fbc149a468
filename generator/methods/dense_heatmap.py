r"""Dense class heat map: the probability of the class at every place of a picture shown larger.

$$ P^c_{ij} = \sum_{k \in c} \mathrm{softmax}_k \big( h(A_{ij}) \big), \quad A = g(x_s) $$

$x_s$ is the picture at `scale` times the model's size, $g$ the model up to its last layer that has places, $h$ the rest of it,
applied at every place of $A$ as if the picture ended there. Where the model ends in global average pooling and a linear
layer, $h$ is that linear layer, at each place on its own: a 1 x 1 convolution. Elsewhere $h$ reads a window as large as the
layer is in the model's own size, which is the same as making convolutions of its linear layers; a place then has the value of
the window that is centred nearest to it. A group's classes are added up; a multi-label model has a sigmoid for the softmax.

Reading it: the values are probabilities, from 0 to 1, and comparable between pictures. At twice the size objects look larger
to the model, and small ones come into reach: a small object at the border may win its place though the whole picture is
given another class.

Limits: the model was trained on whole pictures. A single place was never asked for a class on its own, and what stands around
it still counts within its receptive field; a place without any object gets some class all the same. It is no segmentation:
borders are as coarse as the layer. Near the picture's border a window cannot be centred, and the nearest one stands for it.
At most 16 x 16 windows are read.

Departure: the paper trains the converted model further, adds finer layers and pads the picture; here nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Larger, Need, Reads
from generator.methods import Cost, Made, Model, ModelFacts, Places, Scope, method
from generator.methods._options import at_least
from generator.names import Layer, LayerName, Paper
from generator.room import no_room

MOST = 16
"""Windows along a side."""
NO_CLASS = NotApplicable("the target has no probability: it is no class of a classifier.")


@method
@dataclass(frozen=True)
class DenseHeatmap:
    """The probability of each target at the places of the model's last layer on a larger input, (1, h, w)."""

    scale: int = field(
        default=2, metadata={"doc": "how many times larger than the model's own size the picture is shown"}
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "long2015",
            "Jonathan Long, Evan Shelhamer and Trevor Darrell",
            2015,
            "Fully Convolutional Networks for Semantic Segmentation",
            venue="CVPR",
            arxiv="1411.4038",
        ),
    )
    caption: ClassVar[str] = "How probable {target} is at each place of {image}, shown larger."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least(self, 2, "scale")

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        if last_with_places(model) is None:
            return NotApplicable("no layer of the model has more than one place.")
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Larger(self.scale),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        if model.head_layer is not None:
            return Cost(forward=1)
        end = last_with_places(model)
        assert end is not None
        rows, columns = (self.along(side) for side in end.shape[1:])
        return Cost(forward=rows * columns + 2)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        x = reads[Larger(self.scale)]
        end = last_with_places(model.facts)
        assert end is not None
        try:
            A = model.layer_output(model.facts.head_layer or end.name, x)  # (1, k, h, w)
        except Exception as error:  # whatever a model's code says of a size that it is not made for
            if no_room(error):
                raise
            refused = NotApplicable(f"the model refuses an input of {x.shape[2]} x {x.shape[3]} pixels.")
            yield from [refused] * model.targets
            return
        own = end.shape if model.facts.head_layer is None else model.facts.layers[model.facts.head_layer].shape
        if not grown(A.shape[2:], own[1:]):  # or tokens of a larger grid were read as those of the model's own size
            yield from [NotApplicable("its layers are no larger where the input is.")] * model.targets
            return
        if model.facts.head_layer is not None:
            shares = model.head_shares(A[0].flatten(1).T)
            P = None if shares is None else shares.unflatten(1, A.shape[2:])  # (t, h, w)
        else:
            P = self.slide(A, end, model)
        for t in range(model.targets):
            found = None if P is None else P[t]
            yield NO_CLASS if found is None or found.isnan().all() else Heatmap(found[None])

    def along(self, side: int) -> int:
        """How many windows are read along a side that the layer has in the model's own size."""
        return min((self.scale - 1) * side + 1, MOST)

    def slide(self, A: Float[Tensor, "1 k h w"], end: Layer, model: Model) -> Float[Tensor, "t h w"] | None:
        """What the model says of windows of the layer's own size in `A`: at each place, of the one centred nearest."""
        _, high, wide = end.shape
        rows, near_rows = spread(A.shape[2], high, self.along(high))
        columns, near_columns = spread(A.shape[3], wide, self.along(wide))
        corners = [(r, c) for r in rows.tolist() for c in columns.tolist()]

        def cut_out(cut: slice) -> Tensor:
            return torch.cat([A[:, :, r : r + high, c : c + wide] for r, c in corners[cut]])

        shares = model.resume(end.name, Made(len(corners), cut_out)).shares
        if shares is None:
            return None
        return shares.unflatten(1, (len(rows), len(columns)))[:, near_rows][:, :, near_columns]


def grown(size: Sequence[int], own: Sequence[int]) -> bool:
    """Whether a layer of this size holds windows of its `own` size, and more than one."""
    return size[0] >= own[0] and size[1] >= own[1] and (size[0] > own[0] or size[1] > own[1])


def last_with_places(model: ModelFacts) -> Layer | None:
    """The deepest layer with more than one place that grows with the input: none behind a pooling to a fixed grid, and none
    that the scores do not depend on."""
    layers = [layer for layer in model.layers.values() if layer.shape[1:] != (1, 1) and layer.read]
    fixed = min((layer.depth for layer in layers if "daptive" in layer.op), default=len(model.layers))
    return max((layer for layer in layers if layer.depth < fixed), key=lambda layer: layer.depth, default=None)


def spread(side: int, window: int, count: int) -> tuple[Int[Tensor, " count"], Int[Tensor, " side"]]:
    """Where `count` windows begin that are spread over `side` places, and for each place the window centred nearest."""
    starts = (torch.linspace(0, side - window, count) + 0.5).floor().long()
    centres = starts + (window - 1) / 2
    return starts, (torch.arange(side)[:, None] - centres).abs().argmin(dim=1)
