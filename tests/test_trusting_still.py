"""A model whose score no picture moves: the page says so in place of a verdict."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import numpy as np
from PIL import Image

from generator.build import build
from generator.command.progress import Silent
from generator.config import load_config
from generator.report.setup import set_up

MODEL = """
import torch
from torch import nn


def build():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    nn.init.zeros_(model[4].weight)
    nn.init.zeros_(model[4].bias)
    return model
"""


def test_a_score_that_does_not_depend_on_the_picture_is_no_verdict(tmp_path: Path):
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(1)
    for k in range(2):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{k}.png")
    (tmp_path / "net.py").write_text(MODEL, encoding="utf-8")
    given = {
        "model": {"source": f"python:{tmp_path / 'net.py'}:build", "input": {"size": 16, "crop": "none"}},
        "images": str(tmp_path / "images"),
        "layers": "last_conv",
        "methods": ["grad_cam", "saliency"],
        "targets": "top1",
        "store": str(tmp_path / "store"),
        "out": str(tmp_path / "site"),
        "device": "cpu",
        "trust": {"steps": 2, "shares": [0.5], "samples": 2, "sanity": 2, "sanity_images": 2},
    }
    config = load_config(None, given)
    built = build(config)
    trust = built.report.trust
    assert trust is not None
    assert trust.sentences == (
        "The score does not depend on the picture: whatever is done to the images, it stays at 0.20. So nothing can be judged, "
        "and no map of it means anything. Is the model trained, and are its weights the ones meant?",
    )
    assert trust.sentences[0] in unescape((built.site / "trust.html").read_text("utf-8"))
    assert not set_up(config, Silent()).check.telling  # to draw zeros anew gives zeros
