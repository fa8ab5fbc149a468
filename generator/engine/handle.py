"""What search methods hold: a model that can be run again and again up to a layer, each pass counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from generator.engine.ahead import HOOKS, Ahead, Score, convolves_only
from generator.engine.capture import StopForward, prepared
from generator.engine.merged import apart
from generator.engine.passes import Engine
from generator.engine.reduced import Refused
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.names import LayerName


@dataclass
class Handle:
    """The engine's model, for a method that optimises over inputs. See `generator.methods.ModelHandle`."""

    engine: Engine
    input_shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seen: Callable[..., Tensor] | None = None
    """Some of the report's images in [0, 1]: at most so many, from the first or from that of a number on; None where there
    is no report."""
    _book: RuleBook = field(default_factory=RuleBook)
    _photographs: dict[int, Tensor] = field(default_factory=dict)
    _room: dict[tuple[object, ...], dict[Any, int]] = field(default_factory=dict)
    _light: nn.Module | None = field(default=None, init=False, repr=False)
    _reduced: nn.Module | None = field(default=None, init=False, repr=False)

    @property
    def light(self) -> nn.Module:
        """The engine's twin without batch normalisations, or the model: weights do not change while a handle is held."""
        if self._light is None:
            self._light = self.engine.light()
        return self._light

    @property
    def reduced(self) -> nn.Module:
        """The twin of that in bfloat16; where there is none, `light`."""
        if self._reduced is None:
            try:
                self._reduced = self.engine.reduced()
            except Refused:
                self._reduced = self.light
        return self._reduced

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What is merged in it: convolutions and their batch normalisations."""
        return () if self.engine.facts is None else self.engine.facts.mergeable

    @property
    def device(self) -> torch.device:
        """Where inputs must be."""
        return self.engine.device

    def layer_output(
        self, layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32"
    ) -> Tensor:
        """Differentiable output (n, c, h, w) of `layer` for the normalised batch `x` (n, c, h, w).

        The forward stops at the layer, and batch normalisations in front of it are merged into the convolutions before them.
        With `redirect`, `backward` lets gradients through rectifiers that are off. With `precision` ``bfloat16`` the model's
        twin in that runs, where it has one; the output is float32 all the same.

        Raises:
            UserError: the layer is not reached.
        """
        wanted, rules, path = frozenset({layer}), self._rules(redirect), layer.partition("@")[0]
        light, batch = self._run(x, precision)
        with apart(light, self.engine.module, self.pairs, path) as module:
            _, kept = self.engine.forward(batch, wanted, rules, stop=True, module=module)
        if layer not in kept:
            raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
        return self.engine.maps(kept)[layer].to(self.engine.dtype)

    def ahead(self, layer: LayerName, score: Score, x: Tensor, precision: str = "float32") -> Ahead | None:
        """For a `score` that is linear in the maps of `layer`: what gives the scores of batches such as `x` (n, c, h, w), normalised,
        without running the layer; None where it is not a convolution and nothing else, or not given one tensor alone. It takes a
        forward of one picture up to the layer to tell, once, which is not counted."""
        module = self.engine.modules.get(layer)  # not a later call of one, nor a function
        if not isinstance(module, nn.Conv2d) or layer in self.engine.grids:
            return None
        if any(getattr(module, name, None) for name in HOOKS):
            return None
        if layer not in self.engine.convolving:
            self.engine.convolving[layer] = self._convolves(layer, module, x[:1])
        return Ahead(self, layer, score, precision) if self.engine.convolving[layer] else None

    def _convolves(self, layer: LayerName, module: nn.Module, x: Tensor) -> bool:
        counted = self.engine.counts.forward
        try:
            with torch.no_grad():
                return convolves_only(module, self._given(layer, x))
        except LookupError:
            return False
        finally:
            self.engine.counts.forward = counted

    def layer_input(self, layer: LayerName, x: Tensor, *, redirect: bool = False, precision: str = "float32") -> Tensor:
        """What the module at `layer` is given first (n, c, h, w) for the normalised batch `x`, differentiable where it is called so, in
        the numbers that it is given in. The forward stops in front of it; for the rest as `layer_output`.

        Raises:
            UserError: the layer is not reached.
            LookupError: it is given something else, or more.
        """
        return self._given(layer, x, redirect, precision)

    def _given(self, layer: LayerName, x: Tensor, redirect: bool = False, precision: str = "float32") -> Tensor:
        given: list[tuple[Any, ...]] = []
        cut: list[bool] = []

        def stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given.append((*args, *kwargs.values()))
            cut.append(not torch.is_grad_enabled())
            raise StopForward

        wanted, rules = frozenset({layer}), self._rules(redirect)
        light, batch = self._run(x, precision)
        with light.get_submodule(layer).register_forward_pre_hook(stop, with_kwargs=True):
            self.engine.forward(batch, wanted, rules, stop=True, module=light)
        if not given:
            raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
        if len(given[0]) != 1 or not isinstance(given[0][0], Tensor) or given[0][0].dim() != 4:
            raise LookupError(f"layer {layer!r} is not given one batch of maps")
        return given[0][0].detach() if cut[0] else given[0][0]

    @contextmanager
    def layer_module(self, layer: LayerName, precision: str = "float32") -> Iterator[nn.Module]:
        """The module at `layer` as it is run in this precision, giving its own values inside."""
        light = self.reduced if precision == "bfloat16" else self.light
        with apart(light, self.engine.module, self.pairs, layer) as whole:
            yield whole.get_submodule(layer)

    def class_scores(self, x: Tensor, *, redirect: bool = False, precision: str = "float32") -> Tensor:
        """Differentiable class scores (n, classes) for the normalised batch `x` (n, c, h, w); `precision` as for a layer.

        Raises:
            UserError: the model gives no such scores.
        """
        light, batch = self._run(x, precision)
        output, _ = self.engine.forward(batch, frozenset(), self._rules(redirect), module=light)
        return self.engine.readout.scores(output).to(self.engine.dtype)

    def _run(self, x: Tensor, precision: str) -> tuple[nn.Module, Tensor]:
        """What runs in this precision, and the batch as it takes it."""
        if precision != "bfloat16" or self.reduced is self.light:
            return self.light, self.engine.batch(x)
        return self.reduced, x.to(self.engine.device, torch.bfloat16).contiguous(memory_format=torch.channels_last)

    def _rules(self, redirect: bool) -> RuleBook:
        self._book = RuleBook(intercept=redirect, current="redirect" if redirect else "plain")
        return self._book

    def backward(self, value: Tensor, wrt: Tensor) -> Tensor:
        """d value / d wrt, counted as one backward pass; zeros where a model cuts its gradients off."""
        self.engine.counts.backward += 1
        found = torch.autograd.grad(value, wrt, allow_unused=True)[0] if value.requires_grad else None
        return torch.zeros_like(wrt) if found is None else found

    def room(self, *of: object) -> dict[Any, int]:
        """What is known of how many pictures the device has room for, by size, in searches of this kind; to be written to. All
        handles that are made of one share it."""
        return self._room.setdefault(of, {})

    def photographs(self, count: int) -> Tensor:
        """The first of the report's images, at most `count` (n, c, h, w), in [0, 1]; decoded once."""
        if count not in self._photographs:
            none = torch.zeros(0, *self.input_shape)
            self._photographs[count] = self.seen(count) if self.seen is not None and count else none
        return self._photographs[count]

    def photograph(self, number: int) -> Tensor:
        """The report's image of this number (c, h, w), from 0, in [0, 1]; decoded each time.

        Raises:
            LookupError: there is no report.
        """
        if self.seen is None:
            raise LookupError("there is no report, so there are no images of one")
        found: Tensor = self.seen(1, number)[0]
        return found


@contextmanager
def handle(
    engine: Engine,
    input_shape: tuple[int, int, int],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    seen: Callable[..., Tensor] | None = None,
) -> Iterator[Handle]:
    """A handle on the engine's model, prepared as for any pass and given back as it was found."""
    with prepared(engine.module):
        yield Handle(engine, input_shape, mean, std, seen)
