"""Hold what each asked layer gave, as it gave it, and leave the model as it was found.

In-place operations are the trap: ``bn -> ReLU(inplace)`` and ``out += identity`` overwrite the very tensor that a hook
kept. Their meaning is not changed here (a model may rely on it); instead the rest of the model is handed a copy of
those outputs that are overwritten later. Which ones are is seen by their version counters after a forward.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from generator.engine.rules import RuleBook, implement
from generator.model.calls import Call, watch
from generator.names import LayerName


class StopForward(Exception):
    """The deepest layer asked for has been seen: nothing after it is wanted."""


class Overwritten(Exception):
    """A captured output was changed in place later in the same forward: `layers` must be handed on as copies."""

    def __init__(self, layers: frozenset[LayerName]) -> None:
        super().__init__(", ".join(sorted(layers)))
        self.layers = layers


@contextmanager
def capturing(
    model: nn.Module,
    layers: Collection[LayerName],
    *,
    book: RuleBook,
    copies: Collection[LayerName] = (),
    stop: bool = False,
) -> Iterator[dict[LayerName, Tensor]]:
    """Fill the yielded mapping with the outputs of `layers` during one forward of `model`.

    `copies` are the layers whose output is overwritten later. With `stop`, the forward ends (by StopForward, swallowed
    here) as soon as every layer was seen.

    Raises:
        Overwritten: a captured output was changed in place and is not among `copies`.
    """
    wanted = frozenset(layers)
    kept: dict[LayerName, Tensor] = {}
    versions: dict[LayerName, int] = {}

    def on_call(call: Call, output: Any) -> Any:
        if call.name not in wanted or (given := call.tensor(output)) is None:
            return None
        kept[call.name] = given
        versions[call.name] = given._version
        if stop and len(kept) == len(wanted):
            raise StopForward
        return call.instead(output, given.clone()) if call.name in copies else None

    functions = book.intercept or any(name.startswith("F.") or ".F." in name for name in wanted)
    modules = None if functions else {name.partition("@")[0] for name in wanted}
    with watch(model, on_call, implement(book) if functions else None, modules), suppress(StopForward):
        yield kept
    if changed := frozenset(name for name, value in kept.items() if value._version != versions[name]):
        raise Overwritten(changed)


@contextmanager
def prepared(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and frozen parameters inside; every flag and gradient as it was found, afterwards.

    Gradients with respect to parameters are never wanted here: frozen, the backward is a third cheaper.
    """
    training = {module: module.training for module in model.modules()}
    required = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        for module in training:
            module.training = False
        for parameter in required:
            parameter.requires_grad_(False)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, flag in training.items():
            module.training = flag
        for parameter, flag in required.items():
            parameter.requires_grad_(flag)
