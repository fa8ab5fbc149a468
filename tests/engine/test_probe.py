"""What probes hold: the targets' numbers against the model called directly, counts, batches, and room that runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.capture import prepared
from generator.engine.needs import Activation, Input, Need, Reads
from generator.engine.output import Readout
from generator.engine.passes import Counts, Engine, Served
from generator.engine.plan import Request, plan
from generator.engine.probe import Probe, Shared, probed, probing
from generator.errors import UserError
from generator.library import engine_for
from generator.methods import Cost, Made, Model, ModelFacts
from generator.model.describe import describe
from generator.names import INPUT, CallTarget, ClassTarget, GroupTarget, Layer, LayerName, RankTarget, Target, Unit
from tests.methods.examples import exactly, same

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


def by_hand(model: Small, x: Tensor, own: Tensor) -> Tensor:
    """(t, m): the six targets, by a forward with nothing in place; the class ranked first is that of `own`, the image."""
    relu1 = model.conv1(x).relu()
    conv2 = model.conv2(relu1)
    logits = model.fc((conv2 + relu1).relu().mean((2, 3)))
    first = model(own)[0].argmax()
    return torch.stack(
        [
            logits[:, 3],
            logits[:, 0] + logits[:, 4],
            logits[:, first],
            conv2[:, 2].mean((1, 2)),
            relu1[:, 1, 3, 4],
            logits[:, 0] - logits[:, 1] ** 2,
        ]
    )


def test_values_of_every_kind_of_target_in_batches():
    with probe() as model:
        x = pictures(9)
        found = model.run(x)
        assert model.targets == 6
        assert found.values.shape == (6, 9)
        same(found.values, by_hand(model.module, x, model.x))
        assert model.engine.counts == Counts(9, 0)


def test_shares_are_probabilities_and_nan_where_a_target_has_none():
    with probe() as model:
        x = pictures(9)
        p = model.module(x).softmax(dim=1).detach()
        shares = model.run(x).shares
        assert shares is not None
        first = model.module(model.x)[0].argmax()
        same(shares[:3], torch.stack([p[:, 3], p[:, 0] + p[:, 4], p[:, first]]))
        assert shares[3:].isnan().all()
    with probe(TARGETS[3:]) as model:
        assert model.run(pictures()).shares is None
    with probe(CLASSES) as model:
        model.engine.readout = Readout("multilabel")
        s = model.module(pictures()).sigmoid().detach()
        shares = model.run(pictures()).shares
        assert shares is not None
        same(shares[1], 1 - (1 - s[:, 0]) * (1 - s[:, 4]))  # that of any: several may be at once


def test_gradients_of_every_kind_of_target_batch_by_batch():
    with probe() as model:
        x = pictures(9)
        leaf = x.clone().requires_grad_()
        expected = [
            torch.autograd.grad(row.sum(), leaf, retain_graph=True)[0] for row in by_hand(model.module, leaf, model.x)
        ]
        parts = list(model.gradients(x))
        assert [cut for cut, _ in parts] == [slice(0, 4), slice(4, 8), slice(8, 9)]
        same(torch.cat([part for _, part in parts], dim=1), torch.stack(expected))
        assert model.engine.counts == Counts(9, 54)
        assert not x.requires_grad
        assert x.grad is None


def test_a_target_that_does_not_depend_on_the_input_has_no_gradient():
    with probe((ClassTarget(1), CallTarget(f"{__name__}:constant"))) as model:
        ((_, found),) = model.gradients(pictures(2))
        assert found[0].abs().sum() > 0
        exactly(found[1], torch.zeros(2, 3, SIDE, SIDE))
        assert model.engine.counts == Counts(2, 4)


def constant(output: Tensor) -> Tensor:
    """A target that is always one."""
    return torch.ones(len(output))


def test_resumed_values_and_counts():
    with probe() as model:
        own = model.module.conv1(model.x).relu() + 0.1
        A = torch.cat([own, own / 2, torch.zeros_like(own), own.flip(1), own * 3])
        found = model.resume(LayerName("relu1"), A)
        assert model.engine.counts == Counts(6, 0)
        conv2 = model.module.conv2(A)
        logits = model.module.fc((conv2 + A).relu().mean((2, 3)))
        same(found.values[0], logits[:, 3])
        same(found.values[3], conv2[:, 2].mean((1, 2)))
        same(found.values[4], A[:, 1, 3, 4])  # a unit of the layer itself
        same(found.values[5], difference(logits))
        assert found.shares is not None
        same(found.shares[1], logits.softmax(dim=1)[:, [0, 4]].sum(dim=1))
        model.resume(LayerName("relu1"), A[:2])
        assert model.engine.counts == Counts(8, 0)  # what comes before the layer is recorded once


def test_a_unit_before_the_resumed_layer_has_no_value():
    with probe() as model:
        A = model.module.conv2(model.module.conv1(model.x).relu()).expand(3, -1, -1, -1)
        values = model.resume(LayerName("conv2"), A).values
        same(values[3], A[:, 2].mean((1, 2)))
        assert values[4].isnan().all()
        assert values[[0, 1, 2, 3, 5]].isfinite().all()
    with probe((Unit(LayerName("relu1"), 1),)) as model:
        assert model.resume(LayerName("conv2"), A).values.isnan().all()


def test_layer_outputs_of_inputs_of_any_size():
    with probe() as model:
        for height, width in ((SIDE, SIDE), (20, 9)):
            x = torch.randn(5, 3, height, width)
            same(model.layer_output(LayerName("conv1"), x), model.module.conv1(x))  # not the rectifier's, in place
        assert model.engine.counts == Counts(10, 0)
        with pytest.raises(UserError, match="conv1@2"):
            model.layer_output(LayerName("conv1@2"), pictures())


def test_head_shares_are_what_the_model_says_of_its_averaged_layer():
    with probe() as model:
        assert model.facts.head_layer == "relu2"
        features = model.layer_output(LayerName("relu2"), pictures(3)).mean((2, 3))
        before = replace(model.engine.counts)
        shares = model.head_shares(features)
        assert model.engine.counts == before
        expected = model.run(pictures(3)).shares
        assert shares is not None
        assert expected is not None
        same(shares[:3], expected[:3])
        assert shares[3:].isnan().all()


def test_a_forward_in_the_graph_of_the_model_and_of_a_changed_copy():
    with probe() as model:
        x = pictures(2).requires_grad_()
        run = model.forward(x)
        same(run.values.detach(), by_hand(model.module, x, model.x).detach())
        assert [[tuple(t.shape) for t in read] for read in run.read] == [
            *[[(2, 5)]] * 3,
            [(2, 6, SIDE, SIDE)],
            [(2, 6, SIDE, SIDE)],
            [(2, 5)],
        ]
        for values, read in zip(run.values, run.read, strict=True):
            (slope,) = torch.autograd.grad(values.sum(), read, retain_graph=True)
            assert slope.abs().sum() > 0
        (gradient,) = torch.autograd.grad(run.values[0].sum(), x)
        same(gradient, torch.cat([part for _, part in model.gradients(x.detach())], dim=1)[0])
        twin = Small()
        twin.fc.weight.data *= 2
        twin.eval().requires_grad_(False)
        other = model.forward(x, twin)
        same(other.values.detach()[:3], by_hand(twin, x, model.x).detach()[:3])
        assert model.engine.counts == Counts(6, 12)


def test_a_rank_is_the_image_s_own_whatever_it_is_changed_into():
    with probe((RankTarget(1),)) as model:
        own = int(model.module(model.x)[0].argmax())
        far = pictures(40) * 5
        others = model.module(far).argmax(dim=1)
        assert (others != own).any()
        same(model.run(far).values[0], model.module(far)[:, own])


# ---- batches


def test_made_rows_are_made_batch_by_batch_and_the_same_as_a_tensor():
    x = pictures(11)
    cuts: list[slice] = []

    def make(cut: slice) -> Tensor:
        cuts.append(cut)
        return x[cut]

    with probe() as model:
        found = model.run(Made(11, make))
        assert cuts == [slice(0, 4), slice(4, 8), slice(8, 11)]
        exactly(found.values, model.run(x).values)
        gradients = torch.cat([part for _, part in model.gradients(Made(11, make))], dim=1)
        exactly(gradients, torch.cat([part for _, part in model.gradients(x)], dim=1))
        A = model.module.conv1(x).relu()
        exactly(
            model.resume(LayerName("relu1"), Made(11, lambda cut: A[cut])).values[:4],
            model.resume(LayerName("relu1"), A).values[:4],
        )


@dataclass
class Room:
    """A model that has room for so many images at once; it notes how many it was given."""

    most: int
    seen: list[int] = field(default_factory=list)

    def __call__(self, module: nn.Module, args: tuple[Tensor]) -> None:
        self.seen.append(len(args[0]))
        if len(args[0]) > self.most:
            raise torch.OutOfMemoryError("no room")


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, x: model.run(x).values,
        lambda model, x: torch.cat([part for _, part in model.gradients(x)], dim=1),
        lambda model, x: model.layer_output(LayerName("conv2"), x),
        lambda model, x: model.resume(LayerName("relu1"), torch.cat([x, x], dim=1)).values[:4],
    ],
    ids=["run", "gradients", "layer_output", "resume"],
)
def test_out_of_memory_halves_the_batch_and_goes_on(ask: Callable[[Probe, Tensor], Tensor]):
    x = pictures(9)
    with probe(batch=9) as model:
        expected = ask(model, x)
        counted = replace(model.engine.counts)
    with probe(batch=9) as model:
        room = Room(3)
        with model.module.conv2.register_forward_pre_hook(room):
            found = ask(model, x)
        assert [n for n in room.seen if n > room.most] == [9, 4]
        assert model.batch == 2
        same(found, expected)
        assert model.engine.counts == counted, "a forward that had no room is none"


def test_out_of_memory_for_one_image_is_said():
    with probe() as model, model.module.conv1.register_forward_pre_hook(Room(0)), pytest.raises(torch.OutOfMemoryError):
        model.run(pictures(3))


# ---- what a probe is given


def test_ends_and_random_numbers():
    with probe() as model:
        exactly(model.low, ENDS[0])
        exactly(model.high, ENDS[1])
        first, again = (torch.rand(3, generator=model.generator) for _ in range(2))
        exactly(first, again)
        exactly(first, torch.rand(3, generator=torch.Generator().manual_seed(5)))


def test_one_artifact_for_each_target_or_one_where_there_is_none():
    engine = engine_for(Small(), describe(Small(), (3, SIDE, SIDE)))
    map_ = Heatmap(torch.zeros(1, 2, 2))
    for targets, yields, good in (
        (CLASSES, (map_,) * 3, True),
        (CLASSES, (map_,) * 2, False),
        ((), (map_,), True),
        ((), (), False),
    ):
        with served(engine, targets, Nothing(yields)) as (one, x):
            if good:
                assert probed(engine, one, 1, x, ENDS, 0) == yields
            else:
                with pytest.raises(TypeError, match=f"expected to yield {max(1, len(targets))} artifacts"):
                    probed(engine, one, 1, x, ENDS, 0)


@dataclass(frozen=True)
class Sees(Nothing):
    """Yields what it reads and what the model says of it, at one layer."""

    def needs(self, layer: LayerName) -> tuple[Need, ...]:
        return Input(), Activation(layer)

    def probe(self, reads: Reads, model: Model, layer: LayerName) -> Iterator[Artifact | NotApplicable]:
        values = model.run(reads.input).values
        for t in range(model.targets):
            yield Heatmap(reads.activation.sum(dim=1) * values[t])


def test_it_sees_its_own_image_of_the_batch():
    small, x = Small(), pictures(3)
    engine = engine_for(small, describe(small, (3, SIDE, SIDE)))
    request = Request("sees", Sees(), LayerName("conv1"), (RankTarget(1),))
    (one,) = engine.run(x, plan([request], engine.facts))
    for n in range(3):
        (found,) = probed(engine, one, n, x, ENDS, 0)
        assert isinstance(found, Heatmap)
        expected = small.conv1(x[n : n + 1]).sum(dim=1) * small(x[n : n + 1]).max()
        same(found.values, expected.detach())


def test_the_model_is_left_bit_for_bit_as_found():
    small = Small().train()
    small.conv1.weight.requires_grad_(False)
    state = {key: value.clone() for key, value in small.state_dict().items()}
    dicts = {path: set(module.__dict__) for path, module in small.named_modules()}
    with probe(model=small) as model:
        x = pictures(5)
        model.run(x)
        list(model.gradients(x))
        model.forward(x)
        model.layer_output(LayerName("conv2"), x)
        model.resume(LayerName("conv2"), model.layer_output(LayerName("conv2"), x))
    assert all(module.training for module in small.modules())
    assert [p.requires_grad for p in small.parameters()] == [False] + [True] * 5
    assert all(p.grad is None for p in small.parameters())
    assert all(torch.equal(value, state[key]) for key, value in small.state_dict().items())
    for path, module in small.named_modules():
        assert set(module.__dict__) == dicts[path]
        assert not (module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def test_a_unit_that_the_output_does_not_hold_is_named():
    with probe((ClassTarget(0),)) as model, prepared(model.module):
        model.subjects = ((Unit(LayerName("nowhere"), 0), None),)
        with pytest.raises(UserError, match="nowhere"):
            model.run(pictures())


def test_what_several_probes_make_alike_is_made_once_for_an_image_and_its_targets():
    made: list[int] = []
    shared: Shared = {}
    engine = engine_for(Small(), describe(Small(), (3, SIDE, SIDE)))
    for targets in (CLASSES, CLASSES, CLASSES[:1]):
        with served(engine, targets, Nothing(())) as (one, x), probing(engine, one, 0, x, ENDS, 0, shared) as model:
            assert model.once("a", lambda: made.append(1) or len(made)) == (1 if targets == CLASSES else 2)
            assert model.once("a", lambda: made.append(1) or len(made)) == (1 if targets == CLASSES else 2)
    assert len(made) == 2
