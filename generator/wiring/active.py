r"""Inputs weighed by what they do in the dataset: a kernel may look hardest at a channel that is never on.

$$ s_{oc} = \frac{\lVert W^{oc} \rVert_2 \, a_c}{\sqrt{\sum_d \lVert W^{od} \rVert_2^2 \, a_d^2}} $$

$a_c$ is how much channel $c$ is on: the mean of its unit's positive values over all places of the dataset
(`generator.dataset.activity`). Only where the very tensor that the layer reads, but for pooling, is one whose units were asked,
so that $a_c$ is that of what arrives: behind a normalisation without a page of its own, a unit's values say nothing of the channel's. Elsewhere
inputs go by their kernels alone (`generator.wiring.strengths`).

That still leads many units to the same few inputs: those that are on in most images. Where it was measured what each input adds to a unit
at the unit's own strongest places (`generator.dataset.drive`), inputs go by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import nn

from generator.dataset.drive import Driven
from generator.model.describe import Description
from generator.names import LayerName
from generator.wiring.kernels import Kernels, kernels_of
from generator.wiring.strengths import ABSENT, inputs
from generator.wiring.wires import Wires, of_one_place, slices


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


def upright(wired: Wires) -> Int[NDArray[np.int8], " c"]:
    """Of each channel 1, or -1 where less of all its sources is more of it."""
    found = np.ones(len(wired.starts) - 1, np.int8)
    starts, ends = wired.starts[:-1], wired.starts[1:]
    turned = np.concatenate([[0], np.cumsum(wired.source_way < 0)])
    found[(ends > starts) & (turned[ends] - turned[starts] == ends - starts)] = -1
    return found


def driven(
    found: Mapping[LayerName, Wires], description: Description, module: nn.Module, drives: Mapping[LayerName, Driven]
) -> Mapping[LayerName, Wires]:
    """The same wires, the inputs of those units that are known to be driven by some at their own strongest places."""
    nodes = {node.name: node for node in description.graph.nodes}
    made = dict(found)
    for name, drive in drives.items():
        kernels = kernels_of(nodes[name], module) if name in found and name in nodes else None
        if isinstance(kernels, Kernels) and drive.channel.shape == found[name].channel.shape:
            made[name] = _driven(found[name], kernels, drive)
    return made


def _driven(wired: Wires, kernels: Kernels, drive: Driven) -> Wires:
    own = (drive.channel != ABSENT).any(axis=1)
    channel = np.where(own[:, None], drive.channel, wired.channel)
    share = np.where(own[:, None], drive.share, wired.share)
    sign = np.where(own[:, None], drive.sign, wired.sign)
    h, w = wired.slices.shape[2:]
    drawn = slices(kernels, (h, w), channel) if h else wired.slices
    weight = of_one_place(kernels, channel) if wired.weight.size else wired.weight
    return replace(wired, channel=channel, share=share, sign=sign, slices=drawn, weight=weight, driven=own)


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
