"""`nn.MultiheadAttention` gives its weights beside its tokens: as a layer it is the tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.dataset.survey import Portion, survey
from generator.engine.capture import prepared
from generator.engine.passes import Engine
from generator.engine.resume import Tail
from generator.engine.rules import RuleBook
from generator.library import engine_for
from generator.methods.dataset_examples import DatasetExamples
from generator.model.describe import describe
from generator.names import LayerName
from tests.methods.examples import alive, photo

NAME = LayerName("attention")


class Attends(nn.Module):
    """Patches of 8 x 8 and a class token, an attention that adds on, in place or not, and a head on the class token."""

    def __init__(self, weighs: bool, in_place: bool) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 24, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 24, generator=torch.Generator().manual_seed(3)))
        self.attention = nn.MultiheadAttention(24, 3, batch_first=True)
        self.head = nn.Linear(24, 5)
        self.weighs, self.in_place = weighs, in_place

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1)
        found, _ = self.attention(tokens, tokens, tokens, need_weights=self.weighs)
        found = found.relu_() if self.in_place else F.relu(found)
        return self.head((tokens + found)[:, 0] + found[:, 1:].mean(1))


@pytest.fixture(params=[(True, False), (False, False), (True, True)], ids=["weights", "no weights", "in place"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    return alive(Attends(*request.param))


@contextmanager
def hooked(model: nn.Module, give: Tensor | None = None) -> Iterator[list[Tensor]]:
    """The attention's tokens, as they were given; with `give`, those in their place."""
    seen: list[Tensor] = []

    def after(module: nn.Module, args: tuple[Any, ...], output: tuple[Tensor, ...]) -> Any:
        seen.append(output[0].clone())
        return None if give is None else (give.clone(), *output[1:])

    handle = model.get_submodule("attention").register_forward_hook(after)
    try:
        yield seen
    finally:
        handle.remove()


def grid(tokens: Tensor) -> Tensor:
    """(n, 1 + 24, c) as (n, c, 4, 6)"""
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (4, 6))


def engine(model: nn.Module) -> Engine:
    return engine_for(model, describe(model, (3, 32, 48)))


def picture(n: int = 1) -> Tensor:
    return photo(n, height=32, width=48)


def test_it_is_a_layer_and_the_sum_after_it_reads_it(model: nn.Module):
    known = describe(model, (3, 32, 48)).by_name
    assert (known[NAME].kind, known[NAME].shape) == ("attention", (24, 4, 6))
    assert known[NAME].parameters == sum(p.numel() for p in model.get_submodule("attention").parameters())
    behind = [layer for layer in known.values() if NAME in layer.inputs]
    assert behind, list(known)


def test_its_maps_are_the_tokens_on_their_grid(model: nn.Module):
    made, x = engine(model), picture(2)
    with prepared(made.module), hooked(made.module) as seen, torch.no_grad():
        _, kept = made.forward(x, frozenset({NAME}), RuleBook(intercept=False), stop=True)
    assert torch.equal(made.maps(kept)[NAME], grid(seen[0]))


def test_gradients_at_it_are_torch_s(model: nn.Module):
    made, x = engine(model), picture().requires_grad_()
    with prepared(made.module):
        output, kept = made.forward(x, frozenset({NAME}), RuleBook(intercept=False))
        (mine,) = torch.autograd.grad(output[0, 2], kept[NAME])
    given: list[Tensor] = []

    def after(module: nn.Module, args: tuple[Any, ...], output: tuple[Tensor, ...]) -> Any:
        given.append(output[0])
        return (output[0].clone(), *output[1:])

    handle = model.get_submodule("attention").register_forward_hook(after)
    with prepared(model):
        (own,) = torch.autograd.grad(model(x)[0, 2], given[0])
    handle.remove()
    assert torch.allclose(mine, own, atol=1e-6)
    assert float(own.abs().max()) > 0


def test_the_model_goes_on_from_it(model: nn.Module):
    made, x = engine(model), picture()
    with prepared(model), torch.no_grad():
        with hooked(model) as seen:
            model(x)
        rows = torch.cat([seen[0], seen[0] / 2, seen[0].flip(1)])
        rows[:, 0] = seen[0][:, 0]  # the class token is no place of the map: of every row it is the layer's own
        with hooked(model, rows):
            expected = model(x.expand(3, -1, -1, -1))
        found, _ = Tail(made, NAME, x)(grid(rows))
    assert torch.allclose(found, expected, atol=1e-5)
    assert float((expected[0] - expected[2]).abs().max()) > 1e-3


def test_the_pass_over_a_dataset_reads_it(model: nn.Module):
    made, x = engine(model), picture(6)
    layer = describe(model, (3, 32, 48)).by_name[NAME]
    states: Mapping[LayerName, Any] = {NAME: DatasetExamples(top=1).start(layer, "cpu")}
    found = survey(made, states, [Portion(x, range(6))])[NAME]
    with hooked(model) as seen, prepared(model), torch.no_grad():
        model(x)
    highest = grid(seen[0]).amax(dim=(2, 3))
    assert found.images[:, 0].tolist() == highest.argmax(dim=0).tolist()
    assert torch.allclose(torch.from_numpy(found.highest), highest.amax(dim=0), atol=1e-5)
