r"""Input x response: the image, lit where the units of a layer respond.

$$ H = x \odot \sum_k \mathrm{up}\!\left(\frac{A^k - \min A^k}{\max A^k - \min A^k}\right) $$

$x$ is the input as the model gets it, $A^k$ the map of unit $k$ of the layer, each stretched to 0 ... 1 over its own
places, and $\mathrm{up}$ bilinear upsampling to the input's size. The sum runs over all units of the layer, or over the
one chosen. A unit whose map is the same everywhere adds nothing.

Reading it: strong places are those where many units are at their own highest and the input is far from zero,
the colour that normalisation takes away. It needs no target and no gradient: it shows where a layer looks, for whatever
reason.

Limits: every unit counts the same, loud or nearly silent, and the places on a unit's own scale say nothing of its worth
to the prediction. Where the normalised input is zero the picture stays dark, whatever responds there. An
input-sized picture of a small layer is a blurred one.

This is a picture of Conv Atlas's own making; the nearest in print masks images by the upsampled and thresholded map of
one unit (Zhou et al. 2014, and Network Dissection after it). Here nothing is thresholded and units are summed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from generator.artifacts import Artifact, InputMap, NotApplicable
from generator.engine.needs import Activation, Input, Need, Reads
from generator.methods import ModelFacts, Places, Scope, method
from generator.names import Layer, LayerName, Paper
from generator.reasons import no_places


@method
@dataclass(frozen=True)
class InputResponse:
    """The input times the layer's stretched and upsampled maps, (n, c, h, w) on the input, signed."""

    unit: int | None = field(default=None, metadata={"doc": "draw this unit alone; all units summed where not given"})

    papers: ClassVar[tuple[Paper, ...]] = (
        Paper(
            "zhou2014",
            "Bolei Zhou, Aditya Khosla, Agata Lapedriza, Aude Oliva and Antonio Torralba",
            2014,
            "Object Detectors Emerge in Deep Scene CNNs",
            arxiv="1412.6856",
        ),
    )
    caption: ClassVar[str] = "{image}, lit where the units of {layer} respond."
    scope: ClassVar[Scope] = "layer"
    places: ClassVar[Places] = "compared"
    needs_target: ClassVar[bool] = False

    def applies(self, model: ModelFacts, layer: Layer | None) -> NotApplicable | None:
        if layer is not None and self.unit is not None and not 0 <= self.unit < layer.units:
            return NotApplicable(f"the layer has units 0 to {layer.units - 1}, and unit {self.unit} was asked for.")
        return no_places(layer)

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Activation(layer), Input()

    def compute(self, reads: Reads) -> Iterator[Artifact]:
        A, x = reads.activation, reads.input  # (n, k, h, w), (n, c, H, W)
        response = stretched(A) if self.unit is None else stretched(A[:, self.unit, None])
        # Upsampling is linear, so the sum over units comes first and the (n, k, c, H, W) product is never made.
        total = response.sum(dim=1, keepdim=True)  # (n, 1, h, w)
        yield InputMap(x * interpolate(total, size=x.shape[2:], mode="bilinear", align_corners=False))


def stretched(A: Float[Tensor, "n k h w"]) -> Float[Tensor, "n k h w"]:
    """Each map from its own minimum and maximum to 0 ... 1; a constant map to 0."""
    low, high = A.amin(dim=(2, 3), keepdim=True), A.amax(dim=(2, 3), keepdim=True)
    return (A - low) / (high - low).where(high > low, 1)
