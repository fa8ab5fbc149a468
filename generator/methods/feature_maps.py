r"""Feature maps: what every unit of a layer gives for an image, as the layer gave it.

$$ A^k_{ij} = f_k(x)_{ij} $$

$A^k$ is the output of unit (channel) $k$ of the layer for the input $x$, at row $i$ and column $j$ of the layer's own
grid. For a convolution $A^k = b^k + \sum_c W^{kc} * x^c$, before any normalisation or activation that follows it.

Reading it: one tile is one unit. Where the layer is rectified the darkest colour is the lowest value, mostly zero:
the unit is silent there. Where values below zero occur the scale is symmetric about zero, one hue above and another
below. The number of a unit is its place in the weight tensor; neighbouring units have nothing in common.

Limits: a bright tile says that a unit answers, not that the answer matters to the prediction. Scales differ between
units by orders of magnitude: with one scale per map, noise and signal look equally loud, so read the raw minimum and
maximum. Edges are often bright because of zero padding.

The output is copied before anything after the layer can change it in place: the maps of a batch normalisation in front
of an in-place ReLU are the normalisation's, with their negative values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from generator.artifacts import Artifact, ChannelMaps, NotApplicable
from generator.engine.needs import Activation, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class FeatureMaps:
    """The layer's output itself, one map a unit: (n, c, h, w)."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "zeiler2014",
            "Matthew D. Zeiler and Rob Fergus",
            2014,
            "Visualizing and Understanding Convolutional Networks",
            venue="ECCV",
            arxiv="1311.2901",
        ),
    )
    caption: ClassVar[str] = "What the units of {layer} give for {image}."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "layers"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Activation(layer),)

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        A = reads.activation  # (n, c, h, w)
        yield ChannelMaps(A, signed=bool((A < 0).any()))
