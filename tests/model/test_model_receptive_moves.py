"""Receptive fields behind whatever moves, mirrors, picks and multiplies, against the gradient; and what must claim no field."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.model.describe import describe
from generator.names import LayerName
from tests.model.test_model_receptive import check, conv, seen, told

W = torch.ones(2, 2, dtype=torch.float64)
SHAPE = (2, 42, 46)


class Between(nn.Module):
    """A convolution, a function of its maps, and a convolution or a linear layer."""

    def __init__(self, function: Callable[[Tensor], Tensor], last: nn.Module) -> None:
        super().__init__()
        self.first, self.function, self.last = conv(3, stride=2, padding=(1, 0)), function, last

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x)))


def weights(x: Tensor) -> Tensor:
    """The constant matrix, as precise as what it is multiplied with."""
    return W.to(x.dtype)


MOVED: dict[str, Callable[[Tensor], Tensor]] = {
    "stack": lambda y: torch.stack((y, F.avg_pool2d(y, 3, 1, 1)), dim=1).sum(1),
    "stack-behind": lambda y: torch.stack((y, y), -1).sum(-1),
    "stack-tokens": lambda y: torch.stack((y.flatten(2), y.flatten(2))).sum(0).unflatten(2, y.shape[2:]),
    "flip": lambda y: y.flip(2, 3),
    "flip-one": lambda y: F.avg_pool2d(torch.flip(y[:, :, :, 3:], dims=[-1]), (2, 5), 1).flip((-1,)),
    "flip-lr": lambda y: torch.fliplr(y.movedim(3, 1)).movedim(1, 3),
    "roll": lambda y: torch.roll(y, (1, -2), (2, 3)),
    "roll-one": lambda y: y.roll(shifts=-3, dims=-1),
    "transpose-by-keyword": lambda y: y.transpose(dim0=1, dim1=3).transpose(dim0=3, dim1=1),
    "swapaxes": lambda y: torch.swapaxes(y.swapaxes(axis0=2, axis1=1), 1, 2),
    "movedim": lambda y: (torch.movedim(y, 1, -1) + 1).movedim(source=-1, destination=1),
    "moveaxis": lambda y: torch.moveaxis(torch.moveaxis(y, (2, 3), (0, 1)), (0, 1), (2, 3)),
    "mT": lambda y: (y.mT * 2).mT,
    "narrow": lambda y: y.narrow(2, 2, 12).narrow(dim=1, start=0, length=2),
    "select": lambda y: torch.stack((y, y)).select(0, 1),
    "index-select": lambda y: torch.index_select(y, 1, torch.tensor([1, 0])),
    "list": lambda y: y[:, [1, 0]],
    "vector": lambda y: y[:, torch.tensor([1, 0])],
    "split": lambda y: y.split(7, dim=2)[1],
    "chunk": lambda y: y.chunk(3, 3)[1],
    "unfold": lambda y: y.unfold(2, 3, 2).unfold(3, 2, 2).flatten(4).sum(-1),
    "fold": lambda y: F.fold(F.unfold(y, (3, 2), padding=1).flip(1), (21, 22), (3, 2), padding=1),
    "fold-of-places": lambda y: F.fold(
        torch.cat((y, y, y, y, y, y), 1).flatten(2), (23, 23), (3, 2), dilation=(2, 1), padding=(1, 0)
    ),
    "matmul": lambda y: (y.movedim(1, -1) @ weights(y)).movedim(-1, 1),
    "matmul-from-left": lambda y: torch.matmul(weights(y), y.flatten(2)).unflatten(2, y.shape[2:]),
    "einsum": lambda y: torch.einsum("nchw,cd->ndhw", y, weights(y)),
    "einsum-by-numbers": lambda y: torch.einsum(weights(y), [5, 1], y, [0, 1, 2, 3], [0, 5, 2, 3]),
    "tensordot": lambda y: torch.tensordot(y, weights(y), dims=([1], [0])).permute(0, 3, 1, 2),
    "tensordot-from-left": lambda y: torch.tensordot(weights(y), y, dims=([1], [1])).transpose(0, 1),
    "glu": lambda y: F.glu(torch.cat((y, y), 1), dim=1),
    "cumsum": lambda y: y.cumsum(dim=1),
    "topk": lambda y: y.topk(2, dim=1).values,
    "norm": lambda y: torch.cat((y.norm(2, 1, True), torch.linalg.vector_norm(y, 2, 1, True)), 1),
    "normalize": lambda y: F.normalize(torch.cat((y[:, :1], y[:, 1:].sqrt()), 1), 2.0, 1),
    "tile": lambda y: y[:, :1].repeat(1, 2, 1, 1),
    "batch-norm-of-others": lambda y: F.batch_norm(
        y.transpose(1, 2), torch.zeros(y.shape[2], dtype=y.dtype), torch.ones(y.shape[2], dtype=y.dtype)
    ).transpose(1, 2),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_is_moved_keeps_its_field(name: str) -> None:
    found = check(Between(MOVED[name], conv(3)), SHAPE)
    assert all(layer.receptive_field is not None for layer in found.layers if layer.name in ("first", "last"))
    assert found.by_name[LayerName("last")].receptive_field is not None


def test_windows_as_tokens() -> None:
    model = Between(lambda y: F.unfold(y, (3, 5), padding=(1, 2), stride=2).transpose(1, 2), nn.Linear(30, 2))
    assert check(model, SHAPE).by_name[LayerName("last")].receptive_field == (3 + 2 * 2, 3 + 4 * 2)


LARGER: dict[str, Callable[[Tensor], Tensor]] = {
    "repeat-interleave": lambda y: y.repeat_interleave(2, dim=2).repeat_interleave(repeats=3, dim=-1),
    "shuffled-by-hand": lambda y: (
        torch.cat((y, y, y, y), 1)
        .view(1, 2, 2, 2, *y.shape[2:])
        .permute(0, 1, 4, 2, 5, 3)
        .reshape(1, 2, 2 * y.shape[2], -1)
    ),
}


@pytest.mark.parametrize("name", LARGER)
def test_enlarged_by_hand(name: str) -> None:
    model = Between(LARGER[name], conv(1))
    layer = describe(model, SHAPE).by_name[LayerName("last")]
    top, bottom, left, right = seen(model, [layer.name], SHAPE)[layer.name]
    assert layer.receptive_field == (bottom - top + 1, right - left + 1) == (3, 3)
    assert max(abs(told(layer)[0] - top), abs(told(layer)[2] - left)) <= 1


def test_a_smoothed_reduction_sees_all_that_it_smooths() -> None:
    model = Between(
        lambda y: F.interpolate(y[:, :, :20, :20], scale_factor=0.25, mode="bilinear", antialias=True), conv(1)
    )
    layer = describe(model, SHAPE).by_name[LayerName("last")]
    top, bottom, left, right = seen(model, [layer.name], SHAPE)[layer.name]
    ours = told(layer)
    assert ours[0] <= top and bottom <= ours[1] and ours[2] <= left and right <= ours[3]
    assert ours[1] - ours[0] <= bottom - top + 6


WHOLE: dict[str, Callable[[Tensor], Tensor]] = {
    "rows-as-channels": lambda y: F.conv2d(
        y.transpose(1, 2), torch.ones(2, y.shape[2], 3, 3, dtype=y.dtype), padding=1
    ),
    "gated-along-a-row": lambda y: F.glu(F.pad(y, (0, y.shape[3] % 2))),
    "summed-along-a-column": lambda y: y.cumsum(2),
    "sorted-along-a-row": lambda y: y.sort(3).values,
    "one-row-added-to-all": lambda y: y + y[:, :, :1],
    "one-row-for-all": lambda y: y[:, :, :1].expand(-1, -1, 9, -1),
    "with-its-mirror-image": lambda y: y + y.flip(3),
    "half-way-round": lambda y: y.roll(11, 3),
    "rows-multiplied": lambda y: torch.ones(5, y.shape[2], dtype=y.dtype) @ y,
    "normed-over-rows": lambda y: F.normalize(y, 2.0, 2),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_mixes_places_claims_no_field(name: str) -> None:
    layers = describe(Between(WHOLE[name], conv(1)), SHAPE).by_name
    assert layers[LayerName("first")].receptive_field == (3, 3)
    assert layers[LayerName("last")].receptive_field is None
