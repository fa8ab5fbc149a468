"""Saliency: the plain gradient."""

import pytest
import torch
from captum.attr import Saliency as Reference

import generator
from generator.artifacts import InputMap
from generator.engine.needs import Gradient
from generator.methods.saliency import Saliency
from generator.names import INPUT
from tests.methods.examples import ByHand, alexnet, exactly, only, out_of_place, photo, reads, resnet18, same, vgg11

# captum says each time that it hooks ReLUs for the while, and that it asks the input for gradients
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
]


def test_equation_4_by_hand():
    # unit 0 (x) is on at the left with weights 2 and -3; unit 1 (-x) at the upper right with weight 4, so -4 for x
    exactly(generator.attribute(ByHand(), ByHand.X, "saliency", target=0), [[[[2, -4], [-3, 0]]]])


def test_signed_and_with_all_channels():
    values = torch.tensor([[[[-1.0]], [[2.0]], [[0.0]]]])
    made = only(Saliency(), reads({Gradient(INPUT): values}))
    assert isinstance(made, InputMap)
    assert made.signed
    exactly(made.values, values)


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_equals_captum(build):
    model, x = build(), photo()
    ours = generator.attribute(model, x, "saliency", target=3)
    same(ours, Reference(out_of_place(model)).attribute(x, target=3, abs=False))


def test_each_image_has_its_own_top_class():
    model, x = resnet18(), photo(8)
    top = model(x).argmax(1)
    assert len(set(top.tolist())) > 1, "pick images that the model tells apart"
    same(generator.attribute(model, x, "saliency", target="top1"), Reference(model).attribute(x, target=top, abs=False))
