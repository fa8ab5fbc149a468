r"""Inputs weighed by what they do in the dataset: a kernel may look hardest at a channel that is never on.

$$ s_{oc} = \frac{\lVert W^{oc} \rVert_2 \, a_c}{\sqrt{\sum_d \lVert W^{od} \rVert_2^2 \, a_d^2}} $$

$a_c$ is how much channel $c$ is on: the mean of its unit's positive values over all places of the dataset
(`generator.dataset.activity`). Only where the very tensor that the layer reads, but for pooling, is one whose units were asked,
so that $a_c$ is that of what arrives: behind a normalisation without a page of its own, a unit's values say nothing of the channel's. Elsewhere
inputs go by their kernels alone (`generator.wiring.strengths`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import nn

from generator.model.describe import Description
from generator.names import LayerName
from generator.wiring.kernels import Kernels, kernels_of
from generator.wiring.strengths import inputs
from generator.wiring.wires import Wires, slices


def weighed(
    found: Mapping[LayerName, Wires],
    description: Description,
    module: nn.Module,
    activity: Mapping[LayerName, Float[NDArray[np.float32], " c"]],
) -> Mapping[LayerName, Wires]:
    """The same wires, the inputs of those layers weighed whose channels' activity is known."""
    nodes = {node.name: node for node in description.graph.nodes}
    made = dict(found)
    for name, wired in found.items():
        on = _channels(wired, activity)
        if on is None or name not in nodes:
            continue
        kernels = kernels_of(nodes[name], module)
        if isinstance(kernels, Kernels) and kernels.channels == len(on) and kernels.weight.shape[1] > 1:
            made[name] = _weighed(wired, kernels, on)
    return made


def _channels(
    wired: Wires, activity: Mapping[LayerName, Float[NDArray[np.float32], " c"]]
) -> Float[NDArray[np.float32], " c"] | None:
    """How much each input channel of a layer is on; None where that is not known."""
    if not (wired.weighted and wired.direct) or not wired.channel.size:
        return None
    if not all(wired.layers[number] in activity for number in np.unique(wired.source_layer).tolist()):
        return None
    each = [
        activity[wired.layers[layer]][unit]
        for layer, unit in zip(wired.source_layer.tolist(), wired.source_unit.tolist(), strict=True)
    ]
    found = np.zeros(len(wired.starts) - 1, np.float32)
    np.add.at(found, np.repeat(np.arange(len(found)), np.diff(wired.starts)), np.array(each, np.float32))
    return found


def _weighed(wired: Wires, kernels: Kernels, on: Float[NDArray[np.float32], " c"]) -> Wires:
    strongest = inputs(kernels, wired.channel.shape[1], on)
    h, w = wired.slices.shape[2:]
    return replace(
        wired,
        channel=strongest.channel,
        share=strongest.share,
        sign=np.sign(strongest.total).astype(np.int8),
        slices=slices(kernels, (h, w), strongest.channel) if h else wired.slices,
        weight=strongest.total if wired.weight.size else wired.weight,
        active=True,
    )
