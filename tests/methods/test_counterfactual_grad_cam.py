"""Counterfactual Grad-CAM: by hand, and against captum's Grad-CAM before its rectifier, negated."""

import pytest
import torch
from captum.attr import LayerGradCam

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.counterfactual_grad_cam import CounterfactualGradCAM
from tests.methods.examples import EVERYWHERE, L, exactly, facts, only, out_of_place, photo, reads, row, same


def test_negated_gradients_by_hand():
    A = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, 1.0]]]])
    G = torch.tensor([[[[4.0, 0.0], [0.0, 0.0]], [[-2.0, -2.0], [0.0, 0.0]]]])
    made = only(CounterfactualGradCAM(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert not made.signed
    # alpha = (-1, 1); the weighted sum is [[2, -2], [1, 0]]
    exactly(made.values, [[[2, 0], [1, 0]]])


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_equals_captums_grad_cam_negated_before_the_rectifier(build, names):
    model, x = build(), photo()
    reference = out_of_place(model)
    classes = (1, 3, 6)  # several, since the map of a single class may be zero everywhere
    maps = [generator.attribute(model, x, "counterfactual_grad_cam", layers=names, target=c) for c in classes]
    for name in names:
        layer = LayerGradCam(reference, reference.get_submodule(name))
        expected = [-layer.attribute(x, target=c, relu_attributions=False)[:, 0].detach() for c in classes]
        same(torch.cat([m[name] for m in maps]), torch.cat(expected).relu())


def test_not_applicable_to_a_single_place():
    assert CounterfactualGradCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(CounterfactualGradCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
