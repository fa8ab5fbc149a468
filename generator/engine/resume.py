"""Run a model from one of its layers on: what comes before is not computed again, but given from a first, recorded run.

    recorded   x ──▶ stem ──▶ stage 1 ──▶ stage 2 ──▶ LAYER          outputs of what ended before the layer are kept
    resumed    ·     given     given      given       A (m rows) ──▶ stage 3 ──▶ head ──▶ output (m rows)

Modules that had ended give their recorded output (one row) without running; what lies between them (additions, reshapes)
is computed on that one row. Rows then meet by broadcasting, as in ``out += identity``. Where a model's code does not
broadcast (a concatenation), recorded outputs are given in as many rows as `A` has; and where even that gives another
output, the whole model runs and the layer's output alone is replaced. Which of the three holds is found out once a layer,
by comparing with the third.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from generator.engine.capture import StopForward, capturing
from generator.engine.grids import from_map
from generator.engine.merged import alike
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.model.calls import Call, watch
from generator.names import LayerName

Rows = Literal["one", "all", "whole"]
"""How recorded outputs are given: in one row, in all rows, or not at all (the whole model runs)."""


@dataclass
class _Recorded:
    """The outputs of modules that had ended when the layer was reached, outermost ones only, in order of their calls."""

    outputs: dict[nn.Module, list[Any]] = field(default_factory=lambda: defaultdict(list))
    layer: Tensor | None = None
    beside: tuple[Any, ...] | None = None
    """What the layer gives beside its tensor, where it gives a tuple."""

    def whole(self, given: Tensor, rows: int) -> Any:
        """The layer's output where it gives `given`, of so many rows."""
        return given if self.beside is None else (given, *_copied(self.beside, rows))


class Tail:
    """What comes after `layer`, for one image `x` (1, c, h, w), which is run once, up to the layer, to record.

    `units` are layers whose outputs are wanted too: those of them that come before the layer are left out.
    """

    def __init__(self, engine: Engine, layer: LayerName, x: Tensor, units: frozenset[LayerName] = frozenset()) -> None:
        self.engine, self.layer, self.x = engine, layer, x
        self.units = frozenset(unit for unit in units if not _before(engine, unit, layer))
        with torch.no_grad():
            self._recorded = _record(engine, layer, x)
            engine.counts.forward += 1
            if self._recorded.layer is None:
                raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
            if (layer, self.units) not in engine.rows:
                engine.rows[layer, self.units] = self._fitting()

    def __call__(self, A: Tensor) -> tuple[Any, dict[LayerName, Tensor]]:
        """The model's output where the layer gives `A` (m, k, h, w), and the outputs of `units`: in one row alone where they
        do not depend on `A`."""
        return self._run(self.engine.rows[self.layer, self.units], A)

    def _run(self, rows: Rows, A: Tensor) -> tuple[Any, dict[LayerName, Tensor]]:
        recorded = self._recorded
        assert recorded.layer is not None
        given = recorded.whole(self._own(A, recorded.layer), len(A))
        module = None if self._function else self.engine.module_at(self.layer)
        x = self.x if rows == "one" else self.x.expand(len(A), -1, -1, -1)
        replaced = False

        def replacing(call: Call, output: Any) -> Any:
            nonlocal replaced
            if call.name != self.layer:
                return None
            replaced = True
            return given

        with ExitStack() as stack:
            book = RuleBook(intercept=False)
            kept = stack.enter_context(capturing(self.engine.module, self.units, book=book, copies=self.units))
            if rows == "whole" or module is None:
                watched = None if module is None else {self.layer.partition("@")[0]}
                stack.enter_context(watch(self.engine.module, replacing, None, watched))
            if rows != "whole":
                more = recorded.outputs
                if module is not None:
                    more = {**more, module: [*more.get(module, ()), given]}
                    replaced = True
                stack.enter_context(_given(more, given, None if rows == "one" else len(A)))
            output = self.engine.invocation(self.engine.module, x + 0)
        if not replaced:
            raise LookupError(f"the forward pass does not call {self.layer!r}")
        if self.layer in self.units:  # seen before it was replaced
            kept[self.layer] = self._own(A, recorded.layer)
        return output, kept

    def _own(self, A: Tensor, like: Tensor) -> Tensor:
        """A copy of `A` in the layer's own layout, which later operations may write into."""
        grid = self.engine.grids.get(self.layer)
        found = from_map(A.to(like), like, grid)
        # convolutions behind it are measured to be faster in the engine's format, some of them many times
        return found.clone(memory_format=self.engine.memory_format if grid is None else torch.contiguous_format)

    @property
    def _function(self) -> bool:
        """Whether the layer is a function's call: to name one, all that is open around it must be known."""
        return self.layer.startswith("F.") or ".F." in self.layer

    def _fitting(self) -> Rows:
        """The least that gives the same as the whole model does, for the layer's own output and for half of it."""
        own = self.engine.maps({self.layer: self._recorded.layer})[self.layer]  # type: ignore[dict-item]
        A = torch.cat([own, own / 2])
        expected, units = self._run("whole", A)
        for rows in ("one", "all"):
            try:
                output, kept = self._run(rows, A)
                if alike(output, expected) and self._same(kept, units):
                    return rows
            except Exception:  # whatever a model's code says of rows that do not fit
                continue
        return "whole"

    def _same(self, kept: Mapping[LayerName, Tensor], expected: Mapping[LayerName, Tensor]) -> bool:
        if kept.keys() != expected.keys():
            return False
        mine, own = self.engine.maps(kept), self.engine.maps(expected)
        return all(alike(mine[name].expand_as(own[name]), own[name]) for name in own)


