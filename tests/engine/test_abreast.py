"""Tasks abreast: each has an engine of its own, all are done and counted, and company changes no bit."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from generator.engine.abreast import abreast, copies
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.library import engine_for
from generator.model.describe import describe
from generator.names import LayerName
from tests.search.searching import random_convs


@pytest.fixture
def two():
    """Two threads for torch, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def engine_of(module: nn.Module) -> Engine:
    return engine_for(module.eval(), describe(module.eval(), (3, 32, 32)))


def gradients(engine: Engine, seeds: list[int]) -> dict[int, Tensor]:
    """A gradient for each seed, tasks abreast."""
    found: dict[int, Tensor] = {}

    def work(mine: Engine, seed: int) -> None:
        x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        _, kept = mine.forward(mine.batch(x), frozenset({LayerName("2")}), RuleBook(), stop=True)
        mine.counts.backward += 1
        (found[seed],) = torch.autograd.grad(kept[LayerName("2")].square().sum(), x)

    abreast(engine, seeds, work)
    return found


def test_every_task_is_done_and_counted_and_its_company_changes_no_bit(two):
    engine = engine_of(random_convs())
    together = gradients(engine, list(range(9)))
    assert (engine.counts.forward, engine.counts.backward) == (9, 9)
    assert sorted(together) == list(range(9))
    alone = [gradients(engine, [seed])[seed] for seed in range(9)]
    assert all(torch.equal(together[seed], alone[seed]) for seed in range(9))
    torch.set_num_threads(1)  # one after the other, with the engine itself
    torch.testing.assert_close(torch.stack([gradients(engine, [k])[k] for k in range(9)]), torch.stack(alone))


def test_two_run_at_once_each_with_one_thread_and_a_copy_on_the_same_weights(two):
    engine = engine_of(random_convs())
    met = threading.Barrier(2, timeout=60)
    seen: list[tuple[int, int, int]] = []

    def work(mine: Engine, task: int) -> None:
        met.wait()  # nobody comes by alone
        seen.append((id(mine), mine.module[0].weight.data_ptr(), torch.get_num_threads()))

    abreast(engine, [0, 1], work)
    (a, weights, one), (b, same, also) = seen
    assert a != b and id(engine) not in (a, b)
    assert weights == same == engine.module[0].weight.data_ptr()
    assert (one, also, torch.get_num_threads()) == (1, 1, 2)


def test_copies_are_made_once_and_anew_for_other_weights(two):
    engine = engine_of(random_convs())
    first = copies(engine, 2)
    assert copies(engine, 2) is first
    engine.module[0].weight.data = engine.module[0].weight.data * 2
    changed = copies(engine, 2)
    assert changed is not first
    assert torch.equal(changed[1].module[0].weight, engine.module[0].weight)


class Uncopied(nn.Module):
    """A model that holds what cannot be copied."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lock = random_convs()[0], threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_model_that_cannot_be_copied_works_by_itself(two, threads: int):
    torch.set_num_threads(threads)
    engine = engine_of(Uncopied())
    seen: list[tuple[object, int]] = []
    abreast(engine, [3, 1, 2], lambda mine, task: seen.append((mine, task)))
    assert seen == [(engine, 3), (engine, 1), (engine, 2)]


def test_an_error_is_raised_and_what_has_not_begun_is_left(two):
    engine = engine_of(random_convs())
    begun: list[int] = []

    def work(mine: Engine, task: int) -> None:
        begun.append(task)
        if task == 0:
            raise ValueError("no room")
        threading.Event().wait(0.05)

    with pytest.raises(ValueError, match="no room"):
        abreast(engine, list(range(200)), work)
    assert len(begun) < 200
    abreast(engine, [7], work)  # nothing is held
    assert begun[-1] == 7
    assert engine.counts.forward == 0


class Scratch(nn.Module):
    """A model that writes what it is given into a buffer, and reads it back later."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = random_convs()
        self.register_buffer("seen", torch.zeros(1, 3, 32, 32))

    def forward(self, x: Tensor) -> Tensor:
        self.seen.copy_(x.detach())
        y = self.convs(x)
        return y + self.seen.mean()


def test_what_a_model_writes_into_its_buffers_is_its_own(two):
    engine = engine_of(Scratch())
    inputs = {seed: torch.full((1, 3, 32, 32), float(seed)) for seed in range(60)}

    def outputs(seeds: list[int]) -> dict[int, Tensor]:
        found: dict[int, Tensor] = {}

        def work(mine: Engine, seed: int) -> None:
            with torch.no_grad():
                found[seed] = mine.module(inputs[seed])

        abreast(engine, seeds, work)
        return found

    one, other = copies(engine, 2)
    assert len({e.module.seen.data_ptr() for e in (engine, one, other)}) == 3
    together = outputs(list(inputs))
    assert all(torch.equal(together[seed], outputs([seed])[seed]) for seed in (0, 7, 31, 59))


def test_passes_of_a_team_that_failed_are_counted_at_once(two):
    engine = engine_of(random_convs())

    def work(mine: Engine, task: int) -> None:
        mine.counts.forward += 1
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        abreast(engine, [0], work)
    assert engine.counts.forward == 1


def test_a_model_with_hooks_works_by_itself(two):
    module = random_convs()
    seen: list[int] = []
    module.register_forward_hook(lambda *_: seen.append(1))
    engine = engine_of(module)
    used: list[Engine] = []
    abreast(engine, [0, 1], lambda mine, task: used.append(mine))
    assert used == [engine, engine]
