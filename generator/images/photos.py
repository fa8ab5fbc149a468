"""An image's own pictures: as the model sees it, and whole."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.encode import Encoded

ORIGINAL = 1024
"""Pixels of the longer side of the whole photograph, at most."""


@dataclass(frozen=True)
class Photo:
    """Stands for an image's own pictures in keys."""

    longer_side: int = ORIGINAL


def photo(original: Image.Image, seen: NDArray[np.uint8]) -> Encoded:
    """`seen` (h, w, 3) and `original` as JPEG, with their sizes. Colour is kept at full resolution: maps lie over it."""
    whole = original.convert("RGB")
    whole.thumbnail((ORIGINAL, ORIGINAL), Image.Resampling.LANCZOS)
    model_view = Image.fromarray(seen)
    meta = {
        "width": original.width,
        "height": original.height,
        "seen": [model_view.height, model_view.width],
        "original": [whole.height, whole.width],
    }
    return Encoded(meta, {"seen.jpg": _jpeg(model_view, 92), "original.jpg": _jpeg(whole, 88)})


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return buffer.getvalue()
