"""What the tests of the search executor share: a small report, and the filling of its store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.report.plan import plan_report
from generator.report.setup import Setup, set_up
from generator.resources import packaged


@pytest.fixture(autouse=True)
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which memory format is faster is measured, and the two round differently in the last bit."""
    monkeypatch.setattr("generator.build.faster_format", lambda engine, shape: "contiguous")


def setup_for(
    folder: Path,
    images: int = 2,
    units: str = "3,0,5",
    layers: str = "conv2_1",
    beside: tuple[str, ...] = (),
    **options: Any,
) -> Setup:
    """A report of one layer of the digits' model: `units` of it, searched with these options, `beside` other methods."""
    pictures = folder / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    for file in sorted(packaged("inputs/digits").glob("*.png"))[:images]:
        shutil.copy(file, pictures)
    methods = [{"activation_maximization": {"size": 28, "steps": 4, **options}}, *beside]
    given = {
        "model": "tinyvgg_digits",
        "images": str(pictures),
        "layers": layers,
        "methods": methods,
        "trust": "none",
    }
    return set_up(
        load_config(None, given | {"store": str(folder / "store"), "device": "cpu", "units": units}), Silent()
    )


def filled(setup: Setup) -> tuple[int, int]:
    """Fill the store; (forward, backward) passes that ran."""
    before = setup.engine.counts.forward, setup.engine.counts.backward
    compute(setup, plan_report(setup), Silent())
    return setup.engine.counts.forward - before[0], setup.engine.counts.backward - before[1]
