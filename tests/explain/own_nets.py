"""Networks whose leaves have a forward of their own: timm's norms with their activation, its standardised weights, paddings by hand,
attention by coordinates (Hou et al. 2021)."""

from __future__ import annotations

import timm
import torch
from timm.layers import GroupNormAct, StdConv2d
from torch import Tensor, nn
from torch.nn import functional as F


class Reflects(nn.Conv2d):
    """Pads by hand, by mirroring."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.weight, self.bias)


class Doubled(nn.Conv2d):
    """Adds to what it convolved."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


class Halved(nn.ReLU):
    """Not what its class says."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / 2


class Mixed(nn.Module):
    """Standardised weights, a group norm with its activation, a padding by hand, and weights along rows and columns."""

    def __init__(self) -> None:
        super().__init__()
        self.std = StdConv2d(3, 8, 3)
        self.norm = GroupNormAct(8, 2, act_layer=nn.SiLU)
        self.reflects = Reflects(8, 8, 3)
        self.doubled = Doubled(8, 8, 1)
        self.one = nn.Conv2d(8, 2, 1)
        self.two = nn.Conv2d(8, 6, 3, padding=1)
        self.shuffle = nn.ChannelShuffle(2)
        self.rows = nn.Conv2d(8, 8, 1)
        self.columns = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 8, 3)
        self.halved = Halved()
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.doubled(self.reflects(self.norm(self.std(x))))
        x = self.shuffle(torch.cat([self.one(x), self.two(x).relu()], 1))
        rows = self.rows(x.mean(3, keepdim=True)).sigmoid()
        columns = self.columns(x.mean(2, keepdim=True)).sigmoid()
        return self.fc(self.halved(self.last(x * rows * columns)).mean((2, 3)))  # type: ignore[no-any-return]


class Own(nn.Module):
    """Their scores summed."""

    def __init__(self) -> None:
        super().__init__()
        self.mobile = timm.create_model("mobilenetv3_small_050", num_classes=10)
        self.free = timm.create_model("nf_regnet_b0", num_classes=10)
        self.mixed = Mixed()

    def forward(self, x: Tensor) -> Tensor:
        return self.mobile(x) + self.free(x) + self.mixed(x)  # type: ignore[no-any-return]


def shaken(model: nn.Module) -> nn.Module:
    """The model with random statistics, the same each time."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
        if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.3)
    return model.eval()


def own() -> nn.Module:
    """All of these with random weights, the same each time."""
    torch.manual_seed(0)
    return shaken(Own())
