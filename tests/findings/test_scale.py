"""Scale along depth: stacks whose weights are too large or too small by a factor a layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from generator.findings.words import MINUS
from tests.findings.planted import at, evidence_of, judged, noise, refused, seeded


def stack(factor: float, depth: int = 5) -> nn.Sequential:
    """Convolutions of one number each, 1 x 1: layer k gives the input times factor ** (k + 1)."""
    model = nn.Sequential(*(nn.Conv2d(1, 1, 1, bias=False) for _ in range(depth)))
    with torch.no_grad():
        for part in model:
            part.weight.fill_(factor)
    return model


@pytest.mark.parametrize(("factor", "change", "severity"), [(1, "", "fine"), (3, "81", "fine"), (4, "256", "note"), (6, "1,296", "warning"), (32, "1e6", "serious")])  # fmt: skip
@pytest.mark.parametrize("grows", [True, False])
def test_the_factor_from_the_first_to_the_last_of_five_layers_by_hand(
    factor: float, change: str, severity: str, grows: bool
):
    found = judged("scale", evidence_of(stack(factor if grows else 1 / factor), noise(4, 1, 8, 8) / 1e4))
    assert found.severity == severity
    if severity != "fine":
        assert {place.layer for place in found.places} == {"0", "4"}
        assert ("Activations explode" if grows else "Activations vanish") in found.evidence
        assert f"by a factor of {change} from `0` to `4`" in found.evidence


def test_the_scale_is_the_root_mean_square():
    model = stack(3, 2)
    x = torch.full((4, 1, 8, 8), 2.0)
    found = judged("scale", evidence_of(model, x))
    assert found.drawing is not None
    assert [dot.value for dot in found.drawing.dots] == pytest.approx([6, 18])


def test_a_layer_of_zeros_is_a_decay_without_bounds():
    model = stack(1, 3)
    with torch.no_grad():
        model[1].weight.zero_()
    found = judged("scale", evidence_of(model, noise(4, 1, 8, 8)))
    assert found.severity == "serious"
    assert "without bounds" in found.evidence


def test_kinds_are_not_compared_with_each_other():
    """A dense convolution of scale 1 and depthwise ones of scale 1000: each kind keeps its own."""
    dense, deep = nn.Conv2d(2, 2, 1, bias=False), nn.Conv2d(2, 2, 1, groups=2, bias=False)
    model = nn.Sequential(dense, deep, nn.Conv2d(2, 2, 1, groups=2, bias=False), nn.Conv2d(2, 2, 1, bias=False))
    with torch.no_grad():
        dense.weight.copy_(torch.eye(2)[:, :, None, None])
        deep.weight.fill_(1000)
        model[2].weight.fill_(1)
        model[3].weight.copy_(torch.eye(2)[:, :, None, None] / 1000)
    assert judged("scale", evidence_of(model, noise(4, 2, 8, 8))).severity == "fine"


def test_beyond_float16_is_a_warning():
    model = stack(1, 2)
    found = judged("scale", evidence_of(model, torch.full((4, 1, 8, 8), 70000.0)))
    assert found.severity == "warning"
    assert at(found, "0").text == "up to 70,000"


def test_beyond_float16_on_the_other_side_of_zero_is_one_too():
    model = stack(1, 3)
    with torch.no_grad():
        model[1].weight.fill_(-1)
    found = judged("scale", evidence_of(model, torch.full((4, 1, 8, 8), 70000.0)))
    assert found.severity == "warning"
    assert [(place.layer, place.text) for place in found.places] == [
        ("0", "up to 70,000"),
        ("1", f"down to {MINUS}70,000"),
        ("2", f"down to {MINUS}70,000"),
    ]
    assert "In float16, 3 layers would overflow." in found.evidence


def test_the_ends_of_float16_are_numbers_of_it():
    model = stack(-1, 2)
    assert judged("scale", evidence_of(model, torch.full((4, 1, 8, 8), 65504.0))).severity == "fine"


def test_what_cannot_be_judged_is_said():
    assert "dataset_examples" in refused("scale", evidence_of(stack(1), shape=(1, 8, 8)))
    alone = evidence_of(seeded(nn.Sequential(nn.Conv2d(3, 4, 3))), noise(4, 3, 16, 16))
    assert "nothing to compare" in refused("scale", alone)
