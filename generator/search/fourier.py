"""Pictures in Fourier coordinates: what is learnt is a spectrum, whose frequencies count as they do in photographs.

    coefficients ──▶ x 1/f^decay ──▶ inverse FFT, / 4 ──▶ colours mixed as in photographs ──▶ contrast ──▶ sigmoid
    (b, c, h, w // 2 + 1, 2)         (b, c, h, w)                                                       in [0, 1]

Gradient ascent on pixels finds high-frequency noise; on these coordinates it finds shapes. The parametrization is that of
Olah, Mordvintsev and Schubert, "Feature Visualization", Distill 2017, doi 10.23915/distill.00007.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

COLOUR_MIX = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Square root of the colour correlation of ImageNet's pixels, published with the article: one row a channel (R, G, B)."""

START = 0.01
"""Standard deviation of the coefficients a picture starts from."""

TINY = 1e-12


def frequencies(height: int, width: int) -> Float[Tensor, "h w2"]:
    """Radial frequency of each coefficient of a real picture's spectrum, in cycles per pixel; w2 = width // 2 + 1."""
    down, across = torch.fft.fftfreq(height), torch.fft.rfftfreq(width)
    return torch.hypot(down[:, None], across[None, :])


@dataclass(frozen=True)
class Canvas:
    """A picture size and how coefficients become a picture of it. Any channel count; only three are mixed as colours."""

    channels: int
    height: int
    width: int
    decay: float = 1.0
    """The spectrum falls as 1 / frequency^decay; 1 is that of photographs."""
    contrast: float = 0.0
    """Root mean square that each picture is held to in front of the sigmoid; 0 leaves it free, as the article does."""

    @cached_property
    def scale(self) -> Float[Tensor, "h w2"]:
        """1 / frequency^decay; the mean counts as the lowest frequency, one cycle in the longer side."""
        lowest = 1 / max(self.height, self.width)
        return frequencies(self.height, self.width).clamp(min=lowest) ** -self.decay

    @cached_property
    def rings(self) -> Int[Tensor, "h w2"]:
        """Which ring of nearly equal frequency each coefficient is in: its whole number of cycles in the longer side."""
        return (frequencies(self.height, self.width) * max(self.height, self.width)).round().long()

    def start(self, generator: torch.Generator) -> Float[Tensor, "c h w2 2"]:
        """Coefficients of faint noise: real and imaginary parts, last."""
        shape = (self.channels, self.height, self.width // 2 + 1, 2)
        return START * torch.randn(shape, generator=generator)

    def paint(self, coefficients: Float[Tensor, "b c h w2 2"]) -> Float[Tensor, "b c h w"]:
        """The pictures in [0, 1]. Differentiable."""
        spectrum = torch.view_as_complex(coefficients) * self.scale.to(coefficients.device)
        z = torch.fft.irfft2(spectrum, s=(self.height, self.width), norm="ortho") / 4  # (b, c, h, w)
        if self.channels == 3:
            mix = torch.tensor(COLOUR_MIX, dtype=z.dtype, device=z.device)
            z = torch.einsum("bchw,dc->bdhw", z, mix / mix.norm(dim=0).max())
        if self.contrast:
            z = self.contrast * z / z.square().mean(dim=(1, 2, 3), keepdim=True).clamp(min=TINY**2).sqrt()
        return z.sigmoid()


@dataclass
class RingAscent:
    """Adam, but with one second moment for each picture and ring of its spectrum instead of one for each coefficient.

    Adam moves every coefficient equally far, those on which the gradient says next to nothing as well: noise. Within a
    ring this moves each as far as its gradient is strong, and lets the rings keep their shares: at equal scores, shapes
    stand out clearer after a few dozen steps.
    """

    canvas: Canvas
    rate: float
    memory: tuple[float, float] = (0.5, 0.9)
    """Decay of the first and of the second moment. Short, since searches are."""
    _first: Tensor | None = field(default=None, repr=False)
    _second: Tensor | None = field(default=None, repr=False)
    _steps: int = 0

    def energy(self, gradient: Float[Tensor, "b c h w2 2"]) -> Float[Tensor, "b 1 h w2 1"]:
        """Mean square of the gradient over each picture's ring, at every coefficient of the ring."""
        rings = self.canvas.rings.flatten().to(gradient.device)  # (h * w2,)
        count = torch.bincount(rings)
        square = gradient.square().mean(dim=(1, 4)).flatten(1)  # (b, h * w2)
        total = square.new_zeros(len(square), len(count)).index_add_(1, rings, square)
        return (total / count)[:, rings].unflatten(1, gradient.shape[2:4])[:, None, :, :, None]

    def step(self, coefficients: Tensor, gradient: Tensor) -> Tensor:
        """Coefficients one step up. A picture whose gradient has been zero, or no number, so far stays where it is.

        Each picture's gradient counts by its direction alone: units differ by many powers of ten in scale, one unit does
        from step to step where rectifiers are redirected, and a square must neither vanish nor overflow.
        """
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        largest = gradient.abs().amax(dim=(1, 2, 3, 4), keepdim=True)
        gradient = gradient / largest.clamp(min=torch.finfo(gradient.dtype).tiny)
        slow, fast = self.memory[1], self.memory[0]
        first = torch.zeros_like(gradient) if self._first is None else self._first
        energy = self.energy(gradient)
        second = torch.zeros_like(energy) if self._second is None else self._second
        self._first = fast * first + (1 - fast) * gradient
        self._second = slow * second + (1 - slow) * energy
        self._steps += 1
        mean = self._first / (1 - fast**self._steps)
        size = (self._second / (1 - slow**self._steps)).sqrt()
        return coefficients + self.rate * mean / size.clamp(min=TINY)
