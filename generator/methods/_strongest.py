"""The units that methods with an evaluation for each unit are held to, where their option `units` asks for fewer than all."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from generator.names import Layer

UNITS = "how many units are tried, those of the highest mean activation in the image; 0 tries all, as in the paper"
"""What the option means."""


def how_many(units: int, layer: Layer | None) -> int:
    """How many of a layer's units are tried where the option says `units`."""
    assert layer is not None
    return min(units, layer.units) if units else layer.units


def strongest(A: Float[Tensor, "1 k h w"], units: int) -> Int[Tensor, " m"]:
    """The `units` (0: all) of the highest mean activation, in the layer's order; of equal ones, the first."""
    means = A[0].mean(dim=(1, 2))
    return means.argsort(descending=True, stable=True)[: units or None].sort().values
