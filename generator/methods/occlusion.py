r"""Occlusion: how far the score falls when a part of the picture is covered.

$$ S_{ij} = \frac{1}{|W_{ij}|} \sum_{w \in W_{ij}} \big( y^c(x) - y^c(x_{\setminus w}) \big) $$

$y^c$ is the logit of class $c$, $x$ the picture, $x_{\setminus w}$ the picture with a square window $w$ covered, and $W_{ij}$
the windows that cover place $(i, j)$. Windows stand `stride` pixels apart; the last of a row or column may reach over the edge.

Reading it: where it is positive, covering costs the class its score: the model needs what stands there. Where it is negative,
covering helps: what stands there spoke against the class. The scale is that of the logits. It is a measurement: nothing is
assumed of the model.

Limits: nothing smaller than the window shows. What stands twice in the picture is not missed while one of the two is covered.
The cover is something to see in itself: a grey square has edges, a black one may be taken for an object; compare `fill`. It
costs a forward pass for each window.

Departure: the paper draws each window's score at its middle; here the falls are averaged over the windows that cover a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.errors import UserError
from generator.methods import Cost, Made, Model, ModelFacts, Places, Scope, method
from generator.methods._options import at_least, one_of
from generator.names import Layer, LayerName, Paper

Window = tuple[slice, slice]
"""Rows and columns."""


@method
@dataclass(frozen=True)
class Occlusion:
    """The mean fall of the score over the windows that cover a place, (1, h, w), signed, at the input's resolution."""

    window: int = field(default=0, metadata={"doc": "side of the window in pixels; 0 is a seventh of the shorter side"})
    stride: int = field(
        default=0, metadata={"doc": "pixels from one window to the next, no more than `window`; 0 is half of it"}
    )
    fill: str = field(
        default="grey",
        metadata={"doc": "what covers: `grey`, half-way from black to white, `black`, or `zero`, the mean colour"},
    )

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "zeiler2014",
            "Matthew D. Zeiler and Rob Fergus",
            2014,
            "Visualizing and Understanding Convolutional Networks",
            venue="ECCV",
            arxiv="1311.2901",
        ),
    )
    caption: ClassVar[str] = "How far {target} falls when a window at a place of {image} is covered."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        at_least(self, 0, "window", "stride")
        one_of(self, "fill", "grey", "black", "zero")
        if self.window and self.stride > self.window:
            raise UserError(
                f"occlusion: expected stride to be {self.window}, the window, or less, received {self.stride}: "
                "places in between would never be covered"
            )

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        _, height, width = model.input_shape
        side, step = self.sizes(height, width)
        if step > side:
            return NotApplicable(
                f"its windows of {side} pixels stand {step} apart: places in between would never be covered."
            )
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        _, height, width = model.input_shape
        return Cost(forward=len(windows(height, width, *self.sizes(height, width))) + 1)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        x = reads.input  # (1, c, h, w)
        height, width = x.shape[2:]
        places = windows(height, width, *self.sizes(height, width))
        fill = self.cover(model, x)[:, None, None]
        nothing = (slice(0), slice(0))
        scores = model.run(covered(x, [nothing, *places], fill)).values  # (t, 1 + windows)
        fall = scores[:, :1] - scores[:, 1:]
        total = x.new_zeros((model.targets, height, width))
        times = x.new_zeros((height, width))
        for k, (rows, columns) in enumerate(places):
            total[:, rows, columns] += fall[:, k, None, None]
            times[rows, columns] += 1
        for one in total / times:
            yield Heatmap(one[None], signed=True)

    def sizes(self, height: int, width: int) -> tuple[int, int]:
        """(window, stride) in pixels, no window larger than the picture."""
        window = min(self.window or max(1, round(min(height, width) / 7)), max(height, width))
        return window, self.stride or max(1, window // 2)

    def cover(self, model: Model, x: Tensor) -> Float[Tensor, " c"]:
        """The colour that covers."""
        if self.fill == "zero":
            return torch.zeros_like(model.low)
        return model.low if self.fill == "black" else (model.low + model.high) / 2


def windows(height: int, width: int, window: int, stride: int) -> list[Window]:
    """Squares of `window` pixels every `stride` pixels, until the last reaches the edge: cut off there."""

    def along(side: int) -> list[slice]:
        last = -(-max(side - window, 0) // stride)
        return [slice(k * stride, min(k * stride + window, side)) for k in range(last + 1)]

    return [(rows, columns) for rows in along(height) for columns in along(width)]


def covered(x: Float[Tensor, "1 c h w"], places: Sequence[Window], fill: Float[Tensor, "c 1 1"]) -> Made:
    """Copies of `x`, each with one place covered."""

    def make(cut: slice) -> Tensor:
        copies = x.repeat(cut.stop - cut.start, 1, 1, 1)
        for copy, (rows, columns) in zip(copies, places[cut], strict=True):
            copy[:, rows, columns] = fill
        return copies

    return Made(len(places), make)
