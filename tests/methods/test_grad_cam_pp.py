"""Grad-CAM++: by hand, against eq. 19 written as a loop in double precision, and against grad-cam within 3 %."""

import copy

import pytest
import torch
from pytorch_grad_cam import GradCAMPlusPlus
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.grad_cam_pp import GradCAMpp
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


def heat(A: Tensor, G: Tensor) -> Tensor:
    made = only(GradCAMpp(), reads({Activation(L): A, Gradient(L): G}))
    assert isinstance(made, Heatmap)
    assert not made.signed
    return made.values


def test_equation_19_by_hand():
    A = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 4.0]]]])
    G = torch.tensor([[[[1.0, 0.0], [-0.5, 3.0]], [[0.5, 0.0], [0.0, -2.0]]]])
    # unit 0, sum(A) = 2: alpha(1) = 1 / (2 + 2) = 1/4, alpha(3) = 9 / (18 + 2 * 27) = 1/8; w = 1/4 + 3/8 = 5/8
    # unit 1, sum(A) = 4: alpha(0.5) = 0.25 / (0.5 + 4 * 0.125) = 1/4; w = 1/8; the negative gradient is rectified away
    exactly(heat(A, G), [[[0.625, 0.625], [0, 0.5]]])


def test_by_hand_negative_weights_are_cut_and_a_zero_denominator_weighs_nothing():
    A = torch.tensor([[[[-2.0, 0.0]], [[-1.0, 3.0]]]])
    G = torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]])
    # unit 0: 2 * 1 - 2 * 1 = 0, so alpha = 0; unit 1: sum(A) = 2, alpha = 1/4: [-1/4, 3/4], rectified
    exactly(heat(A, G), [[[0, 0.75]]])


def test_by_hand_gradients_whose_cube_is_below_the_smallest_float():
    A = torch.tensor([[[[1.0, 0.0]]]])
    G = torch.tensor([[[[2.0**-60, 0.0]]]])
    # alpha = 1 / (2 + 2^-60) = 1/2 in single precision; w = 2^-61
    exactly(heat(A, G), [[[2.0**-61, 0]]])


def equation_19(A: Tensor, G: Tensor) -> Tensor:
    """The paper's formula for one image, one number at a time."""
    units, height, width = A.shape
    L = torch.zeros(height, width, dtype=torch.float64)
    for k in range(units):
        total, w = sum(A[k].flatten().tolist()), 0.0
        for g in G[k].flatten().tolist():
            denominator = 2 * g**2 + total * g**3
            alpha = g**2 / denominator if denominator != 0 else 0.0
            w += alpha * max(g, 0.0)
        L += w * A[k].double()
    return L.relu()


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (vgg11, "features.19"),
        (vgg11, "features.12"),
        (alexnet, "features.11"),
        (resnet18, "layer3"),
        (resnet18, "layer4"),
    ],
)
def test_equals_equation_19_written_as_a_loop(build, name):
    model, x = build(), photo()
    kept: list[Tensor] = []
    reference = out_of_place(model)
    reference.get_submodule(name).register_forward_hook(lambda m, args, out: kept.append(out))
    score = reference(x)[:, 3].sum()
    (G,) = torch.autograd.grad(score, kept[0])
    A = kept[0].detach()
    expected = torch.stack([equation_19(a, g) for a, g in zip(A, G, strict=True)])
    same(generator.attribute(model, x, "grad_cam_pp", layers=name, target=3)[name].double(), expected)


def louder(model: nn.Module, factor: float) -> nn.Module:
    """The same model with larger logits, so that the 1e-6 that grad-cam adds is small beside the denominator."""
    model = copy.deepcopy(model)
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    last.weight.data *= factor
    return model


@pytest.mark.parametrize(
    ("build", "factor", "name"), [(vgg11, 1e4, "features.19"), (alexnet, 1e4, "features.11"), (resnet18, 1e2, "layer3")]
)
def test_equals_grad_cam_within_3_percent(build, factor, name):
    model, x = louder(build(), factor), photo()
    reference = out_of_place(model)
    with GradCAMPlusPlus(reference, [reference.get_submodule(name)]) as cam:
        cam.activations_and_grads(x)
        cam(x, targets=[ClassifierOutputTarget(3)] * 2)
        A, G = (
            torch.cat(part).numpy()
            for part in (cam.activations_and_grads.activations, cam.activations_and_grads.gradients)
        )
        weights = cam.get_cam_weights(x, None, None, A, G)
    expected = torch.from_numpy((weights[:, :, None, None] * A).sum(1)).relu()
    same(generator.attribute(model, x, "grad_cam_pp", layers=name, target=3)[name], expected, relative=0.03)


def test_not_applicable_to_a_single_place():
    assert GradCAMpp().applies(facts(), row(shape=(8, 2, 1))) is None
    assert isinstance(GradCAMpp().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
