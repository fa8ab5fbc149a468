"""A network of blocks of one kind, whose tour folds them, and the report of its photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from generator.config import load_config
from generator.images import load as load_picture
from generator.images import scan
from generator.model.load import load
from generator.model.preprocess import Preprocess
from tests.pages.recorded import photographs
from tests.whole import Built, build

NET = """import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, into, out):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(into, out, 3, stride=2, padding=1), nn.BatchNorm2d(out), nn.ReLU6()

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Around(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.one, self.bent, self.two = nn.Conv2d(n, n, 3, padding=1), nn.ReLU6(), nn.Conv2d(n, n, 3, padding=1)

    def forward(self, x):
        return self.two(self.bent(self.one(x))) + x


def build():
    torch.manual_seed(1)
    blocks = [Block(4 + k, 5 + k) for k in range(4)]
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *blocks, Around(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)).eval()
"""
SIDE = 64


def config(folder: Path, **explain: Any) -> dict[str, Any]:
    model = {"source": f"python:{folder / 'net.py'}:build", "input": {"size": SIDE}}
    return {"model": model, "methods": ["feature_maps"], "trust": "none", "layers": ["conv", "act", "block"],
            "images": str(folder / "photographs"), "explain": explain}  # fmt: skip


def made(folder: Path, images: int = 1, **explain: Any) -> Built:
    (folder / "net.py").write_text(NET)
    photographs(folder / "photographs", images)
    return build(folder, config(folder, **explain))


def seen_by(built: Built, number: int) -> tuple[nn.Module, Tensor]:
    """The network, and a photograph as it is given it, (1, 3, 64, 64)."""
    loaded = load(load_config(None, config(built.folder)).model)
    image = scan(built.folder / "photographs", limit=None).images[number]
    preprocess: Preprocess = loaded.preprocess
    return loaded.module, preprocess(load_picture(image, 3))[None]
