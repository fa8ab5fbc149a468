"""Whole architectures: the channels that a unit is said to be are those that it moves, and no others."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from generator.artifacts import NotApplicable
from generator.model.builtin import BUILTIN
from generator.model.describe import Description, describe
from generator.names import INPUT, LayerName
from generator.wiring.channels import channels_of
from generator.wiring.sources import Sources
from generator.wiring.wiring import wiring_of
from tests.wiring.oracle import Moved, Oracle

NETS = ["resnet18", "densenet121", "googlenet", "shufflenet_v2_x1_0", "mobilenet_v3_small", "squeezenet1_0",
        "efficientnet_lite0", "convnext_tiny"]  # fmt: skip
NORMS_OVER_CHANNELS = ("convnext_tiny",)
"""Where a unit moves all channels a little: the norm divides each by a size that all have a share in."""
SAMPLE = 8
"""Units moved in each net."""


def built(name: str) -> tuple[nn.Module, Description]:
    torch.manual_seed(1)
    options = {"init_weights": False} if name == "googlenet" else {}
    model = BUILTIN[name].build() if name in BUILTIN else torchvision.models.get_model(name, weights=None, **options)
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):  # as trained: scales of their own size, and of either sign
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.running_mean, -0.5, 0.5)
            part.weight.data[::3] *= -1
    side = 224 if name.startswith(("vit", "swin")) else 64
    return model.eval(), describe(model, (3, side, side))


def chosen(found: Description, which: str) -> list[LayerName]:
    """The convolutions and linear layers, or every layer that is no container."""
    every = [layer for layer in found.layers if layer.kind not in ("block", "attention")]
    return [layer.name for layer in every if which == "all" or layer.kind in ("conv", "linear")]


def claimed(sources: Mapping[LayerName, Sources], layer: LayerName, unit: int) -> Moved:
    """The channels that are said to be a unit."""
    found = {}
    for name, told in sources.items():
        here = told.unit == unit
        here &= np.array([each == layer for each in told.layers], bool)[told.layer]
        found[name] = frozenset((np.searchsorted(told.starts, np.flatnonzero(here), side="right") - 1).tolist())
    return found


def gate(layer: LayerName) -> bool:
    """Whether a layer of a MobileNetV3 is on the way to a gate: that moves what it multiplies, and is no source of it."""
    return ".fc2" in layer or "scale_activation" in layer


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("which", ["convolutions", "all"])
def test_a_unit_moves_the_channels_that_it_is_said_to_be_and_no_others(name: str, which: str) -> None:
    model, found = built(name)
    pages = chosen(found, which)
    operations = channels_of(found, model, pages).operations
    sources = {page: operations[page].sources for page in pages}
    assert all(told.whole.all() for told in sources.values())
    oracle, drawn = Oracle(model, found, pages), random.Random(0)
    moving = [(layer, drawn.randrange(found.by_name[layer].units)) for layer in drawn.sample(pages, SAMPLE)]
    for layer, unit in [(INPUT, 1), *moving]:
        said, moved = claimed(sources, layer, unit), dict.fromkeys(sources, frozenset[int]())
        for by in (1.0, -1.0, 8.0, -8.0, 0.1):  # some are lost where an activation is flat
            moved = {page: moved[page] | now for page, now in oracle.moves(layer, unit, by).items()}
        if name in NORMS_OVER_CHANNELS or gate(layer):
            assert all(said[page] <= moved[page] for page in pages), (layer, unit)
        else:
            assert said == moved, (layer, unit)


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenet_v3_small"])
def test_more_of_a_unit_is_more_of_a_channel_where_it_is_said_to_be(name: str) -> None:
    model, found = built(name)
    pages = chosen(found, "convolutions")
    operations = channels_of(found, model, pages).operations
    oracle, drawn, turned = Oracle(model, found, pages), random.Random(2), []
    for page in drawn.sample(pages[1:], 12):
        told = operations[page].sources
        channel = drawn.randrange(told.channels)
        for layer, unit, direction in told.of(channel)[:2]:
            if not gate(layer) and direction:
                rise = oracle.rises(layer, unit, 1000.0, page, channel)  # far beyond the dent of a smooth activation
                assert rise * direction > 0 or (direction < 0 and rise == 0), (page, channel, layer, unit)
                turned.append(direction)
    assert set(turned) == {1, -1}


LOST = {
    "vit_b_16": {f"encoder.layers.encoder_layer_{i}.self_attention" for i in range(12)},
    "swin_t": {f"features.{stage}.{i}.attn" for stage, depth in ((1, 2), (3, 2), (5, 6), (7, 2)) for i in range(depth)},
}
"""What attention makes: the only layers of which not all is followed."""


@pytest.mark.parametrize("name", ["vit_b_16", "swin_t"])
def test_a_transformer_is_followed_but_for_its_attention(name: str) -> None:
    model, found = built(name)
    wiring = wiring_of(found, model, [layer.name for layer in found.layers])
    assert {layer for layer, each in wiring.items() if not each.sources.whole.all()} == LOST[name]
    assert all(not wiring[LayerName(layer)].sources.whole.any() for layer in LOST[name])
    without = {layer for layer, each in wiring.items() if isinstance(each.inputs, NotApplicable)}
    assert without == LOST[name]
    linear = [layer for layer in found.layers if layer.kind == "linear"]
    assert len(linear) == 24 if name == "vit_b_16" else len(linear) > 24
    for layer in linear:
        assert wiring[layer.name].inputs.channel.shape == (layer.units, 6)
        assert wiring[layer.name].sources.channels == model.get_submodule(layer.path).in_features
