"""What probe methods hold: the model, for one image and all its targets, to be run again on changed inputs.

    changed inputs (m, c, h, w) ──▶ batches of a fitting size ──▶ raw outputs ──▶ values (t, m)

Each changed input counts one evaluation, whatever the batches; where a device has no room, the batch is halved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from generator.artifacts import Artifact, NotApplicable
from generator.engine.capture import capturing, prepared
from generator.engine.needs import HEAD, Reads
from generator.engine.output import at_path, found_in
from generator.engine.passes import Engine, Served
from generator.engine.resume import Tail
from generator.engine.rules import RuleBook
from generator.engine.targets import value
from generator.errors import UserError
from generator.methods import ModelFacts, Rows
from generator.model.calls import tensors
from generator.names import CallTarget, LayerName, Target, Unit
from generator.room import no_room

BATCH = {"cpu": 8, "cuda": 64, "mps": 16}
"""Changed inputs run together. On a CPU more leave its caches; the smallest that fills a graphics card."""
PLAIN = RuleBook(intercept=False)
T = TypeVar("T")
Shared = dict[tuple[str, tuple[Target, ...]], Any]
"""What probes of one image make for each other, by its name and the targets."""


@dataclass(frozen=True)
class Outcome:
    """See `generator.methods.Outcome`."""

    values: Float[Tensor, "t m"]
    shares: Float[Tensor, "t m"] | None


@dataclass(frozen=True)
class Forward:
    """See `generator.methods.Forward`."""

    values: Float[Tensor, "t m"]
    read: tuple[tuple[Tensor, ...], ...]


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
    made: Shared = field(default_factory=dict)
    """What methods of this image have made for each other."""
    _tails: dict[LayerName, Tail] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.engine.device

    @property
    def module(self) -> nn.Module:
        return self.engine.module

    @property
    def merged(self) -> nn.Module:
        return self.engine.light()

    @property
    def facts(self) -> ModelFacts:
        assert self.engine.facts is not None
        return self.engine.facts

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

    def once(self, alike: str, make: Callable[[], T]) -> T:
        known = (alike, tuple(target for target, _ in self.subjects))
        if known not in self.made:
            self.made[known] = make()
        found: T = self.made[known]
        return found

    def run(self, x: Rows) -> Outcome:
        with torch.no_grad():
            return _joined([outcome for _, outcome in self._chunks(x, self._evaluate)])

    def gradients(self, x: Rows) -> Iterator[tuple[slice, Tensor]]:
        return self._chunks(x, self._differentiate)

    def resume(self, layer: LayerName, A: Rows) -> Outcome:
        tail = self._tails.get(layer)
        if tail is None:
            tail = self._tails[layer] = Tail(self.engine, layer, self.engine.batch(self.x), self._units)
        with torch.no_grad():
            return _joined([outcome for _, outcome in self._chunks(A, lambda part: self._resumed(tail, part))])

    def layer_output(self, layer: LayerName, x: Rows) -> Tensor:
        def one(part: Tensor) -> Tensor:
            _, kept = self.engine.forward(
                self.engine.batch(part), frozenset({layer}), PLAIN, stop=True, times=len(part)
            )
            if layer not in kept:
                raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
            return self.engine.maps(kept)[layer].float()

        with torch.no_grad():
            return torch.cat([found for _, found in self._chunks(x, one)])

    def head_shares(self, features: Tensor) -> Tensor | None:
        linear = self.engine.module_at(HEAD)
        with torch.no_grad():
            found = linear(features.to(linear.weight))
            return self._shares(replace(self.engine.readout, output="").scores(found).float())

    def forward(self, x: Tensor, module: nn.Module | None = None) -> Forward:
        module = module or self.module
        units = self._units
        with capturing(module, units, book=PLAIN, copies=units) as kept:
            output = self.engine.invocation(module, self.engine.batch(x) + 0)
        self.count(forward=len(x))
        read = tuple(self._read(target, output, kept) for target, _ in self.subjects)
        return Forward(self._values(output, kept), read)

    def _read(self, target: Target, output: Any, kept: Mapping[LayerName, Tensor]) -> tuple[Tensor, ...]:
        readout = self.engine.readout
        if isinstance(target, Unit):
            return (kept[target.layer],)
        if isinstance(target, CallTarget) or readout.kind == "detection":
            return tuple(tensors(output))
        scores = at_path(output, readout.output) if readout.output else found_in(output)
        assert isinstance(scores, Tensor)
        return (scores,)

    def _evaluate(self, x: Tensor) -> Outcome:
        if not self._units:
            return self._outcome(self.engine.scored(self.engine.batch(x)), {})
        output, kept = self.engine.forward(self.engine.batch(x), self._units, PLAIN, times=len(x))
        return self._outcome(output, kept)

    def _differentiate(self, x: Tensor) -> Tensor:
        leaf = self.engine.batch(x).detach().requires_grad_()
        output, kept = self.engine.forward(leaf, self._units, PLAIN, times=len(x))
        values = self._values(output, kept)
        gradients = []
        for t in range(self.targets):
            self.count(backward=len(x))
            found = None
            if values.requires_grad:
                more = t + 1 < self.targets
                (found,) = torch.autograd.grad(values[t].sum(), leaf, retain_graph=more, allow_unused=True)
            gradients.append(torch.zeros_like(leaf) if found is None else found)
        return (torch.stack(gradients) if len(gradients) > 1 else gradients[0][None]).detach().float()

    def _resumed(self, tail: Tail, A: Tensor) -> Outcome:
        output, kept = tail(A)
        self.count(forward=len(A))
        return self._outcome(output, kept, len(A), self._units - tail.units)

    def _outcome(
        self,
        output: Any,
        kept: Mapping[LayerName, Tensor],
        rows: int = 1,
        before: frozenset[LayerName] = frozenset(),
    ) -> Outcome:
        values = self._values(output, kept, rows, before).detach()
        if all(classes is None for _, classes in self.subjects):
            return Outcome(values, None)
        return Outcome(values, self._shares(self.engine.readout.scores(output).detach().float()))

    def _values(
        self,
        output: object,
        kept: Mapping[LayerName, Tensor],
        rows: int = 1,
        before: frozenset[LayerName] = frozenset(),
    ) -> Tensor:
        """(t, m): what each target reads in an output and the maps of units, NaN for units `before` what was changed. A
        value that all rows share may have been computed in one."""
        maps = self.engine.maps(kept)
        many = max(rows, _rows(output, maps))
        found = []
        for target, classes in self.subjects:
            if isinstance(target, Unit) and target.layer in before:
                found.append(torch.full((many,), torch.nan, device=self.device))
                continue
            if isinstance(target, Unit) and target.layer not in maps:
                raise UserError(f"the target is a unit of {target.layer}, which this evaluation does not reach")
            each = None if classes is None else classes.expand(many, -1)
            found.append(value(target, each, output, self.engine.readout, maps).expand(many))
        return torch.stack([row.to(torch.promote_types(row.dtype, torch.float32)) for row in found])

    def _shares(self, scores: Tensor) -> Tensor | None:
        """(t, m): the probabilities of the targets in scores (m, classes)."""
        probabilities = self.engine.readout.probabilities(scores)
        if probabilities is None or all(classes is None for _, classes in self.subjects):
            return None
        none = torch.full_like(probabilities[:, 0], torch.nan)
        return torch.stack(
            [none if classes is None else self._together(probabilities[:, classes[0]]) for _, classes in self.subjects]
        )

    def _together(self, p: Tensor) -> Tensor:
        """(m,): the probability of a group, of its classes' (m, g): that of any, which is their sum where only one can be."""
        return 1 - (1 - p).prod(dim=1) if self.engine.readout.kind == "multilabel" else p.sum(dim=1)

    def _chunks(self, x: Rows, do: Callable[[Tensor], T]) -> Iterator[tuple[slice, T]]:
        at = 0
        while at < len(x):
            cut = slice(at, min(at + self.batch, len(x)))
            found: T | None = None
            try:
                found = do(x[cut])
            except Exception as error:
                if not no_room(error) or cut.stop - at == 1:
                    raise
            if found is None:  # not in the handler: the error there still holds what ran
                torch.cuda.empty_cache()
                self.batch = (cut.stop - at) // 2
                continue
            at = cut.stop
            yield cut, found


