"""Which layers are the classifier: those that a score reads last, on whichever way it came about.

features ─▶ conv a ─┐
    └─▶ conv b ─────┴─▶ + ─▶ resize ─▶ scores        a and b: to take one of them away leaves the other's class
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def trainable(module: nn.Module, *, on: bool = True) -> Iterator[None]:
    """All floating-point parameters ask for gradients (or none does), and afterwards those that did before."""
    floating = [p for p in module.parameters() if p.is_floating_point()]
    before = [p.requires_grad for p in floating]
    try:
        for weights in floating:
            weights.requires_grad_(on)
        with torch.set_grad_enabled(on):
            yield
    finally:
        for weights, flag in zip(floating, before, strict=True):
            weights.requires_grad_(flag)


def heads(
    module: nn.Module, x: Tensor, forward: Callable[[nn.Module, Tensor], Any], read: Callable[[Any], Tensor | None]
) -> tuple[str, ...]:
    """The paths of the modules whose weights no other module's weights come after, on the way to what `read` gives.

    Several where scores are added up from several classifiers; none where the scores have no gradient. A module with parts
    that have weights of their own is passed over, and so is a single number (a temperature): both stand at the end of many
    models without telling classes apart. One forward of `x`.
    """
    owners: dict[int, str] = {}
    for name, part in module.named_modules():
        parts = [child for child in part.modules() if child is not part]
        if not any(True for child in parts for _ in child.parameters(recurse=False)):
            owners |= {id(p): name for p in part.parameters(recurse=False) if p.numel() > 1}
    with trainable(module):
        scores = read(forward(module, x))
        if scores is None or scores.grad_fn is None:
            return ()
        found: dict[str, None] = {}
        seen: set[Any] = set()
        waiting: list[Any] = [scores.grad_fn]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            after = [child for child, _ in node.next_functions if child is not None]
            own = [owners[key] for child in after if (key := _weights(child)) in owners]
            found |= dict.fromkeys(own)
            if not own:
                waiting += after
    return tuple(name for name, _ in module.named_modules() if name in found)


def _weights(node: Any) -> int:
    """The identity of the parameter that a node of the graph hands on, transposed, reshaped or cast at most; 0 for none."""
    while not hasattr(node, "variable"):
        if len(node.next_functions) != 1 or node.next_functions[0][0] is None:
            return 0
        node = node.next_functions[0][0]
    return id(node.variable)
