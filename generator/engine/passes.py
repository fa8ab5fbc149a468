"""Run a plan: one forward of a batch, its backwards from the one retained graph, and each method's reads."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.engine.capture import Overwritten, capturing, prepared
from generator.engine.needs import HEAD, Activation, Gradient, Input, Layout, Logits, Need, Reads, Weights
from generator.engine.output import logits
from generator.engine.plan import BatchPlan, Request, served_by
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.methods import ModelFacts
from generator.names import INPUT, ClassTarget, LayerName, RankTarget, Target, Unit

CUT = "the target does not depend on this layer, or the model cuts its gradients off."


@dataclass
class Counts:
    """Passes that ran: one each time a batch goes forward through the model, or a gradient back."""

    forward: int = 0
    backward: int = 0


@dataclass(frozen=True)
class Served:
    """A request and what it asked for; `target` is None for methods that need none."""

    request: Request
    target: Target | None
    reads: Reads | NotApplicable


@dataclass
class Engine:
    """Passes over one model. The model is left as it was found; its parameters get no gradients.

    A half-precision model is run as a float32 copy, so that maps are float32 whatever the model's own precision.
    """

    module: nn.Module
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    facts: ModelFacts | None = None
    head: str | None = None
    """Path of the linear layer behind global average pooling, where there is one."""
    memory_format: torch.memory_format = torch.contiguous_format
    counts: Counts = field(default_factory=Counts)
    copies: frozenset[LayerName] = frozenset()
    """Layers known to be overwritten in place by what follows them."""

    def __post_init__(self) -> None:
        floating = {p.dtype for p in self.module.parameters() if p.is_floating_point()}
        if floating - {torch.float32, torch.float64}:
            self.module = copy.deepcopy(self.module).float()
        if any(p.device != self.device for p in self.module.parameters()):
            self.module = copy.deepcopy(self.module).to(self.device)
        first = next((p for p in self.module.parameters() if p.is_floating_point()), None)
        self._dtype = torch.float32 if first is None else first.dtype
        self._modules = dict(self.module.named_modules())

    def batch(self, x: Tensor) -> Tensor:
        """`x` (n, c, h, w) on the model's device, in its precision and memory format."""
        return x.to(self.device, self._dtype).contiguous(memory_format=self.memory_format)

    def forward(
        self, x: Tensor, layers: frozenset[LayerName], book: RuleBook, *, stop: bool = False
    ) -> tuple[Any, dict[LayerName, Tensor]]:
        """One forward: the model's output (None where it stopped early) and the captured outputs, still in the graph.

        It runs a second time, once in the life of an engine, where it finds outputs overwritten in place.
        """
        while True:
            output = None
            try:
                with capturing(self.module, layers, book=book, copies=self.copies, stop=stop) as kept:
                    # an in-place first operation may not write into the leaf, nor into the caller's batch
                    output = self.module(x + 0)
            except Overwritten as found:
                self.counts.forward += 1
                self.copies |= found.layers
                continue
            self.counts.forward += 1  # a forward that the model refuses is none
            return output, kept

    def run(self, x: Tensor, todo: BatchPlan) -> Iterator[Served]:
        """Serve every request of the plan for the batch `x` (n, c, h, w), target-free ones first, then by target."""
        if not todo.requests:
            return
        with ExitStack() as stack:
            stack.enter_context(prepared(self.module))
            batch = self.batch(x)
            differentiable = bool(todo.backwards)
            if not differentiable:
                stack.enter_context(torch.no_grad())
            book = RuleBook(intercept=any(b.rule != "plain" for b in todo.backwards))
            leaf = batch.detach().clone().requires_grad_(differentiable)
            whole = todo.logits or not todo.captures
            output, kept = self.forward(leaf, todo.captures, book, stop=not whole)
            scores = logits(output) if todo.logits else None
            if scores is not None and bool((scores.isnan() | scores.isposinf()).any()):
                raise UserError(
                    "expected class scores that are numbers, received NaN or infinity from the model's forward pass: look at "
                    "its weights and at the preprocessing (model.input)"
                )
            for request in todo.requests:
                if not request.targets:
                    yield Served(request, None, self._reads(request, None, None, batch, scores, kept, {}))
            for target in todo.targets:
                grads, classes = self._gradients(todo, target, scores, leaf, kept, book)
                for request in todo.requests:
                    if target in request.targets:
                        reads = self._reads(request, target, classes, batch, scores, kept, grads)
                        yield Served(request, target, reads)

    def weights(self, request: Request) -> Iterator[Served]:
        """Serve a request that reads weights alone. No pass runs."""
        nothing = torch.empty(0)
        yield Served(request, None, self._reads(request, None, None, nothing, None, {}, {}))

    def _gradients(
        self,
        todo: BatchPlan,
        target: Target,
        scores: Tensor | None,
        leaf: Tensor,
        kept: dict[LayerName, Tensor],
        book: RuleBook,
    ) -> tuple[dict[Gradient, Tensor | None], Tensor | None]:
        value, classes = scalar(target, scores, kept)
        grads: dict[Gradient, Tensor | None] = {}
        for back in todo.backwards:
            if back.target != target:
                continue
            book.current = back.rule
            at = {name: leaf if name == INPUT else kept[name] for name in sorted(back.layers)}
            reached = {
                name: value_at for name, value_at in at.items() if value.requires_grad and value_at.requires_grad
            }
            found: tuple[Tensor | None, ...] = ()
            if reached:
                self.counts.backward += 1
                # the last backward frees the graph as it goes
                again = back is not todo.backwards[-1]
                found = torch.autograd.grad(value, tuple(reached.values()), retain_graph=again, allow_unused=True)
            grads.update({Gradient(name, back.rule): None for name in at})
            grads.update({Gradient(name, back.rule): g for name, g in zip(reached, found, strict=True)})
        book.current = "plain"
        return grads, classes

    def _reads(
        self,
        request: Request,
        target: Target | None,
        classes: Tensor | None,
        batch: Tensor,
        scores: Tensor | None,
        kept: dict[LayerName, Tensor],
        grads: dict[Gradient, Tensor | None],
    ) -> Reads | NotApplicable:
        values: dict[Need, Tensor] = {}
        biases: dict[Weights, Tensor | None] = {}
        layouts: dict[Weights, Layout] = {}
        for need in request.needs:
            if isinstance(need, Input):
                values[need] = batch.detach().float()
            elif isinstance(need, Logits):
                assert scores is not None
                values[need] = scores.detach()
            elif isinstance(need, Activation):
                values[need] = kept[need.layer].detach().float()
            elif isinstance(need, Weights):
                if need.layer == HEAD and isinstance(target, Unit):
                    return NotApplicable("the target is a unit, not a class.")
                module = self.module_at(need.layer)
                values[need] = module.weight.detach().float()
                biases[need] = None if getattr(module, "bias", None) is None else module.bias.detach().float()
                if isinstance(module, nn.modules.conv._ConvNd):
                    layouts[need] = Layout(module.groups, module.transposed)
            else:
                gradient = grads[served_by(need, self.facts)]
                if gradient is None:
                    return NotApplicable(CUT)
                values[need] = gradient.detach().float()
        return Reads(values, biases, target, classes, layouts)

    def module_at(self, layer: LayerName) -> Any:
        """The module called at `layer`, or the linear head for HEAD."""
        path = self.head if layer == HEAD else layer.partition("@")[0]
        if path is None or path not in self._modules:
            raise LookupError(f"no module is called at {layer!r}")
        return self._modules[path]


