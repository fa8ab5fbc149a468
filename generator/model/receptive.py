"""Which input pixels a unit can depend on: an interval that grows along the graph.

A convolution or pool moves lo by -padding x jump, hi by (reach - 1 - padding) x jump, and multiplies the jump by its
stride; where branches meet, the union counts. What mixes all places (global pooling, attention, a norm over the
map, a squeeze-and-excitation gate) leaves no interval: the whole input. Padding is not clipped at the border, so
sizes are those of a unit far from it. Which dimension of a tensor is height and which is width travels along, so
that channels-last models and channel shuffles are followed, and is lost when they are folded into tokens.

Araujo, Norris, Sim: Computing receptive fields of convolutional neural networks, Distill 2019.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from generator.model.graph import Graph, Node, Ref
from generator.model.operations import pair
from generator.model.reach import NCHW, WHOLE, Axes, Reach, Span, union


def propagate(graph: Graph) -> dict[Ref, Reach]:
    """The reach of every tensor in `graph`."""
    found: dict[Ref, Reach] = {}
    for node in graph.nodes:
        if node.family == "input":
            pixel = Span(0, 0, 1)
            reach = Reach(pixel, pixel, NCHW)
        elif not node.inputs:
            of_unknown_origin = node.op == "?" and len(node.outputs[0].shape) == 4
            reach = replace(WHOLE, axes=NCHW if of_unknown_origin else None)
        else:
            reach = step(node, [found.get(ref, WHOLE) for ref in node.inputs])
        found.update(dict.fromkeys(node.outputs, reach))
    return found


def step(node: Node, reads: list[Reach]) -> Reach:
    """From what a node reads to what it gives."""
    rule = _RULES.get(node.family)
    flat = node.family in _ON_MAPS and len(node.inputs[0].shape) != 4
    if rule is None or flat or not node.outputs:
        return _unknown(node, reads)
    return rule(node, reads)


def _both(reach: Reach, change: Any, y: tuple[Any, ...], x: tuple[Any, ...], axes: Axes = NCHW) -> Reach:
    return Reach(
        change(reach.y, *y) if reach.y is not None else None, change(reach.x, *x) if reach.x is not None else None, axes
    )


def _unknown(node: Node, reads: list[Reach]) -> Reach:
    kept = node.outputs and len(node.outputs[0].shape) == 4 and any(reach.axes == NCHW for reach in reads)
    return replace(WHOLE, axes=NCHW if kept else None)


# ---- windows


def explicit_padding(node: Node) -> tuple[float, float, float, float]:
    """(top, bottom, left, right) that a convolution or pool pads with, by argument or by a padding inside it."""
    settings = node.settings
    kernel, dilation = pair(settings.get("kernel_size", 1)), pair(settings.get("dilation", 1))
    said = settings.get("padding", 0)
    if said == "same":
        total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        sides = [(t // 2, t - t // 2) for t in total]
    elif said == "valid":
        sides = [(0, 0), (0, 0)]
    else:
        sides = [(p, p) for p in pair(said)]
    top, bottom, left, right = *sides[0], *sides[1]
    if settings.get("padding_mode", "zeros") == "zeros":  # other modes pad inside by the same amount: counted already
        for pads in settings.get("pads", ()):
            amounts = (*pads, 0, 0, 0, 0)[:4]
            left, right, top, bottom = left + amounts[0], right + amounts[1], top + amounts[2], bottom + amounts[3]
    return top, bottom, left, right


def _window(node: Node, reads: list[Reach]) -> Reach:
    settings = node.settings
    kernel, dilation = pair(settings["kernel_size"]), pair(settings.get("dilation", 1))
    stride = pair(settings.get("stride") or (1 if node.family == "conv" else settings["kernel_size"]))
    top, _, left, _ = explicit_padding(node)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if node.family in ("avg_pool", "lp_pool") and node.outputs[0].shape[-2:] == (1, 1) != node.inputs[0].shape[-2:]:
        return Reach(None, None, NCHW)  # global pooling, written with a window as large as the map
    return _both(reads[0], Span.window, (reach[0], stride[0], top), (reach[1], stride[1], left))


def _transposed(node: Node, reads: list[Reach]) -> Reach:
    settings = node.settings
    kernel, dilation = pair(settings["kernel_size"]), pair(settings.get("dilation", 1))
    stride, padding = pair(settings.get("stride") or 1), pair(settings.get("padding", 0))

    def axis(k: int, d: int, s: int, p: int) -> tuple[float, int, float]:
        reach = d * (k - 1) + 1
        return s, math.ceil(reach / s), (p - (reach - 1) / 2) / s

    y, x = (axis(*side) for side in zip(kernel, dilation, stride, padding, strict=True))
    return _both(reads[0], Span.finer, y, x)


def _adaptive(node: Node, reads: list[Reach]) -> Reach:
    def axis(span: Span, size: int, out: int) -> Span | None:
        if out == 1 != size:
            return None
        windows = [((i * size) // out, math.ceil((i + 1) * size / out)) for i in range(out)]
        step = (windows[-1][0] - windows[0][0]) / (out - 1) if out > 1 else 1
        return span.window(max(stop - start for start, stop in windows), step, 0)

    (h, w), (oh, ow) = node.inputs[0].shape[-2:], node.outputs[0].shape[-2:]
    return _both(reads[0], axis, (h, oh), (w, ow))


def _pad(node: Node, reads: list[Reach]) -> Reach:
    pads = node.settings.get("padding", ())
    amounts = (pads,) * 4 if isinstance(pads, int) else (*pads, 0, 0, 0, 0)
    axes = reads[0].axes
    if axes is None:
        return reads[0]
    before = [amounts[2 * (-axis - 1)] if 2 * (-axis - 1) < len(amounts) else 0 for axis in axes]
    return _both(reads[0], Span.window, (1, 1, before[0]), (1, 1, before[1]), axes)


def _resample(node: Node, reads: list[Reach]) -> Reach:
    taps = {"nearest": 1, "nearest-exact": 1, "area": 1, "bilinear": 2, "bicubic": 4}.get(
        node.settings.get("mode", "nearest")
    )
    if taps is None or len(node.outputs[0].shape) != 4:
        return _unknown(node, reads)

    def axis(span: Span, size: int, out: int) -> Span | None:
        if size == out:
            return span
        if size == 1:
            return span.finer(out, 1)
        if node.settings.get("mode") == "area":
            return span.window(math.ceil(size / out), size / out, 0)
        if node.settings.get("align_corners") and out > 1:
            return span.finer((out - 1) / (size - 1), taps, 0)
        return span.finer(out / size, taps)

    (h, w), (oh, ow) = node.inputs[0].shape[-2:], node.outputs[0].shape[-2:]
    return _both(reads[0], axis, (h, oh), (w, ow))


def _shuffle(node: Node, reads: list[Reach]) -> Reach:
    factor = int(node.settings["upscale_factor"])
    return _both(reads[0], Span.finer, (factor, 1), (factor, 1))


def _unshuffle(node: Node, reads: list[Reach]) -> Reach:
    factor = int(node.settings["downscale_factor"])
    return _both(reads[0], Span.window, (factor, factor, 0), (factor, factor, 0))


# ---- place by place


def _first(node: Node, reads: list[Reach]) -> Reach:
    return reads[0]


def _on_maps(node: Node, reads: list[Reach]) -> Reach:
    return replace(reads[0], axes=NCHW) if len(node.outputs[0].shape) == 4 else reads[0]


def _whole_map(node: Node, reads: list[Reach]) -> Reach:
    return Reach(None, None, NCHW) if len(node.outputs[0].shape) == 4 else WHOLE


def _along(node: Node, reads: list[Reach]) -> Reach:
    """Mixes along given dimensions (softmax, layer norm, a linear layer): an axis among them sees everything."""
    settings, reach = node.settings, reads[0]
    if node.family == "layer_norm":
        mixed = range(-len(settings["normalized_shape"]), 0) if "normalized_shape" in settings else range(-1, 0)
        dims: tuple[int, ...] = tuple(mixed)
    elif node.family == "linear":
        dims = (-1,)
    else:
        dims = (int(settings.get("dim", 1) if settings.get("dim") is not None else 1),)
    return _mixed(reach, dims, len(node.inputs[0].shape))


def _mixed(reach: Reach, dims: tuple[int, ...], rank: int) -> Reach:
    if reach.axes is None:
        return reach
    dims = tuple(dim if dim < 0 else dim - rank for dim in dims)
    y, x = (None if axis in dims else span for axis, span in zip(reach.axes, (reach.y, reach.x), strict=True))
    return Reach(y, x, reach.axes)


def _reduce(node: Node, reads: list[Reach]) -> Reach:
    reach, rank, dim = reads[0], len(node.inputs[0].shape), node.settings.get("dim")
    if reach.axes is None:
        return WHOLE
    dims = (
        tuple(range(-rank, 0))
        if dim is None
        else tuple(d if d < 0 else d - rank for d in (dim if isinstance(dim, tuple | list) else (dim,)))
    )
    mixed = _mixed(reach, dims, rank)
    if node.settings.get("keepdim"):
        return mixed
    if any(axis in dims for axis in reach.axes):
        return replace(mixed, axes=None)
    return replace(mixed, axes=_pairwise(axis + sum(1 for d in dims if d > axis) for axis in reach.axes))


def _pairwise(values: Any) -> tuple[int, int]:
    y, x = values
    return y, x


def _merge(node: Node, reads: list[Reach]) -> Reach:
    layouts = {reach.axes for reach in reads if reach.axes is not None}
    axes = layouts.pop() if len(layouts) == 1 else None
    if axes is None:
        return WHOLE
    places = [node.outputs[0].shape[axis] if -axis <= len(node.outputs[0].shape) else 1 for axis in axes]
    return Reach(
        union([(reach.y, places[0]) for reach in reads]), union([(reach.x, places[1]) for reach in reads]), axes
    )


def _cat(node: Node, reads: list[Reach]) -> Reach:
    merged, rank = _merge(node, reads), len(node.outputs[0].shape)
    return _mixed(merged, (int(node.settings.get("dim", 0)),), rank)


# ---- moving dimensions about


def _reshape(node: Node, reads: list[Reach]) -> Reach:
    """An axis survives where a dimension of its size has as many values to its right as before."""
    reach, old, new = reads[0], node.inputs[0].shape, node.outputs[0].shape
    if reach.axes is None or old == new:
        return reach

    def moved(axis: int) -> int | None:
        right = math.prod(old[len(old) + axis + 1 :])
        fits = [d for d in range(-len(new), 0) if new[d] == old[axis] and math.prod(new[len(new) + d + 1 :]) == right]
        return fits[0] if len(fits) == 1 else None  # several fit only where sizes are 1

    y, x = moved(reach.axes[0]), moved(reach.axes[1])
    return replace(reach, axes=(y, x)) if y is not None and x is not None else WHOLE


def _permute(node: Node, reads: list[Reach]) -> Reach:
    reach, rank, given = reads[0], len(node.inputs[0].shape), node.arguments[1:]
    given = given or tuple(node.settings.get("dims", ()))
    if reach.axes is None:
        return reach
    if len(given) == 1 and isinstance(given[0], tuple):
        given = given[0]
    if not all(isinstance(dim, int) for dim in given):
        return WHOLE
    dims = [dim if dim < 0 else dim - rank for dim in given]
    if node.op == "F.permute" and len(dims) == rank:
        return replace(reach, axes=_pairwise(dims.index(axis) - rank for axis in reach.axes))
    if node.op in ("F.transpose", "F.swapaxes", "F.swapdims") and len(dims) == 2:
        swap = {dims[0]: dims[1], dims[1]: dims[0]}
        return replace(reach, axes=_pairwise(swap.get(axis, axis) for axis in reach.axes))
    return WHOLE


def _split(node: Node, reads: list[Reach]) -> Reach:
    rank, dim = len(node.inputs[0].shape), node.settings.get("dim", 0)
    return _mixed(reads[0], (int(dim),), rank)


def _squeeze(node: Node, reads: list[Reach]) -> Reach:
    """One dimension of size 1 comes or goes: axes to its left move."""
    reach, dims = reads[0], node.arguments[1:]
    rank = len(node.inputs[0].shape)
    change = len(node.outputs[0].shape) - rank
    if reach.axes is None or change == 0:
        return reach
    if abs(change) != 1 or len(dims) != 1 or not isinstance(dims[0], int):
        return _reshape(node, reads)
    wide = max(rank, rank + change)
    dim = dims[0] if dims[0] < 0 else dims[0] - wide
    if dim in reach.axes and change < 0:
        return WHOLE
    return replace(reach, axes=_pairwise(axis - change if _left(axis, dim, change) else axis for axis in reach.axes))


def _left(axis: int, dim: int, change: int) -> bool:
    return axis <= dim if change > 0 else axis < dim


def _getitem(node: Node, reads: list[Reach]) -> Reach:
    """Slices shift and thin out an axis; an index takes a dimension away; anything else is not followed."""
    reach, shape = reads[0], node.inputs[0].shape
    index = node.arguments[1] if len(node.arguments) > 1 else True
    items = list(index) if isinstance(index, tuple) else [index]
    if reach.axes is None or any(isinstance(item, bool) or not isinstance(item, _INDEXES) for item in items):
        return _unknown(node, reads)
    named = sum(item is not None and item is not ... for item in items)
    where = next((i for i, item in enumerate(items) if item is ...), len(items))
    items[where : where + 1] = [slice(None)] * (len(shape) - named)
    spans, old = [reach.y, reach.x], -len(shape)
    kept: list[int | None] = []  # for each dimension of the result, the dimension it was
    for item in items:
        if item is None:
            kept.append(None)
            continue
        if isinstance(item, int) and old in reach.axes:
            return WHOLE
        if isinstance(item, slice):
            if old in reach.axes:
                start, _, stride = item.indices(shape[old])
                which = reach.axes.index(old)
                span = spans[which]
                spans[which] = span and span.window(1, stride, -start)
            kept.append(old)
        old += 1
    return Reach(spans[0], spans[1], _pairwise(kept.index(axis) - len(kept) for axis in reach.axes))


_INDEXES = (int, slice, type(None), type(...))
_ON_MAPS = frozenset(
    (
        "conv",
        "conv_transpose",
        "max_pool",
        "avg_pool",
        "lp_pool",
        "adaptive_pool",
        "pixel_shuffle",
        "pixel_unshuffle",
        "resample",
    )
)
"""Families for which dimensions -2 and -1 are height and width by definition (of a batch of maps)."""

_RULES = {
    **dict.fromkeys(("conv", "max_pool", "avg_pool", "lp_pool"), _window),
    "conv_transpose": _transposed,
    "adaptive_pool": _adaptive,
    "pad": _pad,
    "resample": _resample,
    "pixel_shuffle": _shuffle,
    "pixel_unshuffle": _unshuffle,
    **dict.fromkeys(("batch_norm", "channel_norm"), _on_maps),
    "group_norm": _whole_map,
    **dict.fromkeys(("act", "pointwise", "arithmetic", "copy"), _merge),
    **dict.fromkeys(("layer_norm", "linear", "softmax"), _along),
    "reduce": _reduce,
    "cat": _cat,
    "reshape": _reshape,
    "permute": _permute,
    "split": _split,
    "squeeze": _squeeze,
    "expand": _first,
    "getitem": _getitem,
}
