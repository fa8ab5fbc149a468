"""What is seen behind enlargements and reductions: at every place just what has a gradient there, and a span by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.model.describe import describe
from generator.model.span import MOST, Span, told, union
from generator.names import Layer
from tests.model.test_model_receptive import conv, positive


class Resized(nn.Module):
    """F.interpolate with these arguments."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, **self.options)


def touched(model: nn.Module, shape: tuple[int, int, int]) -> list[tuple[int, int] | None]:
    """The first and the last row that the units of each row of the output depend on, by their gradient; None where on none."""
    x = torch.rand(1, *shape, dtype=torch.float64).add_(0.5).requires_grad_()
    out = positive(model)(x)
    found: list[tuple[int, int] | None] = []
    for row in range(out.shape[2]):
        (gradient,) = torch.autograd.grad(out[0, :, row, out.shape[3] // 2].sum(), x, retain_graph=True)
        weight = gradient[0].abs().sum(dim=(0, 2))
        rows = (weight > 1e-6 * weight.max()).nonzero().flatten().tolist()  # rounding gives what is not read some 1e-8
        found.append((rows[0], rows[-1]) if rows else None)
    return found


def last(model: nn.Module, shape: tuple[int, int, int]) -> Layer:
    layer = describe(model, shape).layers[-1]
    assert layer.receptive_field is not None
    return layer


def interior(layer: Layer, expected: list[tuple[int, int] | None], side: int) -> list[tuple[int, tuple[int, int]]]:
    """The places that are made from nothing beyond the border, and what they see: at a border less is read, or it twice."""
    whole = [(place, each) for place, each in enumerate(expected) if each is not None]
    return [
        (place, each) for place, each in whole if layer.sees(0, place)[0] >= 8 and layer.sees(0, place)[1] < side - 8
    ]  # type: ignore[index]


ENLARGED: dict[str, Callable[[], list[nn.Module]]] = {
    "transposed 2/2": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 2, 2), conv(padding=1)],
    "transposed 4/2": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 4, 2, 1), conv(padding=1)],
    "transposed 4/2 without padding": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 4, 2)],
    "transposed 3/2, places in turn see one or two": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 3, 2, 1, 1)],
    "transposed 3/1": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 3, padding=2), conv(2)],
    "transposed 5/3": lambda: [conv(stride=3), nn.ConvTranspose2d(2, 2, 5, 3, 1), conv(4)],
    "transposed, dilated": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 3, 2, 1, dilation=3), conv()],
    "transposed twice": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 4, 2, 1), nn.ConvTranspose2d(2, 2, 2, 2), conv()],
    "transposed, then coarser": lambda: [conv(stride=4), nn.ConvTranspose2d(2, 2, 3, 2, 1), conv(stride=2), conv()],
    "nearest": lambda: [conv(stride=4), nn.Upsample(scale_factor=2), conv(padding=1)],
    "nearest twice": lambda: [conv(stride=4), nn.Upsample(scale_factor=2), conv(), nn.Upsample(scale_factor=3), conv()],
    "bilinear": lambda: [conv(stride=4), nn.Upsample(scale_factor=2, mode="bilinear"), conv()],
    "bilinear by three": lambda: [conv(stride=4), nn.Upsample(scale_factor=3, mode="bilinear"), conv(2)],
    "bilinear twice": lambda: [conv(stride=4), nn.Upsample(scale_factor=2, mode="bilinear"), conv(), Resized(scale_factor=2, mode="bilinear")],
    "bilinear to a size": lambda: [conv(stride=4), Resized(size=(37, 41), mode="bilinear"), conv()],
    "corner to corner": lambda: [conv(stride=4), Resized(size=(46, 46), mode="bilinear", align_corners=True), conv()],
    "bicubic": lambda: [conv(stride=4), nn.Upsample(scale_factor=2, mode="bicubic"), conv()],
    "shuffled": lambda: [conv(stride=4), nn.Conv2d(2, 8, 3), nn.PixelShuffle(2), conv()],
    "area": lambda: [conv(stride=2), Resized(size=(31, 20), mode="area"), conv()],
    "adaptive": lambda: [conv(stride=2), nn.AdaptiveAvgPool2d((20, 13)), conv()],
    "nearest, fewer": lambda: [conv(stride=2), Resized(scale_factor=0.4), conv()],
    "nearest, a quarter": lambda: [conv(), nn.Upsample(scale_factor=0.25), conv()],
    "nearest, exactly": lambda: [conv(), Resized(scale_factor=0.25, mode="nearest-exact"), conv()],
    "bilinear, fewer": lambda: [conv(), nn.Upsample(scale_factor=0.25, mode="bilinear"), conv()],
    "bilinear, smoothed": lambda: [conv(), Resized(size=(30, 30), mode="bilinear", antialias=True), conv()],
}  # fmt: skip


@pytest.mark.parametrize("name", ENLARGED)
def test_each_place_sees_just_what_has_a_gradient_there(name: str) -> None:
    model, side = nn.Sequential(*ENLARGED[name]()), 96
    expected, layer = touched(model, (2, side, side)), last(model, (2, side, side))
    inner = interior(layer, expected, side)
    assert len(inner) >= 4
    assert {place: layer.sees(0, place) for place, _ in inner} == {place: pytest.approx(each) for place, each in inner}
    assert layer.receptive_field[0] == max(stop - start + 1 for _, (start, stop) in inner)  # type: ignore[index]


def test_where_a_kernel_leaves_gaps_all_that_is_seen_is_told_and_little_more() -> None:
    # every third row is the bias alone: told is what its neighbour sees
    model = nn.Sequential(conv(stride=4), nn.ConvTranspose2d(2, 2, 2, 3), conv(2))
    expected, layer = touched(model, (2, 96, 96)), last(model, (2, 96, 96))
    for place, (start, stop) in interior(layer, expected, 96):
        first, final = layer.sees(0, place)  # type: ignore[misc]
        assert first <= start <= first + 4 and stop == final


