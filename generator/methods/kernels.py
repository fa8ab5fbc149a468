r"""Kernels: the weights of a convolution, filter by filter.

$$ y^o = b^o + \sum_{c \,\in\, g(o)} W^{oc} \star x^c $$

$W^{oc}$ is the kernel through which output unit $o$ looks at input channel $c$, $\star$ is cross-correlation, and
$g(o)$ are the input channels of the group of $o$: all of them in an ordinary convolution, a share of them in a grouped
one, a single one in a depthwise one.

Reading it: the colour scale is symmetric about zero. A kernel gives most where the patch under it looks like the
kernel. The first layer's filters can be read as small pictures (edges, colour contrasts, blobs); deeper ones speak of
other units, not of pixels.

Limits: kernels of 1 x 1 are single numbers, mixing weights between units rather than pictures. A weight's size says
little by itself when a normalisation follows, which rescales every unit. Layers that compute their weights in the
forward pass (weight standardisation) are drawn with the weights as stored.

A transposed convolution stores its weights the other way round, inputs first. Here they are turned to the same order,
output unit first, and not flipped: the kernel is then what a single input value stamps into the output. A kernel over
a volume is drawn as the volume itself is, slice below slice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from generator.artifacts import Artifact, Kernels, NotApplicable
from generator.engine.needs import Need, Reads, Weights
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class KernelWeights:
    """Raw weights, (filters, input channels of the filter's group, h, w), signed."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "krizhevsky2012",
            "Alex Krizhevsky, Ilya Sutskever and Geoffrey E. Hinton",
            2012,
            "ImageNet Classification with Deep Convolutional Neural Networks",
            venue="NeurIPS",
            url="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
        ),
    )
    caption: ClassVar[str] = "The kernels of {layer}, as trained."
    scope: ClassVar[Scope] = "weights"
    places: ClassVar[Places] = "layers"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        if layer is None or layer.kind != "conv":
            return NotApplicable("the layer is not a convolution, so it has no kernels.")
        if layer.op.startswith("F."):
            return NotApplicable("the convolution is a function call whose weights belong to no module.")
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Weights(layer),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        groups, transposed = reads.layout.groups, reads.layout.transposed
        W = outputs_first(reads.weight, groups) if transposed else reads.weight  # (o, i / groups, h, w)
        yield Kernels(W.flatten(2, -2) if W.dim() > 4 else W, groups, transposed)


def outputs_first(W: Float[Tensor, "i o h w"], groups: int) -> Float[Tensor, "o i h w"]:
    """A transposed convolution's (i, o / groups, h, w) as (o, i / groups, h, w), group by group."""
    return W.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
