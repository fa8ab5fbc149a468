"""A model with everything that the live page shows as its outputs, in one forward pass.

image (1, c, h, w) ──▶ scores (1, classes), [class activation maps (1, classes, h', w')], a map (1, units, h, w) a layer
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from generator.engine.grids import as_map
from generator.model.calls import Call, watch
from generator.model.describe import Description
from generator.names import LayerName

SCORES = "scores"
CAMS = "cams"


class Outputs(nn.Module):
    """`model`, read as `description` says: scores as the report has them, and the maps of `layers` as (1, units, h, w)."""

    def __init__(self, model: nn.Module, description: Description, layers: Sequence[LayerName]) -> None:
        super().__init__()
        self.model = model
        self.description = description
        self.layers = tuple(layers)
        head = description.facts.head_layer
        self.averaged = head if description.head_linear is not None else None
        """The layer that a linear head averages, whose class activation maps are exact; None where there is none."""
        functions = any(name.startswith("F.") or ".F." in name for name in self.wanted)
        self.modules_watched = None if functions else {name.partition("@")[0] for name in self.wanted}

    @property
    def wanted(self) -> frozenset[LayerName]:
        """The layers whose output is looked at."""
        return frozenset((*self.layers, *([] if self.averaged is None else [self.averaged])))

    @property
    def names(self) -> tuple[str, ...]:
        """What the outputs are called: ``scores``, ``cams`` where there are such, ``m0`` and so on for the maps."""
        cams = () if self.averaged is None else (CAMS,)
        return (SCORES, *cams, *(f"m{k}" for k in range(len(self.layers))))

    @property
    def head(self) -> tuple[Tensor, Tensor | None]:
        """The weights (classes, units) and biases (classes,) that averages are scored by; of a binary head two rows, for no
        and for yes."""
        assert self.description.head_linear is not None
        linear: Any = self.model.get_submodule(self.description.head_linear)
        weight, bias = linear.weight.detach(), None if linear.bias is None else linear.bias.detach()
        if self.description.readout.kind == "binary":
            weight, bias = torch.cat([-weight, weight]), None if bias is None else torch.cat([-bias, bias])
        return weight, bias

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the order of `names`."""
        kept: dict[LayerName, Tensor] = {}
        wanted, found = self.wanted, self.description

        def on_call(call: Call, output: Any) -> Any:
            if call.name not in wanted or (given := call.tensor(output)) is None:
                return None
            kept[call.name] = as_map(given, found.grids.get(call.name))
            # what a later operation writes over would be what that left
            return call.instead(output, given.clone()) if call.name in found.overwritten else None

        with watch(self.model, on_call, None, self.modules_watched):
            # an in-place first operation may not write into the input
            raw = found.invocation(self.model, x + 0)
        scores = found.readout.scores(raw)
        cams = []
        if self.averaged is not None:
            weight, _ = self.head
            cams = [torch.einsum("ck,nkhw->nchw", weight, kept[self.averaged])]  # CAM, eq. 2, of every class
        return (scores, *cams, *(kept[name] for name in self.layers))
