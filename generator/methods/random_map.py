r"""Random map: noise, which any explanation has to beat.

$$ R_{ij} = u_{ij}, \quad u_{ij} \sim \mathcal{U}(0, 1) $$

One number for each pixel, each by itself, of a seed that belongs to the image. Neither the model nor the class is looked at.

Reading it: there is nothing to see. It stands beside the other maps for its numbers: a score of faithfulness means something
as far as it is better than this map's. Hooker et al. use it so, as a control.

Limits: single pixels at random are the weakest control there is. A map made of one smooth blob in the middle of the picture,
where objects mostly are, is harder to beat, and so are the edges of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.methods import Cost, Model, ModelFacts, Places, Scope, method
from generator.names import Layer, LayerName, Paper


@method
@dataclass(frozen=True)
class RandomMap:
    """Uniform noise, (1, 1, h, w). A probe, since only probes are given random numbers; it runs nothing."""

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "hooker2018",
            "Sara Hooker, Dumitru Erhan, Pieter-Jan Kindermans and Been Kim",
            2018,
            "A Benchmark for Interpretability Methods in Deep Neural Networks",
            venue="NeurIPS",
            arxiv="1806.10758",
        ),
    )
    caption: ClassVar[str] = "Noise beside {image}: a control."
    scope: ClassVar[Scope] = "input"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        return None

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return Cost()

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        x = reads.input  # (1, c, h, w)
        yield InputMap(torch.rand((1, 1, *x.shape[2:]), generator=model.generator).to(x), signed=False)
