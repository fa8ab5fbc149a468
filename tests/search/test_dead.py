"""Dead starts: woken where that can be, and marked, with the reason, where it cannot."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from generator.methods.activation_maximization import ActivationMaximization
from generator.search.dead import NO_GRADIENT, NO_RISE, NOT_FINITE, reason
from tests.search.searching import PLAIN, QUICK, conv, held, search


def test_reasons_by_hand():
    nan, inf = math.nan, math.inf
    assert reason(1.0, 2.0, True) == ""
    assert reason(-3.0, -2.0, True) == ""
    assert reason(2.0, 2.0, True) == reason(2.0, 1.0, True) == NO_RISE
    assert reason(0.0, 0.0, False) == reason(0.0, 1e-9, False) == NO_GRADIENT
    assert {reason(*ends, True) for ends in ((nan, 1.0), (0.0, nan), (0.0, inf), (-inf, 0.0))} == {NOT_FINITE}


class Sleeper(nn.Module):
    """Unit 0 rectifies brightness less `threshold`: with a high one it is silent on faint noise."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.first = conv(torch.full((1, 3, 1, 1), 1 / 3), bias=-threshold)
        self.second = conv(torch.ones(1, 1, 1, 1))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu())


@pytest.mark.parametrize("layer", ["second", "F.relu"])
def test_a_start_that_turns_nothing_on_is_woken_by_redirected_gradients(layer):
    method = ActivationMaximization(contrast=0, rate=0.3)  # free to brighten as a whole, from gray
    with held(Sleeper(0.6), (3, 32, 32), **PLAIN) as it:
        asleep = search(dataclasses.replace(method, redirect=0), it, layer, 0)
        awake = search(dataclasses.replace(method, redirect=2), it, layer, 0)
    assert asleep.dead == (NO_GRADIENT,)
    assert asleep.scores == (0,)
    assert asleep.values.sub(0.5).abs().max() < 0.05, "the faint noise it began with"
    assert awake.dead == ("",)
    assert awake.scores[0] > 0.2


def test_a_unit_that_nothing_turns_on_is_marked_dead_and_its_neighbour_is_not():
    model = nn.Sequential(conv(torch.ones(2, 3, 1, 1) / 3), nn.ReLU())
    model[0].bias.data = torch.tensor([-1.5, -0.4])
    with held(model, (3, 32, 32), **PLAIN) as it:
        found = search(QUICK, it, "1", 0, 1)
    assert found.dead == (NO_RISE, "")
    assert found.scores[0] == 0
    assert found.scores[1] > 0.05
    assert found.values.isfinite().all()


def test_a_unit_below_zero_that_rises_is_not_dead():
    with held(nn.Sequential(conv(torch.ones(1, 3, 1, 1), bias=-50.0)), (3, 32, 32)) as it:
        found = search(QUICK, it, "0", 0)
    assert found.scores[0] < 0
    assert found.dead == ("",)


class Unsound(nn.Module):
    """Unit 0 is no number, unit 1 is the mean of the colours, unit 2 the same behind a cut gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(torch.full((3, 3, 1, 1), 1 / 3))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return torch.cat([y[:, :1] + torch.nan, y[:, 1:2], y[:, 2:].detach()], dim=1)


def test_each_tile_says_why_it_is_dead_and_spoils_no_other():
    with held(Unsound(), (3, 32, 32), **PLAIN) as it:
        together, alone = search(QUICK, it, "F.cat", 0, 1, 2), search(QUICK, it, "F.cat", 1)
    assert together.dead == (NOT_FINITE, "", NO_GRADIENT)
    assert together.values.isfinite().all()
    torch.testing.assert_close(together.values[1:2], alone.values, rtol=0, atol=1e-4)
    assert math.isnan(together.scores[0])


class Cut(nn.Module):
    """A layer that no gradient comes through at all."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(torch.ones(2, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.conv(x)


def test_a_layer_that_cuts_its_gradients_off_is_dead_and_breaks_nothing():
    with held(Cut(), (3, 32, 32), **PLAIN) as it:
        found = search(QUICK, it, "conv", 0, 1)
        counts = it[0].engine.counts
    assert found.dead == (NO_GRADIENT, NO_GRADIENT)
    assert (counts.forward, counts.backward) == (QUICK.steps + 1, QUICK.steps)
