"""Pictures in Fourier coordinates: what is learnt is a spectrum, whose frequencies count as they do in photographs.

    coefficients ──▶ x 1/f^decay ──▶ inverse FFT, / 4 ──▶ colours mixed as in photographs ──▶ contrast ──▶ sigmoid
    (b, c, h, w // 2 + 1, 2)         (b, c, h, w)                                                       in [0, 1]

Gradient ascent on pixels finds high-frequency noise; on these coordinates it finds shapes. The parametrization is that of
Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, doi 10.23915/distill.00007.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from generator.search.canvas import gaussian, rings, scales
from generator.search.colours import held, logits, mixed, unmixed

START = 0.01
"""Standard deviation of the coefficients a picture starts from."""


@dataclass(frozen=True)
class Fourier:
    """See `generator.search.canvas.Canvas`. Any channel count; only three are mixed as colours. The parts are the real
    and the imaginary one."""

    channels: int
    height: int
    width: int
    decay: float = 1.0
    """The spectrum falls as 1 / frequency^decay; 1 is that of photographs."""
    contrast: float = 0.0
    """Root mean square that each picture is held to in front of the sigmoid; 0 leaves it free, as the article does."""

    @cached_property
    def scale(self) -> Float[Tensor, "h w2"]:
        """1 / frequency^decay."""
        return scales(self.height, self.width, self.decay)

    @cached_property
    def _weight(self) -> Float[Tensor, "h w2 2"]:
        """scale / 4, once for each part: one pass over memory, in one row."""
        return (self.scale / 4)[..., None].repeat(1, 1, 2)

    @cached_property
    def groups(self) -> Int[Tensor, "h w2"]:
        """The rings of the spectrum."""
        return rings(self.height, self.width)

    def start(self, generator: torch.Generator) -> Float[Tensor, "c h w2 2"]:
        """Coefficients of faint noise."""
        shape = (self.channels, self.height, self.width // 2 + 1, 2)
        return START * torch.randn(shape, generator=generator)

    def of(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w2 2"]:
        """Coefficients of a picture: exactly where contrast is free, else of the picture at the contrast held."""
        spectrum = 4 * torch.fft.rfft2(unmixed(logits(picture)), norm="ortho") / self.scale.to(picture.device)
        return torch.view_as_real(spectrum)

    def paint(self, z: Float[Tensor, "b c h w2 2"]) -> Float[Tensor, "b c h w"]:
        """The pictures in [0, 1]."""
        spectrum = torch.view_as_complex(z * self._weight.to(z))
        waves = torch.fft.irfft2(spectrum, s=(self.height, self.width), norm="ortho")  # (b, c, h, w)
        return held(mixed(waves), self.contrast).sigmoid()

    def blurred(self, z: Float[Tensor, "b c h w2 2"], sigma: float) -> Float[Tensor, "b c h w2 2"]:
        """Coefficients of the blurred pictures."""
        return z * gaussian(self.height, self.width, sigma).to(z)[..., None]
