"""A small net, targets of every kind, and a probe of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generator.artifacts import Artifact, NotApplicable
from generator.engine.needs import Input, Need, Reads
from generator.engine.passes import Counts, Engine, Served
from generator.engine.plan import Request, plan
from generator.engine.probe import Probe, probing
from generator.library import engine_for
from generator.methods import Cost, Model, ModelFacts
from generator.model.describe import describe
from generator.names import INPUT, CallTarget, ClassTarget, GroupTarget, Layer, LayerName, RankTarget, Target, Unit

SIDE = 12


class Small(nn.Module):
    """Rectifiers in place, an addition in place, global average pooling, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.relu1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True)
        self.conv2, self.relu2 = nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(inplace=True)
        self.fc = nn.Linear(6, 5)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.conv1(x))
        out = self.conv2(x)
        out += x
        return self.fc(self.relu2(out).mean((2, 3)))


def difference(output: Tensor) -> Tensor:
    """A target that is a function of the output."""
    return output[:, 0] - output[:, 1].square()


CALL = CallTarget(f"{__name__}:difference")
TARGETS: tuple[Target, ...] = (
    ClassTarget(3),
    GroupTarget("both", (0, 4)),
    RankTarget(1),
    Unit(LayerName("conv2"), 2),
    Unit(LayerName("relu1"), 1, (3, 4)),
    CALL,
)
CLASSES = TARGETS[:3]


def pictures(n: int = 1) -> Tensor:
    return torch.randn(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


@contextmanager
def probe(targets: tuple[Target, ...] = TARGETS, model: nn.Module | None = None, batch: int = 4) -> Iterator[Probe]:
    model = model or Small()
    engine = engine_for(model, describe(model, (3, SIDE, SIDE)))
    with served(engine, targets) as (one, x), probing(engine, one, 0, x, ENDS, seed=5) as found:
        found.batch = batch
        engine.counts = Counts()
        yield found


ENDS = (torch.tensor([-2.0, -1.0, -3.0]), torch.tensor([2.0, 1.0, 3.0]))


@contextmanager
def served(engine: Engine, targets: tuple[Target, ...], method: object = None) -> Iterator[tuple[Served, Tensor]]:
    """The last of two images, so that an index off by one shows."""
    x = pictures(2).flip(0)
    request = Request("probe", method or Nothing(), INPUT, targets)
    (one,) = engine.run(x, plan([request], engine.facts))
    yield one, x


@dataclass(frozen=True)
class Nothing:
    """A probe that reads the input and yields what it is told."""

    yields: tuple[Artifact | NotApplicable, ...] = ()

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return (Input(),)

    def cost(self, model: ModelFacts, layer: Layer | None, targets: int) -> Cost:
        return Cost()

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        yield from self.yields
