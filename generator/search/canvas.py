"""What every parametrization of a picture gives a search: where to start, how to paint, and which values share a step.

    z (b, c, v, u, parts) ──▶ paint ──▶ pictures (b, c, h, w) in [0, 1]

A parametrization is a choice of coordinates z. It decides what gradient ascent finds at all, more than any prior does.
"""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Canvas(Protocol):
    """A picture size, and coordinates for pictures of it. `v`, `u` and `parts` are the coordinates' own."""

    @property
    def groups(self) -> Int[Tensor, "v u"]:
        """Which group each coordinate is in: those of a group share one step size (`generator.search.ascent`)."""

    def start(self, generator: torch.Generator) -> Float[Tensor, "c v u parts"]:
        """Coordinates of noise."""

    def of(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c v u parts"]:
        """Coordinates of the nearest that can be painted to a picture in [0, 1] of the canvas' size."""

    def paint(self, z: Float[Tensor, "b c v u parts"]) -> Float[Tensor, "b c h w"]:
        """The pictures in [0, 1]. Differentiable."""

    def blurred(self, z: Float[Tensor, "b c v u parts"], sigma: float) -> Float[Tensor, "b c v u parts"]:
        """Coordinates of the pictures blurred in front of the sigmoid, by a Gaussian of `sigma` pixels that goes round at
        the edges.

        Raises:
            UserError: the parametrization holds what a blur would change.
        """


def frequencies(height: int, width: int) -> Float[Tensor, "h w2"]:
    """Radial frequency of each coefficient of a real picture's spectrum, in cycles per pixel; w2 = width // 2 + 1."""
    down, across = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
    return torch.hypot(down[:, None], across[None, :])


def scales(height: int, width: int, decay: float) -> Float[Tensor, "h w2"]:
    """1 / frequency^decay; the mean counts as the lowest frequency, one cycle in the longer side."""
    return frequencies(height, width).clamp(min=1 / max(height, width)) ** -decay


def rings(height: int, width: int) -> Int[Tensor, "h w2"]:
    """Which ring of nearly equal frequency each coefficient is in: its whole number of cycles in the longer side."""
    return (frequencies(height, width) * max(height, width)).round().long()


def gaussian(height: int, width: int, sigma: float) -> Float[Tensor, "h w2"]:
    """What a Gaussian blur of `sigma` pixels leaves of each coefficient of a spectrum: exp(-2 (pi sigma f)^2)."""
    return (-2 * (torch.pi * sigma * frequencies(height, width)) ** 2).exp()
