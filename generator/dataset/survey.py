"""One streaming pass over an image set: every layer's outputs are reduced where they arise, and never kept.

    images ──▶ batch ──▶ forward, hooked at each layer ──▶ Reduction of that layer (generator.dataset.reduction)
                                        └─ ends at the deepest layer asked for, or with the scores, where the
                                           classes of the images are what the model itself says of them first

A hook sees a layer's output before anything later can write into it, so that in-place operations do no harm, and while it
is still in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE
from generator.dataset.columns import Accepted, Draw, priorities
from generator.dataset.peaks import Peaks, peaks
from generator.dataset.reduction import SAMPLE
from generator.dataset.rising import rises
from generator.engine.capture import StopForward, prepared
from generator.engine.grids import as_map
from generator.engine.passes import Engine
from generator.engine.targets import resolve
from generator.model.calls import Call, watch
from generator.names import Layer, LayerName, RankTarget

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class State(Protocol[T_co]):
    """What is kept of one layer, as `generator.dataset.reduction.Reduction`, and what it comes to."""

    def update(self, found: Peaks, images: Tensor, accepted: Accepted, marks: Tensor | None = None) -> None: ...

    def classed(self, classes: Sequence[int | None]) -> None: ...

    def finish(self, slots: NDArray[np.int64]) -> T_co: ...


@dataclass(frozen=True)
class Portion:
    """A batch of a stream: inputs (n, c, h, w), the images' numbers in the set, and their classes where these are known."""

    x: Tensor
    numbers: Sequence[int]
    classes: Sequence[int | None] = ()
    marks: Sequence[int] = ()
    """Of the pictures (`generator.dataset.marks`): copies count once in units' lists. None: all count."""


@dataclass
class Survey(Generic[T]):
    """The states of all layers, by name. `take` one portion after another, then `finish`."""

    engine: Engine
    layers: Sequence[Layer]
    states: Mapping[LayerName, State[T]]
    seed: int = 0
    said: NDArray[np.int32] | None = None
    """Where it is given, classes are the model's own: of each image, by its number, the one that the model ranks first."""
    _draws: dict[tuple[int, ...], Draw] = field(default_factory=dict)
    """By height and width."""

    def __post_init__(self) -> None:
        for layer in self.layers:
            _, height, width = layer.shape
            self._draws.setdefault((height, width), Draw(height, width, SAMPLE, self.seed))
        self._module = self.engine.sparing()
        facts = self.engine.facts
        exact = facts is not None and self.engine.device.type == "cpu" and self.engine.dtype == torch.float32
        self._rises = rises(facts.rising, self._module, self.states) if facts is not None and exact else {}
        self._sources = {rise.source for rise in self._rises.values()}
        self._before: dict[LayerName, Peaks] = {}
        """Of the layers that others follow, in this batch, without their maps."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hold the hooks: `take` works inside."""
        names = set(self.states)
        functions = any(name.startswith("F.") or ".F." in name for name in names)
        modules = None if functions else {name.partition("@")[0] for name in names}
        with prepared(self._module), torch.no_grad(), watch(self._module, self._seen, None, modules):
            yield

    def take(self, portion: Portion) -> None:
        """Run one batch."""
        self._numbers = torch.as_tensor(list(portion.numbers), device=self.engine.device)
        self._marks = torch.tensor(portion.marks, device=self.engine.device) if len(portion.marks) else None
        self._left = len(self.states)
        self._before.clear()
        offered = [priorities(number, self.seed) for number in portion.numbers]
        self._accepted: dict[tuple[int, ...], Accepted] = {
            size: draw.accept(portion.numbers, offered, self.engine.device) for size, draw in self._draws.items()
        }
        classes: Sequence[int | None] = portion.classes
        with suppress(StopForward):
            output = self.engine.invocation(self._module, self.engine.batch(portion.x))
            if self.said is not None:
                classes = first_classes(self.engine.readout.scores(output))
                self.said[list(portion.numbers)] = [NONE if index is None else index for index in classes]
        self.engine.counts.forward += 1
        if any(index is not None for index in classes):
            for state in self.states.values():
                state.classed(classes)

    def _seen(self, call: Call, output: Any) -> None:
        state = self.states.get(call.name)
        if state is None or (given := call.tensor(output)) is None:
            return
        A = as_map(given, self.engine.grids.get(call.name)).float()
        state.update(self._peaks(call.name, A), self._numbers, self._accepted[tuple(A.shape[2:])], self._marks)
        self._left -= 1
        if not self._left and self.said is None:
            raise StopForward

    def _peaks(self, name: LayerName, A: Tensor) -> Peaks:
        rise = self._rises.get(name)
        before = None if rise is None else self._before.get(rise.source)
        found = peaks(A) if rise is None or before is None else rise.peaks(A, before)
        if name in self._sources:
            self._before[name] = replace(found, maps=A.new_empty(0))
        return found

    def finish(self) -> Mapping[LayerName, T]:
        """What each layer came to."""
        found = {}
        for layer in self.layers:
            found[layer.name] = self.states[layer.name].finish(self._draws[layer.shape[1:]].slots)
        return found


def first_classes(scores: Float[Tensor, "n classes"]) -> list[int | None]:
    """The class that each row ranks first, of equal ones the lowest; None where no class stands out, or a score is none."""
    clear = ~scores.isnan().any(dim=1) & (scores.amax(dim=1) > scores.amin(dim=1))
    best = resolve(RankTarget(1), scores)
    assert best is not None
    return [index if good else None for index, good in zip(best[:, 0].tolist(), clear.tolist(), strict=True)]


def survey(
    engine: Engine,
    states: Mapping[LayerName, State[T]],
    portions: Iterable[Portion],
    seed: int = 0,
    said: NDArray[np.int32] | None = None,
) -> Mapping[LayerName, T]:
    """One pass of `portions` through the model, reduced into `states`: what the units of these layers answer to. `said`, where
    it is given, (images of the set,), is filled with the model's own first class of each image, and images count as of these.

    Raises:
        UserError: as the engine's passes.
    """
    known = {} if engine.facts is None else engine.facts.layers
    found = Survey(engine, [known[name] for name in states], states, seed, said)
    with found.watching():
        for portion in portions:
            found.take(portion)
    return found.finish()
