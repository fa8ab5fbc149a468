"""What a method may ask the engine for. Needs are values: equal needs are served by the same pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from generator.names import LayerName, Target

Rule = Literal["plain", "guided", "deconv", "deconv_unpool"]
"""How a rectifier (and, for ``deconv_unpool``, an overlapping max-pool) passes a gradient back. See rules.py."""


@dataclass(frozen=True)
class Activation:
    """The output of `layer` (n, c, h, w), as the layer gave it, before any later in-place change."""

    layer: LayerName


@dataclass(frozen=True)
class Gradient:
    """d target / d output of `layer` (n, c, h, w), or of the input where `layer` is INPUT, under a backward rule."""

    layer: LayerName
    rule: Rule = "plain"


@dataclass(frozen=True)
class Weights:
    """The weight and bias of the module called at `layer`; the head's linear layer where `layer` is HEAD."""

    layer: LayerName


HEAD = LayerName("@head")
"""The linear layer that a global-average-pooled model ends in, where a layer name is expected."""


@dataclass(frozen=True)
class Input:
    """The normalised input batch (n, c, h, w) itself."""


@dataclass(frozen=True)
class Logits:
    """The class scores (n, classes)."""


@dataclass(frozen=True)
class Larger:
    """The normalised input batch at `scale` times the model's size (n, c, scale h, scale w): the same view of each picture,
    with the detail that the picture has."""

    scale: int


@dataclass(frozen=True)
class BiasGradients:
    """Of every convolution and normalisation with a bias: that bias, and d target / d its output. See `Reads.biased`."""


Need = Activation | Gradient | Weights | Input | Logits | Larger | BiasGradients


@dataclass(frozen=True)
class Layout:
    """What a convolution's weight tensor alone does not say: its `groups`, and whether it is `transposed`."""

    groups: int = 1
    transposed: bool = False


@dataclass(frozen=True)
class Reads:
    """What a method asked for, filled in: a mapping from each need to its tensor, for one batch and one target.

    `reads[need]` is exact. The properties are for methods that ask for one thing of a kind.
    """

    values: Mapping[Need, Tensor]
    biases: Mapping[Weights, Tensor | None]
    target: Target | None = None
    classes: Tensor | None = None
    """(n, g) the class indices the target stands for in each image, more than one for a group; None for units, functions
    and target-free methods."""
    layouts: Mapping[Weights, Layout] = field(default_factory=dict)
    """How the weights of convolutions are laid out; other modules have no entry."""
    biased: Mapping[LayerName, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """What BiasGradients asked for: layer -> (its bias (k,), gradient at its output (n, k, h, w)). The bias of a batch
    normalisation is that of the affine map it is in evaluation: beta - gamma mean / sqrt(var + eps)."""

    def __getitem__(self, need: Need) -> Tensor:
        return self.values[need]

    def one(self, image: int) -> Reads:
        """The reads of one image of the batch, n = 1. Weights are those of the model, and stay whole."""
        cut = slice(image, image + 1)
        return replace(
            self,
            values={need: v if isinstance(need, Weights) else v[cut] for need, v in self.values.items()},
            classes=None if self.classes is None else self.classes[cut],
            biased={layer: (bias, gradient[cut]) for layer, (bias, gradient) in self.biased.items()},
        )

    def _only(self, kind: type[Need]) -> Tensor:
        found = [v for k, v in self.values.items() if isinstance(k, kind)]
        if len(found) != 1:
            raise LookupError(f"expected one {kind.__name__} among the reads, found {len(found)}: use reads[need]")
        return found[0]

    @property
    def activation(self) -> Tensor:
        """(n, c, h, w)"""
        return self._only(Activation)

    @property
    def gradient(self) -> Tensor:
        """(n, c, h, w)"""
        return self._only(Gradient)

    @property
    def weight(self) -> Tensor:
        """The weight tensor in the module's own layout."""
        return self._only(Weights)

    @property
    def bias(self) -> Tensor | None:
        """The bias that goes with `weight`."""
        (only,) = self.biases.values()
        return only

    @property
    def layout(self) -> Layout:
        """The layout that goes with `weight`; never assumed, since a grouped kernel would then be drawn wrong."""
        (only,) = self.layouts.values()
        return only

    @property
    def input(self) -> Tensor:
        """(n, c, h, w)"""
        return self._only(Input)
