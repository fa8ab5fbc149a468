"""Detectors as pictures: kept as somebody looked at them. What untrained ones find does not depend on their weights: nothing, or as much as they keep."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import torchvision

from generator.diagrams.architecture import Architecture
from generator.diagrams.from_model import architecture
from generator.diagrams.styles import styles
from tests.diagrams.golden import check

SIDES = {"fasterrcnn_mobilenet_v3_large_320_fpn": 96, "ssdlite320_mobilenet_v3_large": 320, "fcos_resnet50_fpn": 96}


@cache
def detector(name: str) -> Architecture:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None).eval()
    return architecture(model, (3, SIDES[name], SIDES[name]))


@pytest.mark.parametrize("style", ["graph", "blocks"])
@pytest.mark.parametrize("name", SIDES)
def test_golden(name: str, style: str):
    check(f"{style}-{name}", styles()[style].cls().draw(detector(name)).svg)
