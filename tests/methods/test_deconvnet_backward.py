"""The deconvnet as a backward pass, which is what captum computes."""

import pytest
import torch
from captum.attr import Deconvolution, NeuronDeconvolution

import generator
from generator.artifacts import NotApplicable
from generator.methods.deconvnet_backward import DeconvnetBackward
from generator.names import LayerName, Unit
from tests.methods.examples import (
    ByHand,
    Overlapping,
    alexnet,
    exactly,
    facts,
    out_of_place,
    photo,
    resnet18,
    same,
    vgg11,
)

# captum says each time that it hooks ReLUs for the while, and that it asks the input for gradients
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
]


def test_by_hand_rectifies_the_signal_only():
    # max(weights, 0) whether on or not: unit 0 gets [[2, 5], [0, 1]], unit 1 (-x) [[7, 4], [1, 1]]; their difference
    exactly(generator.attribute(ByHand(), ByHand.X, "deconvnet_backward", target=0), [[[[-5, 1], [-1, 0]]]])


def test_by_hand_two_windows_at_one_place_add_up():
    # both windows chose the 9; 3 + 4
    exactly(generator.attribute(Overlapping(), Overlapping.X, "deconvnet_backward", target=0), [[[[0, 0, 7, 0, 0]]]])


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_equals_captum_for_a_class(build):
    model, x = build(), photo()
    ours = generator.attribute(model, x, "deconvnet_backward", target=3)
    same(ours, Deconvolution(out_of_place(model)).attribute(x, target=3))


@pytest.mark.parametrize(("build", "last", "unit"), [(alexnet, 10, (5, 1, 2)), (vgg11, 18, (9, 2, 1))])
def test_equals_captum_for_a_unit(build, last, unit):
    model, x = build(), photo()
    target = Unit(LayerName(f"features.{last}"), unit[0], unit[1:])
    reference = out_of_place(model)
    ours = generator.attribute(model, x, "deconvnet_backward", target=target)
    same(ours, NeuronDeconvolution(reference, reference.features[last]).attribute(x, unit))


@pytest.mark.parametrize(("build", "alike"), [(vgg11, True), (alexnet, False)])
def test_the_two_variants_are_one_picture_unless_pools_overlap(build, alike):
    both = generator.attribute(build(), photo(), ["deconvnet", "deconvnet_backward"], target=3)
    assert torch.equal(both["deconvnet"], both["deconvnet_backward"]) is alike


def test_not_applicable_without_rectifiers():
    assert DeconvnetBackward().applies(facts(rectifiers=1), None) is None
    assert isinstance(DeconvnetBackward().applies(facts(rectifiers=0), None), NotApplicable)
