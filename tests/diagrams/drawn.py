"""Architectures to draw in tests: one so small that its drawings can be computed by hand, and a few of every kind."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from generator.config import ModelConfig
from generator.diagrams.architecture import Architecture, Edge, Op, Shape
from generator.diagrams.extras import Dense, with_dense, with_faces
from generator.diagrams.from_graph import from_graph
from generator.diagrams.weights import with_weights
from generator.model.load import load
from generator.model.trace import trace

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
HOSTILE = "</title><script>window.pwned=1</script>\u202e\"'&\x00"


def chain(*ops: Op, title: str = "net") -> Architecture:
    """Ops one behind the other."""
    edges = tuple(Edge(a.id, b.id, a.shape) for a, b in pairwise(ops))
    return Architecture(title, ops, edges)


def conv(name: str, shape: Shape, kernel: int = 3) -> Op:
    return Op(name, "conv", "Conv2d", shape, path=name, attributes=(("kernel", f"{kernel}×{kernel}"),))


def hand() -> Architecture:
    """An image of one channel, a convolution to two, pooling, four numbers, two numbers; weights and one picture are known."""
    it = chain(
        Op("@input", "input", "input", (1, 8, 8)),
        conv("conv", (2, 8, 8)),
        Op("act", "act", "ReLU", (2, 8, 8)),
        Op("pool", "pool", "MaxPool2d", (2, 4, 4), attributes=(("kernel", "2×2"),)),
        Op("flat", "reshape", "Flatten", (32,)),
        Op("fc1", "linear", "Linear", (4,), path="fc1"),
        Op("fc2", "linear", "Linear", (2,), path="fc2"),
        Op("@output", "output", "output", (2,)),
    )
    fc2 = Dense((3, 0, 2, 1), (1, 0), ((0.5, -1.0, 0.25, 0.0), (0.1, 0.2, -0.3, 2.0)), (0.5, -4.0))
    return with_faces(with_dense(it, {"fc2": fc2}), {"conv": [PIXEL]})


class Residual(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.one, self.norm, self.two = (
            nn.Conv2d(width, out, 3, 2, 1),
            nn.BatchNorm2d(out),
            nn.Conv2d(out, out, 3, 1, 1),
        )
        self.side = nn.Conv2d(width, out, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return (self.two(self.norm(self.one(x)).relu()) + self.side(x)).relu()


class Deciding(nn.Module):
    """Reads its first maps again where it goes on from what it saw, and ends in two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.more, self.last = (
            nn.Conv2d(3, 8, 3, padding=1),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.Conv2d(8, 4, 3),
        )
        self.one, self.two, self.early = nn.Linear(12, 6), nn.Linear(6, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stem(x)
        if y.mean() > 1e9:
            return self.early(y.mean((2, 3)))
        z = torch.cat([y[:, :4], self.last(nn.functional.pad(self.more(y).relu(), [1] * 4)), y[:, 4:]], 1)
        return self.two(self.one(z.mean((2, 3))[:, :12]))


class UNet(nn.Module):
    """Down twice, up twice, with skips over the top."""

    def __init__(self) -> None:
        super().__init__()
        pairs = [(3, 16), (16, 32), (32, 64), (64, 32), (32, 16)]
        self.steps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.ReLU())
            for a, b in pairs
        )
        self.ups = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
        self.head = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.steps[0](x)
        two = self.steps[1](nn.functional.max_pool2d(one, 2))
        deep = self.steps[2](nn.functional.max_pool2d(two, 2))
        up = self.steps[3](torch.cat([self.ups[0](deep), two], 1))
        return self.head(self.steps[4](torch.cat([self.ups[1](up), one], 1)))


class Tokens(nn.Module):
    """Patches, three encoder layers, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.layers = nn.Sequential(*(nn.TransformerEncoderLayer(24, 2, 48, batch_first=True) for _ in range(3)))
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.patches(x).flatten(2).transpose(1, 2))[:, 0])


def traced(module: nn.Module, size: tuple[int, ...], title: str) -> Architecture:
    """A module of ours, with its weights where it has dense layers."""
    module = module.eval()
    it = from_graph(trace(module, torch.zeros(1, *size))[0], title)
    return with_weights(it, module)


@cache
def architectures() -> dict[str, Architecture]:
    """One of every kind, seeded."""
    torch.manual_seed(0)
    mlp = nn.Sequential(
        nn.Flatten(), nn.Linear(48, 40), nn.ReLU(), nn.Linear(40, 6), nn.ReLU(), nn.Linear(6, 3, bias=False)
    )
    residual = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        Residual(8, 16),
        Residual(16, 32),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )
    digits = load(ModelConfig(source="tinyvgg_digits"))
    resnet = load(ModelConfig(source="torchvision:resnet50", weights="random"))
    dense = load(ModelConfig(source="torchvision:densenet121", weights="random"))
    return {
        "hand": hand(),
        "hostile": chain(
            Op("@input", "input", HOSTILE, (1, 8, 8)), conv(HOSTILE, (2, 6, 6)), Op("b" + HOSTILE, "block", HOSTILE, (2, 6, 6)),
            Op("l" + HOSTILE, "linear", HOSTILE, (3,), path=HOSTILE), title=HOSTILE,
        ),
        "nothing": Architecture("nothing", (), ()),
        "unknown": chain(Op("@input", "input", "Input", ()), Op("x", "other", "Custom", ()), Op("y", "conv", "Convolution", (3, 4, 6))),
        "channels_last": chain(Op("@input", "input", "input", (3, 32, 32)), conv("conv", (8, 8, 96), 4), Op("s", "block", "Stage", (4, 4, 192))),
        "deciding": traced(Deciding(), (3, 16, 16), "deciding"),
        "mlp": traced(mlp, (3, 4, 4), "mlp"),
        "residual": traced(residual, (3, 32, 32), "residual"),
        "unet": traced(UNet(), (3, 32, 48), "U-Net"),
        "tokens": traced(Tokens(), (3, 32, 32), "tokens"),
        "tinyvgg_digits": traced(digits.module, (1, 32, 32), digits.title),
        "resnet50": traced(resnet.module, (3, 224, 224), "ResNet-50"),
        "densenet121": traced(dense.module, (3, 224, 224), "DenseNet-121"),
    }  # fmt: skip