def _rows(output: Any, maps: Mapping[LayerName, Tensor]) -> int:
    if isinstance(output, (list, tuple)) and output and isinstance(output[0], Mapping):
        return len(output)  # a detector's boxes, a dict an image
    return next((len(found) for found in tensors(output) if found.dim()), next((len(m) for m in maps.values()), 1))


def _joined(parts: list[Outcome]) -> Outcome:
    shares = [part.shares for part in parts if part.shares is not None]
    return Outcome(torch.cat([part.values for part in parts], dim=1), torch.cat(shares, dim=1) if shares else None)


@contextmanager
def probing(
    engine: Engine,
    served: Served,
    image: int,
    x: Tensor,
    ends: tuple[Tensor, Tensor],
    seed: int,
    made: Shared | None = None,
) -> Iterator[Probe]:
    """The probe of one image of a served batch `x` (n, c, h, w); `ends` are a black and a white pixel, normalised (c,)."""
    subjects = tuple(
        (target, None if classes is None else classes[image : image + 1]) for target, classes in served.classes.items()
    )
    with prepared(engine.module):
        yield probe_of(engine, subjects, x[image : image + 1], ends, seed, made)


def probe_of(
    engine: Engine,
    subjects: tuple[tuple[Target, Tensor | None], ...],
    x: Tensor,
    ends: tuple[Tensor, Tensor],
    seed: int,
    made: Shared | None = None,
) -> Probe:
    """The probe of an image `x` (1, c, h, w) for targets with the classes (1, g) that they mean in it. The engine's model
    must be `prepared` while it is used."""
    low, high = (end.to(engine.device) for end in ends)
    batch = BATCH.get(engine.device.type, 8)
    return Probe(engine, subjects, low, high, seed, x, batch, {} if made is None else made)


def probed(
    engine: Engine,
    served: Served,
    image: int,
    x: Tensor,
    ends: tuple[Tensor, Tensor],
    seed: int,
    made: Shared | None = None,
) -> tuple[Artifact | NotApplicable, ...]:
    """What a served probe draws of one image: an artifact with n = 1 for each target, or one where it needs none.

    `made` is what probes of this image made for each other, at this `seed`.

    Raises:
        TypeError: it yielded another number.
    """
    request = served.request
    assert isinstance(served.reads, Reads)
    with probing(engine, served, image, x, ends, seed, made) as model:
        found = tuple(request.method.probe(served.reads.one(image), model, request.layer))
    expected = max(1, len(request.targets))
    if len(found) != expected:
        raise TypeError(
            f"probe {request.name} is expected to yield {expected} artifacts, one a target, it yielded {len(found)}"
        )
    return found
