"""Layouts of layers that are maps without being (n, c, h, w): read as such, and written back.

    channels last    (n, h, w, c)              Swin
    tokens           (n, prefix + h w, c)      ViT: class and register tokens first, then the grid row by row
    tokens first     (prefix + h w, n, c)      the same, as `nn.MultiheadAttention` has it by default

Which layout a layer has is inferred from one probe pass (`generator.model.describe`), never from the model's name.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """A layout: of tokens where `tokens`, with `prefix` of them before the grid; of a volume where `depth`, its slices one below
    the other; else channels last."""

    height: int
    width: int
    tokens: bool = False
    prefix: int = 0
    first: bool = False
    """Whether tokens come before the batch."""
    depth: int = 0
    """Slices of a volume (n, c, d, h, w), which is seen as a map (n, c, d h, w); 0 of what is none."""

    @property
    def stop(self) -> int:
        """The number of the first token after the grid."""
        return self.prefix + self.height * self.width


def as_map(found: Tensor, grid: Grid | None) -> Float[Tensor, "n c h w"]:
    """A layer's output, or its gradient, as a map: a view. Tokens outside the grid have no place and are left out."""
    if grid is None:
        return found
    if grid.depth:
        return found.flatten(2, 3)
    if not grid.tokens:
        return found.permute(0, 3, 1, 2)
    tokens = found.transpose(0, 1) if grid.first else found
    return tokens[:, grid.prefix : grid.stop].unflatten(1, (grid.height, grid.width)).permute(0, 3, 1, 2)


def from_map(map_: Float[Tensor, "m c h w"], like: Tensor, grid: Grid | None) -> Tensor:
    """A map in the layer's own layout; tokens outside the grid are those of `like`, which has one image."""
    if grid is None:
        return map_
    if grid.depth:
        return map_.unflatten(2, (grid.depth, -1))
    last = map_.permute(0, 2, 3, 1)
    if not grid.tokens:
        return last
    own = (like.transpose(0, 1) if grid.first else like).expand(len(map_), -1, -1)
    tokens = torch.cat([own[:, : grid.prefix], last.flatten(1, 2), own[:, grid.stop :]], dim=1)
    return tokens.transpose(0, 1) if grid.first else tokens


def outside(found: Tensor, grid: Grid | None) -> Tensor:
    """What of a layer's output stands outside the grid: (n, tokens, c), of a map none."""
    if grid is None or not grid.tokens:
        return found[:0]
    tokens = found.transpose(0, 1) if grid.first else found
    return torch.cat([tokens[:, : grid.prefix], tokens[:, grid.stop :]], dim=1)
