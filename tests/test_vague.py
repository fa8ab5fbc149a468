"""Whether a deconvnet tells images apart: measured on the pictures that are kept, once."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.dataset.likeness import likeness
from generator.names import INPUT
from generator.report import vague
from generator.report.plan import plan_report
from generator.report.setup import Setup, set_up
from generator.resources import packaged


def setup_for(folder: Path, methods: list[str], limit: int) -> Setup:
    given: dict[str, Any] = {
        "model": "tinyvgg_digits",
        "images": str(packaged("inputs/digits")),
        "limit": limit,
        "methods": methods,
        "targets": "top1",
        "trust": "none",
        "store": str(folder / "store"),
        "device": "cpu",
    }
    setup = set_up(load_config(None, given), Silent())
    compute(setup, plan_report(setup), Silent())
    return setup


def test_pictures_of_the_first_images_are_compared_with_those_of_guided_backprop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    setup = setup_for(tmp_path, ["deconvnet", "guided_backprop"], 6)
    images = setup.images.images
    found = vague.of_images(setup.jobs, setup.store, images)
    assert list(found) == ["deconvnet"]

    def pictures(name: str) -> np.ndarray:
        request = next(one for one in setup.jobs.requests if (one.name, one.layer) == (name, INPUT))
        records = [setup.store.get(setup.jobs.key(request, image)) for image in images[:5]]
        drawn = [
            Image.open(io.BytesIO(setup.store.blob(one, "0.picture.jpg"))).convert("RGB") for one in records if one
        ]
        return np.stack([np.asarray(one, np.float32) - 128 for one in drawn])  # 32 x 32: as they are

    assert found["deconvnet"].own == pytest.approx(likeness(pictures("deconvnet")), abs=1e-6)
    assert found["deconvnet"].guided == pytest.approx(likeness(pictures("guided_backprop")), abs=1e-6)
    assert 0 < found["deconvnet"].own < 1
    assert found["deconvnet"].switches, "the model has max-pools"

    def twice(*_: object) -> float:
        raise AssertionError("it is measured once")

    with monkeypatch.context() as patched:
        patched.setattr(vague, "likeness", twice)
        assert vague.of_images(setup.jobs, setup.store, images) == found
    bare = replace(setup.jobs.description, facts=replace(setup.jobs.description.facts, max_pools=0))
    assert not vague.of_images(replace(setup.jobs, description=bare), setup.store, images)["deconvnet"].switches


def test_where_there_is_nothing_to_compare_nothing_is_said(tmp_path: Path):
    alone = setup_for(tmp_path, ["deconvnet", "guided_backprop"], 1)
    assert vague.of_images(alone.jobs, alone.store, alone.images.images) == {}
    without = setup_for(tmp_path, ["deconvnet"], 3)
    assert vague.of_images(without.jobs, without.store, without.images.images) == {}
