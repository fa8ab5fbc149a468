"""Near-zero scales: single units, and a whole layer that was begun at zero."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.findings.planted import at, evidence_of, judged, refused


def net(*units: int) -> nn.Sequential:
    model = nn.Sequential()
    before = 3
    for count in units:
        model.extend([nn.Conv2d(before, count, 3), nn.BatchNorm2d(count), nn.ReLU()])
        before = count
    return model


@pytest.mark.parametrize(
    ("near", "severity"), [(0, "fine"), (1, "note"), (2, "warning"), (9, "warning"), (10, "serious")]
)
def test_severity_by_the_share_of_a_layer(near: int, severity: str):
    """Below a hundredth of the upper quartile, which is 2."""
    model = net(20)
    with torch.no_grad():
        model[1].weight.fill_(-2)
        model[1].weight[:near] = 0.019
        model[1].weight[19] = 0.021
    found = judged("near_zero_scale", evidence_of(model, shape=(3, 16, 16)))
    assert found.severity == severity
    if near:
        assert at(found, "1").units == tuple(range(near))
    else:
        assert "0.0105 times" in found.evidence


def test_the_scale_itself_is_told_in_the_table_and_in_the_panel():
    model = net(20)
    with torch.no_grad():
        model[1].weight.fill_(-2)
        model[1].weight[3] = 3e-6
    place = at(judged("near_zero_scale", evidence_of(model, shape=(3, 16, 16))), "1")
    assert place.text == "1 of 20: scale 3e−6, where 2 is usual"
    assert place.said == (
        "Scale near zero: that of its batch normalisation is 3e−6, less than 0.1\u202f% of what is usual in its layer (2), so that it "
        "gives hardly anything but a constant.",
    )
    with torch.no_grad():
        model[1].weight[5] = 0.0
    place = at(judged("near_zero_scale", evidence_of(model, shape=(3, 16, 16))), "1")
    assert place.text == "2 of 20: scales 0 to 3e−6, where 2 is usual"
    assert "is zero, so" in place.said[1]


def test_a_layer_begun_at_zero_is_held_to_the_others():
    model = net(8, 8, 8)
    with torch.no_grad():
        model[4].weight.zero_()
    found = judged("near_zero_scale", evidence_of(model, shape=(3, 16, 16)))
    assert found.severity == "serious"
    assert at(found, "4").units == tuple(range(8))
    assert len(found.places) == 1


def test_a_layer_of_small_scales_is_held_to_itself():
    """A twentieth of the other layers: small, and the same for all of its units."""
    model = net(8, 8, 8)
    with torch.no_grad():
        model[4].weight.fill_(0.05)
    assert judged("near_zero_scale", evidence_of(model, shape=(3, 16, 16))).severity == "fine"


def test_what_cannot_be_judged_is_said():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False))
    assert "no batch normalisation" in refused("near_zero_scale", evidence_of(model, shape=(3, 16, 16)))


@pytest.mark.parametrize(("scale", "near"), [(1e-4, 8), (0.009, 8), (0.011, 0)])
def test_a_layer_that_is_next_to_zero_as_a_whole_is_held_to_the_model(scale: float, near: int):
    model = net(8, 8, 8)
    with torch.no_grad():
        model[4].weight.fill_(scale)
    found = judged("near_zero_scale", evidence_of(model, shape=(3, 16, 16)))
    assert found.severity == ("serious" if near else "fine")
    assert [len(place.units) for place in found.places if place.layer == "4"] == [near] * bool(near)
