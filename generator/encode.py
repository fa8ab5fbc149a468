"""Artifacts into bytes: what is worth keeping of each, quantised once, with the numbers that undo the quantisation.

ChannelMaps   one 8-bit gray atlas PNG, a tile a unit, and each tile's raw minimum and maximum
Kernels       the same, signed (symmetric about gray 128), an RGB atlas where the input has three channels
ImageGrid     one RGB atlas PNG; of a single unit also its variants, its opacity, and its course as an animated WebP
Heatmap       the float32 array, and it in 8-bit gray: bare bytes, or a PNG where they are many
InputMap      the float32 array, its largest absolute value over the channels, and itself as colours around gray
Scores        the float32 array
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from generator.artifacts import Artifact, ChannelMaps, Facts, Heatmap, ImageGrid, InputMap, Kernels, Scores
from generator.tiles import FILM, shrunk, tiles, webp

MAX_SIDE = 4096
"""Pixels. Browsers decode larger pictures badly or not at all."""

COARSE = 3_000
"""Places of a unit's map beyond which it is drawn in 64 levels of gray: see docs/adr/0012."""
LARGE = 10_000
"""Places beyond which the strength of a map on the input is a JPEG."""
FEW = 64 * 64
"""Places up to which a layer's map is kept as bare bytes: they go into a page's data, where a browser enlarges them as
torch does."""

