"""Pictures as plain pixels, each searched for by itself: (b, c, h, w, 1) ──▶ contrast ──▶ sigmoid.

The oldest parametrization (Erhan et al. 2009; Simonyan, Vedaldi and Zisserman 2014, arXiv 1312.6034). What it finds is for
the most part high-frequency noise that the model answers to strongly: see it beside the others to know what they add. Priors
and blur help it more than they do the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from generator.search.canvas import gaussian
from generator.search.colours import held, logits

START = 0.01
"""Standard deviation of the values in front of the sigmoid that a picture starts from."""


@dataclass(frozen=True)
class Pixels:
    """See `generator.search.canvas.Canvas`. The coordinates are what the sigmoid sees; channels are not mixed."""

    channels: int
    height: int
    width: int
    contrast: float = 0.0
    """Root mean square that each picture is held to in front of the sigmoid; 0 leaves it free."""

    @cached_property
    def groups(self) -> Int[Tensor, "h w"]:
        """One: all pixels."""
        return torch.zeros(self.height, self.width, dtype=torch.int64)

    def start(self, generator: torch.Generator) -> Float[Tensor, "c h w 1"]:
        """Faint noise about gray."""
        return START * torch.randn((self.channels, self.height, self.width, 1), generator=generator)

    def of(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w 1"]:
        """The pixels of a picture: exactly where contrast is free, else of the picture at the contrast held."""
        return logits(picture)[..., None]

    def paint(self, z: Float[Tensor, "b c h w 1"]) -> Float[Tensor, "b c h w"]:
        """The pictures in [0, 1]."""
        return held(z[..., 0], self.contrast).sigmoid()

    def blurred(self, z: Float[Tensor, "b c h w 1"], sigma: float) -> Float[Tensor, "b c h w 1"]:
        """The blurred pictures' pixels."""
        size = (self.height, self.width)
        left = torch.fft.rfft2(z[..., 0]) * gaussian(*size, sigma).to(z)
        return torch.fft.irfft2(left, s=size)[..., None]
