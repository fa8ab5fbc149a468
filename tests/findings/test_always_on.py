"""Always-on units: a lifted bias makes a rectifier linear; a few such units are no fault."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


@pytest.mark.parametrize(("lifted", "severity"), [(0, "fine"), (9, "fine"), (10, "note"), (17, "note"), (18, "warning"), (20, "warning")])  # fmt: skip
def test_severity_by_the_share_of_a_layer(lifted: int, severity: str):
    model = seeded(nn.Sequential(nn.Conv2d(3, 20, 3), nn.ReLU(), nn.Conv2d(20, 8, 3)))
    with torch.no_grad():
        model[0].bias[:lifted] = 1e3
    found = judged("always_on", evidence_of(model, noise(8, 3, 16, 16)))
    assert found.severity == severity
    assert bool(found.places) == (severity != "fine")
    if severity != "fine":
        assert at(found, "1").units == tuple(range(lifted))
        assert at(found, "1").text == f"{lifted} of 20"
        assert at(found, "1").mark == "always_on"


def test_dead_units_do_not_count_as_part_of_the_layer():
    model = seeded(nn.Sequential(nn.Conv2d(3, 20, 3), nn.ReLU()))
    with torch.no_grad():
        model[0].bias[:9] = 1e3
        model[0].bias[9:19] = -1e3
    found = judged("always_on", evidence_of(model, noise(8, 3, 16, 16)))
    assert at(found, "1").text == "9 of 10"
    assert found.severity == "warning"


def test_the_bound_is_that_of_the_sample():
    """4 images x 49 places of 7 x 7 are all in the sample; of 8 x 400 it has 512, and 3 / 512 = 0.6 %."""
    model = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    with torch.no_grad():
        model[0].bias.fill_(1e3)
    assert "at every place of all images." in judged("always_on", evidence_of(model, noise(4, 3, 9, 9))).evidence
    said = judged("always_on", evidence_of(model, noise(8, 3, 22, 22))).evidence
    assert "with 95 % confidence of each that it is off at less than 0.6\u202f% of all places" in said


def test_what_cannot_be_judged_is_said():
    smooth = evidence_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU()), noise(2, 3, 16, 16))
    assert refused("always_on", smooth) == "the model has no rectifier with units."
    model = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    assert "dataset_examples" in refused("always_on", evidence_of(model, shape=(3, 16, 16)))
    assert "fewer than 64 places" in refused("always_on", evidence_of(model, noise(2, 3, 6, 6)))


def test_where_only_other_layers_were_asked_the_key_that_asks_is_named():
    model = seeded(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6()))
    asked = evidence_of(model, noise(8, 3, 16, 16))
    convolutions = replace(asked, answers={name: found for name, found in asked.answers.items() if name == "0"})
    for check in ("always_on", "saturated"):
        assert "`1`" in (said := refused(check, convolutions))
        assert "add `act` to `layers`" in said
        assert "dataset_examples" not in said
