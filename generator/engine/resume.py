"""Run a model from one of its layers on: what comes before is not computed again, but given from a first, recorded run.

    recorded   x ──▶ stem ──▶ stage 1 ──▶ stage 2 ──▶ LAYER          outputs of what ended before the layer are kept
    resumed    ·     given     given      given       A (m rows) ──▶ stage 3 ──▶ head ──▶ output (m rows)

Modules that had ended give their recorded output (one row) without running; what lies between them (additions, reshapes)
is computed on that one row. Rows then meet by broadcasting, as in ``out += identity``. Where a model's code does not
broadcast (a concatenation), recorded outputs are given in as many rows as `A` has; and where even that gives another
output than the model's own, the whole model runs and the layer's output alone is replaced. Which of the three holds is
found out once a layer, by comparing with the model's own output.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from generator.engine.capture import StopForward, capturing
from generator.engine.grids import from_map
from generator.engine.passes import Engine
from generator.engine.rules import RuleBook
from generator.errors import UserError
from generator.model.calls import Call, tensors, watch
from generator.names import LayerName

Rows = Literal["one", "all", "whole"]
"""How recorded outputs are given: in one row, in all rows, or not at all (the whole model runs)."""


@dataclass
class _Recorded:
    """The outputs of modules that had ended when the layer was reached, outermost ones only, in order of their calls."""

    outputs: dict[nn.Module, list[Any]] = field(default_factory=lambda: defaultdict(list))
    layer: Tensor | None = None


class Tail:
    """What comes after `layer`, for one image `x` (1, c, h, w), which is run once, up to the layer, to record."""

    def __init__(self, engine: Engine, layer: LayerName, x: Tensor) -> None:
        self.engine, self.layer, self.x = engine, layer, x
        with torch.no_grad():
            self._recorded = _record(engine, layer, x)
            engine.counts.forward += 1
            if self._recorded.layer is None:
                raise UserError(f"expected the forward pass to reach layer {layer!r}: it did not")
            if layer not in engine.rows:
                engine.rows[layer] = self._fitting()

    def __call__(self, A: Tensor, units: frozenset[LayerName] = frozenset()) -> tuple[Any, dict[LayerName, Tensor]]:
        """The model's output where the layer gives `A` (m, k, h, w), and the outputs of `units` on the way."""
        return self._run(self.engine.rows[self.layer], A, units)

    def _run(self, rows: Rows, A: Tensor, units: frozenset[LayerName]) -> tuple[Any, dict[LayerName, Tensor]]:
        recorded = self._recorded
        assert recorded.layer is not None
        given = from_map(A.to(recorded.layer), recorded.layer, self.engine.grids.get(self.layer)).clone()
        x = self.x if rows == "one" else self.x.expand(len(A), -1, -1, -1)
        with ExitStack() as stack:
            if rows != "whole":
                stack.enter_context(_given(recorded, None if rows == "one" else len(A)))
            book = RuleBook(intercept=False)
            kept = stack.enter_context(
                capturing(self.engine.module, units, book=book, copies=self.engine.copies & units)
            )
            stack.enter_context(watch(self.engine.module, self._replacing(given, rows), None, self._modules()))
            output = self.engine.invocation(self.engine.module, x + 0)
        return output, kept

    def _modules(self) -> set[str] | None:
        """The module to watch, or None for all: a function's name needs all that is open around it."""
        return None if self.layer.startswith("F.") or ".F." in self.layer else {self.layer.partition("@")[0]}

    def _replacing(self, given: Tensor, rows: Rows) -> Callable[[Call, Any], Any]:
        """What gives `A` in place of the layer's own output: at its call of the same number, those not made left out."""
        path, _, number = self.layer.partition("@")
        skipped = 0
        if rows != "whole" and self._modules() is not None:
            module = self.engine.module_at(self.layer)
            skipped = int(number or 1) - 1 - len(self._recorded.outputs.get(module, ()))
        wanted = int(number or 1) - skipped
        name = path if wanted == 1 else f"{path}@{wanted}"
        return lambda call, output: given if call.name == name else None

    def _fitting(self) -> Rows:
        """The least that gives the model's own output for two rows of the layer's own."""
        A = self.engine.maps({self.layer: self._recorded.layer})[self.layer]  # type: ignore[dict-item]
        twice = A.expand(2, -1, -1, -1)
        expected = self.engine.invocation(self.engine.module, self.x.expand(2, -1, -1, -1) + 0)
        for rows in ("one", "all"):
            try:
                output, _ = self._run(rows, twice, frozenset())
            except Exception:  # whatever a model's code says of rows that do not fit
                continue
            if _alike(output, expected):
                return rows
        return "whole"


def _alike(output: Any, expected: Any) -> bool:
    mine, own = list(tensors(output)), list(tensors(expected))
    return len(mine) == len(own) and all(
        a.shape == b.shape
        and torch.allclose(a.float(), b.float(), rtol=1e-4, atol=1e-4 * float(b.abs().max() if b.numel() else 0))
        for a, b in zip(mine, own, strict=True)
    )


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
        if call.name == layer and isinstance(output, Tensor):
            recorded.layer = output.clone()
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
def _given(recorded: _Recorded, rows: int | None) -> Iterator[None]:
    """Let modules give their recorded outputs, call by call, and run again when these are used up."""
    patched: list[nn.Module] = []
    try:
        for module, outputs in recorded.outputs.items():
            left = iter(outputs)
            own = module.forward

            def forward(*args: Any, _left: Any = left, _own: Any = own, **kwargs: Any) -> Any:
                found = next(_left, _NOTHING)
                return _own(*args, **kwargs) if found is _NOTHING else _copied(found, rows)

            module.__dict__["forward"] = forward
            patched.append(module)
        yield
    finally:
        for module in patched:
            module.__dict__.pop("forward", None)


_NOTHING = object()
