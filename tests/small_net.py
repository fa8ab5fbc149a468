"""A small net for tests of the library, written three ways, its forward by hand, and a batch for it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.methods import registry

PER_BATCH = [name for name, info in registry().items() if info.cls.scope in ("layer", "input")]
ON_LAYERS = [name for name in PER_BATCH if registry()[name].cls.scope == "layer"]
ON_INPUT = [name for name in PER_BATCH if registry()[name].cls.scope == "input"]


class Small(nn.Module):
    """conv, batch norm, ReLU, conv of stride 2, a sum with a shortcut, ReLU, global average pooling, one linear layer:
    `functional` writes the rectifiers as functions, `inplace` overwrites all that can be overwritten."""

    def __init__(self, channels: int = 3, *, functional: bool = False, inplace: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.conv1 = nn.Conv2d(channels, 6, 3, padding=1)
            self.bn = nn.BatchNorm2d(6)
            self.conv2 = nn.Conv2d(6, 6, 3, stride=2, padding=1)
            self.short = nn.Conv2d(6, 6, 1, stride=2)
            self.fc = nn.Linear(6, 5)
            self.bn.running_mean.normal_()
            self.bn.running_var.uniform_(0.5, 2)
        self.functional, self.inplace = functional, inplace
        if not functional:
            self.relu1, self.relu2 = nn.ReLU(inplace), nn.ReLU(inplace)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv1(x))
        x = F.relu(x, self.inplace) if self.functional else self.relu1(x)
        out = self.conv2(x)
        if self.inplace:
            out += self.short(x)
        else:
            out = out + self.short(x)
        out = F.relu(out, self.inplace) if self.functional else self.relu2(out)
        return self.fc(out.mean((2, 3)))


def by_hand(model: Small, x: Tensor) -> dict[str, Tensor]:
    """The same forward with nothing in place and no hook."""
    conv1 = model.conv1(x)
    bn = model.bn(conv1)
    relu1 = bn.clamp(min=0)
    conv2, short = model.conv2(relu1), model.short(relu1)
    last = (conv2 + short).clamp(min=0)
    return {
        "conv1": conv1,
        "bn": bn,
        "relu1": relu1,
        "conv2": conv2,
        "last": last,
        "logits": model.fc(last.mean((2, 3))),
    }


def batch(n: int = 2, channels: int = 3, height: int = 12, width: int = 12) -> Tensor:
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(9))


def on_input(shape: torch.Size, of: torch.Size) -> bool:
    """Whether maps have the input's own shape, or one value for all its channels; a heat map has no axis for them."""
    return shape in (of, (of[0], 1, *of[2:])) or (len(shape) == 3 and shape[0] == of[0])
