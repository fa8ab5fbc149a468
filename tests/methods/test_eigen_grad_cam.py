"""EigenGrad-CAM: by hand, against a decomposition in double precision, and against grad-cam up to sign."""

import pytest
import torch
from pytorch_grad_cam import EigenGradCAM as Reference

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation, Gradient
from generator.methods.eigen_grad_cam import EigenGradCAM
from tests.methods.examples import EVERYWHERE, L, exactly, facts, only, out_of_place, photo, raw, reads, row, same
from tests.methods.test_eigen_cam import LARGE, decomposed


def test_the_products_by_hand():
    A = torch.tensor([[[[1.0, 2.0, 3.0]], [[2.0, 0.0, -4.0]]]])
    G = torch.tensor([[[[3.0, 0.0, -2.0]], [[2.0, 5.0, 2.0]]]])
    given = reads({Activation(L): A, Gradient(L): G})
    # the products are (3, 0, -6) and (4, 0, -8): the pattern (3, 4) / 5
    made = only(EigenGradCAM(center=False), given)
    assert isinstance(made, Heatmap)
    assert made.signed
    torch.testing.assert_close(made.values, torch.tensor([[[5.0, 0.0, -10.0]]]))
    # less their means, -1 and -4/3, they are (4, 1, -5) and (16, 4, -20) / 3: the same pattern
    torch.testing.assert_close(only(EigenGradCAM(), given).values, torch.tensor([[[20.0, 5.0, -25.0]]]) / 3)


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_equals_grad_cams_up_to_sign_and_its_own_sign_is_that_of_the_sum(build, names):
    model, x = build(), photo()
    found = generator.attribute(model, x, ["eigen_grad_cam", "hires_cam"], layers=names, target=3)
    for name in names:
        total = found["hires_cam"][name]
        total = total - total.mean((1, 2), keepdim=True)
        expected = raw(Reference, model, name, x, 3)
        for ours, theirs, summed in zip(found["eigen_grad_cam"][name], expected, total, strict=True):
            same(ours, theirs * torch.sign((theirs * summed).sum()))


@pytest.mark.parametrize(("build", "names"), EVERYWHERE + LARGE)
def test_not_centred_it_equals_a_decomposition_in_double_precision(build, names):
    model, x = build(), photo()
    options = {"eigen_grad_cam": {"center": False}}
    maps = generator.attribute(model, x, "eigen_grad_cam", layers=names, target=3, options=options)
    A = generator.activations(model, x, names)
    for name in names:
        G = gradient(model, x, name)
        same(maps[name].double(), torch.stack([decomposed(p, False) for p in A[name] * G]))


def gradient(model: torch.nn.Module, x: torch.Tensor, name: str) -> torch.Tensor:
    """d logit 3 / d output of a layer, by a hook."""
    twin, kept = out_of_place(model), []
    twin.get_submodule(name).register_forward_hook(lambda m, args, out: kept.append(out))
    (found,) = torch.autograd.grad(twin(x)[:, 3].sum(), kept[0])
    return found


def test_no_gradient_is_no_map():
    zero = {Activation(L): torch.ones(1, 2, 2, 2), Gradient(L): torch.zeros(1, 2, 2, 2)}
    exactly(only(EigenGradCAM(), reads(zero)).values, torch.zeros(1, 2, 2))


def test_not_applicable_to_a_single_place():
    assert EigenGradCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(EigenGradCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