RESIZED = [
    *({"size": size, "mode": mode} for size in (7, 19, 23, 31, 46, 60, 69) for mode in ("nearest", "nearest-exact", "area")),
    *({"scale_factor": factor, "mode": mode} for factor in (0.4, 0.3, 1.3, 1.7, 2.5, 1.02) for mode in ("nearest", "nearest-exact")),
    {"scale_factor": 0.3, "mode": "nearest", "recompute_scale_factor": True},
]  # fmt: skip


@pytest.mark.parametrize("options", RESIZED, ids=str)
def test_places_that_are_picked_are_those_that_torch_picks(options: dict[str, object]) -> None:
    for side in (23, 24):
        expected, layer = touched(Resized(**options), (2, side, side)), last(Resized(**options), (2, side, side))
        assert [layer.sees(0, place) for place in range(len(expected))] == [pytest.approx(each) for each in expected]


@pytest.mark.parametrize("size", [9, 19, 24, 31, 46])
@pytest.mark.parametrize("options", [
    {"mode": "bilinear"}, {"mode": "bicubic"}, {"mode": "bilinear", "align_corners": True},
    {"mode": "bilinear", "antialias": True}, {"mode": "bicubic", "antialias": True},
], ids=str)  # fmt: skip
def test_places_that_are_mixed_are_those_that_torch_mixes(size: int, options: dict[str, object]) -> None:
    model, side = Resized(size=size, **options), 24
    expected, layer = touched(model, (2, side, side)), last(model, (2, side, side))
    for place, each in enumerate(expected):
        start, end = layer.sees(0, place)  # type: ignore[misc]
        assert each == (max(0, start), min(side - 1, end)), place


def test_a_factor_that_is_given_is_the_one_that_counts() -> None:
    # 0.3 of 24 places are 7; torch then reads every 1 / 0.3 of them, not every 24 / 7
    layer = last(Resized(scale_factor=0.3), (2, 24, 24))
    assert layer.jump == pytest.approx((10 / 3, 10 / 3))
    assert [layer.sees(0, place) for place in range(7)] == [(at, at) for at in (0, 3, 6, 10, 13, 16, 20)]


def test_enlarged_twice_by_hand() -> None:
    # coarse places see 0..2, 4..6, 8..10; each of them stands twice
    fine = Span(0, 2, 4).repeated(2)
    assert fine == Span(-2, 2, 2, ((2, 0), (0, -2)))
    assert [fine.at(place) for place in (-1, 0, 1, 2)] == [(-4, -2), (0, 2), (0, 2), (4, 6)]
    assert (fine.size, fine.offset) == (3, 0)
    # three of them in a row lie over two coarse ones, wherever they begin
    assert [fine.window(3, 1, 1).at(place) for place in (0, 1, 2)] == [(-4, 2), (0, 6), (0, 6)]
    # two of them over one or two, in turn
    pairs = fine.window(2, 1, 0)
    assert ([pairs.at(place) for place in (0, 1)], pairs.size) == ([(0, 2), (0, 6)], 7)
    # every second of these lies even again
    assert fine.window(1, 2, 0) == Span(0, 2, 4)
    assert fine.window(1, 2, -1) == Span(0, 2, 4)


def test_a_transposed_convolution_by_hand() -> None:
    # kernel 3, stride 2, padding 1: place 0 is the middle tap of old place 0, place 1 the last of 0 and the first of 1
    spread = Span(0, 0, 1).spread(3, 2, 1)
    assert [spread.at(place) for place in range(4)] == [(0, 0), (0, 1), (1, 1), (1, 2)]
    assert (spread.size, spread.jump) == (2, 0.5)
    # kernel 2, stride 3: nothing is laid over place 2
    assert [Span(0, 0, 1).spread(2, 3, 0).at(place) for place in range(4)] == [(0, 0), (0, 0), (0, 0), (1, 1)]


def test_places_counted_from_the_other_end() -> None:
    fine = Span(0, 2, 4).repeated(2)
    back = fine.flipped(6)
    assert [back.at(place) for place in range(6)] == [fine.at(5 - place) for place in range(6)]
    assert Span(0, 2, 4).flipped(3) == Span(8, 10, -4)


def test_a_union_of_uneven_spans_holds_both_at_every_place() -> None:
    a, b = Span(0, 2, 4).repeated(2), Span(0, 8, 6).repeated(3)
    both = union([(a, 12), (b, 12)])
    assert both is not None
    assert [both.at(k) for k in range(12)] == [
        (min(a.at(k)[0], b.at(k)[0]), max(a.at(k)[1], b.at(k)[1])) for k in range(12)
    ]
    # places that run away from each other: an even grid that holds what any sees
    wide = union([(a, 12), (Span(0, 0, 3), 12)])
    assert wide is not None and not wide.phases
    assert all(wide.at(k)[0] <= a.at(k)[0] + 1e-9 and a.at(k)[1] <= wide.at(k)[1] + 1e-9 for k in range(12))


def test_where_there_were_too_many_turns_all_places_are_told_what_any_sees() -> None:
    uneven = told([(0, 0)] * 700, 1 / 700)
    assert len(uneven.phases) == 700
    many = uneven.between(Fraction(3, 7), Fraction(0), 21)
    assert len(many.phases) <= MOST
    for place in range(21):
        old = uneven.over(place * 3 // 7, -(-place * 3 // 7))
        assert many.at(place)[0] <= old[0] + 1e-6 and old[1] <= many.at(place)[1] + 1e-6
