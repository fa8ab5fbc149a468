"""Small networks over depth, height and width: an image as a clip of five frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Clip(nn.Module):
    """Each frame darker than the one before; windows whose sides differ, stride, dilation, groups, a padding mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv3d(3, 6, (3, 3, 5), stride=(1, 2, 2), padding=(1, 1, 2))
        self.bn = nn.BatchNorm3d(6)
        self.second = nn.Conv3d(6, 8, 3, (2, 1, 1), (1, 0, 0), (1, 2, 1), groups=2, padding_mode="replicate")
        self.fc = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, None] * torch.tensor([1.0, 0.8, 0.6, 0.4, 0.2])[:, None, None]
        x = torch.relu(self.bn(self.first(x)))
        return self.fc(torch.relu(self.second(x)).mean((2, 3, 4)))  # type: ignore[no-any-return]


def clip() -> nn.Module:
    """The model with random weights and statistics, the same each time."""
    torch.manual_seed(0)
    model = Clip()
    nn.init.normal_(model.bn.running_mean, 0.0, 0.3)  # type: ignore[arg-type]
    nn.init.uniform_(model.bn.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    return model.eval()


class Pooled(nn.Module):
    """Pools over depth: one that reaches beyond its edge, one with padding, one to three sides, one to a single number; a transposed
    convolution among them, a norm over groups, and branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv3d(3, 6, 3, (1, 2, 2), 1)
        self.norm = nn.GroupNorm(2, 6)
        self.largest = nn.MaxPool3d((2, 3, 3), 2, (0, 1, 1), ceil_mode=True)
        self.up = nn.ConvTranspose3d(6, 4, (2, 3, 3), (1, 2, 1), (0, 1, 0), (0, 1, 0), groups=2, dilation=(2, 1, 1))
        self.mean = nn.AvgPool3d(3, (1, 2, 2), 1, count_include_pad=False)
        self.second = nn.Conv3d(8, 5, 1)
        self.sides = nn.AdaptiveMaxPool3d((2, 3, 5))
        self.whole = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(5, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, None] * torch.tensor([1.0, 0.8, 0.6, 0.4, 0.2])[:, None, None]
        x = self.mean(self.up(self.largest(F.silu(self.norm(self.first(x))))))
        x = self.sides(self.second(torch.cat([x, 1 - x], 1)))
        return self.fc(self.whole(x).flatten(1))  # type: ignore[no-any-return]


def pooled() -> nn.Module:
    """The model with random weights, the same each time."""
    torch.manual_seed(0)
    model = Pooled()
    nn.init.uniform_(model.norm.weight, 0.5, 1.5)
    nn.init.normal_(model.norm.bias, 0.0, 0.3)
    return model.eval()
