"""Colour selectivity: how much of a unit's answers goes when the images turn gray.

    image ─▶ its highest value, and where ─┐
                                           ├─▶ 1 - (sum over images of gray) / (sum of colour), of what is above zero
    gray  ─▶ the value at the same place  ─┘

1: of gray images nothing is left; 0: colour does not matter; below 0: the unit answers more strongly to gray.

Rafegas and Vanrell, "Color encoding in biologically-inspired convolutional neural networks", Vision Research 151, 2018;
Rafegas, Vanrell, Alexandre and Arias, "Understanding trained CNNs by indexing neuron selectivity", Pattern Recognition Letters 2020.

Departure: they take, for each unit, the 100 images that raise it most and turn these gray. Here all units share one uniform
sample of the set, so that two passes over it do for all of them; strong answers count most, since sums are compared. A unit
that none of the sample raises has no index, and one for rare things has that of what little of them the sample holds. The
place is chosen by the colour image, so that any change of the image lowers what stands there: small values mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.columns import Accepted
from generator.dataset.peaks import Peaks
from generator.model.preprocess import Preprocess

LUMA = (0.299, 0.587, 0.114)
"""What red, green and blue count in a gray picture: ITU-R BT.601, as Pillow has it."""


@dataclass
class Colour:
    """The state of one layer: `update` takes batches whose second half is the first half in gray."""

    colour: Float[Tensor, " c"]
    """Of each unit, the sum over images of its highest value, where that is above zero; float64."""
    gray: Float[Tensor, " c"]
    """The same of the values that gray gives at the same places."""

    @classmethod
    def start(cls, units: int, device: torch.device | str = "cpu") -> Colour:
        """Before the first image."""
        return cls(*(torch.zeros(units, dtype=torch.float64, device=device) for _ in range(2)))

    def update(self, found: Peaks, images: Int[Tensor, " 2n"], accepted: Accepted, marks: Tensor | None = None) -> None:
        """Take in the layer's output for n images and then for the same ones in gray."""
        A = found.maps
        half = len(A) // 2
        highest, places = A[:half].flatten(2).max(dim=2)  # (n, c)
        there = A[half:].flatten(2).gather(2, places[..., None])[..., 0]
        counts = highest.isfinite() & there.isfinite()
        self.colour += highest.clamp(min=0).masked_fill(~counts, 0).double().sum(dim=0)
        self.gray += there.clamp(min=0).masked_fill(~counts, 0).double().sum(dim=0)

    def classed(self, classes: Sequence[int | None]) -> None:
        """Classes tell nothing here."""

    def finish(self, slots: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """(c,) the index of each unit, from -1 to 1; NaN where no image raised it."""
        left = torch.where(self.colour > 0, self.gray / self.colour, torch.nan)
        return (1 - left).clamp(-1, 1).float().cpu().numpy()


def in_gray(x: Float[Tensor, "n 3 h w"], preprocess: Preprocess) -> Float[Tensor, "n 3 h w"]:
    """Inputs of a model as they would be of gray pictures."""
    rgb = preprocess.denormalise(x)
    luma = torch.tensor(LUMA, dtype=x.dtype, device=x.device)[:, None, None]
    return preprocess.normalise((rgb * luma).sum(dim=-3, keepdim=True).expand_as(rgb))


def sample(images: int, most: int, seed: int) -> NDArray[np.int64]:
    """The numbers of at most `most` images out of `images`, each as likely as any other, in order."""
    if images <= most:
        return np.arange(images)
    draw = np.random.Generator(np.random.Philox(key=np.array([seed, images], np.uint64)))
    return np.sort(draw.choice(images, most, replace=False))
