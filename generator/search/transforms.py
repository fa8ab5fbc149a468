"""Looking at a picture slightly differently each time: shifted, turned and zoomed by a little, at random.

What a search paints must survive such looks, so it cannot rest on single pixels standing in the right places.

    ┌───────────────┐
    │   margin      │      the canvas is larger than what the model sees by a margin on each side;
    │   ┌───────┐   │      a look is a window of the model's size in it
    │   │ window│   │
    │   └───────┘   │
    └───────────────┘

All pictures of a search, and all searches of one seed, stray alike: what a look reads is then found out once. Reading
bilinearly is a product with a matrix of four numbers a row, and its gradient one with the transpose. Both are kept as lists of
what to add up, which `embedding_bag` does for all pictures and channels at once: `grid_sample` finds out anew for each picture
where each place lies, and its backward adds number by number, five times as long in all.

A gray frame may be put around the window as well: the borders of a convolution's own padding are then not the picture's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

DIFFERENT = 32
"""Looks of a search at most; a longer one takes them again, in the same order."""
KEPT = 160**2
"""Pixels of a canvas, at most, of which the looks of four searches are kept: 37 MB each at 128 pixels, and twice the side is four
times that. Of larger ones each is found out anew for its step, which then takes long itself."""


@dataclass(frozen=True)
class Wander:
    """How far looks stray: `shift` in pixels either way, `turn` in degrees either way, `zoom` as a share either way."""

    shift: float
    turn: float
    zoom: float

    def looks(self, count: int, generator: torch.Generator) -> Float[Tensor, "count 4"]:
        """Random looks, each (shift right, shift down, turn in radians, zoom). The first is straight ahead; then each second one
        strays as far as the one before it, the other way: no side of the pictures is seen more than another."""
        reach = torch.tensor([self.shift, self.shift, math.radians(self.turn), self.zoom])
        strays = (2 * torch.rand(count, 4, generator=generator) - 1) * reach
        strays[:1] = 0
        strays[2::2] = -strays[1::2][: len(strays[2::2])]
        return strays + torch.tensor([0.0, 0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Sums:
    """A sparse matrix as what to add up for each of its rows: those columns from `begins` on, each times its share."""

    columns: Int[Tensor, " entries"]
    begins: Int[Tensor, " rows"]
    shares: Float[Tensor, " entries"]

    def of(self, values: Float[Tensor, "columns n"]) -> Float[Tensor, "rows n"]:
        """The product with `values`."""
        shares = self.shares.to(values.dtype)
        return F.embedding_bag(self.columns, values, self.begins, per_sample_weights=shares, mode="sum")


@dataclass(frozen=True)
class Window:
    """What a look reads of a canvas of the size `outer` (H, W) for a window of the size `size` (h, w), and the transpose."""

    outer: tuple[int, int]
    size: tuple[int, int]
    reads: Sums
    feeds: Sums


class _Seen(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, window: Window) -> Tensor:  # type: ignore[override]
        ctx.window = window
        return _product(window.reads, canvas, window.size)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return _product(ctx.window.feeds, grads[0], ctx.window.outer).contiguous(), None


def _product(sums: Sums, maps: Float[Tensor, "b c p q"], size: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """The product with each channel, as maps of `size`; places are outermost in memory."""
    rows = maps.permute(2, 3, 0, 1).contiguous().view(maps.shape[2] * maps.shape[3], -1)  # (p * q, b * c)
    return sums.of(rows).view(*size, *maps.shape[:2]).permute(2, 3, 0, 1)


def look(canvas: Float[Tensor, "b c H W"], window: Window) -> Float[Tensor, "b c h w"]:
    """What each picture shows in a window."""
    seen: Tensor = _Seen.apply(canvas, window)
    return seen


def window_of(way: Tensor, outer: tuple[int, int], size: tuple[int, int], device: torch.device | str = "cpu") -> Window:
    """The window of `size` (h, w) that a look (4,), as `Wander.looks` draws it, shows of a canvas of `outer` (H, W), bilinear; mirrored beyond the canvas.

    A window pixel `p` from the window's centre shows the canvas at `shift + zoom * turned(p)` from the canvas' centre,
    so that a zoom above 1 sees more of it. A straight look is the exact middle where the margins are whole.
    """
    (H, W), (h, w) = outer, size
    right, down, turn, zoom = way.double().tolist()
    y = (torch.arange(h, dtype=torch.float64) - (h - 1) / 2)[:, None]
    x = (torch.arange(w, dtype=torch.float64) - (w - 1) / 2)[None, :]
    rows = _mirrored((H - 1) / 2 + down + zoom * (math.sin(turn) * x + math.cos(turn) * y), H)  # (h, w)
    columns = _mirrored((W - 1) / 2 + right + zoom * (math.cos(turn) * x - math.sin(turn) * y), W)
    top, left = rows.floor(), columns.floor()
    v, u = rows - top, columns - left
    above, beside = (
        (top + 1).clamp(max=H - 1),
        (left + 1).clamp(max=W - 1),
    )  # beyond the last one, of which nothing is read
    places = (
        torch.stack([top * W + left, top * W + beside, above * W + left, above * W + beside], dim=2).int().flatten()
    )
    shares = torch.stack([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u], dim=2).flatten()
    order = places.argsort(stable=True)
    entries = torch.bincount(places, minlength=H * W)
    reads = places, torch.arange(0, 4 * h * w, 4), shares
    feeds = order // 4, entries.cumsum(0) - entries, shares[order]
    return Window(outer, size, *(_sums(*parts, device) for parts in (reads, feeds)))


def _sums(columns: Tensor, begins: Tensor, shares: Tensor, device: torch.device | str) -> Sums:
    return Sums(columns.int().to(device), begins.int().to(device), shares.to(device, torch.float32))


def _mirrored(at: Float[Tensor, "h w"], side: int) -> Float[Tensor, "h w"]:
    """Places on an axis of so many pixels: those beyond it mirrored at the outer edges of its first and last."""
    over = (at + 0.5).remainder(2 * side)
    return (torch.minimum(over, 2 * side - over) - 0.5).clamp(0, side - 1)


@dataclass(frozen=True)
class Windows(Sequence[Window]):
    """The windows of a search's steps, in order, made when they are asked for."""

    looks: Float[Tensor, "count 4"]
    outer: tuple[int, int]
    size: tuple[int, int]
    device: torch.device

    def __len__(self) -> int:
        return len(self.looks)

    def __getitem__(self, k: Any) -> Any:
        return window_of(self.looks[k], self.outer, self.size, self.device)


