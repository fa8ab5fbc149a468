"""Input x gradient: by hand, and against captum."""

import pytest
from captum.attr import InputXGradient as Reference

import generator
from tests.methods.examples import ByHand, alexnet, exactly, out_of_place, photo, resnet18, same, vgg11

pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning")


def test_the_product_by_hand_adds_up_to_the_logit_without_biases():
    # the gradient is [[2, -4], [-3, 0]], the input [[1, -2], [3, 0]]; 2 + 8 - 9 = 1 is the logit
    found = generator.attribute(ByHand(), ByHand.X, "input_x_gradient", target=0)
    exactly(found, [[[[2, 8], [-9, 0]]]])
    exactly(ByHand()(ByHand.X)[0, 0].detach(), 1)


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_equals_captum(build):
    model, x = build(), photo()
    ours = generator.attribute(model, x, "input_x_gradient", target=3)
    same(ours, Reference(out_of_place(model)).attribute(x, target=3).detach())
