"""Marks of units: planted defects are found, sound units have none."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from generator.dataset.health import Mark, error, has_cap, marks, rectifies
from generator.model.describe import describe
from generator.names import Layer, LayerName
from tests.dataset.test_reduction import reduced


def layer(kind: str = "act", op: str = "ReLU", units: int = 6) -> Layer:
    return Layer(LayerName("a"), kind, op, (units, 6, 6), 0, 0, None, None, None, 0, "a")  # type: ignore[arg-type]


def rectified() -> torch.Tensor:
    """Unit 0 dead, 1 always on, 2 capped at 60 % of places, 3 1.2 times unit 4, 5 sound."""
    gen = torch.Generator().manual_seed(0)
    A = torch.randn(8, 6, 6, 6, generator=gen).clamp(min=0)
    A[:, 0] = 0
    A[:, 1] += 1
    A[:, 2] = torch.where(
        torch.rand(8, 6, 6, generator=gen) < 0.6, 6.0, torch.rand(8, 6, 6, generator=gen) - 0.2
    ).clamp(min=0)
    A[:, 3] = 1.2 * A[:, 4]
    return A


def test_planted_defects_are_marked_and_nothing_else():
    found = marks(reduced(rectified()), layer(op="ReLU6"))
    assert found.tolist() == [Mark.DEAD, Mark.ALWAYS_ON, Mark.SATURATED, Mark.REDUNDANT, Mark.REDUNDANT, 0]


@pytest.mark.parametrize(("kind", "op"), [("act", "ReLU"), ("conv", "Conv2d")])
def test_without_a_cap_nothing_is_saturated(kind: str, op: str):
    assert not (marks(reduced(rectified()), layer(kind, op)) & Mark.SATURATED).any()


def test_a_signed_layer_has_dead_units_only_where_they_never_move():
    A = torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(1)) - 10
    A[:, 1] = -3.0
    assert marks(reduced(A), layer("conv", "Conv2d", 3)).tolist() == [0, Mark.DEAD, 0]


def test_the_error_of_a_share_by_hand():
    assert error(0.5, 100, 10_000_001) == pytest.approx(
        0.05, rel=1e-4
    )  # of an endless population: the root of 1/4 over n
    assert error(0.5, 64, 127) == pytest.approx((0.25 / 64 * 63 / 126) ** 0.5)  # half of 126 are left
    assert error(0.5, 288, 288) == 0


@pytest.mark.parametrize(
    ("side", "share", "saturated"),
    [(6, 145 / 288, True), (6, 144 / 288, True), (6, 143 / 288, False), (24, 0.51, False), (24, 0.52, False), (24, 0.62, True)],
)  # fmt: skip
def test_a_unit_at_the_line_counts_only_where_the_sample_leaves_no_doubt(side: int, share: float, saturated: bool):
    """Of 8 maps of 6 x 6 the sample has every place; of 24 x 24 it has 512, and three errors are 0.063."""
    A = torch.randperm(8 * side * side, generator=torch.Generator().manual_seed(2)).view(8, 1, side, side) / 1e5
    A = torch.where(share * 8 * side * side / 1e5 - 1e-9 > A, 6.0, A).float()
    assert float((A == 6).float().mean()) == pytest.approx(share, abs=1e-3)
    found = marks(reduced(A), Layer(LayerName("a"), "act", "ReLU6", (1, side, side), 0, 0, None, None, None, 0, "a"))
    assert bool(found[0] & Mark.SATURATED) is saturated


def test_of_too_few_places_nothing_is_said():
    A = torch.zeros(1, 2, 6, 6)
    assert not marks(reduced(A), layer(units=2)).any()


def test_a_unit_that_answers_once_is_not_dead():
    A = torch.zeros(40, 2, 8, 8)
    A[7, 0, 3, 3] = 1.0
    found = reduced(A)
    assert found.sampled == 512
    dead = marks(found, layer(units=2)) & Mark.DEAD
    assert dead.tolist() == [0, Mark.DEAD]


@pytest.mark.parametrize(("places", "one"), [(10, False), (40, True)])
def test_units_that_move_together_at_a_few_places_are_not_the_same(places: int, one: bool):
    A = torch.zeros(8, 3, 8, 8)
    where = torch.randperm(512, generator=torch.Generator().manual_seed(3))[:places]
    for unit in (0, 1):
        A[where // 64, unit, where // 8 % 8, where % 8] = torch.arange(1.0, places + 1) * (unit + 1)
    A[:, 2] = torch.rand(8, 8, 8, generator=torch.Generator().manual_seed(4)) - 0.5
    found = marks(reduced(A.clamp(min=0)), layer(units=3))
    assert bool(found[0] & Mark.REDUNDANT) is one


def test_rectifiers_are_known_by_their_operation():
    assert rectifies(layer("act", "ReLU6"))
    assert rectifies(layer("act", "F.relu"))
    assert not rectifies(layer("act", "SiLU"))
    assert not rectifies(layer("conv", "Conv2d"))
    assert np.uint8(Mark.REDUNDANT) == 8


@pytest.mark.parametrize(
    ("call", "limits", "rectifier", "cap"),
    [
        (lambda x: torch.clamp(x, -1, 1), (-1, 1), False, False),
        (lambda x: x.clamp(min=-0.5), (-0.5, math.inf), False, False),
        (lambda x: x.clamp(max=6), (-math.inf, 6), False, False),
        (lambda x: x.clamp(0, 6), (0, 6), True, True),
        (lambda x: torch.clamp(x, min=0.0), (0, math.inf), True, False),
        (lambda x: x.clamp_(min=0, max=1), (0, 1), True, True),
        (lambda x: x.clip(0), (0, math.inf), True, False),
        (lambda x: x.clamp_min(0), (0, math.inf), True, False),
        (lambda x: x.clamp_max(0), (-math.inf, 0), False, False),
        (lambda x: x.clamp(torch.zeros(()), torch.ones(())), None, False, False),
        (lambda x: F.hardtanh(x, 0, 6), (0, 6), True, True),
        (nn.Hardtanh(), (-1, 1), False, False),
        (nn.Hardtanh(0.0, 4.0), (0, 4), True, True),
        (nn.ReLU6(), None, True, True),
        (F.relu, None, True, False),
        (nn.SiLU(), None, False, False),
    ],
)
def test_a_clamp_is_a_rectifier_where_it_cuts_at_zero(call: Any, limits: Any, rectifier: bool, cap: bool):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act = nn.Conv2d(1, 2, 3), call

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(self.first(x))

    found = describe(Net().eval(), (1, 8, 8)).layers[1]
    assert (found.kind, found.limits, rectifies(found), has_cap(found)) == ("act", limits, rectifier, cap)


def test_units_that_move_below_zero_are_not_dead_where_nothing_cuts_there():
    A = torch.rand(8, 2, 6, 6, generator=torch.Generator().manual_seed(5)) / 2 - 1  # between -1 and -0.5
    signed = replace(layer("act", "F.clamp", 2), limits=(-1.0, 1.0))
    assert marks(reduced(A), signed).tolist() == [0, 0]
    assert marks(reduced(A), replace(signed, limits=(0.0, 1.0))).tolist() == [Mark.DEAD, Mark.DEAD]
