"""What the tests of findings share: the evidence of a small model, with images and without, and one unit's numbers by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.findings import checks
from generator.findings.evidence import Evidence
from generator.findings.finding import Finding, Place
from generator.model.describe import describe
from tests.dataset.test_survey import surveyed

ASKED = ("conv", "act", "block")


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def evidence_of(model: nn.Module, x: Tensor | None = None, shape: tuple[int, int, int] | None = None) -> Evidence:
    """All that is known of a model after it saw the images `x`; without them, of its weights at inputs of `shape`."""
    model = model.eval()
    size = tuple(x.shape[1:]) if x is not None else shape
    assert size is not None and len(size) == 3
    description = describe(model, size)
    asked = [layer.name for layer in description.layers if layer.kind in ASKED]
    return Evidence(description, model, {} if x is None else surveyed(model, x, list(asked), batch=8))


def judged(name: str, evidence: Evidence) -> Finding:
    """What one check finds."""
    found = checks()[name].cls().judge(evidence)
    assert isinstance(found, Finding), found
    return found


def refused(name: str, evidence: Evidence) -> str:
    """Why one check cannot say anything."""
    found = checks()[name].cls().judge(evidence)
    assert isinstance(found, NotApplicable), found
    return found.reason


def at(found: Finding, layer: str) -> Place:
    """The place of a finding at one layer."""
    (place,) = (place for place in found.places if place.layer == layer)
    return place


def seeded(model: nn.Module, seed: int = 0) -> nn.Module:
    """The model with normal weights of a fitting scale and no bias; its normalisations as they were trained to be: none."""
    generator = torch.Generator().manual_seed(seed)
    for part in model.modules():
        if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            fan = part.weight[0].numel()
            with torch.no_grad():
                part.weight.copy_(torch.randn(part.weight.shape, generator=generator) * (2 / fan) ** 0.5)
                if part.bias is not None:
                    part.bias.zero_()
    return model
