"""Run a plan: one forward of a batch, its backwards from the one retained graph, and each method's reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from generator.artifacts import NotApplicable
from generator.engine.capture import Overwritten, capturing, prepared
from generator.engine.grids import Grid, as_map, outside
from generator.engine.invoke import Invocation
from generator.engine.merged import merged
from generator.engine.needs import (
    HEAD,
    Activation,
    BiasGradients,
    Gradient,
    Input,
    Larger,
    Layout,
    Logits,
    Need,
    Reads,
    Weights,
)
from generator.engine.output import Readout
from generator.engine.plan import BatchPlan, Request, served_by
from generator.engine.reduced import Refused, reduced_of
from generator.engine.rules import RuleBook
from generator.engine.sparing import sparing
from generator.engine.targets import resolve, value
from generator.errors import UserError
from generator.methods import ModelFacts
from generator.model.twin import alongside, copied
from generator.names import INPUT, LayerName, Target, Unit

CUT = "the target does not depend on this layer, or the model cuts its gradients off."
UNDETECTED = "no box of the target's class was found, or its score does not depend on this layer."
NO_PLACE = "the target depends on this layer's class token alone, not on its places."


@dataclass
class Counts:
    """Passes that ran: one each time a batch goes forward through the model, or a gradient back."""

    forward: int = 0
    backward: int = 0


@dataclass(frozen=True)
class Served:
    """A request and what it asked for; `target` is None for methods that need none, and for probes: `classes` then has
    those that each target means in the batch, (n, g) or None."""

    request: Request
    target: Target | None
    reads: Reads | NotApplicable
    classes: Mapping[Target, Tensor | None] = field(default_factory=dict)


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
    readout: Readout = field(default_factory=Readout)
    invocation: Invocation = field(default_factory=Invocation)
    grids: Mapping[LayerName, Grid] = field(default_factory=dict)
    """Layers whose output is not (n, c, h, w): how it is read as such."""
    rows: dict[tuple[LayerName, frozenset[LayerName]], Literal["one", "all", "whole"]] = field(default_factory=dict)
    """How the model is resumed from each layer tried so far, with the layers wanted on the way (`generator.engine.resume`)."""
    convolving: dict[LayerName, bool] = field(default_factory=dict)
    """Of convolutions asked for so far, whether they do that and nothing else (`generator.engine.ahead`)."""
    beside: tuple[object, list[Engine]] | None = field(default=None, init=False, repr=False)
    """Engines of copies of the model, and what they were made for (`generator.engine.abreast`)."""
    lender: Engine | None = field(default=None, init=False, repr=False)
    """The engine whose model this one's is such a copy of: merged weights are its, and held once."""
    lending: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)
    """Held while a copy takes a twin from this engine: several may ask at once."""

    def __post_init__(self) -> None:
        floating = {p.dtype for p in self.module.parameters() if p.is_floating_point()}
        if floating - {torch.float32, torch.float64}:
            self.module = copied(self.module).float()
        if any(p.device != self.device for p in self.module.parameters()):
            self.module = copied(self.module).to(self.device)
        first = next((p for p in self.module.parameters() if p.is_floating_point()), None)
        self.dtype = torch.float32 if first is None else first.dtype
        self._light: tuple[object, nn.Module] | None = None
        self._scorer: tuple[nn.Module, nn.Module] | None = None
        self._reduced: tuple[nn.Module, nn.Module | Refused] | None = None
        self.modules = dict(self.module.named_modules())

    def batch(self, x: Tensor) -> Tensor:
        """`x` (n, c, h, w) on the model's device, in its precision and memory format."""
        return x.to(self.device, self.dtype).contiguous(memory_format=self.memory_format)

    def forward(
        self,
        x: Tensor,
        layers: frozenset[LayerName],
        book: RuleBook,
        *,
        stop: bool = False,
        times: int = 1,
        module: nn.Module | None = None,
    ) -> tuple[Any, dict[LayerName, Tensor]]:
        """One forward: the model's output (None where it stopped early) and the captured outputs, still in the graph.

        It runs a second time, once in the life of an engine, where it finds outputs overwritten in place. It counts
        `times`: one for a batch of images, as many as there are for changed inputs of one image. `module` is a twin to run
        instead of the model.
        """
        module = module or self.module
        while True:
            output = None
            try:
                with capturing(module, layers, book=book, copies=self.copies, stop=stop) as kept:
                    # an in-place first operation may not write into the leaf, nor into the caller's batch
                    output = self.invocation(module, x + 0)
            except Overwritten as found:
                if found.layers <= self.copies:  # a copy was handed on, and yet written into: called for its effect
                    raise UserError(
                        f"expected {', '.join(sorted(found.layers))} to give an output of its own, received one that the "
                        "model changes in place without reading it: leave this layer out"
                    ) from None
                self.counts.forward += times
                self.copies |= found.layers
                continue
            self.counts.forward += times  # a forward that the model refuses is none
            return output, kept

    def scored(self, x: Tensor) -> Any:
        """The output for changed inputs `x` (m, c, h, w) of one image, each counted, by the fastest twin of the model; without
        gradients."""
        with torch.no_grad():
            output = self.invocation(self._fastest(), x + 0)
        self.counts.forward += len(x)
        return output

    def light(self) -> nn.Module:
        """A twin of the model without its batch normalisations, or the model (`generator.engine.merged`), made anew where
        weights have changed. That takes two forwards on noise; they describe the model, and are not counted."""
        if self.facts is None or not self.facts.mergeable:
            return self.module
        stamp = tuple(
            (value.data_ptr(), value._version) for value in (*self.module.parameters(), *self.module.buffers())
        )
        if self._light is None or self._light[0] != stamp:
            self._light = stamp, self._lightened(self.facts)
        return self._light[1]

    def reduced(self) -> nn.Module:
        """A twin of `light` in bfloat16 (`generator.engine.reduced`). Two forwards and backwards on noise compare them, and are not
        counted.

        Raises:
            Refused: there is none; the text says why.
        """
        light = self.light()
        if self._reduced is None or self._reduced[0] is not light:
            try:
                self._reduced = light, reduced_of(self, light)
            except Refused as error:
                self._reduced = light, error
        if isinstance(self._reduced[1], Refused):
            raise self._reduced[1]
        return self._reduced[1]

    def sparing(self) -> nn.Module:
        """A twin of the model for forwards without gradients that reads outputs where they arise, or the model
        (`generator.engine.sparing`). Two forwards on noise compare them, and are not counted."""
        return self._spared(self.module)

    def _spared(self, module: nn.Module) -> nn.Module:
        if self.facts is None or not self.facts.overwriting:
            return module
        noise = torch.randn(1, *self.facts.input_shape, generator=torch.Generator().manual_seed(0))
        with prepared(self.module):
            return sparing(module, self.facts.overwriting, self.batch(noise), self.invocation)

    def _fastest(self) -> nn.Module:
        """`light`, with rectifiers that write over their inputs: only the output is read."""
        light = self.light()
        if self._scorer is None or self._scorer[0] is not light:
            self._scorer = light, self._spared(light)
        return self._scorer[1]

    def _lightened(self, facts: ModelFacts) -> nn.Module:
        if self.lender is None:
            noise = torch.randn(1, *facts.input_shape, generator=torch.Generator().manual_seed(0))
            with prepared(self.module):
                return merged(self.module, facts.mergeable, self.batch(noise), self.invocation)
        with self.lender.lending:
            lent = self.lender.light()
            return self.module if lent is self.lender.module else alongside(lent)

    def run(
        self,
        x: Tensor,
        todo: BatchPlan,
        truth: Sequence[int | None] = (),
        larger: Callable[[int], Tensor] | None = None,
    ) -> Iterator[Served]:
        """Serve every request of the plan for the batch `x` (n, c, h, w): target-free ones first, then by target, then
        probes, whose own evaluations are still to come (`generator.engine.probe`).

        `truth` has the true class of each image, None where it has none. `larger` gives the same images at a multiple of
        the model's size; without it they are the batch itself, enlarged.
        """
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
            scores = self.readout.scores(output).float() if todo.logits else None
            if scores is not None and bool((scores.isnan() | scores.isposinf()).any()):
                raise UserError(
                    "expected class scores that are numbers, received NaN or infinity from the model's forward pass: look at "
                    "its weights and at the preprocessing (model.input)"
                )
            classes = {target: resolve(target, scores, truth) for target in todo.targets}
            ask = _Asked(batch, scores, kept, larger or (lambda scale: enlarged(batch, scale)))
            for request in todo.requests:
                if not request.targets and not request.probes:
                    yield Served(request, None, self._reads(request, None, None, ask, {}))
            for target in todo.targets:
                grads = self._gradients(todo, target, classes[target], output, leaf, kept, book)
                for request in todo.requests:
                    if target in request.targets and not request.probes:
                        yield Served(request, target, self._reads(request, target, classes[target], ask, grads))
            for request in todo.requests:
                if request.probes:
                    mine = {target: classes[target] for target in request.targets}
                    yield Served(request, None, self._reads(request, None, None, ask, {}), mine)

    def weights(self, request: Request) -> Iterator[Served]:
        """Serve a request that reads weights alone. No pass runs."""
        nothing = torch.empty(0)
        yield Served(request, None, self._reads(request, None, None, _Asked(nothing, None, {}, lambda _: nothing), {}))

    def _gradients(
        self,
        todo: BatchPlan,
        target: Target,
        classes: Tensor | None,
        output: Any,
        leaf: Tensor,
        kept: Mapping[LayerName, Tensor],
        book: RuleBook,
    ) -> dict[Gradient, Tensor | None]:
        grads: dict[Gradient, Tensor | None] = {}
        wanted = [back for back in todo.backwards if back.target == target]
        if not wanted:
            return grads
        scalar = value(target, classes, output, self.readout, self.maps(kept)).sum()
        for back in wanted:
            book.current = back.rule
            at = {name: leaf if name == INPUT else kept[name] for name in sorted(back.layers)}
            reached = {name: here for name, here in at.items() if scalar.requires_grad and here.requires_grad}
            found: tuple[Tensor | None, ...] = ()
            if reached:
                self.counts.backward += 1
                # the last backward frees the graph as it goes
                again = back is not todo.backwards[-1]
                found = torch.autograd.grad(scalar, tuple(reached.values()), retain_graph=again, allow_unused=True)
            grads.update({Gradient(name, back.rule): None for name in at})
            grads.update({Gradient(name, back.rule): g for name, g in zip(reached, found, strict=True)})
        book.current = "plain"
        return grads

    def maps(self, kept: Mapping[LayerName, Tensor]) -> Mapping[LayerName, Tensor]:
        """Captured outputs as (n, c, h, w), whatever the layer's own layout; still in the graph."""
        return {name: as_map(found, self.grids.get(name)) for name, found in kept.items()}

    def _reads(
        self,
        request: Request,
        target: Target | None,
        classes: Tensor | None,
        ask: _Asked,
        grads: Mapping[Gradient, Tensor | None],
    ) -> Reads | NotApplicable:
        values: dict[Need, Tensor] = {}
        biases: dict[Weights, Tensor | None] = {}
        layouts: dict[Weights, Layout] = {}
        biased: dict[LayerName, tuple[Tensor, Tensor]] = {}
        for need in request.needs:
            if isinstance(need, Input):
                values[need] = ask.batch.detach().float()
            elif isinstance(need, Larger):
                values[need] = ask.larger(need.scale).to(ask.batch.device).float()
            elif isinstance(need, Logits):
                assert ask.scores is not None
                values[need] = ask.scores.detach()
            elif isinstance(need, Activation):
                values[need] = self._map(need.layer, ask.kept[need.layer])
            elif isinstance(need, Weights):
                if need.layer == HEAD and target is not None and classes is None:
                    return NotApplicable(
                        f"the target is a {'unit' if isinstance(target, Unit) else 'function'}, not a class."
                    )
                module = self.module_at(need.layer)
                values[need] = module.weight.detach().float()
                biases[need] = None if getattr(module, "bias", None) is None else module.bias.detach().float()
                if need.layer == HEAD and self.readout.kind == "binary":  # one row, for yes: as two classes
                    bias = biases[need]
                    values[need] = torch.cat([-values[need], values[need]])
                    biases[need] = None if bias is None else torch.cat([-bias, bias])
                if isinstance(module, nn.modules.conv._ConvNd):
                    layouts[need] = Layout(module.groups, module.transposed)
            elif isinstance(need, BiasGradients):
                for layer in () if self.facts is None else self.facts.biased:
                    gradient = grads[Gradient(layer)]
                    if gradient is not None:  # an auxiliary branch that the target does not depend on
                        biased[layer] = (bias_of(self.module_at(layer)).float(), gradient.detach().float())
            else:
                gradient = grads[served_by(need, self.facts)]
                if gradient is None:
                    boxes = self.readout.kind == "detection" and classes is not None
                    return NotApplicable(UNDETECTED if boxes else CUT)
                values[need] = self._map(need.layer, gradient)
                beside = outside(gradient, self.grids.get(need.layer))
                if beside.any() and not values[need].any():
                    return NotApplicable(NO_PLACE)
        return Reads(values, biases, target, classes, layouts, biased)

    def _map(self, layer: LayerName, found: Tensor) -> Tensor:
        return as_map(found.detach(), self.grids.get(layer)).float()

    def module_at(self, layer: LayerName) -> Any:
        """The module called at `layer`, or the linear head for HEAD."""
        path = self.head if layer == HEAD else layer.partition("@")[0]
        if path is None or path not in self.modules:
            raise LookupError(f"no module is called at {layer!r}")
        return self.modules[path]


@dataclass(frozen=True)
class _Asked:
    """What one forward gave, for the reads of every request."""

    batch: Tensor
    scores: Tensor | None
    kept: Mapping[LayerName, Tensor]
    larger: Callable[[int], Tensor]


def enlarged(x: Tensor, scale: int) -> Tensor:
    """A batch (n, c, h, w) at `scale` times its size, bilinear: no detail that it has not."""
    return interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def bias_of(module: nn.Module) -> Tensor:
    """(k,): the bias of the affine map that a convolution, or a batch normalisation in evaluation mode, is."""
    bias = getattr(module, "bias", None)
    if not isinstance(module, nn.modules.batchnorm._BatchNorm):
        assert isinstance(bias, Tensor)
        return bias.detach()
    assert module.running_mean is not None
    assert module.running_var is not None
    scale = (module.running_var + module.eps).rsqrt()
    if module.weight is not None:
        scale = scale * module.weight.detach()
    shift = -module.running_mean * scale
    return shift if bias is None else shift + bias.detach()