def windows(
    wander: Wander, steps: int, seed: int, outer: tuple[int, int], size: tuple[int, int], device: torch.device
) -> Sequence[Window]:
    """The windows of so many steps, in order, `DIFFERENT` at most. They are of the seed alone: small ones are kept for the next
    search."""
    made = _kept if outer[0] * outer[1] <= KEPT else _drawn
    return made(wander, min(steps, DIFFERENT), seed, outer, size, device)


def _drawn(wander: Wander, count: int, seed: int, *of: Any) -> Windows:
    return Windows(wander.looks(count, torch.Generator().manual_seed(seed % 2**63)), *of)


@lru_cache(maxsize=4)  # layers abreast are of several sizes
def _kept(*of: Any) -> Sequence[Window]:
    return tuple(_drawn(*of))


def middle(canvas: Float[Tensor, "b c H W"], height: int, width: int) -> Float[Tensor, "b c h w"]:
    """The window of a straight look, copied."""
    top, left = (canvas.shape[-2] - height) // 2, (canvas.shape[-1] - width) // 2
    return canvas[..., top : top + height, left : left + width].clone()


def framed(window: Float[Tensor, "b c h w"], width: int) -> Float[Tensor, "b c h+2*width w+2*width"]:
    """Pictures in [0, 1] within a frame of mid-gray, `width` pixels wide."""
    return F.pad(window, [width] * 4, value=0.5) if width else window