_READING = threading.RLock()

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Encoded:
    """Bytes by name, and JSON-able facts."""

    meta: Mapping[str, Any]
    blobs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """Where tile k of an atlas stands: one pixel of border between neighbours."""

    columns: int
    rows: int
    tile_h: int
    tile_w: int

    @classmethod
    def of(cls, count: int, tile_h: int, tile_w: int) -> Grid:
        """A grid about 1.6 times as wide as it is high, no side over MAX_SIDE where the tiles let it be."""
        most = max(1, (MAX_SIDE + 1) // (tile_w + 1))
        ideal = round(math.sqrt(1.6 * count * (tile_h + 1) / (tile_w + 1)))
        columns = min(count, most, max(1, ideal))
        rows = -(-count // columns)
        if rows * (tile_h + 1) - 1 > MAX_SIDE:  # too high: as wide as may be
            columns = min(count, most)
            rows = -(-count // columns)
        return cls(columns, rows, tile_h, tile_w)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rows * (self.tile_h + 1) - 1, self.columns * (self.tile_w + 1) - 1

    def lay(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Tiles (count, h, w[, 3]) on one picture; borders and unused places are 0."""
        count, h, w, *rest = tiles.shape
        room = np.zeros((self.rows * self.columns, h + 1, w + 1, *rest), np.uint8)
        room[:count, :h, :w] = tiles
        room = room.reshape(self.rows, self.columns, h + 1, w + 1, *rest)
        sheet = room.swapaxes(1, 2).reshape(self.rows * (h + 1), self.columns * (w + 1), *rest)
        return np.ascontiguousarray(sheet[: self.size[0], : self.size[1]])


def quantise(values: NDArray[np.float32], signed: bool) -> tuple[Gray, NDArray[np.float32], NDArray[np.float32]]:
    """Maps (k, h, w) as 8-bit gray, each on its own scale, with the scale's ends lo and hi (k,).

    Unsigned: 0..255 is lo..hi. Signed: lo = -hi and 128 is zero, exactly. A constant map is all 0 (128 where signed).
    The scale is that of the finite values; infinities are drawn at its ends, what is not a number as its lowest (zero
    where signed).
    """
    flat = values.reshape(len(values), -1)
    finite = np.isfinite(flat)
    if signed:
        hi = np.where(finite, np.abs(flat), 0).max(axis=1)
        lo = -hi
        unit = values / np.where(hi > 0, hi, 1)[:, None, None]
        unit = np.clip(np.nan_to_num(unit, nan=0.0), -1, 1)
        return (128 + np.rint(unit * 127)).astype(np.uint8), lo, hi
    some = finite.any(axis=1)
    lo = np.where(some, np.where(finite, flat, np.inf).min(axis=1), 0).astype(np.float32)
    hi = np.where(some, np.where(finite, flat, -np.inf).max(axis=1), 0).astype(np.float32)
    unit = (values - lo[:, None, None]) / np.where(hi > lo, hi - lo, 1)[:, None, None]
    return np.rint(np.clip(np.nan_to_num(unit, nan=0.0), 0, 1) * 255).astype(np.uint8), lo, hi


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture (h, w) or (h, w, 3) RGB as PNG."""
    if pixels.ndim == 3:
        pixels = pixels[..., ::-1]  # cv2 thinks in BGR
    # of maps, runs are all that deflate finds: to look for no more is smaller and twice as fast
    how = [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    ok, data = cv2.imencode(".png", np.ascontiguousarray(pixels), how)
    if not ok:
        raise RuntimeError(f"PNG encoder refused a picture of shape {pixels.shape}")
    return data.tobytes()


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """A picture (h, w) or (h, w, 3) RGB as JPEG: for looking at, where the numbers are kept beside it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75, subsampling=0)
    return buffer.getvalue()


def coarse(gray: Gray) -> Gray:
    """64 of the 256 levels, both ends and the middle (128) among them: of large noisy maps no eye tells them apart, and they
    take a quarter less."""
    return np.where(gray == 128, 128, np.rint(np.rint(gray / 255 * 63) * (255 / 63))).astype(np.uint8)


def npy(values: NDArray[np.float32]) -> bytes:
    """An array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes) -> NDArray[np.float32]:
    """The array in .npy bytes; from any thread.

    One at a time: numpy reads the header with `ast`, whose parser in Python before 3.11.8 keeps its depth in one place for
    all threads (gh-106905), and now and then ends with SystemError where two of them are in it.
    """
    with _READING:
        loaded: NDArray[np.float32] = np.load(io.BytesIO(data), allow_pickle=False)
    return loaded


def _numbers(values: NDArray[np.float32]) -> list[float]:
    """Five significant digits: a tooltip shows four."""
    return [float(f"{v:.5g}") for v in values.tolist()]


def _fit(values: torch.Tensor) -> torch.Tensor:
    """Maps (k, h, w) small enough that all of them fit one atlas, by area means."""
    k, h, w = values.shape
    while max(Grid.of(k, h, w).size) > MAX_SIDE and min(h, w) > 1:
        h, w = -(-h // 2), -(-w // 2)
    return values if (h, w) == values.shape[1:] else F.adaptive_avg_pool2d(values[None], (h, w))[0]


def atlas(values: torch.Tensor, signed: bool) -> Encoded:
    """Maps (k, h, w) on one gray atlas; `raw_lo` and `raw_hi` are the true ends of each, `full` the quantile of its absolute
    values at which a signed one may be drawn full, `reduced` its true size where it had to be drawn smaller."""
    full = np.asarray(values, np.float32)
    shown = _fit(values)
    gray, lo, hi = quantise(np.asarray(shown, np.float32), signed)
    if gray[0].size > COARSE:
        gray = coarse(gray)
    grid = Grid.of(*gray.shape)
    meta: dict[str, Any] = {
        "kind": "atlas",
        "columns": grid.columns,
        "tile": [grid.tile_h, grid.tile_w],
        "size": list(grid.size),
        "count": len(gray),
        "signed": signed,
        "lo": _numbers(lo),
        "hi": _numbers(hi),
    }
    if signed or shown is not values:
        flat = full.reshape(len(full), -1)
        finite = np.isfinite(flat)
        ends = np.where(finite, flat, 0)  # a map with nothing finite has the ends 0 and 0
        low = np.where(finite, flat, ends.max(axis=1, keepdims=True)).min(axis=1)
        high = np.where(finite, flat, ends.min(axis=1, keepdims=True)).max(axis=1)
        meta |= {"raw_lo": _numbers(low), "raw_hi": _numbers(high)}
        if signed:
            meta["full"] = _numbers(np.quantile(np.abs(np.where(finite, flat, 0)), FULL, axis=1))
    if not np.isfinite(full).all():
        meta["not_finite"] = int(full.size - np.isfinite(full).sum())
    if shown is not values:
        meta["reduced"] = list(values.shape[1:])
    return Encoded(meta, {"atlas.png": png(grid.lay(gray))})


def rgb_atlas(tiles: NDArray[np.uint8]) -> Encoded:
    """Pictures (k, h, w, 3) on one RGB atlas."""
    grid = Grid.of(len(tiles), *tiles.shape[1:3])
    meta = {
        "kind": "rgb_atlas",
        "columns": grid.columns,
        "tile": [grid.tile_h, grid.tile_w],
        "size": list(grid.size),
        "count": len(tiles),
    }
    return Encoded(meta, {"atlas.png": png(grid.lay(tiles))})


FULL = 0.95
"""Quantile of a signed map's absolute values at which the tour draws it full: the rim that padding leaves, a twentieth of a map of
80 x 80, would leave the rest pale."""
NO_NUMBER = "values that are no numbers"
CLIP = 0.995
"""Quantile of absolute values at which input maps are drawn full: a few loud pixels would turn the rest gray."""


def heat(values: torch.Tensor, signed: bool) -> Encoded:
    """A map (h, w) at its own resolution. Unsigned maps start at zero, or below it where they go below."""
    array = np.asarray(values, np.float32)
    _, (lo,), (hi,) = quantise(array[None], signed)
    if not signed:
        lo = min(float(lo), 0.0)
    meta = {"kind": "heat", "signed": signed, "lo": _number(lo), "hi": _number(hi), "empty": bool(hi <= 0)}
    meta["size"] = list(array.shape)
    gray = _gray(array, float(lo), float(hi), signed)
    drawn = {"raw.gray": gray.tobytes()} if array.size <= FEW else {"raw.png": png(gray)}
    return Encoded(meta, {"values.npy": npy(array), **drawn})


def _gray(values: NDArray[np.float32], lo: float, hi: float, signed: bool) -> Gray:
    """Values as 8-bit gray on a given scale, clipped to it."""
    values = np.nan_to_num(values)
    if signed:
        return (128 + np.rint(np.clip(values / (hi or 1), -1, 1) * 127)).astype(np.uint8)
    return np.rint(np.clip((values - lo) / ((hi - lo) or 1), 0, 1) * 255).astype(np.uint8)


def on_input(values: torch.Tensor) -> Encoded:
    """A map on the input (c, h, w): as heat (largest absolute value over the channels), and as a picture around gray."""
    array = np.nan_to_num(np.asarray(values, np.float32))
    strength = np.abs(array).max(axis=0)
    top = float(np.quantile(strength, CLIP)) or float(strength.max())
    colours = array if len(array) == 3 else array.mean(axis=0, keepdims=True)
    reach = float(np.quantile(np.abs(colours), CLIP)) or float(np.abs(colours).max())
    picture = np.stack([_gray(channel, 0.0, reach, signed=True) for channel in colours], axis=-1)
    meta = {"kind": "input", "signed": False, "lo": 0.0, "hi": _number(top), "empty": bool(top <= 0)}
    meta |= {"size": list(strength.shape), "clip": CLIP, "raw_hi": _number(strength.max()), "reach": _number(reach)}
    heat_ = _gray(strength, 0.0, top, signed=False)
    blobs = {
        "values.npy": npy(array),
        **({"heat.png": png(heat_)} if heat_.size <= LARGE else {"heat.jpg": jpeg(heat_)}),
        "picture.jpg": jpeg(picture if len(colours) == 3 else picture[..., 0]),
    }
    return Encoded(meta, blobs)


def _number(value: float) -> float:
    return float(f"{float(value):.5g}")


def encode(artifact: Artifact, image: int = 0) -> Encoded:
    """What is kept of one image's share of an artifact.

    Raises:
        TypeError: an artifact that nothing draws yet.
    """
    if isinstance(artifact, ChannelMaps):
        values = artifact.values[image].float().cpu()
        return atlas(values, artifact.signed and bool((values < 0).any()))  # whatever the rest of the batch has
    if isinstance(artifact, Heatmap):
        values = artifact.values[image].float().cpu()
        return _said(heat(values, artifact.signed), (*artifact.facts, *_unnumbered(values)))
    if isinstance(artifact, InputMap):
        values = artifact.values[image].float().cpu()
        return _said(on_input(values), (*artifact.facts, *_unnumbered(values)))
    if isinstance(artifact, Scores):
        return Encoded(
            {"kind": "scores"}, {"values.npy": npy(np.asarray(artifact.values[image].float().cpu(), np.float32))}
        )
    if isinstance(artifact, Kernels):
        return _kernels(artifact)
    if isinstance(artifact, ImageGrid):
        return _pictures(artifact)
    raise TypeError(f"nothing draws {type(artifact).__name__}")


def _unnumbered(values: torch.Tensor) -> Facts:
    """What is said of a map that is not all numbers: the share of those that are none, which are drawn as 0."""
    lost = int(values.numel() - values.isfinite().sum())
    return ((NO_NUMBER, lost / values.numel()),) if lost else ()


def _said(made: Encoded, facts: Facts) -> Encoded:
    """With the numbers that the method itself says of the map."""
    return (
        replace(made, meta={**made.meta, "facts": [[name, _number(v)] for name, v in facts if math.isfinite(v)]})
        if facts
        else made
    )


SLICES = 4096
"""Kernel tiles beyond which only the strongest input of each filter is drawn."""


def _kernels(artifact: Kernels) -> Encoded:
    """First-layer kernels as RGB; a depthwise layer's one slice a unit; a 1 x 1 filter's weights in reading order on a
    square; else each filter at its strongest input, and, where there are few enough, every slice as well.
    """
    W = artifact.values.float().cpu()  # (o, i, h, w)
    filters, inputs, h, w = W.shape
    norms = W.flatten(2).norm(dim=2)  # (o, i)
    strongest = norms.argmax(dim=1)
    facts: dict[str, Any] = {"filters": filters, "inputs": inputs, "groups": artifact.groups}
    facts["transposed"] = artifact.transposed
    facts["norms"] = _numbers(np.asarray(norms.square().sum(dim=1).sqrt(), np.float32))
    if inputs == 3 and artifact.groups == 1 and h * w > 1:
        reach = W.abs().amax(dim=(1, 2, 3), keepdim=True)
        unit = W / reach.where(reach > 0, torch.ones(()))
        tiles = (128 + torch.round(unit * 127)).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        found = rgb_atlas(tiles)
        ends = _numbers(np.asarray(reach.flatten(), np.float32))
        meta = {**found.meta, **facts, "mode": "rgb", "lo": [-v for v in ends], "hi": ends}
        flat = np.asarray(W.flatten(1), np.float32)
        meta |= {"raw_lo": _numbers(flat.min(axis=1)), "raw_hi": _numbers(flat.max(axis=1))}
        return Encoded(meta, found.blobs)
    if h * w == 1 and inputs > 1:
        side = math.ceil(math.sqrt(inputs))
        shown = F.pad(W.flatten(1), (0, -(-inputs // side) * side - inputs)).unflatten(1, (-1, side))
        mode = "weights"
    else:
        shown = W[torch.arange(filters), strongest]  # (o, h, w)
        mode = "depthwise" if inputs == 1 else "strongest"
    found = atlas(shown, signed=True)
    meta = {**found.meta, **facts, "mode": mode, "strongest": strongest.tolist()}
    blobs = dict(found.blobs)
    if mode == "strongest" and filters * inputs <= SLICES:
        slices = {}
        for channel in range(inputs):
            one = atlas(W[:, channel], signed=True)
            blobs[f"input-{channel}.png"] = one.blobs["atlas.png"]
            slices[str(channel)] = dict(one.meta)
        meta["slices"] = slices
    return Encoded(meta, blobs)


def _pictures(artifact: ImageGrid) -> Encoded:
    """All on one atlas. Of a unit alone also its variants on one of their own, how much each place mattered as gray, and
    the search's course as an animation. A score that is no number is 0: `dead` says so."""
    found = rgb_atlas(tiles(artifact.values))
    scores = np.asarray(artifact.scores, np.float32)
    meta: dict[str, Any] = {
        **found.meta,
        "units": list(artifact.units),
        "scores": _numbers(np.nan_to_num(scores, False, 0, 0, 0)),
    }
    meta["dead"] = list(artifact.dead)
    meta["curves"] = [[_number(v) if math.isfinite(v) else None for v in curve] for curve in artifact.curves]
    blobs = dict(found.blobs)
    if len(artifact.units) > 1:
        return Encoded(meta, blobs)
    if artifact.variants is not None:
        several = rgb_atlas(tiles(artifact.variants[0]))
        scores = np.nan_to_num(np.asarray(artifact.variant_scores[0], np.float32), False, 0, 0, 0)
        meta["variants"] = {**several.meta, "scores": _numbers(scores)}
        blobs["variants.png"] = several.blobs["atlas.png"]
    if artifact.opacity is not None:
        meta["opacity"] = list(artifact.opacity.shape[1:])
        blobs["opacity.png"] = png(_gray(artifact.opacity[0].numpy(), 0.0, 1.0, signed=False))
    for frames in artifact.courses.values():
        film = tiles(shrunk(frames, FILM))
        meta["course"] = {"size": list(film.shape[1:3]), "frames": len(film)}
        blobs["course.webp"] = webp(film)
    return Encoded(meta, blobs)
