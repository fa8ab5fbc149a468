"""Networks that are drawn in tests: small ones with all that a drawing must cope with, and the eight of the issue."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache

import torch
from torch import Tensor, nn

from generator.config import ModelConfig
from generator.diagrams.architecture import MISSING, Architecture, Edge, Op
from generator.diagrams.from_graph import from_graph
from generator.model.load import load
from generator.model.trace import trace


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """conv · norm · relu"""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.ReLU())


class Double(nn.Module):
    """Two of them, one after the other."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = conv(inputs, outputs), conv(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


class UNet(nn.Module):
    """Down and up again, with a skip at each size."""

    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = Double(3, 8), Double(8, 16), Double(16, 32)
        self.pool = nn.MaxPool2d(2)
        self.up2, self.up1 = nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)
        self.left2, self.left1 = Double(32, 16), Double(16, 8)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(self.pool(one))
        low = self.bottom(self.pool(two))
        up = self.left2(torch.cat([two, self.up2(low)], 1))
        return self.head(self.left1(torch.cat([one, self.up1(up)], 1)))


class Branches(nn.Module):
    """Four ways of different length, one of which parts again, and a skip over all."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(8, 8, 1)
        self.two = nn.Sequential(nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1))
        self.three, self.left, self.right = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, padding=1)
        self.pool, self.join = nn.AvgPool2d(3, 1, 1), nn.Conv2d(32, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        three = self.three(x)
        ways = [self.one(x), self.two(x), self.left(three), self.right(three), self.pool(x)]
        return x + self.join(torch.cat(ways, 1))


class Forked(nn.Module):
    """Blocks with branches inside blocks, and two things returned."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8, 2)
        self.body = nn.Sequential(Branches(), Branches())
        self.a, self.b = nn.Linear(8, 3), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.body(self.stem(x)).mean((2, 3))
        return self.a(seen), self.b(seen).sigmoid()


class Twice(nn.Module):
    """A block and a layer that are called twice, two layers with one weight, and an activation that has none."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
        self.act, self.side = nn.ReLU(), nn.Conv2d(3, 4, 1)
        self.head, self.out = nn.Linear(4, 4), nn.Linear(4, 4)
        self.out.weight = self.head.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.block(self.act(self.block(x))))
        return self.out(self.head((self.side(x) + self.side(x.flip(3))).mean((2, 3))))


class Told(nn.Module):
    """Much that nothing calls, a transform whose work is not counted, patches that are made tokens by hidden operations."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.mix = nn.Conv2d(3, 6, 4, stride=4), nn.Sequential(nn.Linear(6, 6), nn.GELU())
        for k in range(40):
            self.add_module(f"spare{k}", nn.Linear(6, k + 1))
        self.token = nn.Parameter(torch.zeros(1, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.token, self.mix(torch.fft.fft2(tokens).real)), dim=1)
        return tokens[:, 0]


def ghost() -> Architecture:
    """A sum that reads a tensor which nothing gives, as a prototxt file may name one."""
    ops = (
        Op("data", "input", "Input", (3, 8, 8)),
        Op("ghost", "input", MISSING, (), note="No layer before sum gives the blob ghost."),
        Op("sum", "merge", "Eltwise", (3, 8, 8)),
        Op("@output", "output", "output", (3, 8, 8)),
    )
    edges = (Edge("data", "sum", (3, 8, 8)), Edge("ghost", "sum", ()), Edge("sum", "@output", (3, 8, 8)))
    return Architecture("ghost", ops, edges)


def drawn(model: nn.Module, title: str, side: int = 32, channels: int = 3) -> Architecture:
    """A model's architecture, its layers named as in a report."""
    with torch.no_grad():
        graph, _ = trace(model.eval(), torch.zeros(1, channels, side, side))
    names = {node.name for node in graph.nodes} | {group.name for group in graph.groups}
    parameters = sum(p.numel() for p in model.parameters())
    return from_graph(graph, title, parameters=parameters, layers=names)


ZOO = {
    "efficientnet_lite0": ("efficientnet_lite0", 224, 3),
    "tinyvgg_digits": ("tinyvgg_digits", 32, 1),
    "alexnet": ("torchvision:alexnet", 224, 3),
    "vgg16": ("torchvision:vgg16", 224, 3),
    "resnet50": ("torchvision:resnet50", 224, 3),
    "densenet121": ("torchvision:densenet121", 224, 3),
    "vit_b_16": ("torchvision:vit_b_16", 224, 3),
}


@cache
def named(name: str) -> Architecture:
    """One of the eight, with random weights."""
    if name == "unet":
        return drawn(UNet(), "U-Net")
    if name == "forked":
        return drawn(Forked(), "Forked")
    if name == "ghost":
        return ghost()
    if name == "twice":
        return drawn(Twice(), "twice", 8)
    if name == "narrow":
        two = OrderedDict((name, Double(8, 8)) for name in ("little_list_of_filters_lit", "tilted_list_of_filters_lit"))
        return drawn(nn.Sequential(two), "narrow", channels=8)
    if name == "told":
        return drawn(Told(), "told")
    source, side, channels = ZOO[name]
    return drawn(load(ModelConfig(source=source, weights="random")).module, name, side, channels)


EIGHT = (*ZOO, "unet")
