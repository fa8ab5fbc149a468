"""Adam, but with one second moment for each picture and group of its coordinates instead of one for each coordinate.

Adam moves every coordinate equally far, those on which the gradient says next to nothing as well: noise. Within a group
(a ring of a spectrum, all pixels) this moves each as far as its gradient is strong, and lets the groups keep their
shares: at equal scores, shapes stand out clearer after a few dozen steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

TINY = 1e-12


@dataclass
class PooledAscent:
    """Steps up, of size `rate` in root mean square over a group where the gradient stays as it is."""

    groups: Int[Tensor, "v u"]
    rate: float
    even: float = 1.0
    """1: all groups move equally far. Less: of two, the one whose gradient is x times as strong moves x^(1 - even) times as
    far, and all of them as far as ever in the mean."""
    memory: tuple[float, float] = (0.5, 0.9)
    """Decay of the first and of the second moment. Short, since searches are."""
    _steps: int = field(default=0, init=False)

    def _begin(self, like: Float[Tensor, "b c v u parts"]) -> None:
        """Both moments at zero, and what all steps share."""
        c, parts = like.shape[1], like.shape[4]
        # all parts of a channel in a row: to go over two numbers at a time takes many times as long
        row = self.groups.to(like.device).flatten().repeat_interleave(parts)  # (v * u * parts,)
        self._row = row.expand(len(like), -1)
        self._count = torch.bincount(row) * c  # (groups,)
        self._first, self._second = torch.zeros_like(like), like.new_zeros(len(like), len(self._count))

    def energy(self, gradient: Float[Tensor, "b c v u parts"]) -> Float[Tensor, "b groups"]:
        """Mean square of the gradient over each picture's group."""
        square = gradient.square().sum(dim=1).flatten(1)  # (b, v * u * parts)
        return torch.zeros_like(self._second).scatter_add_(1, self._row, square) / self._count.clamp(min=1)

    def step(self, z: Tensor, gradient: Tensor) -> Tensor:
        """Coordinates one step up. A picture whose gradient has been zero, or no number, so far stays where it is.

        Each picture's gradient counts by its direction alone: units differ by many powers of ten in scale, one unit does
        from step to step where rectifiers are redirected, and a square must neither vanish nor overflow.
        """
        if not self._steps:
            self._begin(gradient)
        self._steps += 1
        slow, fast = self.memory[1], self.memory[0]
        largest = _largest(gradient)
        if not bool(largest.isfinite().all()):
            gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
            largest = _largest(gradient)
        g = gradient / largest.clamp(min=torch.finfo(gradient.dtype).tiny)
        self._first.lerp_(g, 1 - fast)  # fast * first + (1 - fast) * g
        self._second.lerp_(self.energy(g), 1 - slow)
        size = (self._second / (1 - slow**self._steps)).sqrt()  # (b, groups)
        size = size.clamp(min=TINY)
        share = self.rate / (1 - fast**self._steps) / size
        if self.even != 1:
            strong = size ** (1 - self.even)
            there = self._count > 0  # a picture of few pixels may have no wave of some frequency
            share = share * strong / strong[:, there].mean(dim=1, keepdim=True)
        return torch.addcmul(z, self._first, share.gather(1, self._row).view(len(z), 1, *z.shape[2:]))


def _largest(gradient: Float[Tensor, "b c v u parts"]) -> Float[Tensor, "b 1 1 1 1"]:
    """Of each picture, the largest absolute value."""
    return gradient.abs().amax(dim=(1, 2, 3, 4), keepdim=True)
