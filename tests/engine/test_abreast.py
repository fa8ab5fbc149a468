"""Tasks abreast: each has an engine of its own, all are done and counted, and company changes no bit."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.config import ModelConfig
from generator.engine.abreast import abreast, copies
from generator.engine.outside import keeps_outside
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.library import engine_for
from generator.model.describe import describe
from generator.model.load import load
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


def gradient(engine: Engine, seed: int) -> Tensor:
    """Of the last layer's square on noise."""
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed)).requires_grad_()
    _, kept = engine.forward(engine.batch(x), frozenset({LayerName("2")}), RuleBook(), stop=True)
    engine.counts.backward += 1
    return torch.autograd.grad(kept[LayerName("2")].square().sum(), x)[0]


def gradients(engine: Engine, seeds: list[int]) -> dict[int, Tensor]:
    """A gradient for each seed, tasks abreast."""
    found: dict[int, Tensor] = {}

    def work(mine: Engine, seed: int) -> None:
        found[seed] = gradient(mine, seed)

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


@pytest.mark.parametrize(
    ("threads", "at_once", "each"), [(2, 2, 1), (3, 3, 1), (4, 4, 1), (6, 4, 1), (8, 4, 2), (13, 4, 3)]
)
def test_as_many_at_once_as_torch_has_threads_and_the_same_bits_as_one_after_the_other(
    two, threads: int, at_once: int, each: int
):
    """Each has its share of the threads, all together have no more than were asked for, and afterwards all are there again."""
    torch.set_num_threads(threads)
    engine = engine_of(random_convs())
    counting, met = threading.Lock(), threading.Barrier(at_once, timeout=60)
    now: list[int] = []
    most: list[int] = []
    found: dict[int, Tensor] = {}

    def work(mine: Engine, seed: int) -> None:
        with counting:
            now.append(torch.get_num_threads())
            most.append(sum(now))
        if seed < at_once:
            met.wait()
        found[seed] = gradient(mine, seed)
        with counting:
            now.remove(torch.get_num_threads())

    abreast(engine, list(range(11)), work)
    assert max(most) == at_once * each <= threads
    assert torch.get_num_threads() == threads
    torch.set_num_threads(each)
    assert all(torch.equal(found[seed], gradient(engine, seed)) for seed in range(11))


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


def by_itself(module: nn.Module) -> bool:
    """Whether tasks ran one after the other, with the engine itself."""
    engine = engine_of(module)
    used: list[Engine] = []
    abreast(engine, [0, 1], lambda mine, task: used.append(mine))
    assert used == [engine, engine] or engine not in used
    return used == [engine, engine]


@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_a_model_with_hooks_works_by_itself(two, kind: str):
    module = random_convs()
    assert not by_itself(module)
    seen: list[int] = []
    getattr(module[0], f"register_{kind}_hook")(lambda *_: seen.append(1))
    assert by_itself(module)


class Noisy(nn.Module):
    """A model that adds a number that it draws, in evaluation mode too: whatever `draw` gives."""

    def __init__(self, draw: str) -> None:
        super().__init__()
        self.convs, self.draw = random_convs(), draw
        self.own = torch.Generator().manual_seed(1)

    def forward(self, x: Tensor) -> Tensor:
        number = {
            "torch": lambda: float(torch.rand(())),
            "python": random.random,
            "numpy": np.random.rand,
            "gauss": np.random.randn,
            "own": lambda: float(torch.rand((), generator=self.own)),
            "none": lambda: 0.5,
        }[self.draw]()
        return self.convs(x) * (1 + 1e-9 * number) if self.draw != "own" else self.convs(x) + number


def seeded_draws(between: Callable[[], object]) -> tuple[float, ...]:
    """What the generators that all threads share give after they were seeded; `between` runs before that."""
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    np.random.randn()  # noqa: NPY002 (it draws two and keeps one)
    between()
    return float(torch.rand(())), random.random(), np.random.randn(), np.random.randn()  # noqa: NPY002


@pytest.mark.parametrize("draw", ["torch", "python", "numpy", "gauss", "own"])
def test_a_model_that_draws_in_evaluation_mode_works_by_itself_and_the_draws_go_on_as_before(two, draw: str):
    """The number drawn from a generator that all share changes no bit of the output: its state tells."""
    assert not by_itself(Noisy("none"))
    engine = engine_of(Noisy(draw))
    expected = seeded_draws(lambda: None)
    assert seeded_draws(lambda: copies(engine, 2)) == expected
    assert copies(engine, 2) == []


class Remembering(nn.Module):
    """A model whose output depends on how often it was run."""

    def __init__(self) -> None:
        super().__init__()
        self.convs, self.runs = random_convs(), 0

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        return self.convs(x) + 1e-5 * self.runs


def closed(module: nn.Module) -> nn.Module:
    """With a `forward` put on it that keeps features in a dict of its own and calls the module's: as scripts do without hooks."""
    features: dict[str, Tensor] = {}
    original = module.forward

    def forward(x: Tensor) -> Tensor:
        features["last"] = original(x)
        return features["last"]

    module.forward = forward  # type: ignore[method-assign]
    return module


def local() -> nn.Module:
    """Of a class whose forward writes into a list of the function around it."""
    kept: list[Tensor] = []

    class Local(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            kept.append(x)
            return super().forward(x)

    return Local(*random_convs())


class Default(nn.Sequential):
    """Whose forward writes into a default of its own."""

    def forward(self, x: Tensor, kept: list[Tensor] = []) -> Tensor:  # noqa: B006
        kept.append(x)
        return super().forward(x)


def partly() -> nn.Module:
    module = random_convs()
    kept: list[Tensor] = []
    module.told = functools.partial(kept.append)
    return module


def harmless() -> nn.Module:
    """Of a class whose forward holds numbers, a function and itself: none of these can be written into."""
    scale, shape = 2.0, (1, 2)

    def twice(x: Tensor) -> Tensor:
        return x * scale

    class Local(nn.Sequential):
        def forward(self, x: Tensor, names: tuple[str, ...] = ("a",)) -> Tensor:
            return twice(super().forward(x)) + len(shape) + len(names)

    return Local(*random_convs())


@pytest.mark.parametrize(
    ("made", "alone"),
    [
        (lambda: closed(random_convs()), True),
        (local, True),
        (lambda: Default(*random_convs()), True),
        (partly, True),
        (Remembering, True),
        (harmless, False),
        (random_convs, False),
    ],
    ids=["closed", "local", "default", "partial", "remembering", "harmless", "plain"],
)
def test_what_a_model_keeps_where_its_copies_would_meet_lets_it_work_by_itself(
    two, made: Callable[[], nn.Module], alone: bool
):
    assert by_itself(made()) is alone


@pytest.mark.parametrize("source", ["efficientnet_lite0", "tinyvgg_digits"])
def test_the_models_that_come_with_the_program_keep_nothing_outside(source: str):
    assert not keeps_outside(load(ModelConfig(source=source)).module)
