"""Redundant units: copies are found by answers and by weights; like kernels behind other thresholds are not copies."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


def net(bias: bool = True) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 20, 3, bias=bias), nn.ReLU(), nn.Conv2d(20, 8, 3), nn.ReLU())


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize(
    ("copies", "severity"), [(0, "fine"), (1, "note"), (2, "warning"), (9, "warning"), (10, "serious")]
)
def test_copies_of_a_unit_are_found_with_images_and_without(seen: bool, copies: int, severity: str):
    model = seeded(net())
    with torch.no_grad():
        model[0].weight[3 : 4 + copies] = model[0].weight[3] * torch.linspace(1, 4, copies + 1)[:, None, None, None]
    evidence = evidence_of(model, noise(8, 3, 16, 16)) if seen else evidence_of(model, shape=(3, 16, 16))
    found = judged("redundant_units", evidence)
    assert found.severity == severity
    if copies:
        place = at(found, "1" if seen else "0")
        assert place.units == tuple(range(3, 4 + copies))
        assert place.text.startswith(f"{copies} of 20: 3 = 4")
        assert place.mark == place.query == "redundant"
        assert (
            f"{copies + 1} units say the same" in found.evidence and f"that {copies} of them could go" in found.evidence
        )
        same = "gives the same values as" if seen else "has the kernel and the threshold of"
        others = {1: "unit 4", 2: "units 4 and 5"}.get(copies, "units 4, 5, 6 and")
        assert len(place.said) == len(place.units) and f"{same} {others}" in place.said[0]
        assert found.query == ("redundant" if seen else "")


def test_two_groups_by_hand():
    """0 = 5 = 9 and 2 = 7: three of 20 could go."""
    model = seeded(net(bias=False))
    with torch.no_grad():
        model[0].weight[5], model[0].weight[9] = model[0].weight[0], 2 * model[0].weight[0]
        model[0].weight[7] = model[0].weight[2]
    place = at(judged("redundant_units", evidence_of(model, noise(8, 3, 16, 16))), "1")
    assert place.text == "3 of 20: 0 = 5 = 9; 2 = 7"
    assert place.units == (0, 2, 5, 7, 9)


@pytest.mark.parametrize("seen", [True, False])
def test_like_kernels_behind_other_thresholds_are_not_redundant(seen: bool):
    """A kernel at four thresholds a standard deviation apart: a coarse scale of one quantity."""
    model = seeded(net())
    with torch.no_grad():
        model[0].weight[:4] = model[0].weight[0]
        model[0].bias[:4] = torch.tensor([-1.0, 0, 1, 2]) * model[0].weight[0].norm()
    evidence = evidence_of(model, noise(8, 3, 16, 16)) if seen else evidence_of(model, shape=(3, 16, 16))
    found = judged("redundant_units", evidence)
    assert found.severity == "fine"
    assert len(evidence.alike["0"].pairs) == 6
    if seen:
        assert "6 pairs of kernels are alike" in found.evidence


def test_a_normalisation_behind_says_what_the_threshold_is():
    """beta / |gamma| 0.5 for 0 and 1, 1.5 for 2; 3 is turned round. Only 0 and 1 are one."""
    model = seeded(nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8)))
    with torch.no_grad():
        model[0].weight[:4] = model[0].weight[0]
        model[1].weight[:4] = torch.tensor([1.0, 2, 1, -1])
        model[1].bias[:4] = torch.tensor([0.5, 1, 1.5, 0.5])
    found = judged("redundant_units", evidence_of(model, shape=(3, 16, 16)))
    assert at(found, "0").units == (0, 1)


def test_opposite_kernels_are_not_redundant():
    model = seeded(net(bias=False))
    with torch.no_grad():
        model[0].weight[1] = -model[0].weight[0]
    assert judged("redundant_units", evidence_of(model, noise(8, 3, 16, 16))).severity == "fine"


def test_units_that_fire_together_once_are_not_redundant():
    """Two kernels that see one bright pixel, which a single image has: correlated to 1, and of 512 places on at one or none."""
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.copy_(torch.tensor([-50.0, -60, 0]))
    x = noise(8, 1, 8, 8)
    x[3, 0, 4, 4] = 100
    evidence = evidence_of(model, x)
    assert evidence.answers["1"].correlation[0, 0] > 0.995
    assert judged("redundant_units", evidence).severity == "fine"


@pytest.mark.parametrize(("bright", "units"), [(3, (0, 1)), (0, ())])
def test_copies_that_are_seldom_on_are_told_by_their_kernels_and_dead_ones_are_not(bright: int, units: tuple[int, ...]):
    """On at three places of 512: answers say nothing of that, but one kernel and one threshold do."""
    model = nn.Sequential(nn.Conv2d(2, 4, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 1], [1, 1], [1, -1], [-1, 1]])[..., None, None])
        model[0].bias.copy_(torch.tensor([-50.0, -50, 0, 0]))
    x = noise(8, 2, 8, 8)
    x[:bright, :, 4, 4] = 100
    evidence = evidence_of(model, x)
    found = judged("redundant_units", evidence)
    assert evidence.answers["1"].sparsity[0] > 0.99
    assert (at(found, "1").units if units else found.places) == units
    assert found.severity == ("warning" if units else "fine")


def test_what_cannot_be_judged_is_said():
    assert "kernels of one number" in refused("redundant_units", evidence_of(nn.Conv2d(1, 3, 1), shape=(1, 8, 8)))
