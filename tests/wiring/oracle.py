"""Which channels a unit moves, found by moving it: the slow way to know what the wiring claims.

    recorded run ─▶ run again: the one unit + a constant, every other layer with a page gives what it gave before
                    ─▶ whatever changes is reached without passing another layer that has a page

Nothing here knows of the graph's rules: channels are compared as numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from generator.model.calls import Call, watch
from generator.model.describe import Description
from generator.names import INPUT, LayerName

Moved = Mapping[LayerName, frozenset[int]]
"""Layer -> the channels that its operation read, or its units where it has no weights, that changed."""


class Oracle:
    """A model, run on one random image. `pages` must each give a tensor of their own, and be no containers."""

    def __init__(self, model: nn.Module, description: Description, pages: Collection[LayerName]) -> None:
        self.model, self.description, self.pages = model, description, frozenset(pages)
        self.x = torch.rand(1, *description.input_shape, generator=torch.Generator().manual_seed(3)) + 0.5
        self.outputs: dict[LayerName, Tensor] = {}
        self.before = self._run(self.x, record=True)

    def moves(self, source: LayerName, unit: int, by: float) -> Moved:
        """What changes where `by` is added to a unit of `source`, or of the image."""
        return self._changed(self._shifted(source, unit, by))

    def rises(self, source: LayerName, unit: int, by: float, reader: LayerName, channel: int) -> float:
        """By how much the mean of one channel that `reader` reads changes."""
        after = self._shifted(source, unit, by)[reader]
        return float((after - self.before[reader])[:, channel].mean())

    def _shifted(self, source: LayerName, unit: int, by: float) -> dict[LayerName, Tensor]:
        if source == INPUT:
            return self._run(_added(self.x, unit, by, 1))
        axis = self._axis(source)
        return self._run(self.x, {source: _added(self.outputs[source], unit, by, axis)})

    def _axis(self, layer: LayerName) -> int:
        return -1 if layer in self.description.grids else 1

    def _changed(self, after: Mapping[LayerName, Tensor]) -> Moved:
        found = {}
        for name, was in self.before.items():
            same = (after[name] == was).transpose(0, 1).flatten(1).all(dim=1)
            found[name] = frozenset((~same).nonzero()[:, 0].tolist())
        return found

    def _run(
        self, x: Tensor, instead: Mapping[LayerName, Tensor] | None = None, record: bool = False
    ) -> dict[LayerName, Tensor]:
        seen: dict[LayerName, Tensor] = {}

        def on_call(call: Call, output: Any) -> Tensor | None:
            if call.name not in self.pages:
                return None
            weighted = self.description.by_name[call.name].kind in ("conv", "linear")
            compared = call.args[0] if weighted else output
            channels_last = not weighted and call.name in self.description.grids
            linear = self.description.by_name[call.name].kind == "linear"
            seen[call.name] = (compared.movedim(-1, 1) if linear or channels_last else compared).clone()
            if record:
                self.outputs[call.name] = output.clone()
                return None
            return (instead or {}).get(call.name, self.outputs[call.name]).clone()

        with torch.no_grad(), watch(self.model, on_call):
            self.model(x)
        return seen


def _added(values: Tensor, unit: int, by: float, axis: int) -> Tensor:
    changed = values.clone()
    changed.select(axis, unit).add_(by)
    return changed
