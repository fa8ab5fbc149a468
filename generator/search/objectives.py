r"""What a search climbs: one number for each picture, a pure function of what the model gives at a layer.

    Units        the unit's mean over its map, or its value at the map's centre, or at a place
    DeepDream    the layer's mean square: whatever it answers to already, more of it
    Classes      the logit of a class, or the sum of several
    Direction    a vector over units: dot product with each place, sharpened by the cosine
    Caricature   the direction in which an image stands in a layer: what the layer sees in it, exaggerated
    Inversion    the code of an image in a layer, to be met as nearly as can be

An image of the last two is shown to the model once, before the search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from generator.names import LayerName, Unit

See = Callable[[Tensor], Tensor]
"""Pictures (b, c, h, w) in [0, 1] -> what the model gives for them at the objective's layer."""
Score = Callable[[Tensor], Tensor]
"""What the model gives for b pictures -> their scores (b,)."""
LEAST = 0.1
"""Cosine below which a direction pulls no less: where a picture does not point its way at all, it must still be pulled."""
TINY = 1e-20


@runtime_checkable
class Objective(Protocol):
    """What is wanted of the pictures of a search."""

    @property
    def layer(self) -> LayerName | None:
        """Where the forward stops; None: nowhere, the class scores (b, classes) are wanted."""

    def scorer(self, see: See) -> Score:
        """The function to climb. It may look at an image first."""


@dataclass(frozen=True)
class Units:
    """One unit a picture, all of one layer."""

    layer: LayerName
    units: tuple[Unit, ...]
    at: Literal["mean", "centre"] = "mean"
    """Where a unit that names no place is read."""

    def scorer(self, see: See) -> Score:
        """See the class."""
        channels = [unit.channel for unit in self.units]
        if self.at == "mean" and all(unit.position is None for unit in self.units):
            return lambda maps: maps[torch.arange(len(maps)), channels].mean(dim=(1, 2))
        return lambda maps: torch.stack(
            [self._one(map_[u.channel], u) for map_, u in zip(maps, self.units, strict=True)]
        )

    def _one(self, map_: Float[Tensor, "h w"], unit: Unit) -> Tensor:
        if unit.position is not None:
            return map_[unit.position]
        return map_.mean() if self.at == "mean" else map_[map_.shape[0] // 2, map_.shape[1] // 2]


@dataclass(frozen=True)
class DeepDream:
    """The mean square of a layer (Mordvintsev, Olah and Tyka, "Inceptionism", 2015)."""

    layer: LayerName

    def scorer(self, see: See) -> Score:
        """See the class."""
        return lambda maps: maps.square().mean(dim=(1, 2, 3))


@dataclass(frozen=True)
class Classes:
    """The sum of the scores of some classes, a picture each: logits, for in front of a softmax the others cannot be
    pushed down instead (Simonyan, Vedaldi and Zisserman 2014, arXiv 1312.6034, section 2)."""

    classes: tuple[tuple[int, ...], ...]
    layer: None = None

    def scorer(self, see: See) -> Score:
        """See the class."""
        return lambda scores: torch.stack([row[list(of)].sum() for row, of in zip(scores, self.classes, strict=True)])


@dataclass(frozen=True)
class Direction:
    """A vector over the units of a layer (c,), or one a picture (b, c): its dot product with each place's units times
    max(cosine, 0.1) to the power `sharp`, mean over the places."""

    layer: LayerName
    vector: Tensor = field(repr=False)
    sharp: float = 0.0
    """0: the dot product alone, which any large activation serves; more: the direction itself counts for more."""

    def scorer(self, see: See) -> Score:
        """See the class."""
        return lambda maps: _along(maps, self.vector.to(maps).reshape(-1, maps.shape[1], 1, 1), self.sharp, (1,))


@dataclass(frozen=True)
class Caricature:
    """An image (c, h, w) in [0, 1], or one a picture (b, c, h, w), as a layer sees it, exaggerated: the dot product of its code and the picture's, over
    the first one's length, times max(cosine, 0.1) to the power `sharp`."""

    layer: LayerName
    image: Tensor = field(repr=False)
    sharp: float = 1.0

    def scorer(self, see: See) -> Score:
        """See the class."""
        code = see(_batch(self.image)).detach()
        towards = code / code.flatten(1).norm(dim=1).clamp(min=TINY).view(-1, 1, 1, 1)
        return lambda maps: _along(maps, towards, self.sharp, (1, 2, 3))


@dataclass(frozen=True)
class Inversion:
    """Of an image (c, h, w), or one a picture (b, c, h, w): minus the squared distance from its code over the code's own square: 0 where it is met, -1 for a picture
    without any. Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them", 2015, arXiv
    1412.0035, eq. 2. Its priors are the search's: total variation, and L-p with p = 6."""

    layer: LayerName
    image: Tensor = field(repr=False)

    def scorer(self, see: See) -> Score:
        """See the class."""
        code = see(_batch(self.image)).detach()
        own = code.square().sum(dim=(1, 2, 3)).clamp(min=TINY)
        return lambda maps: -(maps - code).square().sum(dim=(1, 2, 3)) / own


def _batch(image: Tensor) -> Float[Tensor, "b c h w"]:
    """Images, one or several, as a batch."""
    return image if image.dim() == 4 else image[None]


def _along(maps: Float[Tensor, "b c h w"], towards: Tensor, sharp: float, dims: tuple[int, ...]) -> Float[Tensor, " b"]:
    """<maps, towards> over `dims`, times max(cosine, LEAST) ** sharp, mean over what is left of the places."""
    dot = (maps * towards).sum(dim=dims)
    if sharp:
        lengths = (maps.square().sum(dim=dims) * towards.square().sum(dim=dims)).clamp(min=TINY).sqrt()
        dot = dot * (dot / lengths).clamp(min=LEAST) ** sharp
    return dot.flatten(1).mean(dim=1) if dot.dim() > 1 else dot
