"""Occlusion: by hand, and against captum."""

from __future__ import annotations

import copy

import captum.attr
import pytest
import torch
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.errors import UserError
from generator.methods import Cost
from generator.methods.occlusion import Occlusion, covered, windows
from generator.names import LayerName, Unit
from tests.methods.examples import exactly, facts, photo, resnet18, same, vgg11


class Sum(nn.Module):
    """Class 0 is the sum of all pixels, class 1 its negative."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).sum(dim=(2, 3))


X = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)


def occluded(model: nn.Module, x: Tensor, target: object = 0, **options: object) -> Tensor:
    ends = ([-2.0] * x.shape[1], [4.0] * x.shape[1])
    found = generator.attribute(model, x, "occlusion", target=target, options={"occlusion": options}, ends=ends)  # type: ignore[call-overload]
    assert isinstance(found, Tensor)
    return found


def test_overlapping_windows_by_hand():
    # covering 2 x 2 windows of 1 ... 9 with zero costs the sum 1+2+4+5 = 12, 2+3+5+6 = 16, 24 and 28
    found = occluded(Sum(), X, window=2, stride=1, fill="zero")
    exactly(found, [[[12, 14, 16], [18, 20, 22], [24, 26, 28]]])
    exactly(occluded(Sum(), X, target=1, window=2, stride=1, fill="zero"), -found)


def test_windows_over_the_edge_by_hand():
    # the second window of a row or column has one pixel left: 1+2+4+5, 3+6, 7+8, 9
    found = occluded(Sum(), X, window=2, stride=2, fill="zero")
    exactly(found, [[[12, 12, 9], [12, 12, 9], [15, 15, 9]]])


def test_what_covers_by_hand():
    # a pixel of value v covered by black, -2, costs v + 2; by grey, half-way from -2 to 4, it costs v - 1
    exactly(occluded(Sum(), X, window=1, stride=1, fill="black"), X[0] + 2)
    exactly(occluded(Sum(), X, window=1, stride=1), X[0] - 1)


@pytest.mark.parametrize(
    ("build", "size", "window", "stride", "fill"),
    [
        (vgg11, (64, 64), 16, 16, "zero"),
        (resnet18, (48, 80), 20, 12, "zero"),
        (resnet18, (48, 80), 17, 17, "black"),
        (resnet18, (80, 48), 48, 16, "grey"),
    ],
)
def test_equals_captum(build, size, window, stride, fill):
    # in float64: the small differences of large scores keep no five digits in float32, on either side
    model, x = copy.deepcopy(build()).double(), photo(2, height=size[0], width=size[1]).double()
    level = {"zero": 0.0, "black": -2.0, "grey": 1.0}[fill]
    expected = captum.attr.Occlusion(model).attribute(
        x,
        sliding_window_shapes=(3, window, window),
        strides=(3, stride, stride),
        baselines=level,
        target=3,
        perturbations_per_eval=5,
    )
    found = occluded(model, x, target=3, window=window, stride=stride, fill=fill)
    assert found.shape == (2, *size)
    for channel in range(3):  # a window covers all channels at once
        same(found, expected[:, channel])


def test_a_unit_s_mean_is_a_target_as_well():
    x = photo(1, channels=1, height=6, width=6)
    found = occluded(Sum(), x, target=Unit(LayerName("conv"), 1), window=3, stride=3, fill="zero")
    same(found, -nn.functional.avg_pool2d(x, 3).repeat_interleave(3, 2).repeat_interleave(3, 3)[0] / 4)


def test_the_forwards_are_as_many_as_it_says_on_pictures_that_are_not_square():
    for height, width, options in (
        (48, 80, {}),
        (80, 48, {"window": 10}),
        (30, 31, {"window": 7, "stride": 5}),
        (40, 24, {"window": 30, "stride": 30}),
        (40, 24, {"window": 100}),
    ):
        method, seen = Occlusion(**options), []
        model = Sum()
        with model.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(len(args[0]))):
            occluded(model, photo(1, 1, height, width), **options)
        shape = facts(input_shape=(1, height, width))
        assert method.applies(shape, None) is None
        assert method.cost(shape, None, 2) == Cost(sum(seen) - 2)  # one describes the model, one is shared
        assert max(seen) <= 8


def test_every_place_is_covered_and_a_window_is_a_seventh_of_the_shorter_side():
    assert Occlusion().sizes(224, 224) == (32, 16)
    assert Occlusion().sizes(224, 448) == (32, 16)
    assert Occlusion().sizes(3, 5) == (1, 1)
    assert Occlusion(window=20).sizes(224, 224) == (20, 10)
    places = windows(37, 53, 8, 5)
    masks = 1 - covered(torch.ones(1, 1, 37, 53), places, torch.zeros(1, 1, 1))[0 : len(places)]
    assert masks.sum(dim=0).min() >= 1
    assert [m.sum().item() for m in masks] == [(r.stop - r.start) * (c.stop - c.start) for r, c in places]
    assert len(places) == len({(r.start, c.start) for r, c in places}) == 7 * 10


def test_options_that_leave_places_uncovered_or_mean_nothing():
    with pytest.raises(UserError, match="occlusion: expected stride to be 10, the window, or less, received 11"):
        Occlusion(window=10, stride=11)
    with pytest.raises(UserError, match="occlusion: expected fill to be grey, black or zero, received 'red'"):
        Occlusion(fill="red")
    with pytest.raises(UserError, match="occlusion: expected window to be 0 or more, received -1"):
        Occlusion(window=-1)
    refused = Occlusion(stride=40).applies(facts(input_shape=(3, 224, 224)), None)
    assert isinstance(refused, NotApplicable)
    assert "32 pixels stand 40 apart" in refused.reason
