"""Receptive fields of norms by whose numbers they use, of weights worked out from the image, and of layers with a forward of their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.diagrams.from_model import architecture
from generator.model.describe import describe
from generator.names import LayerName
from tests.model.test_model_receptive import check, conv


class Then(nn.Module):
    """A convolution, something, and a convolution."""

    def __init__(self, then: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.then, self.last = conv(3, padding=1), then, conv(3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.then(self.first(x)))


class Made(nn.Module):
    """Weights that the image has a say in."""

    def __init__(self, use: Callable[[Tensor, Tensor], Tensor], many: int) -> None:
        super().__init__()
        self.use, self.make = use, nn.Linear(2, many)

    def forward(self, x: Tensor) -> Tensor:
        return self.use(x, self.make(x.mean((2, 3)))[0])


def batch_norm(x: Tensor, **options: bool) -> Tensor:
    return F.batch_norm(x, x.new_zeros(2), x.new_ones(2), **options)


WHOLE = {
    "kernel": Made(lambda x, w: F.conv2d(x, w.view(2, 2, 3, 3), padding=1), 36),
    "kernel-by-name": Made(lambda x, w: F.conv2d(weight=w.view(2, 2, 3, 3), input=x, padding=1), 36),
    "kernel-of-a-fixed-map": Made(lambda x, w: F.conv2d(torch.ones_like(x), w.view(2, 2, 1, 1)), 4),
    "enlarging": Made(lambda x, w: F.conv_transpose2d(x, w.view(2, 2, 2, 2), stride=2), 16),
    "gamma": Made(lambda x, w: F.batch_norm(x, x.new_zeros(2), x.new_ones(2), w), 2),
    "matrix": Made(lambda x, w: F.linear(x.permute(0, 2, 3, 1), w.view(2, 2)).permute(0, 3, 1, 2), 4),
    "layer-norm": Made(lambda x, w: F.layer_norm(x.permute(0, 2, 3, 1), (2,), w).permute(0, 3, 1, 2), 2),
    "batch-norm-of-the-map": nn.BatchNorm2d(2, track_running_stats=False),
    "batch-norm-while-training": lambda x: batch_norm(x, training=True),
    "instance-norm": nn.InstanceNorm2d(2),
    "instance-norm-function": F.instance_norm,
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_all_places_have_a_say_in_has_no_field(name: str) -> None:
    layers = describe(Then(WHOLE[name]), (2, 12, 12)).by_name
    assert layers[LayerName("first")].receptive_field == (3, 3)
    assert layers[LayerName("last")].receptive_field is None


class Wide(nn.Conv2d):
    """A convolution that holds another, and a branch beside it."""

    def __init__(self) -> None:
        super().__init__(2, 2, 3, padding=1)
        self.more, self.side = (
            nn.Sequential(conv(3, padding=1), nn.BatchNorm2d(2), nn.ReLU()),
            conv((1, 7), padding=(0, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.more(super().forward(x)) + self.side(x)


class Same(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (1, 2, 1, 2)))


class Standard(nn.Conv2d):
    """Its weights are centred first."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight - weight.mean((1, 2, 3), keepdim=True) + weight, bias)


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Squeezed(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y * y.mean((2, 3), keepdim=True)


class Hidden(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(super().forward(x).detach().numpy() * 2)


LOCAL: dict[str, tuple[Callable[[Tensor], Tensor], tuple[int, int]]] = {
    "instance-norm-with-numbers-of-its-own": (nn.InstanceNorm2d(2, track_running_stats=True), (5, 5)),
    "instance-norm-function": (
        lambda x: F.instance_norm(x, x.new_zeros(2), x.new_ones(2), use_input_stats=False), (5, 5)
    ),
    "batch-norm-function": (batch_norm, (5, 5)),
    "two-in-one": (Wide(), (9, 11)),
    "padded-by-itself": (Same(2, 2, 4), (8, 8)),
    "standardised": (Standard(2, 2, 3), (7, 7)),
}  # fmt: skip


@pytest.mark.parametrize("name", LOCAL)
def test_what_is_local_against_the_gradient(name: str) -> None:
    then, expected = LOCAL[name]
    found = check(Then(then), (2, 24, 24))
    assert found.by_name[LayerName("last")].receptive_field == expected


def test_a_norm_over_channels_stays_local_however_it_is_written() -> None:
    last = describe(Then(LayerNorm2d(2)), (2, 12, 12)).by_name[LayerName("last")]
    assert last.receptive_field == (5, 5)


@pytest.mark.parametrize(
    "then", [Squeezed(2, 2, 3, padding=1), Hidden(2, 2, 3, padding=1)], ids=["gated", "out-of-sight"]
)
def test_a_layer_that_does_more_than_its_kind_has_no_field(then: nn.Module) -> None:
    layers = describe(Then(then), (2, 12, 12)).by_name
    assert layers[LayerName("then")].shape == (2, 12, 12)
    assert layers[LayerName("then")].receptive_field is layers[LayerName("last")].receptive_field is None


class Unbatched(nn.Module):
    """Convolutions and a pool of one map without a batch; a volume whose channel is the batch's one image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.up = conv((3, 5)), nn.MaxPool2d(2), nn.ConvTranspose2d(2, 2, 2, stride=2)
        self.volume, self.last = nn.Conv3d(1, 1, (1, 3, 5)), conv(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.volume(self.up(self.pool(self.conv(x[0])))[None]))


def test_maps_without_a_batch_have_the_field_that_they_have_in_one() -> None:
    it = architecture(Unbatched(), (2, 31, 33))
    fields = {op.id: op.receptive_field for op in it.ops}
    assert [fields[name] for name in ("conv", "pool", "up")] == [(3, 5), (4, 6), (4, 6)]
    assert (fields["volume"], fields["last"]) == ((6, 10), (8, 12))


def test_where_a_grid_says_what_is_read_the_field_is_the_whole_and_that_is_said() -> None:
    def warped(x: Tensor) -> Tensor:
        return F.grid_sample(
            x, F.affine_grid(torch.eye(2, 3, dtype=x.dtype)[None], [1, 2, 12, 12], False), align_corners=False
        )

    it = architecture(Then(warped), (2, 12, 12))
    assert it.by_id["F.grid_sample"].receptive_field is it.by_id["last"].receptive_field is None
    assert (
        it.by_id["F.grid_sample"].note == "Where it reads is what its grid says: a place of it may see the whole input."
    )