def _before(engine: Engine, unit: LayerName, layer: LayerName) -> bool:
    """Whether `unit` gives its output before `layer` does."""
    known = {} if engine.facts is None else engine.facts.layers
    return unit in known and layer in known and known[unit].depth < known[layer].depth


def _record(engine: Engine, layer: LayerName, x: Tensor) -> _Recorded:
    """Run the model up to the layer, and keep what had ended before it."""
    recorded = _Recorded()
    order: list[tuple[nn.Module, Any]] = []
    opened: list[int] = []

    def enter(module: nn.Module, args: Any) -> None:
        opened.append(len(order))

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        del order[opened.pop() :]  # what it holds is not called when it is skipped
        order.append((module, _copied(output, None)))

    def on_call(call: Call, output: Any) -> Any:
        if call.name == layer and (given := call.tensor(output)) is not None:
            recorded.layer, recorded.beside = given.clone(), output[1:] if isinstance(output, tuple) else None
            if call.module is not None:
                del order[opened.pop() :]
            raise StopForward
        return None

    functions = layer.startswith("F.") or ".F." in layer
    with ExitStack() as stack:
        stack.enter_context(watch(engine.module, on_call, None, None if functions else {layer.partition("@")[0]}))
        for module in engine.module.modules():  # after the watcher's: the layer itself is not recorded
            for hook in (module.register_forward_pre_hook(enter), module.register_forward_hook(leave)):
                stack.callback(hook.remove)
        with suppress(StopForward):
            engine.invocation(engine.module, x + 0)
    for module, output in order:
        recorded.outputs[module].append(output)
    return recorded


def _copied(value: Any, rows: int | None) -> Any:
    """A copy of an output that later operations may write into; with `rows`, in so many rows."""
    if isinstance(value, Tensor):
        return value.clone() if rows is None or value.dim() == 0 else value.expand(rows, *value.shape[1:]).clone()
    if isinstance(value, dict):
        return type(value)((key, _copied(item, rows)) for key, item in value.items())
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_copied(item, rows) for item in value))
    if isinstance(value, (tuple, list)):
        return type(value)(_copied(item, rows) for item in value)
    return value


@contextmanager
def _given(outputs: Mapping[nn.Module, list[Any]], as_it_is: Any, rows: int | None) -> Iterator[None]:
    """Let modules give these outputs, call by call, and run again when these are used up."""
    patched: list[tuple[nn.Module, Any]] = []
    try:
        for module, several in outputs.items():
            left, own = iter(several), module.forward

            def forward(*args: Any, _left: Iterator[Any] = left, _own: Any = own, **kwargs: Any) -> Any:
                found = next(_left, _NOTHING)
                if found is _NOTHING:
                    return _own(*args, **kwargs)
                return found if found is as_it_is else _copied(found, rows)

            patched.append((module, module.__dict__.get("forward", _NOTHING)))
            module.__dict__["forward"] = forward
        yield
    finally:
        for module, before in patched:
            if before is _NOTHING:
                del module.__dict__["forward"]
            else:
                module.__dict__["forward"] = before


_NOTHING = object()
