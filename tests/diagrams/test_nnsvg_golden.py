"""Drawings that somebody looked at, and that they are the same in every process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from generator.diagrams.architecture import Architecture
from generator.diagrams.prototxt import read
from generator.diagrams.styles import styles
from tests.diagrams.drawn import architectures
from tests.diagrams.golden import check
from tests.diagrams.networks import named

ROOT = Path(__file__).resolve().parents[2]
WEIGHED = ("tinyvgg_digits", "resnet50", "densenet121", "unet", "tokens")
"""With weights, where they have dense layers."""
SHAPES = ("efficientnet_lite0", "alexnet", "vgg16", "vit_b_16")


def it_of(name: str) -> Architecture:
    return architectures()[name] if name in WEIGHED else named(name)


@pytest.mark.parametrize("style", ["lenet", "alexnet"])
@pytest.mark.parametrize("of", [*WEIGHED, *SHAPES])
def test_rows_of_tensors(style: str, of: str):
    check(f"{style}-{of}", styles()[style].cls().draw(it_of(of)).svg)


@pytest.mark.parametrize(
    ("style", "of", "more"),
    [
        ("lenet", "tinyvgg_digits", {"scale": "log"}),
        ("lenet", "unet", {}),
        ("alexnet", "unet", {}),
        ("alexnet", "alexnet", {}),
    ],
)
def test_networks_downwards(style: str, of: str, more: dict[str, str]):
    check(f"{style}-{of}-down", styles()[style].cls(direction="down", **more).draw(it_of(of)).svg)


UNET_LIKE = "unet_like.prototxt"


@pytest.mark.parametrize("style", ["lenet", "alexnet"])
@pytest.mark.parametrize("of", ["tinyvgg_digits", "resnet50", "densenet121", "unet", *SHAPES, UNET_LIKE])
def test_a_row_is_readable_over_the_two_columns_of_a_page(style: str, of: str):
    """Letters of 5.5 pt and more where the row is 17.5 cm wide, as the guide to printing says."""
    drawing = styles()[style].cls().draw(read(ROOT / "inputs/prototxt" / of) if of == UNET_LIKE else named(of))
    smallest = min(float(size) for size in re.findall(r'font-size="([0-9.]+)"', drawing.svg))
    assert 0.75 * smallest * min(1, 17.5 / (drawing.width / 96 * 2.54)) >= 5.5


@pytest.mark.parametrize("of", ["mlp", "tinyvgg_digits"])
def test_columns_of_units(of: str):
    check(f"fcnn-{of}", styles()["fcnn"].cls(units=10, bias=True).draw(architectures()[of]).svg)


@pytest.mark.parametrize("of", ["resnet50", "densenet121", "unet", *SHAPES])
def test_columns_of_classifiers(of: str):
    """Where weights are not known, all edges are alike; a U-Net has no dense layer, and says so."""
    check(f"fcnn-{of}", styles()["fcnn"].cls().draw(replace(it_of(of), extra={})).svg)


DRAW = """
from dataclasses import replace
from generator.diagrams.prototxt import read
from generator.diagrams.styles import styles
from tests.diagrams.drawn import UNet, hand, traced
import hashlib, torch
torch.manual_seed(0)
for it in (hand(), traced(UNet(), (3, 32, 48), "U-Net")):
    for name in ("lenet", "alexnet", "fcnn"):
        print(name, hashlib.sha256(styles()[name].cls().draw(it).svg.encode()).hexdigest())
"""


def test_the_same_bytes_at_every_hash_seed():
    said = {
        subprocess.run(
            [sys.executable, "-c", DRAW],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(said) == 1 and len(next(iter(said)).splitlines()) == 6
