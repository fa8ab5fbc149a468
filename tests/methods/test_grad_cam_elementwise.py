"""Element-wise Grad-CAM: by hand, against grad-cam, and against LayerCAM where the two must agree."""

import pytest
import torch
from pytorch_grad_cam import GradCAMElementWise as Reference

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.grad_cam_elementwise import GradCAMElementwise
from tests.methods.examples import EVERYWHERE, RECTIFIED, L, exactly, facts, only, photo, raw, reads, row, same


def test_the_positive_products_by_hand():
    A = torch.tensor([[[[1.0, 2.0], [-1.0, -1.0]], [[3.0, 1.0], [1.0, -1.0]]]])
    G = torch.tensor([[[[4.0, 0.0], [5.0, -2.0]], [[-2.0, 2.0], [4.0, -0.5]]]])
    made = only(GradCAMElementwise(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert not made.signed
    # 4 * 1 (and not -2 * 3), 0 + 2 * 1, 4 * 1 (and not 5 * -1), -2 * -1 + -0.5 * -1
    exactly(made.values, [[[4, 2], [4, 2.5]]])


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_equals_grad_cams(build, names):
    model, x = build(), photo()
    maps = generator.attribute(model, x, "grad_cam_elementwise", layers=names, target=3)
    for name in names:
        same(maps[name], raw(Reference, model, name, x, 3))


@pytest.mark.parametrize(("build", "names"), RECTIFIED)
def test_is_layer_cam_on_a_rectified_layer(build, names):
    maps = generator.attribute(build(), photo(), ["layer_cam", "grad_cam_elementwise"], layers=names, target=3)
    for name in names:
        same(maps["grad_cam_elementwise"][name], maps["layer_cam"][name])


def test_not_applicable_to_a_single_place():
    assert GradCAMElementwise().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(GradCAMElementwise().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
