"""The frozen values that leave a method: named axes, raw numbers, no files and no colours.

`n` is the batch; the rest of the program splits it into images. Every value is float32 on the CPU by the time
it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

Facts = tuple[tuple[str, float], ...]
"""Named shares of one that a probe says of its map of one image (n = 1), shown beside it in percent:
``(("completeness error", 0.003),)``."""


@dataclass(frozen=True)
class Heatmap:
    """One map per image at the layer's own resolution. `signed` maps are drawn symmetric about zero."""

    values: Float[Tensor, "n h w"]
    signed: bool = False
    facts: Facts = ()


@dataclass(frozen=True)
class ChannelMaps:
    """One map per unit and image: feature maps (and kernels, with n = 1)."""

    values: Float[Tensor, "n c h w"]
    signed: bool = False


@dataclass(frozen=True)
class InputMap:
    """A map on the input with the input's own channels: gradients and their kin, signed."""

    values: Float[Tensor, "n c h w"]
    signed: bool = True
    facts: Facts = ()


@dataclass(frozen=True)
class Kernels:
    """Weights of a convolution as (filters, input channels of its group, h, w), signed."""

    values: Float[Tensor, "o i h w"]
    groups: int = 1
    transposed: bool = False


@dataclass(frozen=True)
class ImageGrid:
    """Pictures in [0, 1], one per entry of `units`: what activation maximization makes."""

    values: Float[Tensor, "u c h w"]
    units: tuple[int, ...]
    scores: tuple[float, ...] = ()
    """The objective that each picture reached."""
    dead: tuple[str, ...] = ()
    """Why a picture shows its unit nothing better than noise; "" where it is alive."""
    curves: tuple[tuple[float, ...], ...] = ()
    """The objective in front of each step of the search."""
    variants: Float[Tensor, "u n c h w"] | None = None
    """Several pictures of each unit, found together, the strongest first: it is the one in `values`."""
    variant_scores: tuple[tuple[float, ...], ...] = ()
    opacity: Float[Tensor, "u h w"] | None = None
    """How much each place mattered to the search, 0 to 1."""
    courses: Mapping[int, Float[Tensor, "f c h w"]] = field(default_factory=dict)
    """How the pictures of some units came about, the last frame the picture itself."""

    def of(self, k: int) -> ImageGrid:
        """The k-th picture alone, with all that belongs to it."""
        part, unit = slice(k, k + 1), self.units[k]
        return ImageGrid(
            self.values[part],
            (unit,),
            self.scores[part],
            self.dead[part],
            self.curves[part],
            None if self.variants is None else self.variants[part],
            self.variant_scores[part],
            None if self.opacity is None else self.opacity[part],
            {unit: self.courses[unit]} if unit in self.courses else {},
        )


@dataclass(frozen=True)
class Scores:
    """The class scores (logits) of each image."""

    values: Float[Tensor, "n classes"]


@dataclass(frozen=True)
class Curve:
    """A named line: `y` over `x`."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str = ""
    y_label: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under named columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...] = field(default=())


Artifact = Heatmap | ChannelMaps | InputMap | Kernels | ImageGrid | Scores | Curve | Table


@dataclass(frozen=True)
class NotApplicable:
    """Why a method draws nothing here: a sentence for the page, without the method's name.

    Written to stand after "Not drawn: " — for instance "the model does not end in global average pooling and one
    linear layer.".
    """

    reason: str
