"""A probe's batches: made rows, memory that runs out, what it is given of its image, and what is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import Artifact, Heatmap, NotApplicable
from generator.engine.capture import prepared
from generator.engine.needs import Activation, Input, Need, Reads
from generator.engine.plan import Request, plan
from generator.engine.probe import Probe, Shared, probed, probing
from generator.errors import UserError
from generator.library import engine_for
from generator.methods import Made, Model
from generator.model.describe import describe
from generator.names import ClassTarget, LayerName, RankTarget, Unit
from tests.engine.probing import CLASSES, ENDS, SIDE, Nothing, Small, pictures, probe, served
from tests.methods.examples import exactly, same


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
