"""Where height and width go when dimensions are moved, folded, cut and joined.

    (1, c, h, w) ──flatten(2)──▶ (1, c, h w) ──transpose──▶ (1, h w, c) ──cat a class token──▶ (1, 1 + h w, c)
     two dimensions               one dimension of tokens                                      with a prefix of 1

Only what is certain from shapes and arguments is followed: a layout that might be another is given up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from generator.model.graph import Constant, Node, Ref
from generator.model.reach import WHOLE, Reach, Tokens

Shape = tuple[int, ...]
INDEXES = (int, slice, type(None), type(...))


def from_end(dims: Any, rank: int) -> tuple[int, ...]:
    """One dimension or several of a tensor of `rank`, counted from the end."""
    many = dims if isinstance(dims, (tuple, list)) else (dims,)
    return tuple(int(dim) if dim < 0 else int(dim) - rank for dim in many)


def reshape(node: Node, reads: list[Reach]) -> Reach:
    """A dimension survives where one of its size has as many values to its right as before; height and width side by side
    fold into tokens, and unfold; each taken apart leaves a place for each patch."""
    reach, old, new = reads[0], node.inputs[0].shape, node.outputs[0].shape
    if not reach.dims or old == new:
        return reach
    kept = [_fitting(new, old[dim], _right(old, dim)) for dim in reach.dims]
    if all(dim is not None for dim in kept):
        return reach.at(tuple(dim for dim in kept if dim is not None))
    if reach.axes is None:
        return _unfolded(reach, old, new)
    folded = _folded(reach, old, new)
    return folded if folded.dims else _patched(reach, old, new)


def _right(shape: Shape, dim: int) -> int:
    """How many values stand to the right of a dimension counted from the end."""
    return math.prod(shape[len(shape) + dim + 1 :])


def _fitting(shape: Shape, size: int, right: int) -> int | None:
    """The one dimension of this size with so many values to its right; several fit only where sizes are 1."""
    fits = [dim for dim in range(-len(shape), 0) if shape[dim] == size and _right(shape, dim) == right]
    return fits[0] if len(fits) == 1 else None


def _folded(reach: Reach, old: Shape, new: Shape) -> Reach:
    assert reach.axes is not None
    y, x = reach.axes
    if x != y + 1:
        return WHOLE
    dim = _fitting(new, old[y] * old[x], _right(old, x))
    return WHOLE if dim is None else Reach(reach.y, reach.x, None, Tokens(dim, old[y], old[x]))


def _unfolded(reach: Reach, old: Shape, new: Shape) -> Reach:
    tokens = reach.tokens
    assert tokens is not None
    if tokens.prefix or old[tokens.axis] != tokens.stop:
        return WHOLE
    x = _fitting(new, tokens.width, _right(old, tokens.axis))
    y = None if x is None else _fitting(new, tokens.height, _right(new, x) * tokens.width)
    return Reach(reach.y, reach.x, (y, x)) if x is not None and y == x - 1 else WHOLE


def _patched(reach: Reach, old: Shape, new: Shape) -> Reach:
    """(h, w) as (h / p, p, w / q, q): the places of h / p and w / q see all that lies in their patch."""
    assert reach.axes is not None
    axes, spans = [], []
    for axis, span in zip(reach.axes, (reach.y, reach.x), strict=True):
        before = math.prod(old[: len(old) + axis])
        fits = [d for d in range(len(new)) if new[d] > 1 and math.prod(new[:d]) == before and old[axis] % new[d] == 0]
        if len(fits) != 1:
            return WHOLE
        side = old[axis] // new[fits[0]]
        axes.append(fits[0] - len(new))
        spans.append(span and span.window(side, side, 0))
    return Reach(spans[0], spans[1], (axes[0], axes[1]))


def permute(node: Node, reads: list[Reach]) -> Reach:
    reach, rank, given = reads[0], len(node.inputs[0].shape), node.arguments[1:]
    given = given or tuple(node.settings.get("dims", ()))
    if len(given) == 1 and isinstance(given[0], tuple):
        given = given[0]
    if not reach.dims or not all(isinstance(dim, int) for dim in given):
        return WHOLE
    dims = from_end(given, rank)
    if node.op == "F.permute" and len(dims) == rank:
        return reach.at(tuple(dims.index(axis) - rank for axis in reach.dims))
    if node.op in ("F.transpose", "F.swapaxes", "F.swapdims") and len(dims) == 2:
        swap = {dims[0]: dims[1], dims[1]: dims[0]}
        return reach.at(tuple(swap.get(axis, axis) for axis in reach.dims))
    return WHOLE


def split(node: Node, reads: list[Reach]) -> Reach:
    reach, dims = reads[0], from_end(node.settings.get("dim", 0), len(node.inputs[0].shape))
    return WHOLE if reach.tokens is not None and reach.tokens.axis in dims else reach.mixed(dims)


def unbind(node: Node, reads: list[Reach]) -> Reach:
    """One dimension is taken apart: what stands to its left moves."""
    reach = reads[0]
    (dim,) = from_end(node.settings.get("dim", 0), len(node.inputs[0].shape))
    if not reach.dims or dim in reach.dims:
        return WHOLE
    return reach.at(tuple(axis + (axis < dim) for axis in reach.dims))


def squeeze(node: Node, reads: list[Reach]) -> Reach:
    """One dimension of size 1 comes or goes: what stands to its left moves."""
    reach, dims = reads[0], node.arguments[1:]
    rank = len(node.inputs[0].shape)
    change = len(node.outputs[0].shape) - rank
    if not reach.dims or change == 0:
        return reach
    if abs(change) != 1 or len(dims) != 1 or not isinstance(dims[0], int):
        return reshape(node, reads)
    (dim,) = from_end(dims[0], max(rank, rank + change))
    if dim in reach.dims and change < 0:
        return WHOLE
    return reach.at(tuple(axis - change if _left(axis, dim, change) else axis for axis in reach.dims))


def _left(axis: int, dim: int, change: int) -> bool:
    return axis <= dim if change > 0 else axis < dim


def getitem(node: Node, reads: list[Reach]) -> Reach:
    """Slices shift and thin out an axis, and cut tokens off; an index takes a dimension away; else nothing is known."""
    reach, shape = reads[0], node.inputs[0].shape
    items = indexed(node)
    if not reach.dims or items is None:
        return WHOLE
    spans, tokens, old = [reach.y, reach.x], reach.tokens, -len(shape)
    kept: list[int | None] = []  # for each dimension of the result, the dimension it was
    for item in items:
        if item is None:
            kept.append(None)
            continue
        if isinstance(item, int) and old in reach.dims:
            return WHOLE
        if isinstance(item, slice):
            start, stop, step = item.indices(shape[old])
            if reach.axes is not None and old in reach.axes:
                which = reach.axes.index(old)
                span = spans[which]
                spans[which] = span and span.window(1, step, -start)
            elif tokens is not None and old == tokens.axis:
                if step != 1 or start > tokens.prefix or stop < tokens.stop:
                    return WHOLE
                tokens = replace(tokens, prefix=tokens.prefix - start)
            kept.append(old)
        old += 1
    moved = Reach(spans[0], spans[1], reach.axes, tokens)
    return moved.at(tuple(kept.index(axis) - len(kept) for axis in reach.dims))


def indexed(node: Node) -> list[Any] | None:
    """What ``x[...]`` was given for each dimension of x: numbers, slices, and None for new ones; None where it was more."""
    index = node.arguments[1] if len(node.arguments) > 1 else True
    items = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(item, bool) or not isinstance(item, INDEXES) for item in items):
        return None
    named = sum(item is not None and item is not ... for item in items)
    where = next((i for i, item in enumerate(items) if item is ...), len(items))
    items[where : where + 1] = [slice(None)] * (len(node.inputs[0].shape) - named)
    return items


def lengthened(node: Node, reads: list[Reach]) -> Reach:
    """Tokens with others joined to them along their own dimension: those in front are a prefix."""
    found = dict(zip(node.inputs, reads, strict=True))
    parts: Sequence[Any] = node.arguments[0] if node.arguments and isinstance(node.arguments[0], tuple) else ()
    before, grid = 0, WHOLE
    for part in parts:
        if not isinstance(part, (Ref, Constant)):
            return WHOLE
        reach = found[part] if isinstance(part, Ref) else WHOLE
        if reach.tokens is not None:
            if grid.tokens is not None:
                return WHOLE
            grid = replace(reach, tokens=replace(reach.tokens, prefix=before + reach.tokens.prefix))
            axis = reach.tokens.axis
            before += part.shape[axis]
        elif grid.tokens is None:
            before += part.shape[int(node.settings.get("dim", 0))]
    return grid
