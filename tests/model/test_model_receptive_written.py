"""Receptive fields behind what is written into parts of a tensor, against the gradient; and what must claim no field."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.model.describe import describe
from generator.names import LayerName
from tests.model.test_model_receptive import conv, seen, told
from tests.model.test_model_receptive_moves import SHAPE, Between


def put(whole: Tensor, index: object, value: object) -> Tensor:
    whole[index] = value  # type: ignore[index]
    return whole


def wide(y: Tensor) -> Tensor:
    return F.avg_pool2d(y, 5, 1, 2)


WRITTEN: dict[str, Callable[[Tensor], Tensor]] = {
    "channels-of-zeros": lambda y: put(put(torch.zeros_like(y), (slice(None), 0), y[:, 1]), (slice(None), 1), y[:, 0]),
    "all-of-zeros": lambda y: put(torch.zeros(y.shape, dtype=y.dtype), slice(None), y),
    "all-by-dots": lambda y: put(torch.zeros(y.shape, dtype=y.dtype), ..., y),
    "one-image": lambda y: put(torch.zeros(2, *y.shape[1:], dtype=y.dtype), 1, y[0])[1:],
    "all-over-wide": lambda y: put(wide(y), slice(None), y),
    "narrow-over-wide": lambda y: put(wide(y), (slice(None), slice(1)), y[:, 1:]),
    "wide-over-narrow": lambda y: put(y.clone(), (0, slice(0, 1)), wide(y)[0, 1:]),
    "moved": lambda y: put(torch.zeros_like(y), (..., slice(2, None), slice(1, None)), y[:, :, :-2, :-1]),
    "moved-over-itself": lambda y: put(y.clone(), (slice(None), slice(1), slice(3, None)), y[:, :1, :-3]),
    "behind": lambda y: put(
        torch.zeros(1, *y.shape[2:], 2, dtype=y.dtype), (..., slice(0, 1)), y[:, :1].permute(0, 2, 3, 1)
    ).permute(0, 3, 1, 2),
    "zero-in-a-channel": lambda y: put(y, (slice(None), 0), 0.0),
    "zero-in-rows": lambda y: put(y, (slice(None), slice(None), slice(2)), 0.0),
    "zero-by-numbers": lambda y: put(y, (slice(None), [0]), 0.0),
    "zero-by-a-mask": lambda y: put(y, y < 0, 0.0),
    "copied": lambda y: torch.zeros_like(y).copy_(y),
    "copied-into-a-part": lambda y: _copied(torch.zeros_like(y), y),
}


def _copied(whole: Tensor, y: Tensor) -> Tensor:
    whole[:, :1].copy_(y[:, 1:])
    return whole


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_keeps_its_field(name: str) -> None:
    model, names = Between(WRITTEN[name], conv(3)), [LayerName("first"), LayerName("last")]
    layers = describe(model, SHAPE).by_name
    assert {name: told(layers[name]) for name in names} == seen(model, names, SHAPE)


WHOLE: dict[str, Callable[[Tensor], Tensor]] = {
    "one-row-in-all": lambda y: put(torch.zeros_like(y), slice(None), y[:, :, :1]),
    "with-gaps": lambda y: put(torch.zeros_like(y), (..., slice(None, None, 2)), y[..., : (y.shape[3] + 1) // 2]),
    "rows-as-columns": lambda y: put(
        torch.zeros(1, 2, y.shape[3], y.shape[2], dtype=y.dtype), slice(None), y.transpose(2, 3)
    ) + wide(y)[..., :20, :20].sum(),
    "picked-rows": lambda y: put(torch.zeros_like(y), (..., torch.arange(y.shape[2] - 1, -1, -1), slice(None)), y),
    "by-a-mask-of-values": lambda y: put(y.clone(), y > 0, y.mean()),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_written_elsewhere_claims_no_field(name: str) -> None:
    layers = describe(Between(WHOLE[name], conv(1)), SHAPE).by_name
    assert layers[LayerName("first")].receptive_field == (3, 3)
    assert layers[LayerName("last")].receptive_field is None
