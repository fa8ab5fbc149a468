"""What probe methods hold: the model, for one image and all its targets, to be run again on changed inputs.

    changed inputs (m, c, h, w) ──▶ batches of a fitting size ──▶ raw outputs ──▶ values (t, m)

Each changed input counts one evaluation, whatever the batches; where a device has no room, the batch is halved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from generator.artifacts import Artifact, NotApplicable
from generator.engine.capture import prepared
from generator.engine.needs import Reads
from generator.engine.passes import Engine, Served
from generator.engine.resume import Tail
from generator.engine.rules import RuleBook
from generator.engine.targets import value
from generator.errors import UserError
from generator.names import LayerName, Target, Unit

BATCH = {"cpu": 8, "cuda": 64, "mps": 16}
"""Changed inputs run together. On a CPU more leave its caches; the smallest that fills a graphics card."""
PLAIN = RuleBook(intercept=False)
T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """See `generator.methods.Outcome`."""

    values: Float[Tensor, "t m"]
    scores: Float[Tensor, "m classes"] | None
    shares: Float[Tensor, "t m"] | None


@dataclass
class Probe:
    """The model for one image. See `generator.methods.Model`."""

    engine: Engine
    subjects: tuple[tuple[Target, Tensor | None], ...]
    """Each target with the classes (1, g) that it means in this image."""
    low: Tensor
    high: Tensor
    seed: int
    x: Tensor
    """The image itself (1, c, h, w)."""
    batch: int
    _tails: dict[LayerName, Tail] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.engine.device

    @property
    def module(self) -> nn.Module:
        return self.engine.module

    @property
    def targets(self) -> int:
        return len(self.subjects)

    @property
    def generator(self) -> torch.Generator:
        """A fresh one at each asking, with the same seed."""
        return torch.Generator().manual_seed(self.seed)

    @property
    def _units(self) -> frozenset[LayerName]:
        return frozenset(target.layer for target, _ in self.subjects if isinstance(target, Unit))

    def count(self, forward: int = 0, backward: int = 0) -> None:
        self.engine.counts.forward += forward
        self.engine.counts.backward += backward

    def values(self, output: object, kept: Mapping[LayerName, Tensor] | None = None) -> Tensor:
        maps = self.engine.maps(kept or {})
        rows = []
        for target, classes in self.subjects:
            if isinstance(target, Unit) and target.layer not in maps:
                raise UserError(f"the target is a unit of {target.layer}, which this evaluation does not reach")
            many = None if classes is None else classes.expand(_rows(output, maps), -1)
            rows.append(value(target, many, output, self.engine.readout, maps).float())
        return torch.stack(rows)

    def run(self, x: Tensor) -> Outcome:
        with torch.no_grad():
            return _joined(list(self._chunks(x, self._evaluate)))

    def gradients(self, x: Tensor) -> tuple[Outcome, Tensor]:
        parts = list(self._chunks(x, self._differentiate))
        return _joined([outcome for outcome, _ in parts]), torch.cat([gradient for _, gradient in parts], dim=1)

    def resume(self, layer: LayerName, A: Tensor) -> Outcome:
        tail = self._tails.get(layer)
        if tail is None:
            tail = self._tails[layer] = Tail(self.engine, layer, self.engine.batch(self.x))
        with torch.no_grad():
            return _joined(list(self._chunks(A, lambda part: self._resumed(tail, part))))

    def layer_output(self, layer: LayerName, x: Tensor) -> Tensor:
        def one(part: Tensor) -> Tensor:
            _, kept = self.engine.forward(
                self.engine.batch(part), frozenset({layer}), PLAIN, stop=True, times=len(part)
            )
            if layer not in kept:
                raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
            return self.engine.maps(kept)[layer].float()

        with torch.no_grad():
            return torch.cat(list(self._chunks(x, one)))

    def _evaluate(self, x: Tensor) -> Outcome:
        output, kept = self.engine.forward(self.engine.batch(x), self._units, PLAIN, times=len(x))
        return self._outcome(output, kept)

    def _differentiate(self, x: Tensor) -> tuple[Outcome, Tensor]:
        leaf = self.engine.batch(x).detach().clone().requires_grad_()
        output, kept = self.engine.forward(leaf, self._units, PLAIN, times=len(x))
        outcome = self._outcome(output, kept)
        gradients = []
        for t in range(self.targets):
            self.count(backward=len(x))
            if not outcome.values.requires_grad:
                gradients.append(torch.zeros_like(leaf))
                continue
            more = t + 1 < self.targets
            (found,) = torch.autograd.grad(outcome.values[t].sum(), leaf, retain_graph=more, allow_unused=True)
            gradients.append(torch.zeros_like(leaf) if found is None else found)
        return _detached(outcome), torch.stack(gradients).float()

    def _resumed(self, tail: Tail, A: Tensor) -> Outcome:
        output, kept = tail(A, self._units)
        self.count(forward=len(A))
        return self._outcome(output, kept)

    def _outcome(self, output: Any, kept: Mapping[LayerName, Tensor]) -> Outcome:
        classes = [c for _, c in self.subjects]
        if not any(c is not None for c in classes):
            return Outcome(self.values(output, kept), None, None)
        scores = self.engine.readout.scores(output).float()
        probabilities = self.engine.readout.probabilities(scores.detach())
        shares = None
        if probabilities is not None and all(c is not None for c in classes):
            shares = torch.stack([probabilities[:, c[0]].sum(dim=1) for c in classes if c is not None])
        return Outcome(self.values(output, kept), scores.detach(), shares)

    def _chunks(self, x: Tensor, do: Callable[[Tensor], T]) -> Iterator[T]:
        at = 0
        while at < len(x):
            part = x[at : at + self.batch]
            found: T | None = None
            try:
                found = do(part)
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
            if found is None:  # not in the handler: the error there still holds what ran
                torch.cuda.empty_cache()
                self.batch = max(1, len(part) // 2)
                continue
            at += len(part)
            yield found


def _rows(output: Any, maps: Mapping[LayerName, Tensor]) -> int:
    from generator.model.calls import tensors

    if isinstance(output, (list, tuple)) and output and isinstance(output[0], Mapping):
        return len(output)  # a detector's boxes, a dict an image
    return next((len(found) for found in tensors(output) if found.dim()), next((len(m) for m in maps.values()), 1))


def _detached(outcome: Outcome) -> Outcome:
    return Outcome(outcome.values.detach(), outcome.scores, outcome.shares)


def _joined(parts: list[Outcome]) -> Outcome:
    scores = [p.scores for p in parts if p.scores is not None]
    shares = [p.shares for p in parts if p.shares is not None]
    return Outcome(
        torch.cat([p.values.detach() for p in parts], dim=1),
        torch.cat(scores) if scores else None,
        torch.cat(shares, dim=1) if shares else None,
    )


@contextmanager
def probing(
    engine: Engine, served: Served, image: int, x: Tensor, ends: tuple[Tensor, Tensor], seed: int
) -> Iterator[Probe]:
    """The probe of one image of a served batch `x` (n, c, h, w); `ends` are a black and a white pixel, normalised (c,)."""
    subjects = tuple(
        (target, None if classes is None else classes[image : image + 1]) for target, classes in served.classes.items()
    )
    with prepared(engine.module):
        yield Probe(
            engine,
            subjects,
            ends[0].to(engine.device),
            ends[1].to(engine.device),
            seed,
            x[image : image + 1],
            BATCH.get(engine.device.type, 8),
        )


def probed(
    engine: Engine, served: Served, image: int, x: Tensor, ends: tuple[Tensor, Tensor], seed: int
) -> tuple[Artifact | NotApplicable, ...]:
    """What a served probe draws of one image: an artifact with n = 1 for each target, or one where it needs none.

    Raises:
        TypeError: it yielded another number.
    """
    request = served.request
    assert isinstance(served.reads, Reads)
    with probing(engine, served, image, x, ends, seed) as model:
        found = tuple(request.method.probe(served.reads.one(image), model, request.layer))
    expected = max(1, len(request.targets))
    if len(found) != expected:
        raise TypeError(
            f"probe {request.name} is expected to yield {expected} artifacts, one a target, it yielded {len(found)}"
        )
    return found
