"""Nets that write into their input, decide by numbers, or share weights, and what tests read of their architecture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.diagrams.architecture import Architecture


def dashed(it: Architecture) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in it.edges if edge.dashed]


def ids(it: Architecture) -> list[str]:
    return [op.id for op in it.ops]


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.norm = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.conv(x))
        z = self.act(self.norm(y))
        z += y
        return F.relu_(z).flatten(1)


class Branching(nn.Module):
    """What it sees decides."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.stem, self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, bias=False)
        self.head = nn.Linear(4, 2)

    def _choose(self, y: Tensor) -> bool:
        mean = y.mean()
        if self.how == "bool":
            return bool(mean > 0)
        return {"item": mean.item, "float": mean.__float__, "int": mean.__int__, "tolist": mean.tolist}[self.how]() > 0

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        y = self.a(y) if self._choose(y) else self.b(y)
        return self.head(y.mean((2, 3)))


class Token(nn.Module):
    """Parameters that reach a node through what is worked out from them alone, and weights that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.scale = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.ones(4))
        self.up, self.down = nn.Linear(4, 4, bias=False), nn.Linear(4, 4)
        self.down.weight = self.up.weight

    def forward(self, x: Tensor) -> Tensor:
        y = x.flatten(2).transpose(1, 2)
        y = torch.cat([self.token.expand(len(y), -1, -1) * 2, y], 1)
        return self.down(self.up(y)) * self.scale