def scalar(target: Target, scores: Tensor | None, kept: dict[LayerName, Tensor]) -> tuple[Tensor, Tensor | None]:
    """The number that gradients start from, summed over the batch (images do not see each other), and the class of
    each image (n,), or None for a unit."""
    if isinstance(target, Unit):
        maps = kept[target.layer][:, target.channel]
        if target.position is None:
            return maps.mean(dim=(1, 2)).sum(), None
        row, column = target.position
        return maps[:, row, column].sum(), None
    assert scores is not None
    classes = classes_of(target, scores)
    return scores.gather(1, classes[:, None]).sum(), classes


def classes_of(target: ClassTarget | RankTarget, scores: Tensor) -> Tensor:
    """The class index (n,) that `target` means for each row of `scores` (n, classes). Of equal scores, the lower index.

    Raises:
        UserError: the model has too few classes.
    """
    have = scores.shape[1]
    if isinstance(target, ClassTarget):
        if not 0 <= target.index < have:
            raise UserError(f"expected a class from 0 to {have - 1}, received {target.index}")
        return torch.full((scores.shape[0],), target.index, device=scores.device)
    if target.rank > have:
        raise UserError(f"expected at most top:{have} for a model of {have} classes, received rank {target.rank}")
    return scores.detach().argsort(dim=1, descending=True, stable=True)[:, target.rank - 1]
