"""One streaming pass over an image set: every layer's outputs are reduced where they arise, and never kept.

    images ──▶ batch ──▶ forward, hooked at each layer ──▶ Reduction of that layer (generator.dataset.reduction)
                                        └─ ends at the deepest layer asked for

A hook sees a layer's output before anything later can write into it, so that in-place operations do no harm, and while it
is still in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from generator.dataset.columns import Accepted, Draw
from generator.dataset.reduction import SAMPLE
from generator.engine.capture import StopForward, prepared
from generator.engine.grids import as_map
from generator.engine.passes import Engine
from generator.model.calls import Call, watch
from generator.names import Layer, LayerName

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class State(Protocol[T_co]):
    """What is kept of one layer, as `generator.dataset.reduction.Reduction`, and what it comes to."""

    def update(self, A: Tensor, images: Tensor, accepted: Accepted, classes: Sequence[int | None] = ()) -> None: ...

    def finish(self, filled: int) -> T_co: ...


@dataclass(frozen=True)
class Portion:
    """A batch of a stream: inputs (n, c, h, w), the images' numbers in the set, and their classes where these are known."""

    x: Tensor
    numbers: Sequence[int]
    classes: Sequence[int | None] = ()


@dataclass
class Survey(Generic[T]):
    """The states of all layers, by name. `take` one portion after another, then `finish`."""

    engine: Engine
    layers: Sequence[Layer]
    states: Mapping[LayerName, State[T]]
    seed: int = 0
    _draws: dict[int, Draw] = field(default_factory=dict)
    """By height times width."""

    def __post_init__(self) -> None:
        for layer in self.layers:
            places = layer.shape[1] * layer.shape[2]
            self._draws.setdefault(places, Draw(places, SAMPLE, self.seed))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hold the hooks: `take` works inside."""
        names = set(self.states)
        functions = any(name.startswith("F.") or ".F." in name for name in names)
        modules = None if functions else {name.partition("@")[0] for name in names}
        with prepared(self.engine.module), torch.no_grad(), watch(self.engine.module, self._seen, None, modules):
            yield

    def take(self, portion: Portion) -> None:
        """Run one batch."""
        self._now = portion
        self._numbers = torch.as_tensor(list(portion.numbers), device=self.engine.device)
        self._left = len(self.states)
        self._accepted: dict[int, Accepted] = {places: d.accept(portion.numbers) for places, d in self._draws.items()}
        with suppress(StopForward):
            self.engine.invocation(self.engine.module, self.engine.batch(portion.x))
        self.engine.counts.forward += 1

    def _seen(self, call: Call, output: Any) -> None:
        state = self.states.get(call.name)
        if state is None or not isinstance(output, Tensor):
            return
        A = as_map(output, self.engine.grids.get(call.name)).float()
        state.update(A, self._numbers, self._accepted[A.shape[2] * A.shape[3]], self._now.classes)
        self._left -= 1
        if not self._left:
            raise StopForward

    def finish(self) -> Mapping[LayerName, T]:
        """What each layer came to."""
        found = {}
        for layer in self.layers:
            draw = self._draws[layer.shape[1] * layer.shape[2]]
            found[layer.name] = self.states[layer.name].finish(draw.filled)
        return found


def survey(
    engine: Engine, states: Mapping[LayerName, State[T]], portions: Iterable[Portion], seed: int = 0
) -> Mapping[LayerName, T]:
    """One pass of `portions` through the model, reduced into `states`: what the units of these layers answer to.

    Raises:
        UserError: as the engine's passes.
    """
    known = {} if engine.facts is None else engine.facts.layers
    found = Survey(engine, [known[name] for name in states], states, seed)
    with found.watching():
        for portion in portions:
            found.take(portion)
    return found.finish()
