"""XGrad-CAM: by hand, against grad-cam, and against the sum that it must keep."""

import pytest
import torch
from pytorch_grad_cam import XGradCAM as Reference

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.xgrad_cam import XGradCAM
from tests.methods.examples import (
    EVERYWHERE,
    RECTIFIED,
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


def heat(A: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
    made = only(XGradCAM(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert made.signed
    return made.values


def test_the_weights_by_hand():
    A = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]], [[3.0, 0.0], [0.0, 1.0]]]])
    G = torch.tensor([[[[4.0, 0.0], [7.0, 0.0]], [[-2.0, -2.0], [0.0, 0.0]]]])
    # w_0 = 4 / 4 = 1, w_1 = -6 / 4 = -1.5; the values add up to 4 - 6 = -2
    exactly(heat(A, G), [[[-3.5, 2], [0, -0.5]]])


def test_by_hand_units_that_are_off_or_cancel_weigh_nothing():
    A = torch.tensor([[[[0.0, 0.0]], [[1.0, -1.0]], [[2.0, 0.0]]]])
    G = torch.tensor([[[[3.0, 1.0]], [[3.0, 1.0]], [[0.5, 9.0]]]])
    # 0 / 0 and 2 / 0 are taken as 0; w_2 = 1 / 2
    exactly(heat(A, G), [[[1, 0]]])


@pytest.mark.parametrize(("build", "names"), RECTIFIED)
def test_equals_grad_cams(build, names):
    model, x = build(), photo()
    maps = generator.attribute(model, x, "xgrad_cam", layers=names, target=3)
    for name in names:
        same(maps[name], raw(Reference, model, name, x, 3))


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_adds_up_to_what_the_layer_says_of_the_score(build, names):
    maps = generator.attribute(build(), photo(), ["xgrad_cam", "hires_cam"], layers=names, target=3)
    for name in names:
        # in double precision, since in front of a rectifier single values are a thousand times their sum
        got, expected = (maps[of][name].double().sum((1, 2)) for of in ("xgrad_cam", "hires_cam"))
        torch.testing.assert_close(
            got, expected, rtol=0, atol=1e-6 * float(maps["xgrad_cam"][name].abs().sum((1, 2)).max())
        )


def test_its_positive_part_is_grad_cam_where_places_are_averaged():
    maps = generator.attribute(resnet18(), photo(), ["grad_cam", "xgrad_cam"], layers="layer4", target=3)
    same(maps["xgrad_cam"]["layer4"].relu(), maps["grad_cam"]["layer4"])


def test_not_applicable_to_a_single_place():
    assert XGradCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(XGradCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
