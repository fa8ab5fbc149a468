"""Looking at a picture slightly differently each time: shifted, turned and zoomed by a little, at random.

What a search paints must survive such looks, so it cannot rest on single pixels standing in the right places.

    ┌───────────────┐
    │   margin      │      the canvas is larger than what the model sees by a margin on each side;
    │   ┌───────┐   │      a look is a window of the model's size in it
    │   │ window│   │
    │   └───────┘   │
    └───────────────┘

A gray frame may be put around the window as well: the borders of a convolution's own padding are then not the picture's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Wander:
    """How far looks stray: `shift` in pixels either way, `turn` in degrees either way, `zoom` as a share either way."""

    shift: float
    turn: float
    zoom: float

    def looks(self, count: int, generator: torch.Generator) -> Float[Tensor, "count 4"]:
        """Random looks, each (shift right, shift down, turn in radians, zoom); the first is straight ahead."""
        reach = torch.tensor([self.shift, self.shift, math.radians(self.turn), self.zoom])
        looks = (2 * torch.rand(count, 4, generator=generator) - 1) * reach
        looks[:1] = 0
        return looks + torch.tensor([0.0, 0.0, 0.0, 1.0])


def look(
    canvas: Float[Tensor, "b c H W"], looks: Float[Tensor, "b 4"], height: int, width: int
) -> Float[Tensor, "b c h w"]:
    """The window (height, width) of each picture that its look shows, bilinear; mirrored beyond the canvas.

    A window pixel `p` from the window's centre shows the canvas at `shift + zoom * turned(p)` from the canvas' centre,
    so that a zoom above 1 sees more of it. A straight look is the exact middle where the margins are whole.
    """
    H, W = canvas.shape[-2:]
    right, down, turn, zoom = looks.to(canvas).unbind(dim=1)
    cos, sin = zoom * turn.cos(), zoom * turn.sin()
    # affine_grid counts in halves of the window (input) and of the canvas (output), not in pixels
    theta = torch.stack(
        [
            torch.stack([cos * width / W, -sin * height / W, 2 * right / W], dim=1),
            torch.stack([sin * width / H, cos * height / H, 2 * down / H], dim=1),
        ],
        dim=1,
    )  # (b, 2, 3)
    grid = F.affine_grid(theta, [len(canvas), canvas.shape[1], height, width], align_corners=False)
    return F.grid_sample(canvas, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def middle(canvas: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """The window of a straight look, copied."""
    top, left = (canvas.shape[-2] - height) // 2, (canvas.shape[-1] - width) // 2
    return canvas[..., top : top + height, left : left + width].clone()


def framed(window: Float[Tensor, "b c h w"], width: int) -> Float[Tensor, "b c h+2*width w+2*width"]:
    """Pictures in [0, 1] within a frame of mid-gray, `width` pixels wide."""
    return F.pad(window, [width] * 4, value=0.5) if width else window
