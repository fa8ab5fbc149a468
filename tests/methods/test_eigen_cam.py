"""Eigen-CAM: by hand, against a decomposition in double precision, and against grad-cam, which subtracts means, up to sign."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam import EigenCAM as Reference
from torch import Tensor

import generator
from generator.artifacts import Heatmap, NotApplicable
from generator.engine.needs import Activation
from generator.methods.eigen_cam import EigenCAM, projected
from tests.methods.examples import EVERYWHERE, L, exactly, facts, only, photo, raw, reads, row, same, vgg11


def heat(A: Tensor, center: bool = False) -> Tensor:
    made = only(EigenCAM(center), reads({Activation(L): A}))
    assert isinstance(made, Heatmap)
    assert made.signed
    return made.values


def test_two_units_at_three_places_by_hand():
    # one pattern, (3, 4) / 5, at the first place and reversed and doubled at the last
    A = torch.tensor([[[[3.0, 0.0, -6.0]], [[4.0, 0.0, -8.0]]]])
    # the units' sum is (7, 0, -14): the map agrees with it
    torch.testing.assert_close(heat(A), torch.tensor([[[5.0, 0.0, -10.0]]]))
    torch.testing.assert_close(heat(-A), torch.tensor([[[-5.0, 0.0, 10.0]]]))


def test_three_units_at_two_places_by_hand():
    # one pattern, (2, 2, 1) / 3, at the second place
    A = torch.tensor([[[[0.0], [6.0]], [[0.0], [6.0]], [[0.0], [3.0]]]])
    torch.testing.assert_close(heat(A), torch.tensor([[[0.0], [9.0]]]))


def test_the_stronger_of_two_patterns_by_hand():
    # unit 0 at the first two places, length 5; unit 1 at the third, length 4; unit 0 is brighter, and alone in the map
    A = torch.tensor([[[[3.0, 4.0, 0.0]], [[0.0, 0.0, 4.0]]]])
    torch.testing.assert_close(heat(A), torch.tensor([[[3.0, 4.0, 0.0]]]))


def test_centred_by_hand():
    A = torch.tensor([[[[3.0, 1.0]]]])
    torch.testing.assert_close(heat(A, center=True), torch.tensor([[[1.0, -1.0]]]))
    torch.testing.assert_close(heat(A), torch.tensor([[[3.0, 1.0]]]))


def decomposed(A: Tensor, center: bool) -> Tensor:
    """The same of one image (k, h, w), by numpy's decomposition in double precision."""
    X = A.flatten(1).double().numpy()
    if center:
        X = X - X.mean(axis=1, keepdims=True)
    U, _, _ = np.linalg.svd(X, full_matrices=False)
    found = U[:, 0] @ X
    found *= np.sign(found @ X.sum(axis=0))
    return torch.from_numpy(found).view(A.shape[1:])


LARGE = [(vgg11, ["features.3", "features.4", "features.8"])]
"""Layers with more units and places than are decomposed at once."""


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize(("build", "names"), EVERYWHERE + LARGE)
def test_equals_a_decomposition_in_double_precision(build, names, center):
    model, x = build(), photo()
    A = generator.activations(model, x, names)
    maps = generator.attribute(model, x, "eigen_cam", layers=names, options={"eigen_cam": {"center": center}})
    for name in names:
        same(maps[name].double(), torch.stack([decomposed(a, center) for a in A[name]]))


@pytest.mark.parametrize(("build", "names"), EVERYWHERE)
def test_centred_it_equals_grad_cams_up_to_sign(build, names):
    model, x = build(), photo()
    maps = generator.attribute(model, x, "eigen_cam", layers=names, options={"eigen_cam": {"center": True}})
    for name in names:
        for ours, theirs in zip(maps[name], raw(Reference, model, name, x, 3), strict=True):
            same(ours, theirs * torch.sign((ours * theirs).sum()))


