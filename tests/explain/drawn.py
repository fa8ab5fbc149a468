"""A small network of which a test reads what its figures draw: one of each kind, with settings whose sides differ."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Drawn(nn.Module):
    """Two branches of unlike activations, a difference, a quotient, pools with padding, a norm over groups, a row of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, (3, 5), (2, 3), (1, 0), (1, 2))
        self.bn = nn.BatchNorm2d(6, eps=1e-2)
        self.silu = nn.SiLU()
        self.pool = nn.MaxPool2d((3, 2), (2, 1), (1, 0))
        self.one = nn.Conv2d(6, 8, 3, padding=1)
        self.prelu = nn.PReLU(8)
        self.two = nn.Conv2d(6, 8, 1)
        self.group_norm = nn.GroupNorm(2, 8)
        self.mean = nn.AvgPool2d(2, (3, 2), 1)
        self.fc = nn.Linear(8 * 3 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.silu(self.bn(self.conv(x))))
        one, two = self.prelu(self.one(x)), self.two(x)
        x = self.group_norm((1 - one) - two / 4)
        return self.fc(self.mean(x).flatten(1))  # type: ignore[no-any-return]


def drawn() -> nn.Module:
    """The model with random weights and statistics, the same each time."""
    torch.manual_seed(0)
    model = Drawn()
    nn.init.normal_(model.bn.running_mean, 0.0, 0.3)  # type: ignore[arg-type]
    nn.init.uniform_(model.bn.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    for norm in (model.bn, model.group_norm):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0.0, 0.3)
    nn.init.uniform_(model.prelu.weight, 0.1, 0.6)
    return model.eval()
