"""Networks to draw as blocks: one by hand, a few of ours, and those that people draw."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from generator.config import ModelConfig
from generator.diagrams.architecture import Architecture, Edge, Op
from generator.diagrams.from_graph import from_graph
from generator.model.load import load
from generator.model.trace import trace
from tests.diagrams.networks import Twice, ghost

HOSTILE = "</title><script>window.pwned=1</script>\u202e\"'&\x00}\\end{document}%$^_~#|` \u4e2d"


FOREIGN = ("卷积层", "Größe", "Слой", "レイヤ", "합성곱", "σλ")


class Two(nn.Sequential):
    def __init__(self, into: int, out: int) -> None:
        super().__init__(nn.Conv2d(into, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 3, padding=1), nn.ReLU())  # fmt: skip


class UNet(nn.Module):
    """Four times down, four times up, a skip across at each."""

    def __init__(self, widths: tuple[int, ...] = (8, 16, 32, 64, 128)) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.down = nn.ModuleList(Two(a, b) for a, b in pairwise((3, *widths[:-1])))
        self.pool = nn.MaxPool2d(2)
        self.middle = Two(*steps[-1])
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(steps))
        self.merge = nn.ModuleList(Two(2 * a, a) for a, _ in reversed(steps))
        self.head = nn.Conv2d(widths[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for down in self.down:
            kept.append(down(x))
            x = self.pool(kept[-1])
        x = self.middle(x)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([kept.pop(), up(x)], 1))
        return self.head(x)


def traced(module: nn.Module, size: tuple[int, int, int], title: str) -> Architecture:
    """A run of a module on zeros."""
    parameters = sum(one.numel() for one in module.parameters())
    return from_graph(trace(module.eval(), torch.zeros(1, *size))[0], title, parameters=parameters)


@cache
def net(name: str) -> Architecture:
    """``hand``, ``branches``, ``odd`` (shapes that nobody knows), ``unet``, ``wide`` (not square), ``hostile``, ``tinyvgg_digits`` or a model of torchvision's, untrained."""
    torch.manual_seed(0)
    if name == "hand":
        return hand()
    if name == "hostile":
        return hostile()
    if name == "branches":
        return branches()
    if name == "odd":
        return odd()
    if name == "foreign":
        ops = tuple(Op(f"{k}.{word}", "other", word, (k + 3, 4, 4)) for k, word in enumerate(FOREIGN))
        return Architecture("foreign", ops, tuple(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops)))
    if name == "ghost":
        return ghost()
    if name == "lined":
        return lined()
    if name == "many":
        ops = (Op("@input", "input", "input", (3, 224, 224)), Op("a", "block", "Stage", (3136, 1024)))
        return Architecture("many", ops, (Edge("@input", "a", (3, 224, 224)),))
    if name == "nested":
        return nested()
    if name in ("unet", "wide"):
        return traced(UNet(), (3, 64, 64) if name == "unet" else (3, 64, 192), name)
    if name == "twice":
        return traced(Twice(), (3, 8, 8), name)
    source = name if name in ("tinyvgg_digits", "efficientnet_lite0") else f"torchvision:{name}"
    it = load(ModelConfig(source=source, weights="random" if ":" in source else None))
    return traced(it.module, it.input_shape, name)


def lined() -> Architecture:
    """A block that stands for three and is read over the next box, by one that stands for four and adds what it reads."""
    shape = (16, 16, 16)
    ops = (
        Op("@input", "input", "input", (3, 16, 16)),
        Op("a", "conv", "Conv2d", shape),
        Op("b", "block", "Stage", shape, times=3, last="b3", parts=(Op("b.conv", "conv", "Conv2d", shape),)),
        Op("c", "conv", "Conv2d", shape),
        Op("d", "block", "Unit", shape, times=4, last="d4", parts=(Op("d.conv", "conv", "Conv2d", shape),), residual=True),
        Op("e", "merge", "F.add", shape),
    )  # fmt: skip
    ways = (("@input", "a"), ("a", "b"), ("a", "c"), ("b", "c"), ("b", "d"), ("c", "e"), ("d", "e"))
    return Architecture("lined", ops, tuple(Edge(a, b, shape) for a, b in ways))


