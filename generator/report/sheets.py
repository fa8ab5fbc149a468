"""Sheets of a report's reconstructions: tiles are put where they belong as they come, and a layer whose last one has come is
stored and let go.

    tile ──▶ its place on the layer's sheet of its rule ──▶ was it the layer's last? ──▶ PNG or JPEG, into the store

Each layer that waits for tiles holds its sheets, three bytes a pixel, and nothing else.
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generator.encode import Grid, png

SIDE = 96
"""Pixels of a tile's longer side, at most."""
LOSSLESS = 32
"""Pixels of a side up to which tiles are kept without loss: a few pixels must not run into each other."""
CLIP = 0.1
"""The largest values that together hold so much of a reconstruction's whole magnitude are drawn at the end of its range: a
share of magnitude and not of pixels, so that what lies in one corner has the contrast of what fills the patch."""
VEIL, HIDES = 112, 0.88
"""The gray that lies over what is not lit, and how much it hides."""
LEVELS = 32
"""Of a veil: more are not seen, and cost bytes."""
K = TypeVar("K")


def shrunk(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the tile of a reconstruction that is so large: no side over SIDE."""
    scale = min(1.0, SIDE / max(height, width))
    return max(1, math.ceil(height * scale)), max(1, math.ceil(width * scale))


def picture(back: Tensor) -> NDArray[np.uint8]:
    """A reconstruction (c, h, w) as a picture (h, w, 3) around gray, no side over SIDE, on its own scale."""
    size = (back.shape[1], back.shape[2])
    if shrunk(*size) != size:
        back = F.adaptive_avg_pool2d(back[None], shrunk(*size))[0]
    array = np.nan_to_num(back.cpu().numpy())
    colours = array if len(array) == 3 else np.repeat(array.mean(axis=0, keepdims=True), 3, axis=0)
    reach = reaching(np.abs(colours)) or 1.0
    shown = 128 + np.rint(np.clip(colours / reach, -1, 1) * 127)
    return np.ascontiguousarray(shown.astype(np.uint8).transpose(1, 2, 0))


def reaching(sizes: NDArray[np.float32]) -> float:
    """The magnitude from which on values hold CLIP of them all; 0 where all are 0."""
    ordered = np.sort(sizes, axis=None)[::-1].astype(np.float64)
    held = np.cumsum(ordered)
    return float(ordered[int(np.searchsorted(held, CLIP * held[-1]))])


def veil(shown: Tensor) -> NDArray[np.uint8]:
    """(p, q, 1) how opaque gray lies over a patch of which so much is lit (p, q)."""
    steps = np.rint((1 - shown.numpy()) * (LEVELS - 1)) / (LEVELS - 1)
    return np.rint(steps * HIDES * 255).astype(np.uint8)[..., None]


@dataclass(frozen=True)
class Sheet:
    """Tiles on one picture with gray between them; those that have not come are gray as well."""

    grid: Grid
    laid: NDArray[np.uint8]
    """(height, width, 3), or (height, width, 1) of a veil."""

    @classmethod
    def of(cls, grid: Grid) -> Sheet:
        """Before the first tile."""
        return cls(grid, np.full((*grid.size, 3), 128, np.uint8))

    @classmethod
    def veil(cls, grid: Grid) -> Sheet:
        """The same of veils."""
        return cls(grid, np.full((*grid.size, 1), round(HIDES * 255), np.uint8))

    def put(self, k: int, tile: NDArray[np.uint8]) -> None:
        """Tile number k, (h, w, 3) or (h, w, 1)."""
        row, column = divmod(k, self.grid.columns)
        top, left = row * (self.grid.tile_h + 1), column * (self.grid.tile_w + 1)
        self.laid[top : top + self.grid.tile_h, left : left + self.grid.tile_w] = tile

    def encoded(self) -> bytes:
        """PNG where tiles are small, JPEG where they are large; a veil is a PNG of one gray that is more or less opaque."""
        if self.laid.shape[2] == 1:
            buffer = io.BytesIO()
            opacity = self.laid[..., 0]
            Image.merge("LA", [Image.fromarray(np.full_like(opacity, VEIL)), Image.fromarray(opacity)]).save(
                buffer, "PNG"
            )
            return buffer.getvalue()
        if max(self.grid.tile_h, self.grid.tile_w) <= LOSSLESS:
            return png(self.laid)
        buffer = (
            io.BytesIO()
        )  # without `optimize`, for which Pillow holds a byte a pixel and fails where noise takes more
        Image.fromarray(self.laid).save(buffer, "JPEG", quality=85, subsampling=0)
        return buffer.getvalue()


@dataclass
class Sheets(Generic[K]):
    """A layer's sheets, one a name; `places` says where a tile goes, on all of them."""

    sheets: dict[str, Sheet]
    places: dict[K, int]
    wanted: Mapping[str, int]
    """How many tiles will come, by name."""
    finish: Callable[[Sheets[K]], None]
    """Called once, when the last tile has been put."""
    blank: dict[str, list[bool]] = field(init=False)
    """By name, of each tile whether it shows nothing."""
    told: dict[str, list[float]] = field(init=False)
    """By name, a number that came with each tile, NaN for none."""
    _left: int = field(init=False)
    _putting: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.blank = {name: [False] * len(self.places) for name in self.sheets}
        self.told = {name: [math.nan] * len(self.places) for name in self.sheets}
        self._left = sum(self.wanted.values())

    @property
    def held(self) -> int:
        """Bytes."""
        return sum(sheet.laid.nbytes for sheet in self.sheets.values())

    def put(self, name: str, place: K, tile: NDArray[np.uint8], blank: bool, tells: float = math.nan) -> None:
        """One tile, each once; any thread may."""
        k = self.places[place]
        with self._putting:
            self.sheets[name].put(k, tile)
            self.blank[name][k], self.told[name][k] = blank, tells
            self._left -= 1
            last = not self._left
        if last:
            self.finish(self)
            self.sheets.clear()
