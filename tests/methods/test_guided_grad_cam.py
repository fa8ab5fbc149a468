"""Guided Grad-CAM: by hand, against captum, and as the product of the two methods that it is named after."""

import pytest
import torch
from captum.attr import GuidedGradCam as Reference
from torch.nn.functional import interpolate

import generator
from generator.artifacts import InputMap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.guided_grad_cam import GuidedGradCAM
from generator.names import INPUT
from tests.methods.examples import L, alexnet, exactly, facts, only, out_of_place, photo, reads, resnet18, row, same
from tests.methods.examples import vgg11 as vgg

# captum says each time that it hooks ReLUs for the while, and that it asks the input for gradients
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
]


def test_the_product_by_hand():
    made = only(
        GuidedGradCAM(),
        reads(
            {
                Activation(L): torch.tensor([[[[4.0, -8.0]]]]),
                Gradient(L): torch.tensor([[[[0.0, 2.0]]]]),
                Gradient(INPUT, rule="guided"): torch.tensor([[[[1.0, -2.0, 2.0, 5.0]], [[0.0, 1.0, -1.0, 1.0]]]]),
            }
        ),
    )
    assert isinstance(made, InputMap)
    assert made.signed
    # alpha = 1: the rectified map is [4, 0], at twice the width [4, 3, 1, 0]
    exactly(made.values, [[[[4, -6, 2, 0]], [[0, 3, -1, 0]]]])


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (vgg, ["features.10", "features.19", "features.20"]),
        (alexnet, ["features.2", "features.11"]),
        (resnet18, ["conv1", "layer2.0.conv2", "layer4"]),
    ],
)
def test_equals_captum_for_modules(build, names):
    model, x = build(), photo()
    reference = out_of_place(model)
    classes = (1, 3, 6)  # several, since the map of a single class may be zero everywhere
    maps = [generator.attribute(model, x, "guided_grad_cam", layers=names, target=c) for c in classes]
    for name in names:
        layer = Reference(reference, reference.get_submodule(name))
        expected = [layer.attribute(x, target=c, interpolate_mode="bilinear").detach() for c in classes]
        same(torch.cat([m[name] for m in maps]), torch.cat(expected))


def test_is_the_product_of_the_two_on_an_input_that_is_not_square():
    x = photo(height=48, width=80)
    maps = generator.attribute(
        resnet18(), x, ["grad_cam", "guided_backprop", "guided_grad_cam"], layers="layer3", target=3
    )
    heat = interpolate(maps["grad_cam"]["layer3"][:, None], (48, 80), mode="bilinear", align_corners=False)
    same(maps["guided_grad_cam"]["layer3"], heat * maps["guided_backprop"])


def test_not_applicable_without_rectifiers_or_to_a_single_place():
    method = GuidedGradCAM()
    assert method.applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(method.applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
    assert isinstance(method.applies(facts(rectifiers=0), row(shape=(8, 4, 4))), NotApplicable)
