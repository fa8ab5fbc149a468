"""Where maps are highest, told from the layer before: what never turns two values round is highest where its input is.

    conv, its peaks taken ──▶ batch norm, scale above 0 ──▶ ReLU6        the highest value: ReLU6(norm(highest of conv))

Rounding turns no two values round either, so that the values have the bits that reading the whole map would give. The first
place of the highest value is still looked for in the map itself: a capped rectifier makes many out of one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from generator.dataset.peaks import Peaks
from generator.names import LayerName

FEW = 8
"""Of so many units one may fall where its input rises, and is read; beyond that the whole map is."""


@dataclass(frozen=True)
class Rise:
    """How a layer's maps follow, place by place, from those of the layer `source`."""

    source: LayerName
    modules: tuple[nn.Module, ...]
    """From `source` to the layer, in order: batch normalisations in evaluation mode and rectifiers."""
    falling: Int[Tensor, " m"]
    """Units for which this is not rising: a normalisation's scale is not above zero."""

    def peaks(self, A: Float[Tensor, "n c h w"], before: Peaks) -> Peaks:
        """Those of the layer's maps, from those of the source's; of those maps nothing is read."""
        highest = self._risen(before.highest[..., None])[..., 0]
        rows = None if before.rows is None else self._risen(before.rows.transpose(1, 2)).transpose(1, 2)
        if len(self.falling):
            of_rows = A[:, self.falling].amax(dim=3)  # (n, m, h)
            highest[:, self.falling] = of_rows.amax(dim=2)
            if rows is not None:
                rows[:, :, self.falling] = of_rows.transpose(1, 2)
        return Peaks(A, highest, rows)

    def _risen(self, values: Float[Tensor, "n c s"]) -> Float[Tensor, "n c s"]:
        found = values[..., None].clone()  # a module may write over what it is given
        for module in self.modules:
            found = module.forward(found)  # past the hooks: this is no call of the model's
        return found[..., 0]


def rises(
    rising: Mapping[LayerName, tuple[LayerName, str]], module: nn.Module, layers: Collection[LayerName]
) -> dict[LayerName, Rise]:
    """Of `layers`, those whose peaks follow from another's of them; `rising` is the model's (`ModelFacts.rising`)."""
    found: dict[LayerName, Rise] = {}
    for name in layers:
        at, modules = name, list[nn.Module]()
        while at in rising and (at == name or at not in layers):
            at, path = rising[at]
            modules.insert(0, module.get_submodule(path))
        if at == name or at not in layers:
            continue
        falling = _falling(modules)
        if FEW * falling.sum() <= len(falling):
            found[name] = Rise(at, tuple(modules), falling.nonzero()[:, 0])
    return found


def _falling(modules: Sequence[nn.Module]) -> Bool[Tensor, " c"]:
    """Units that some module's scale is not above zero for; none (0,) where no module has a scale."""
    scales = [part.weight for part in modules if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.affine]
    return torch.stack([~(scale > 0) for scale in scales]).any(dim=0) if scales else torch.zeros(0, dtype=torch.bool)