def hand() -> Architecture:
    """8 x 8 pixels, a convolution with its activation that is repeated three times, their sum, two numbers."""
    act = Op("act", "act", "ReLU", (4, 8, 8))
    conv = Op(
        "conv", "conv", "Conv2d", (4, 8, 8), times=3, last="conv2", parts=(Op("c", "conv", "Conv2d", (4, 8, 8)), act)
    )
    ops = (
        Op("@input", "input", "input", (1, 8, 8)),
        conv,
        Op("sum", "merge", "F.add", (4, 8, 8)),
        Op("fc", "linear", "Linear", (2,)),
    )
    edges = tuple(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops))
    return Architecture("hand", ops, (*edges, Edge("@input", "sum", (1, 8, 8))))


def hostile() -> Architecture:
    """Every string from outside is an attack."""
    ops = tuple(Op(f"{k}{HOSTILE}", "other", HOSTILE, (k + 3, 4, 4), note=HOSTILE) for k in range(3))
    return Architecture(HOSTILE, ops, tuple(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops)))


def branches() -> Architecture:
    """An image, two branches (two convolutions, and a pool of another size) and a skip that a ball joins; then two of a
    network's own, where a dense layer and its neighbour part again, and are joined."""

    def conv(name: str, channels: int) -> Op:
        return Op(name, "conv", "Conv2d", (channels, 8, 8))

    ops = (
        Op("@input", "input", "input", (4, 8, 8)),
        conv("stem", 4),
        conv("a1", 4), conv("a2", 8),
        Op("b", "pool", "MaxPool2d", (4, 4, 4)),
        Op("join", "merge", "F.add", (8, 8, 8)),
        conv("c", 2), conv("d", 2),
        Op("again", "merge", "F.cat", (4, 8, 8)),
        Op("fc", "linear", "Linear", (2,)),
    )  # fmt: skip
    pairs = (
        "@input stem, stem a1, a1 a2, stem b, a2 join, b join, stem join, join c, join d, c again, d again, again fc"
    )
    shapes = {op.id: op.shape for op in ops}
    edges = tuple(Edge(a, b, shapes[a]) for a, b in (pair.split() for pair in pairs.split(", ")))
    return Architecture("branches", ops, edges)


def nested() -> Architecture:
    """Two ways, the first of which parts again between its own boxes, and once more inside that; then a dense layer."""

    def conv(name: str, channels: int = 4) -> Op:
        return Op(name, "conv", "Conv2d", (channels, 8, 8))

    def join(name: str, channels: int) -> Op:
        return Op(name, "merge", "F.cat", (channels, 8, 8))

    ops = (
        Op("@input", "input", "input", (3, 8, 8)), conv("stem"), conv("a"), conv("b1"), conv("c1"), conv("c2"),
        join("inmost", 8), conv("b2"), join("inner", 12), conv("d"), join("outer", 16), Op("fc", "linear", "Linear", (2,)),
    )  # fmt: skip
    pairs = "@input stem, stem a, a b1, b1 c1, b1 c2, c1 inmost, c2 inmost, a b2, inmost inner, b2 inner, stem d, inner outer, d outer, outer fc"  # fmt: skip
    shapes = {op.id: op.shape for op in ops}
    edges = tuple(Edge(a, b, shapes[a]) for a, b in (pair.split() for pair in pairs.split(", ")))
    return Architecture("nested", ops, edges)


def odd() -> Architecture:
    """Operations whose shapes depend on what comes in."""
    ops = (
        Op("@input", "input", "input", (3, 8, 8)),
        Op("s", "other", "F.nonzero", ()),
        Op("t", "block", "RoIHeads", ()),
    )
    return Architecture("odd", ops, tuple(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops)))
