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
    memory: tuple[float, float] = (0.5, 0.9)
    """Decay of the first and of the second moment. Short, since searches are."""
    _first: Tensor | None = field(default=None, repr=False)
    _second: Tensor | None = field(default=None, repr=False)
    _steps: int = 0

    def energy(self, gradient: Float[Tensor, "b c v u parts"]) -> Float[Tensor, "b 1 v u 1"]:
        """Mean square of the gradient over each picture's group, at every coordinate of the group."""
        groups = self.groups.flatten().to(gradient.device)  # (v * u,)
        count = torch.bincount(groups)
        square = gradient.square().mean(dim=(1, 4)).flatten(1)  # (b, v * u)
        total = square.new_zeros(len(square), len(count)).index_add_(1, groups, square)
        return (total / count)[:, groups].unflatten(1, gradient.shape[2:4])[:, None, :, :, None]

    def step(self, z: Tensor, gradient: Tensor) -> Tensor:
        """Coordinates one step up. A picture whose gradient has been zero, or no number, so far stays where it is.

        Each picture's gradient counts by its direction alone: units differ by many powers of ten in scale, one unit does
        from step to step where rectifiers are redirected, and a square must neither vanish nor overflow.
        """
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        largest = gradient.abs().amax(dim=(1, 2, 3, 4), keepdim=True)
        gradient = gradient / largest.clamp(min=torch.finfo(gradient.dtype).tiny)
        slow, fast = self.memory[1], self.memory[0]
        first = torch.zeros_like(gradient) if self._first is None else self._first
        energy = self.energy(gradient)
        second = torch.zeros_like(energy) if self._second is None else self._second
        self._first = fast * first + (1 - fast) * gradient
        self._second = slow * second + (1 - slow) * energy
        self._steps += 1
        mean = self._first / (1 - fast**self._steps)
        size = (self._second / (1 - slow**self._steps)).sqrt()
        return z + self.rate * mean / size.clamp(min=TINY)
