"""Layouts of layers that are maps without being (n, c, h, w): read as such, and written back.

    channels last    (n, h, w, c)              Swin
    tokens           (n, prefix + h w, c)      ViT: class and register tokens first, then the grid row by row

Which layout a layer has is inferred from one probe pass (`generator.model.describe`), never from the model's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """A layout: of tokens where `tokens`, with `prefix` of them before the grid; else channels last."""

    height: int
    width: int
    tokens: bool = False
    prefix: int = 0


def as_map(found: Tensor, grid: Grid | None) -> Float[Tensor, "n c h w"]:
    """A layer's output, or its gradient, as a map: a view. Prefix tokens have no place and are left out."""
    if grid is None:
        return found
    if not grid.tokens:
        return found.permute(0, 3, 1, 2)
    return found[:, grid.prefix :].unflatten(1, (grid.height, grid.width)).permute(0, 3, 1, 2)


def from_map(map_: Float[Tensor, "m c h w"], like: Tensor, grid: Grid | None) -> Tensor:
    """A map in the layer's own layout; prefix tokens are those of `like` (1, ...)."""
    if grid is None:
        return map_
    last = map_.permute(0, 2, 3, 1)
    if not grid.tokens:
        return last
    tokens = last.flatten(1, 2)
    if not grid.prefix:
        return tokens
    import torch

    return torch.cat([like[:, : grid.prefix].expand(len(tokens), -1, -1), tokens], dim=1)
