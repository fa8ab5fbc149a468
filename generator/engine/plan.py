"""Merge what methods ask for into as few passes as can serve it: one forward, one backward per (rule, target)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from generator.engine.needs import Activation, BiasGradients, Gradient, Logits, Need, Rule
from generator.methods import Cost, ModelFacts, is_probe
from generator.names import INPUT, LayerName, Target, Unit


@dataclass(frozen=True)
class Request:
    """One method at one layer (or on the INPUT), for these targets; () for methods that need none."""

    name: str
    method: Any
    """A `Method` or a `ProbeMethod`."""
    layer: LayerName
    targets: tuple[Target, ...]

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the method reads at this layer."""
        return self.method.needs(self.layer)

    @property
    def probes(self) -> bool:
        """Whether it runs the model again for itself, after the shared passes."""
        return is_probe(self.method)

    def cost(self, facts: ModelFacts) -> Cost:
        """The evaluations of the model that it makes for one image, beyond the shared passes."""
        if not self.probes:
            return Cost()
        layer = None if self.layer == INPUT else facts.layers[self.layer]
        found: Cost = self.method.cost(facts, layer, max(1, len(self.targets)))
        return found


@dataclass(frozen=True)
class Backward:
    """One backward pass: from `target`, under `rule`, down to `layers` (INPUT among them where asked for)."""

    target: Target
    rule: Rule
    layers: frozenset[LayerName]


@dataclass(frozen=True)
class BatchPlan:
    """The passes that serve every request for one batch: one forward, and these backwards, in the order of `targets`."""

    requests: tuple[Request, ...]
    targets: tuple[Target, ...]
    captures: frozenset[LayerName]
    backwards: tuple[Backward, ...]

    @property
    def forwards(self) -> int:
        """One, or none where nothing is asked."""
        return 1 if self.requests else 0

    @property
    def logits(self) -> bool:
        """Whether the forward must run to the end."""
        asked = any(isinstance(need, Logits) for request in self.requests for need in request.needs)
        return asked or any(not isinstance(target, Unit) for target in self.targets)


def served_by(need: Gradient, facts: ModelFacts | None) -> Gradient:
    """The gradient that answers `need` on this model: without overlapping max-pools both deconvnets are one pass."""
    if need.rule == "deconv_unpool" and facts is not None and facts.overlapping_pools == 0:
        return Gradient(need.layer, "deconv")
    return need


def expanded(needs: Iterable[Need], facts: ModelFacts | None) -> Iterable[Need]:
    """`needs`, with the gradients that BiasGradients stands for on this model."""
    for need in needs:
        yield need
        if isinstance(need, BiasGradients) and facts is not None:
            yield from (Gradient(layer) for layer in facts.biased)


def plan(requests: Iterable[Request], facts: ModelFacts | None = None) -> BatchPlan:
    """The cheapest passes that serve all `requests`."""
    by_layer: dict[LayerName, list[Request]] = {}
    for request in requests:
        by_layer.setdefault(request.layer, []).append(request)
    asked = tuple(request for group in by_layer.values() for request in group)  # a layer's maps while they are in cache
    captures: set[LayerName] = set()
    backwards: dict[tuple[Target, Rule], set[LayerName]] = {}
    targets: dict[Target, None] = {}
    for request in asked:
        targets.update(dict.fromkeys(request.targets))
        captures.update(target.layer for target in request.targets if isinstance(target, Unit))
        for need in expanded(request.needs, facts):
            if isinstance(need, Activation):
                captures.add(need.layer)
            elif isinstance(need, Gradient):
                answered = served_by(need, facts)
                if answered.layer != INPUT:
                    captures.add(answered.layer)
                for target in request.targets:
                    backwards.setdefault((target, answered.rule), set()).add(answered.layer)
    return BatchPlan(
        asked,
        tuple(targets),
        frozenset(captures),
        tuple(
            Backward(target, rule, frozenset(layers))
            for wanted in targets
            for (target, rule), layers in backwards.items()
            if target == wanted
        ),
    )


def billed(requests: Iterable[Request], facts: ModelFacts) -> Iterator[tuple[Request, Cost, Request]]:
    """What each of the probes among `requests` adds for one image, and the probe that makes its evaluations: itself, or the
    first of several that make them alike."""
    paid: dict[tuple[str, tuple[Target, ...]], Request] = {}
    for request in requests:
        if request.probes:
            cost = request.cost(facts)
            maker = paid.setdefault((cost.alike, request.targets), request) if cost.alike else request
            yield request, cost if maker is request else Cost(), maker


def batches(count: int, size: int) -> Sequence[slice]:
    """Slices of at most `size` that cover `count`."""
    return tuple(slice(start, min(start + size, count)) for start in range(0, count, size))
