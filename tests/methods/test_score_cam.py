"""Score-CAM: by hand, against a loop over the units, and against pytorch-grad-cam where the two agree."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from pytorch_grad_cam import ScoreCAM as Reference
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn.functional import interpolate

import generator
from generator.artifacts import NotApplicable
from generator.errors import UserError
from generator.methods import Cost
from generator.methods.score_cam import ScoreCAM, masks
from generator.names import LayerName, Unit
from tests.methods.examples import ByHand, alexnet, exactly, facts, out_of_place, photo, resnet18, row, same, vgg11


def test_the_map_by_hand():
    # unit 0 is [[1, 0], [3, 0]], unit 1 [[0, 2], [0, 0]], masks [[1/3, 0], [1, 0]] and [[0, 1], [0, 0]] over [[1, -2], [3, 0]].
    # Through the first the model sees [[1/3, 0], [3, 0]]: its score is 2/3 - 9; through the second [[0, -2], [0, 0]]: 4 * 2.
    weight = 1 / (1 + math.exp(8 - (2 / 3 - 9)))
    found = generator.attribute(ByHand(), ByHand.X, "score_cam", layers="relu", target=0)["relu"]
    torch.testing.assert_close(found, torch.tensor([[[weight, 2 * (1 - weight)], [3 * weight, 0.0]]]))
    # the score of class 1 is 0 whatever is seen: all units weigh the same
    found = generator.attribute(ByHand(), ByHand.X, "score_cam", layers="relu", target=1)["relu"]
    exactly(found, [[[0.5, 1.0], [1.5, 0.0]]])


def test_masks_by_hand():
    A = torch.tensor([[[1.0, 3.0]], [[-2.0, 2.0]], [[5.0, 5.0]]])
    # enlarged to twice the width: 1, 1.5, 2.5, 3, of which 1 is taken and which is divided by 2; a constant lets nothing through
    exactly(masks(A, (1, 4))[:, 0], [[[0, 0.25, 0.75, 1]], [[0, 0.25, 0.75, 1]], [[0, 0, 0, 0]]])


@cache
def tame(build: Callable[[], nn.Module]) -> nn.Module:
    """The model with a positive last layer and scores of about 3: a softmax over scores of 100 that are sums of larger ones
    of both signs, as random weights give them, is at the mercy of float32's rounding in whatever implementation."""
    model = copy.deepcopy(build())
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        head.weight.abs_()
        head.weight *= 3 / model(photo()).mean()
    return model


def slowly(model: nn.Module, x: Tensor, A: Tensor, score: Callable[[Tensor], Tensor], units: list[int]) -> Tensor:
    """The paper's algorithm 1 for one image: one forward a unit, and its blank input."""
    blank = score(torch.zeros_like(x))
    raises = []
    for k in units:
        up = interpolate(A[:, k : k + 1], size=x.shape[2:], mode="bilinear", align_corners=False)
        H = (up - up.min()) / (up.max() - up.min()) if up.max() > up.min() else torch.zeros_like(up)
        raises.append(score(x * H) - blank)
    alpha = torch.cat(raises).softmax(dim=0)
    return sum(a * A[:, k] for a, k in zip(alpha, units, strict=True)).relu()


@pytest.mark.parametrize(
    ("build", "layer"), [(resnet18, "layer1"), (resnet18, "layer1.0.bn1"), (alexnet, "features.1")]
)
def test_equals_the_paper_s_loop(build, layer):
    model, x = tame(build), photo(1, height=64, width=80)
    A = generator.activations(model, x, layer)[LayerName(layer)]
    with torch.no_grad():
        expected = slowly(model, x, A, lambda seen: model(seen)[:, 3], list(range(A.shape[1])))
    same(generator.attribute(model, x, "score_cam", layers=layer, target=3)[layer], expected)


