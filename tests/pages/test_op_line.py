"""What a layer is called above its page and in lists: a transposed convolution enlarges by its stride, and is told from one that shrinks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from generator.model.describe import describe
from generator.pages.context import Site
from generator.pages.docs_tree import DocsTree
from generator.pages.environment import environment, strings
from tests.pages.conftest import ROOT, Built


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 5, 2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv_transpose2d(x, self.weight, stride=2)


@pytest.mark.parametrize(
    ("module", "long", "short"),
    [
        (nn.Conv2d(4, 6, 2, stride=2), "conv 2 × 2, stride 2", "conv"),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), "conv 2 × 2, stride 2, transposed", "conv, transposed"),
        (nn.ConvTranspose2d(4, 4, 4, stride=2, groups=4), "conv 4 × 4, stride 2, transposed, depthwise", "conv, transposed, depthwise"),
        (Functional(), "conv 2 × 2, stride 2, transposed", "conv, transposed"),
    ],
)  # fmt: skip
def test_transposed_convolutions_are_called_so(tiny: Built, tmp_path: Path, module: nn.Module, long: str, short: str):
    t = strings((ROOT / "site_config",), "en")
    site = Site(tiny.report, DocsTree(tmp_path), environment((ROOT / "templates",), t), t)
    model = nn.Sequential(module, nn.ReLU()).eval()
    layer = next(one for one in describe(model, (4, 8, 8)).layers if one.kind == "conv")
    assert (site.op_line(layer), site.op_line(layer, sizes=False)) == (long, short)
