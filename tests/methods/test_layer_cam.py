"""LayerCAM: by hand, and against grad-cam."""

import pytest
import torch
from pytorch_grad_cam import LayerCAM as Reference

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.layer_cam import LayerCAM
from tests.methods.examples import EVERYWHERE, L, exactly, facts, only, photo, raw, reads, row, same


def test_the_positive_gradients_by_hand():
    A = torch.tensor([[[[1.0, 2.0], [-1.0, 1.0]], [[3.0, 1.0], [1.0, -1.0]]]])
    G = torch.tensor([[[[4.0, 0.0], [5.0, 1.0]], [[-2.0, 2.0], [-4.0, 0.5]]]])
    made = only(LayerCAM(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert not made.signed
    # 4 * 1 + 0, 0 + 2 * 1, 5 * -1 + 0 rectified, 1 * 1 + 0.5 * -1
    exactly(made.values, [[[4, 2], [0, 0.5]]])


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_equals_grad_cams(build, names):
    model, x = build(), photo()
    maps = generator.attribute(model, x, "layer_cam", layers=names, target=3)
    for name in names:
        same(maps[name], raw(Reference, model, name, x, 3).relu())


def test_no_gradient_is_no_map():
    zero = {Activation(L): torch.ones(1, 2, 2, 2), Gradient(L): torch.zeros(1, 2, 2, 2)}
    exactly(only(LayerCAM(), reads(zero)).values, [[[0, 0], [0, 0]]])


def test_not_applicable_to_a_single_place():
    assert LayerCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(LayerCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