@pytest.mark.parametrize(
    ("k", "h", "w"), [(1, 3, 4), (5, 1, 2), (2, 40, 40), (300, 3, 3), (130, 20, 20), (97, 60, 60), (200, 10, 10)]
)
@pytest.mark.parametrize("size", [1.0, 1e-20, 1e15])
def test_any_shape_and_size(k, h, w, size):
    A = torch.randn(3, k, h, w, generator=torch.Generator().manual_seed(k)) + 0.3
    A = A.contiguous(memory_format=torch.channels_last)
    same(projected(A * size, False).double() / size, torch.stack([decomposed(a, False) for a in A]), relative=2e-5)


def test_patterns_of_nearly_the_same_strength():
    # lengths 1 and 0.999: five hundred units in two groups of places, whose squares differ by 0.2 %
    gen = torch.Generator().manual_seed(2)
    left, _ = torch.linalg.qr(torch.randn(500, 60, generator=gen, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(900, 60, generator=gen, dtype=torch.float64))
    lengths = torch.cat([torch.tensor([1.0, 0.999], dtype=torch.float64), torch.linspace(0.99, 0.1, 58).double()])
    A = ((left * lengths) @ right.T).view(1, 500, 30, 30)
    expected = decomposed(A[0], False)
    # in single precision a rounding of 1e-7 turns the two patterns by 1e-7 / 0.002
    same(projected(A.float(), False)[0].double(), expected, relative=1e-3)
    same(projected(A, False)[0], expected)


def test_found_at_once_or_late_in_one_batch():
    # where one pattern is nearly all there is it is found in three steps, in noise after dozens: nothing is lost meanwhile
    gen = torch.Generator().manual_seed(4)
    noise = torch.randn(5, 480, 196, generator=gen)
    pattern = torch.randn(480, 1, generator=gen) @ torch.randn(1, 196, generator=gen)
    amounts = torch.tensor([1.0, 1e-2, 1e-4, 1e-6, 0.0]).view(5, 1, 1)
    A = (pattern * (amounts < 1) + noise * amounts).view(5, 480, 14, 14)
    for got, a in zip(heat(A), A, strict=True):
        same(got.double(), decomposed(a, False))


@pytest.mark.parametrize(("k", "side"), [(3, 2), (9, 2), (110, 10), (100, 11)])
def test_what_has_no_pattern_or_only_one_is_finite(k, side):
    nothing, even = torch.zeros(2, k, side, side), torch.full((1, k, side, side), 2.0)
    exactly(heat(nothing), nothing[:, 0])
    same(heat(even), even[:, 0] * k**0.5)
    exactly(heat(even, center=True), nothing[:1, 0])
    noise = torch.randn(1, k, side, side, generator=torch.Generator().manual_seed(1))
    found = heat(torch.cat([nothing, even, noise]))
    exactly(found[:2], nothing[:, 0])
    same(found[2:3], even[:, 0] * k**0.5)
    same(found[3].double(), decomposed(noise[0], False))


@pytest.mark.parametrize("side", [2, 10])
def test_patterns_of_the_same_strength_by_hand(side):
    # each unit has a place of its own: any unit vector would do, and its map has length 1
    found = heat(torch.eye(side**2).view(1, side**2, side, side))
    torch.testing.assert_close(found.square().sum(), torch.tensor(1.0))


@pytest.mark.parametrize(("k", "side"), [(6, 4), (110, 10)])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_map_that_is_no_number_spoils_no_other(k, side, value):
    A = torch.rand(2, k, side, side, generator=torch.Generator().manual_seed(1))
    broken = A.clone()
    broken[0, 2, 1, 1] = value
    found = heat(broken)
    assert not found[0].isfinite().all()
    same(found[1].double(), decomposed(A[1], False))


def test_one_map_for_all_classes_and_none_of_a_single_place():
    assert not EigenCAM.needs_target
    assert EigenCAM().applies(facts(), row(shape=(8, 1, 2))) is None
    assert isinstance(EigenCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