def test_a_unit_s_mean_is_a_target_as_well():
    model, x = tame(resnet18), photo(1)
    A = generator.activations(model, x, "layer1")[LayerName("layer1")]

    kept: list[Tensor] = []

    def mean_of_unit(seen: Tensor) -> Tensor:
        model(seen)
        return kept.pop()[:, 7].mean(dim=(1, 2))

    with model.layer4.register_forward_hook(lambda module, args, output: kept.append(output)), torch.no_grad():
        expected = slowly(model, x, A, mean_of_unit, list(range(A.shape[1])))
    found = generator.attribute(model, x, "score_cam", layers="layer1", target=Unit(LayerName("layer4"), 7))
    same(found["layer1"], expected)


def reference(model: nn.Module, layer: str, x: Tensor, target: int) -> Tensor:
    """pytorch-grad-cam's map before it is enlarged and stretched to 0 ... 1."""
    with Reference(model=model, target_layers=[model.get_submodule(layer)]) as cam:
        cam.activations_and_grads(x)
        (A,) = (a.detach().numpy() for a in cam.activations_and_grads.activations)
        targets = [ClassifierOutputTarget(target)] * len(x)
        return torch.from_numpy(cam.get_cam_image(x, cam.target_layers[0], targets, A, None)).relu()


@pytest.mark.parametrize(("build", "layer"), [(vgg11, "features.0"), (vgg11, "features.1")])
def test_equals_grad_cam_where_nothing_is_enlarged(build, layer):
    model, x = tame(build), photo(1)
    found = generator.attribute(model, x, "score_cam", layers=layer, target=3)[layer]
    same(found, reference(out_of_place(model), layer, x, 3))


@pytest.mark.parametrize(("build", "layer"), [(vgg11, "features.2"), (alexnet, "features.1"), (resnet18, "layer1")])
def test_equals_grad_cam_but_for_how_maps_are_enlarged(build, layer, monkeypatch):
    # grad-cam enlarges corner to corner; there is no other difference, since the blank input drops out of the softmax
    model, x = tame(build), photo(2)
    theirs = reference(out_of_place(model), layer, x, 3)
    monkeypatch.setattr(torch.nn, "UpsamplingBilinear2d", lambda size: nn.Upsample(size, mode="bilinear"))
    found = generator.attribute(model, x, "score_cam", layers=layer, target=3)[layer]
    same(found, reference(out_of_place(model), layer, x, 3))
    assert not torch.allclose(found, theirs, rtol=1e-4)


def test_fewer_units_are_those_of_the_highest_mean_in_the_image():
    model, x = tame(resnet18), photo(2)
    A = generator.activations(model, x, "layer1")[LayerName("layer1")]
    found = generator.attribute(model, x, "score_cam", layers="layer1", target=3, options={"score_cam": {"units": 5}})
    for n in range(2):
        means = A[n].mean(dim=(1, 2)).tolist()
        units = sorted(sorted(range(len(means)), key=lambda k: -means[k])[:5])
        with torch.no_grad():
            expected = slowly(model, x[n : n + 1], A[n : n + 1], lambda seen: model(seen)[:, 3], units)
        same(found["layer1"][n : n + 1], expected)


def test_masked_inputs_are_made_a_batch_at_a_time():
    model, seen = resnet18(), []
    with model.register_forward_pre_hook(lambda module, args: seen.append(len(args[0]))):
        generator.attribute(model, photo(1), "score_cam", layers="layer1", target=3)
    assert max(seen) == 8
    assert (
        sum(seen) == 1 + 1 + 2 + 64
    )  # one describes the model, one is shared, two find its twin without normalisations


def test_what_it_costs_where_it_means_nothing_and_what_is_no_number_of_units():
    assert ScoreCAM().cost(facts(), row(shape=(8, 4, 4)), 3) == Cost(8)
    assert ScoreCAM(units=3).cost(facts(), row(shape=(8, 4, 4)), 3) == Cost(3)
    assert ScoreCAM(units=30).cost(facts(), row(shape=(8, 4, 4)), 3) == Cost(8)
    assert isinstance(ScoreCAM().applies(facts(), row(shape=(8, 1, 1))), NotApplicable)
    with pytest.raises(UserError, match="score_cam: expected units to be 0 or more, received -1"):
        ScoreCAM(units=-1)
