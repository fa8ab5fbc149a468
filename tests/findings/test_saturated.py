"""Saturated rectifiers: units lifted to their cap."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 20, 3), nn.ReLU6(), nn.Conv2d(20, 8, 3))


@pytest.mark.parametrize(("lifted", "severity"), [(0, "fine"), (1, "note"), (4, "note"), (5, "warning"), (9, "warning"), (10, "serious")])  # fmt: skip
def test_severity_by_the_share_of_a_layer(lifted: int, severity: str):
    model = seeded(net())
    with torch.no_grad():
        model[0].bias[20 - lifted :] = 30
    found = judged("saturated", evidence_of(model, noise(8, 3, 16, 16)))
    assert found.severity == severity
    if lifted:
        assert at(found, "1").units == tuple(range(20 - lifted, 20))


def test_half_of_all_places_is_the_line():
    """At a bias of 6 a symmetric unit is at the cap at half of all places: well above it counts, a little below does not."""
    model = seeded(net())
    with torch.no_grad():
        model[0].bias[0], model[0].bias[1], model[0].bias[2] = 6.6, 5.4, 30
    found = judged("saturated", evidence_of(model, noise(8, 3, 16, 16)))
    assert at(found, "1").units == (0, 2)


def test_a_unit_that_is_often_at_its_own_highest_value_below_the_cap_is_not_saturated():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU6())
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[1, 0] = 20
        model[0].bias[0], model[0].bias[1] = 2, 0  # 0: always 2; 1: 6 wherever the input is above 0.3
    assert judged("saturated", evidence_of(model, noise(8, 3, 16, 16))).severity == "fine"


def test_what_cannot_be_judged_is_said():
    plain = evidence_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), noise(2, 3, 16, 16))
    assert refused("saturated", plain) == "the model has no rectifier with a cap."
    assert "dataset_examples" in refused("saturated", evidence_of(net(), shape=(3, 16, 16)))
    assert "fewer than 64 places" in refused("saturated", evidence_of(net(), noise(2, 3, 6, 6)))
