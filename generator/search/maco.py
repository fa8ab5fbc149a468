r"""Pictures whose magnitude spectrum is held fixed at that of natural images, so that phases alone are searched for.

    phases ──▶ magnitude x e^(2 pi i phase) ──▶ inverse FFT ──▶ colours mixed as in photographs ──▶ sigmoid
    (b, c, h, w // 2 + 1, 1), in turns          (b, c, h, w)                                    in [0, 1]

Magnitude-constrained optimisation, Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude
Constrained Optimization", 2023, arXiv 2306.06805, eq. 4. No frequency can grow at the cost of the others, which is how
deep networks are otherwise led to pictures that no photograph resembles. The same gradients tell where the picture
matters: their accumulated magnitude is its transparency (section 3).

Departures: the article holds the mean magnitude of ImageNet, which is not at hand. Here it is that of the pictures given
(a report's own photographs; a few dozen stand for the mean well), and without any, of the law 1 / frequency^decay that it
follows. It is scaled to the contrast asked for. Coefficients that are their own mirror image (the mean, and waves of two
pixels) have but a sign: they move between both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from generator.errors import UserError
from generator.search.canvas import rings, scales
from generator.search.colours import logits, mixed, unmixed


def magnitude_of(pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "c h w2"]:
    """The mean magnitude spectrum of pictures in [0, 1], in front of the sigmoid, of independent colours.

    All but the mean through a window that fades at the edges: a photograph's left edge does not go on at its right one,
    and the lines that a spectrum takes that for would be held in every picture.
    """
    waves = unmixed(logits(pictures))
    mean = waves.mean(dim=(2, 3), keepdim=True)
    down, across = (torch.hann_window(side, periodic=True, device=waves.device) for side in waves.shape[2:])
    window = down[:, None] * across[None, :]
    window = window / window.square().mean().sqrt()
    found = torch.fft.rfft2((waves - mean) * window, norm="ortho").abs().mean(dim=0)
    found[:, 0, 0] = mean[:, :, 0, 0].abs().mean(dim=0) * window.numel() ** 0.5
    return found


@dataclass(frozen=True)
class Maco:
    """See `generator.search.canvas.Canvas`. Any channel count; only three are mixed as colours."""

    channels: int
    height: int
    width: int
    decay: float = 1.0
    """Without `natural`: the magnitude falls as 1 / frequency^decay."""
    contrast: float = 0.0
    """Root mean square in front of the sigmoid, but for the signs of the mean; 0: that of `natural`, or 1."""
    natural: Float[Tensor, "c h w2"] | None = field(default=None, repr=False)
    """What `magnitude_of` gave for photographs of this size."""

    @cached_property
    def magnitude(self) -> Float[Tensor, "c h w2"]:
        """What is held."""
        found = self.natural
        if found is None:
            found = scales(self.height, self.width, self.decay).expand(self.channels, -1, -1)
        contrast = self.contrast or (0.0 if self.natural is not None else 1.0)
        return found * contrast / self._contrast(found) if contrast else found

    def _contrast(self, magnitude: Float[Tensor, "c h w2"]) -> Tensor:
        """Root mean square of pictures of this spectrum (Parseval), where the channels' phases are unrelated."""
        twice = torch.full((self.width // 2 + 1,), 2.0)
        twice[0] = 1.0
        if self.width % 2 == 0:
            twice[-1] = 1.0
        power = (magnitude.square() * twice).sum(dim=(1, 2)) / (self.height * self.width)  # (c,)
        shares = mixed(torch.eye(self.channels).view(self.channels, self.channels, 1, 1))[..., 0, 0].square()
        return (power @ shares).mean().sqrt()

    @cached_property
    def groups(self) -> Int[Tensor, "h w2"]:
        """The rings of the spectrum: a phase's gradient is as large as its magnitude."""
        return rings(self.height, self.width)

    def start(self, generator: torch.Generator) -> Float[Tensor, "c h w2 1"]:
        """Any phases: a cloud."""
        return torch.rand((self.channels, self.height, self.width // 2 + 1, 1), generator=generator)

    @cached_property
    def paired(self) -> Bool[Tensor, "h w2"]:
        """Coefficients whose mirror image is stored as well: those of waves that do not run across, or by two pixels."""
        rows = torch.arange(self.height)
        columns = torch.zeros(self.width // 2 + 1, dtype=torch.bool)
        columns[0] = True
        if self.width % 2 == 0:
            columns[-1] = True
        return (rows != -rows % self.height)[:, None] & columns

    def of(self, picture: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w2 1"]:
        """The phases of a picture; its magnitudes are lost."""
        turns = torch.fft.rfft2(unmixed(logits(picture)), norm="ortho").angle() / (2 * torch.pi)
        return torch.where(self.paired.to(turns.device), turns / 2, turns)[..., None]

    def paint(self, z: Float[Tensor, "b c h w2 1"]) -> Float[Tensor, "b c h w"]:
        """The pictures in [0, 1]."""
        turns = z[..., 0].clone()
        # a pair turns against each other: else the inverse transform would mean them, and no magnitude would hold
        for u in {0, self.width // 2} if self.width % 2 == 0 else {0}:
            column, paired = z[..., u, 0], self.paired[:, u].to(z.device)
            mirror = column.flip(-1).roll(1, -1)  # place v holds place -v
            turns[..., u] = torch.where(paired, column - mirror, column)
        spectrum = torch.polar(self.magnitude.to(turns).expand_as(turns), 2 * torch.pi * turns)
        return mixed(torch.fft.irfft2(spectrum, s=(self.height, self.width), norm="ortho")).sigmoid()

    def blurred(self, z: Float[Tensor, "b c h w2 1"], sigma: float) -> Float[Tensor, "b c h w2 1"]:
        """Refused: a blur changes magnitudes."""
        raise UserError("maco: expected blur to be 0, since magnitudes are held; use parametrization fourier or pixel")
