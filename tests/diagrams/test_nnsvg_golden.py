"""Drawings that somebody looked at, and that they are the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generator.diagrams.styles import styles
from tests.diagrams.drawn import architectures
from tests.diagrams.golden import check

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("tinyvgg_digits", "resnet50", "densenet121", "unet", "tokens", "mlp")


@pytest.mark.parametrize("style", ["lenet", "alexnet"])
@pytest.mark.parametrize("of", NAMES[:-1])
def test_rows_of_tensors(style: str, of: str):
    check(f"{style}-{of}", styles()[style].cls().draw(architectures()[of]).svg)


def test_a_network_downwards():
    check(
        "lenet-tinyvgg_digits-down",
        styles()["lenet"].cls(direction="down", scale="log").draw(architectures()["tinyvgg_digits"]).svg,
    )


@pytest.mark.parametrize("of", ["mlp", "tinyvgg_digits"])
def test_columns_of_units(of: str):
    check(f"fcnn-{of}", styles()["fcnn"].cls(units=10, bias=True).draw(architectures()[of]).svg)


DRAW = """
from dataclasses import replace
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
