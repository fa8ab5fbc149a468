"""Feature maps: the captured outputs themselves, with the traps of in-place operations."""

import pytest
import torch
from captum.attr import LayerActivation

import generator
from generator.artifacts import ChannelMaps
from generator.engine.needs import Activation
from generator.methods.feature_maps import FeatureMaps
from tests.methods.examples import ByHand, L, alexnet, exactly, only, photo, reads, resnet18


def test_by_hand_the_two_units_of_x_and_minus_x():
    maps = generator.attribute(ByHand(), ByHand.X, "feature_maps", layers=["conv", "relu"])
    exactly(maps["conv"], [[[[1, -2], [3, 0]], [[-1, 2], [-3, 0]]]])
    exactly(maps["relu"], [[[[1, 0], [3, 0]], [[0, 2], [0, 0]]]])


def test_signed_where_a_value_is_below_zero():
    below, above = torch.tensor([[[[-0.5, 2.0]]]]), torch.tensor([[[[0.0, 2.0]]]])
    for values, signed in ((below, True), (above, False)):
        made = only(FeatureMaps(), reads({Activation(L): values}))
        assert isinstance(made, ChannelMaps)
        assert made.signed is signed
        assert made.values is values


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (alexnet, [f"features.{k}" for k in range(13)]),
        (resnet18, ["conv1", "bn1", "maxpool", "layer1.0.bn2", "layer2.0.downsample.1", "layer4", "avgpool"]),
    ],
)
def test_equals_captum(build, names):
    model, x = build(), photo()
    maps = generator.attribute(model, x, "feature_maps", layers=names)
    assert list(maps) == names
    for name in names:
        exactly(maps[name], LayerActivation(model, model.get_submodule(name)).attribute(x))


def test_batch_norm_before_an_in_place_relu_is_the_batch_norms():
    model, x = resnet18(), photo()
    maps = generator.attribute(model, x, "feature_maps", layers=["bn1", "relu"])
    expected = model.bn1(model.conv1(x)).detach()
    assert (expected < 0).any()
    exactly(maps["bn1"], expected)
    exactly(maps["relu"], expected.relu())


def test_a_block_that_adds_in_place_leaves_the_second_batch_norms_output():
    model, x = resnet18(), photo()
    maps = generator.attribute(model, x, "feature_maps", layers=["layer1.0.bn2", "layer1.0"])
    block, entering = model.layer1[0], model.maxpool(model.relu(model.bn1(model.conv1(x))))
    inside = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(entering))))).detach()
    exactly(maps["layer1.0.bn2"], inside)
    exactly(maps["layer1.0"], (inside + entering).relu().detach())
