"""HiResCAM: by hand, against grad-cam, and against the logits and the CAM that it is an account of."""

import pytest
import torch
from pytorch_grad_cam import HiResCAM as Reference
from torch import nn

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.hires_cam import HiResCAM
from tests.methods.examples import (
    EVERYWHERE,
    ByHand,
    L,
    exactly,
    facts,
    only,
    photo,
    raw,
    reads,
    resnet18,
    row,
    same,
)


def test_the_product_by_hand():
    A = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, -1.0]]]])
    G = torch.tensor([[[[4.0, 0.0], [5.0, 1.0]], [[-2.0, -2.0], [0.5, 3.0]]]])
    made = only(HiResCAM(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert made.signed
    # 4 * 1 - 2 * 3, 0 * 2 - 2 * 0, 5 * 0 + 0.5 * 1, 1 * 1 + 3 * -1
    exactly(made.values, [[[-2, 0], [0.5, -2]]])


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_equals_grad_cams(build, names):
    model, x = build(), photo()
    maps = generator.attribute(model, x, "hires_cam", layers=names, target=3)
    for name in names:
        same(maps[name], raw(Reference, model, name, x, 3))


def test_adds_up_to_the_logit_where_one_linear_layer_follows():
    model, x = ByHand(), torch.cat([ByHand.X, -2 * ByHand.X])
    model.fc.bias = nn.Parameter(torch.tensor([0.25, 0.0]))
    maps = generator.attribute(model, x, "hires_cam", layers="relu", target=0)
    same(maps["relu"].sum((1, 2)) + 0.25, model(x)[:, 0].detach())


def test_is_cam_over_the_number_of_places_where_these_are_averaged_and_grad_cam_its_positive_part():
    maps = generator.attribute(resnet18(), photo(), ["cam", "grad_cam", "hires_cam"], layers="layer4", target=3)
    same(maps["hires_cam"]["layer4"], maps["cam"]["layer4"] / 4)
    same(maps["hires_cam"]["layer4"].relu(), maps["grad_cam"]["layer4"])


def test_not_applicable_to_a_single_place():
    assert HiResCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(HiResCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
