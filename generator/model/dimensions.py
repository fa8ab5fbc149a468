"""Where height and width go when dimensions are moved, folded, cut and joined.

    (1, c, h, w) ──flatten(2)──▶ (1, c, h w) ──transpose──▶ (1, h w, c) ──cat a class token──▶ (1, 1 + h w, c)
     two dimensions               one dimension of tokens                                      with a prefix of 1

Only what is certain from shapes and arguments is followed: a layout that might be another is given up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from generator.model.graph import Constant, Node, Ref
from generator.model.operations import pair
from generator.model.reach import NCHW, WHOLE, Reach, Tokens
from generator.model.span import Span

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
    found = folded if folded.dims else _patched(reach, old, new)
    return found if found.dims else _woven(reach, old, new)


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


def _woven(reach: Reach, old: Shape, new: Shape) -> Reach:
    """(h, p, w, q) as (h p, w q): each place of h and w becomes p or q that see the same, as pixel shuffles are made."""
    assert reach.axes is not None
    axes, spans = [], []
    for axis, span in zip(reach.axes, (reach.y, reach.x), strict=True):
        place = axis + len(old)
        behind = [
            k for k in range(place + 1, len(old) + 1) if not any(place < dim + len(old) < k for dim in reach.axes)
        ]
        ends = {math.prod(old[:k]): math.prod(old[place + 1 : k]) for k in reversed(behind)}
        before = [math.prod(new[:d]) for d in range(len(new) + 1)]
        fits = [
            d for d in range(len(new)) if new[d] > 1 and before[d] == math.prod(old[:place]) and before[d + 1] in ends
        ]
        if len(fits) != 1:
            return WHOLE
        axes.append(fits[0] - len(new))
        spans.append(span and span.repeated(ends[before[fits[0] + 1]]))
    return Reach(spans[0], spans[1], (axes[0], axes[1]))


def permute(node: Node, reads: list[Reach]) -> Reach:
    reach, rank = reads[0], len(node.inputs[0].shape)
    order = _order(node, rank)
    if not reach.dims or order is None:
        return WHOLE
    return reach.at(tuple(order.index(axis) - rank for axis in reach.dims))


def _order(node: Node, rank: int) -> list[int] | None:
    """For each dimension of the result, the one that it was, counted from the end."""
    name, said, every = node.op.removeprefix("F."), node.settings, list(range(-rank, 0))
    if name == "permute":
        given = node.arguments[1:] or tuple(said.get("dims", ()))
        given = given[0] if len(given) == 1 and isinstance(given[0], tuple) else given
        whole = len(given) == rank and all(isinstance(dim, int) for dim in given)
        return list(from_end(given, rank)) if whole else None
    if name in ("movedim", "moveaxis"):
        if "source" not in said or "destination" not in said:
            return None
        source, target = from_end(said["source"], rank), from_end(said["destination"], rank)
        order = [dim for dim in every if dim not in source]
        for place, dim in sorted(zip(target, source, strict=True)):
            order.insert(place + rank, dim)
        return order
    if name in ("T", "H"):
        return every[::-1]
    swapped = (-2, -1) if name in ("t", "mT", "mH", "adjoint") else (said.get("dim0"), said.get("dim1"))
    if rank < 2 or not all(isinstance(dim, int) for dim in swapped):
        return None
    a, b = from_end(swapped, rank)
    every[a], every[b] = b, a
    return every


def split(node: Node, reads: list[Reach]) -> Reach:
    """The first of the parts; the others begin further on, see `part`."""
    reach, dims = reads[0], from_end(node.settings.get("dim", 0), len(node.inputs[0].shape))
    return WHOLE if reach.tokens is not None and reach.tokens.axis in dims else reach


def part(node: Node, number: int, reach: Reach) -> Reach:
    """Part `number` of what was split, of which `reach` is the first."""
    (dim,) = from_end(node.settings.get("dim", 0), len(node.inputs[0].shape))
    before = sum(ref.shape[dim] for ref in node.outputs[:number])
    return along(reach, (dim,), lambda span, _: span.window(1, 1, -before))


def along(reach: Reach, dims: Sequence[int], change: Callable[[Span, int], Span | None]) -> Reach:
    """`change`, given a span and its dimension, done to those along `dims`; tokens along them are lost."""
    if reach.tokens is not None:
        return WHOLE if reach.tokens.axis in dims else reach
    if reach.axes is None:
        return reach
    y, x = (
        change(span, axis) if span is not None and axis in dims else span
        for axis, span in zip(reach.axes, (reach.y, reach.x), strict=True)
    )
    return replace(reach, y=y, x=x)


def flip(node: Node, reads: list[Reach]) -> Reach:
    """Mirrored along some dimensions."""
    shape, said = node.inputs[0].shape, node.settings.get("dims", ())
    dims = {"fliplr": (1,), "flipud": (0,)}.get(node.op.removeprefix("F."), said)
    if isinstance(dims, int):  # x.flip(2, 3)
        dims = node.arguments[1:]
    return along(reads[0], from_end(dims, len(shape)), lambda span, axis: span.flipped(shape[axis]))


def roll(node: Node, reads: list[Reach]) -> Reach:
    """Shifted, told as it is for what does not come in again at the other side, where that is the most of it. With the
    channels last, as windows of attention are shifted, it is given up: its places are not those of the image."""
    shape, shifts, dims = node.inputs[0].shape, node.settings.get("shifts"), node.settings.get("dims")
    if shifts is None or dims is None or reads[0].axes != NCHW:
        return WHOLE
    many = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    amounts = dict(zip(from_end(dims, len(shape)), many, strict=True))

    def shifted(span: Span, axis: int) -> Span | None:
        amount = (amounts[axis] + shape[axis] // 2) % shape[axis] - shape[axis] // 2
        return span.window(1, 1, amount) if 2 * abs(amount) < shape[axis] else None

    return along(reads[0], tuple(amounts), shifted)


def stretch(node: Node, reads: list[Reach]) -> Reach:
    """expand, repeat, tile: a dimension that is longer than before has every place see what any saw."""
    old, new = node.inputs[0].shape, node.outputs[0].shape
    return along(reads[0], [dim for dim in range(-len(old), 0) if old[dim] != new[dim]], lambda span, _: None)


def repeat(node: Node, reads: list[Reach]) -> Reach:
    """repeat_interleave: each place so many times."""
    rank, often, dim = len(node.inputs[0].shape), node.settings.get("repeats"), node.settings.get("dim")
    if not isinstance(often, int) or not isinstance(dim, int):
        return WHOLE
    return along(reads[0], from_end(dim, rank), lambda span, _: span.repeated(often))


_ALONG = (("dimension", "kernel_size"), ("size", "dilation"), ("step", "padding"))
"""What Tensor.unfold calls its arguments, and F.unfold those at the same places."""


def unfold(node: Node, reads: list[Reach]) -> Reach:
    """F.unfold: each window of a map as a token; Tensor.unfold: each along one dimension, its places in a new last one."""
    reach, said, shape = reads[0], node.settings, node.inputs[0].shape
    if len(node.outputs[0].shape) == len(shape) + 1:
        dim, size, step = (said.get(key, said.get(place)) for key, place in _ALONG)
        seen = along(reach, from_end(dim, len(shape)), lambda span, _: span.window(size, step, 0))
        return seen.at(tuple(axis - 1 for axis in seen.dims))
    if reach.axes != NCHW or "kernel_size" not in said:
        return WHOLE
    sides: list[int] = []
    spans: list[Span | None] = []
    for k, span in enumerate((reach.y, reach.x)):
        d, p, s = (pair(said.get(key, usual))[k] for key, usual in (("dilation", 1), ("padding", 0), ("stride", 1)))
        reached = d * (pair(said["kernel_size"])[k] - 1) + 1
        sides.append((shape[k - 2] + 2 * p - reached) // s + 1)
        spans.append(span and span.window(reached, s, p))
    return Reach(spans[0], spans[1], None, Tokens(-1, sides[0], sides[1]))


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
    """Slices shift and thin out an axis, and cut tokens off; an index takes a dimension away, a list of them along one
    dimension leaves the others alone; else nothing is known."""
    reach, shape = reads[0], node.inputs[0].shape
    items = indexed(node)
    if items is None and reach.dims and (dim := _listed(node)) is not None:
        return along(reach, (dim,), lambda span, _: None)
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
    """What ``x[...]``, narrow or select was given for each dimension of x: numbers, slices, and None for new ones; None
    where it was more."""
    index, shape = node.arguments[1] if len(node.arguments) > 1 else True, node.inputs[0].shape
    if node.op in ("F.narrow", "F.select", "F.index_select"):
        index = _picked(node, len(shape))
        if index is None:
            return None
    items = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(item, bool) or not isinstance(item, INDEXES) for item in items):
        return None
    named = sum(item is not None and item is not ... for item in items)
    gone = sum(isinstance(item, int) for item in items)
    if len(node.outputs[0].shape) != len(shape) + items.count(None) - gone:
        return None  # a list of numbers, x[[0, 2]]
    where = next((i for i, item in enumerate(items) if item is ...), len(items))
    items[where : where + 1] = [slice(None)] * (len(shape) - named)
    return items


def _picked(node: Node, rank: int) -> tuple[Any, ...] | None:
    """The index that narrow and select stand for."""
    said = node.settings
    start, many, one = said.get("start"), said.get("length"), said.get("index")
    if not isinstance(said.get("dim"), int):
        return None
    (dim,) = from_end(said["dim"], rank)
    before = (slice(None),) * (dim + rank)
    if node.op == "F.narrow" and isinstance(start, int) and isinstance(many, int):
        start += node.inputs[0].shape[dim] if start < 0 else 0
        return (*before, slice(start, start + many))
    return (*before, one) if node.op == "F.select" and isinstance(one, int) else None


def _listed(node: Node) -> int | None:
    """The one dimension, counted from the end, along which a list or a vector of numbers picks; the others stand whole."""
    rank = len(node.inputs[0].shape)
    if node.op == "F.index_select":
        return from_end(node.settings["dim"], rank)[0] if isinstance(node.settings.get("dim"), int) else None
    if len(node.outputs[0].shape) != rank or len(node.arguments) < 2:
        return None
    index = node.arguments[1]
    items = list(index) if isinstance(index, tuple) and not all(isinstance(item, int) for item in index) else [index]
    where = next((i for i, item in enumerate(items) if item is ...), len(items))
    items[where : where + 1] = [slice(None)] * (rank - len(items) + (... in items))
    picks = [i for i, item in enumerate(items) if item != slice(None)]
    vector = len(picks) == 1 and (isinstance(items[picks[0]], tuple) or len(getattr(items[picks[0]], "shape", ())) == 1)
    return picks[0] - rank if vector else None


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
