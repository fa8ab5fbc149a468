"""Grad-CAM: by hand, against captum, and against CAM where the two must agree."""

import pytest
import torch
from captum.attr import LayerGradCam

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.grad_cam import GradCAM
from tests.methods.examples import (
    L,
    alexnet,
    exactly,
    facts,
    only,
    out_of_place,
    photo,
    reads,
    resnet18,
    row,
    same,
    vgg11,
)


def test_equations_1_and_2_by_hand():
    A = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, 1.0]]]])
    G = torch.tensor([[[[4.0, 0.0], [0.0, 0.0]], [[-2.0, -2.0], [0.0, 0.0]]]])
    made = only(GradCAM(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert not made.signed
    # alpha = (1, -1); the weighted sum is [[-2, 2], [-1, 0]]
    exactly(made.values, [[[0, 2], [0, 0]]])


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (vgg11, ["features.1", "features.10", "features.19", "features.20"]),
        (alexnet, ["features.2", "features.9", "features.11"]),
        (resnet18, ["conv1", "bn1", "layer1", "layer2.0.conv2", "layer3", "layer4"]),
    ],
)
def test_equals_captum(build, names):
    model, x = build(), photo()
    reference = out_of_place(model)
    classes = (1, 3, 6)  # several, since the map of a single class may be zero everywhere
    maps = [generator.attribute(model, x, "grad_cam", layers=names, target=c) for c in classes]
    for name in names:
        layer = LayerGradCam(reference, reference.get_submodule(name))
        expected = [layer.attribute(x, target=c, relu_attributions=True)[:, 0].detach() for c in classes]
        same(torch.cat([m[name] for m in maps]), torch.cat(expected))


def test_is_the_positive_part_of_cam_over_the_number_of_places():
    maps = generator.attribute(resnet18(), photo(), ["cam", "grad_cam"], layers="layer4", target=3)
    same(maps["grad_cam"]["layer4"], maps["cam"]["layer4"].relu() / 4)


def test_not_applicable_to_a_single_place():
    assert GradCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(GradCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
