"""A report of a model whose convolutions run over volumes: every layer has its page, its kernels, its answers and its searches."""

from __future__ import annotations

import json
from pathlib import Path

from tests.whole import SEARCH, build, copied, digits, missing

MODEL = """
import torch
from torch import nn


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.relu = nn.Conv3d(1, 4, 3, padding=1), nn.ReLU()
        self.second, self.head = nn.Conv3d(4, 6, (2, 3, 3), stride=(1, 2, 2)), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.relu(self.second(self.relu(self.first(x.unsqueeze(1))))).mean((2, 3, 4)))


def build():
    torch.manual_seed(0)
    return Volume()
"""


def test_a_model_of_volumes_is_a_report(tmp_path: Path):
    (tmp_path / "volume.py").write_text(MODEL, encoding="utf-8")
    size = {"size": [20, 24], "resize": [20, 24], "crop": "none", "channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3}
    built = build(
        tmp_path,
        {
            "model": {"source": "python:volume.py:build", "input": size},
            "images": str(copied(digits(2), tmp_path / "images")),
            "layers": "all",
            "methods": ["feature_maps", "kernels", "dataset_examples", SEARCH],
            "units": "all",
            "trust": "none",
            "effective_fields": 0,
        },
    )
    pages = {page.stem for page in (built.site / "layers").glob("*.html")}
    assert {"first", "relu", "second", "relu-2"} <= pages
    assert not missing(built.site)
    run = json.loads((built.site / "run.json").read_text(encoding="utf-8"))
    assert {finding["name"] for finding in run["findings"]} >= {"dead_units", "noise_kernels"}
