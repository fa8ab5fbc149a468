"""What a tensor sees after ``x[index] = value``: at each place what it saw, or what was written there.

x      . . . . . .        z = zeros; z[:, :, 1:] = x      place i of z sees what place i - 1 of x sees
z    0 . . . . . .
"""

from __future__ import annotations

from typing import Any

from generator.model.graph import Node, Ref
from generator.model.reach import Reach
from generator.model.reach_rule import unknown
from generator.model.span import Span, union


def written(node: Node, reads: list[Reach]) -> Reach:
    """Indices of whole numbers, slices of step 1 and ``...`` are followed; others where one number that is the same for every
    input is written, or where a mask of the whole tensor says."""
    whole, index, value = (*node.arguments, None, None, None)[:3]
    seen = dict(zip(node.inputs, reads, strict=True))
    before = seen.get(whole)
    if not isinstance(value, Ref):
        return _erased(node, index, before, seen)
    after = seen.get(value)
    if after is None or after.axes is None:
        return unknown(node, reads)
    shape, items = node.outputs[0].shape, _items(index, len(node.outputs[0].shape))
    if items is None or (before is not None and before.axes is None):
        return unknown(node, reads)
    kept = [dim - len(shape) for dim, item in enumerate(items) if not isinstance(item, int)]
    axes = tuple(kept[axis] for axis in after.axes if -axis <= len(kept))
    if len(axes) < 2 or (before is not None and before.axes != axes):
        return unknown(node, reads)
    every = [
        isinstance(item, slice) and item.indices(side) == (0, side, 1) for item, side in zip(items, shape, strict=True)
    ]
    if all(every):
        before = None
    spans = []
    for k, axis in enumerate(axes):
        start, stop, step = items[axis].indices(shape[axis])
        moved = _moved((after.y, after.x)[k], start)
        if step != 1 or value.shape[after.axes[k]] != stop - start:
            moved = None  # with gaps, or one value for all
        old = [] if before is None else [((before.y, before.x)[k], shape[axis])]
        spans.append(union([*old, (moved, shape[axis])]))
    return Reach(spans[0], spans[1], (axes[0], axes[1]))


def _erased(node: Node, index: Any, before: Reach | None, seen: dict[Ref, Reach]) -> Reach:
    """Where something that is the same for every input was written, what a place saw is seen no more."""
    others = [ref for ref in node.inputs if seen[ref] is not before or ref is index]
    if before is None or (others and others != [index]):
        return unknown(node, list(seen.values()))
    if not others:
        return before
    mask = seen[others[0]]
    if others[0].shape != node.outputs[0].shape or (mask.axes, mask.tokens) != (before.axes, before.tokens):
        return unknown(node, list(seen.values()))
    places = max([1, *(node.outputs[0].shape[axis] for axis in before.dims)])
    y, x = (union([(a, places), (b, places)]) for a, b in ((before.y, mask.y), (before.x, mask.x)))
    return Reach(y, x, before.axes, before.tokens)


def _items(index: Any, rank: int) -> list[Any] | None:
    """For each dimension a whole number or a slice; None where it is picked otherwise."""
    items = list(index) if isinstance(index, tuple) else [index]
    if not all(type(item) is int or isinstance(item, (slice, type(...))) for item in items):
        return None
    at = items.index(...) if ... in items else len(items)
    rest = rank - len(items) + (... in items)
    return [*items[:at], *[slice(None)] * rest, *items[at + 1 :]]


def _moved(span: Span | None, places: int) -> Span | None:
    """Place 0 stands at `places`."""
    return span and span.window(1, 1, places)
