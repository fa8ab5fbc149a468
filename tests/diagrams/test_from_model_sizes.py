"""Sizes that a model gives names to: one that counts a loop decides, one that is never read does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.diagrams.from_model import architecture
from tests.diagrams.watched import dashed


@pytest.fixture(autouse=True)
def seeded() -> None:
    """How many are found hangs on the weights."""
    torch.manual_seed(2)


class Loops(nn.Module):
    """A step for each that is found."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).transpose(1, 2)[0]
        rows = rows[rows[:, 0] > 0]
        y = x.mean((2, 3))
        for _ in range(rows.shape[0]):
            y = self.step(y)
        return y


def test_a_size_that_counts_a_loop_decides():
    assert ("step", "step@2") in dashed(architecture(Loops(), (4, 5, 5)))


class Names(nn.Module):
    """Gives sizes names: some are never read, some count, some are handed to torch."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.step = how, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).transpose(1, 2)[0]
        return getattr(self, self.how)(rows[rows[:, 0] > 0])

    def unread(self, rows: Tensor) -> Tensor:
        _many, wide = rows.shape
        return self.step(rows.view(-1, wide))

    def one_unread(self, rows: Tensor) -> Tensor:
        _many = rows.shape[0]
        _also = rows.size(0)
        _third = len(rows)
        _numbers = rows.numel()
        return self.step(rows)

    def counted(self, rows: Tensor) -> Tensor:
        many, _ = rows.shape
        rows = rows.view(many, -1)
        for _ in range(many):
            rows = self.step(rows)
        return rows

    def counted_from(self, rows: Tensor) -> Tensor:
        many = rows.size(0)
        rows = rows.reshape(many, -1)
        for _ in range(1, max(1, 2) + many - 1, 1):
            rows = self.step(rows)
        return rows

    def counted_of_all(self, rows: Tensor) -> Tensor:
        sides = rows.shape
        rows = rows.view(sides)
        for _ in range(sides[0]):
            rows = self.step(rows)
        return rows

    def counted_inside(self, rows: Tensor) -> Tensor:
        many = rows.shape[0]
        rows = rows.reshape(many, -1)

        def stepped(one: Tensor) -> Tensor:
            for _ in range(many):
                one = self.step(one)
            return one

        return stepped(rows)

    def another_counts(self, rows: Tensor) -> Tensor:
        many, wide = rows.shape
        for k in range(2 if self.how else wide):
            rows = self.step(rows.view(many, -1)) * k
        return rows

    def read_alone(self, rows: Tensor) -> Tensor:
        many = rows.shape[0]
        for _ in [None] * many:
            rows = self.step(rows)
        return rows


@pytest.mark.parametrize("how", ["unread", "one_unread", "another_counts"])
def test_a_size_whose_name_is_never_read_decides_nothing(how: str):
    it = architecture(Names(how), (4, 5, 5))
    assert dashed(it) == [] and len(it.notes) == 1


@pytest.mark.parametrize("how", ["counted", "counted_from", "counted_of_all", "counted_inside", "read_alone"])
def test_a_size_that_counts_a_loop_decides_though_it_is_handed_to_torch_too(how: str):
    it = architecture(Names(how), (4, 5, 5))
    assert ("step", "step@2") in dashed(it)
    assert "In one place" in it.notes[1]
