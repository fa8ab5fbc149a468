"""The digest of weights: it changes with any of them and with nothing else."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from generator.model.weights import check_finite, classes_in, digest


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([1.0, -2.0]))
        self.b: torch.Tensor
        self.register_buffer("b", torch.tensor([[3]], dtype=torch.int16))


def test_the_digest_is_of_names_dtypes_shapes_and_bytes() -> None:
    expected = hashlib.sha256(
        b"a torch.float32 (2,)\n" + b"\x00\x00\x80\x3f\x00\x00\x00\xc0" + b"b torch.int16 (1, 1)\n\x03\x00"
    )
    assert digest(Two()) == expected.hexdigest()


def test_one_bit_one_dtype_one_shape_each_make_another_digest() -> None:
    found = {digest(Two())}
    model = Two()
    model.a.data[0] = 1.0000001
    found.add(digest(model))
    found.add(digest(Two().bfloat16()))
    model = Two()
    model.b = model.b.reshape(1)
    found.add(digest(model))
    model = Two()
    model.c = model.a
    del model.a
    found.add(digest(model))
    assert len(found) == 5


def test_the_memory_layout_does_not_count() -> None:
    model = nn.Conv2d(3, 4, 3)
    before = digest(model)
    model.weight.data = model.weight.data.contiguous(memory_format=torch.channels_last)
    assert digest(model) == before


def test_masks_may_be_infinite() -> None:
    model = nn.BatchNorm2d(2)
    model.register_buffer("mask", torch.tensor(float("-inf")))
    check_finite(model)


def test_the_number_of_classes_is_read_only_where_nothing_else_differs() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 10))
    state = model.state_dict()
    assert classes_in(state, model) is None
    assert classes_in({**state, "1.weight": torch.ones(6, 4), "1.bias": torch.ones(6)}, model) == 6
    assert classes_in({**state, "1.weight": torch.ones(6, 5), "1.bias": torch.ones(6)}, model) is None
    assert classes_in({**state, "1.weight": torch.ones(6, 4), "0.bias": torch.ones(5)}, model) is None
