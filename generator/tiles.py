"""Pictures in [0, 1] as a screen has them: 8-bit RGB, and a few of them as one that moves.

A search's course is WebP, which every browser plays and Pillow writes.
"""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

FILM = 96
"""Pixels of the longer side of a course, at most."""
EACH = 80
"""Milliseconds that a frame stays."""
LAST = 1600
"""And the last one: what all came to."""


def tiles(pictures: Float[Tensor, "k c h w"]) -> NDArray[np.uint8]:
    """Pictures as RGB (k, h, w, 3): of one channel gray, of more channels than a screen has their mean."""
    values = pictures.float().cpu()
    if values.shape[1] != 3:
        values = values.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    made: NDArray[np.uint8] = torch.round(values.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return made


def shrunk(pictures: Float[Tensor, "k c h w"], side: int) -> Float[Tensor, "k c h2 w2"]:
    """Pictures whose longer side is `side` pixels at most, by area means."""
    h, w = pictures.shape[-2:]
    share = side / max(h, w)
    if share >= 1:
        return pictures
    return F.adaptive_avg_pool2d(pictures, (max(1, round(h * share)), max(1, round(w * share))))


def webp(frames: NDArray[np.uint8]) -> bytes:
    """Frames (f, h, w, 3) RGB as an animation without end. Lossy: it is for looking at."""
    first, *rest = [Image.fromarray(frame) for frame in frames]
    durations = [EACH] * len(rest) + [LAST]
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=rest, duration=durations, loop=0, quality=70, method=2)
    return buffer.getvalue()
