"""Which input pixels a unit can depend on: an interval that grows along the graph.

A convolution or pool moves lo by -padding x jump, hi by (reach - 1 - padding) x jump, and multiplies the jump by its
stride; where branches meet, the union counts. What mixes all places (global pooling, attention, a norm over the
map, a squeeze-and-excitation gate) leaves no interval: the whole input. Padding is not clipped at the border, so
sizes are those of a unit far from it. Which dimension of a tensor is height and which is width travels along, as
dimensions or folded into tokens (see dimensions.py), so that channels-last models and transformers are followed.

Araujo, Norris, Sim: Computing receptive fields of convolutional neural networks, Distill 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from generator.model.dimensions import (
    flip,
    from_end,
    getitem,
    indexed,
    lengthened,
    part,
    permute,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stretch,
    unbind,
    unfold,
)
from generator.model.graph import Graph, Node, Ref
from generator.model.operations import pair
from generator.model.products import product
from generator.model.reach import NCHW, WHOLE, Reach
from generator.model.reach_enlarged import fold, resample, shuffle, transposed
from generator.model.reach_rule import both, unknown
from generator.model.reach_written import written
from generator.model.span import Span, union


def propagate(graph: Graph) -> dict[Ref, Reach]:
    """The reach of every tensor in `graph`."""
    found = follow(graph.nodes, {})
    _look_back(graph, found)
    return found


def follow(nodes: Sequence[Node], given: Mapping[Ref, Reach]) -> dict[Ref, Reach]:
    """The reach of every tensor that these nodes give, from what they read."""
    found = {**given}
    for node in nodes:
        if node.family == "input":
            pixel = Span(0, 0, 1)
            reach = Reach(pixel, pixel, NCHW) if len(node.outputs[0].shape) == 4 else WHOLE
        elif not node.inputs:
            of_unknown_origin = node.op == "?" and len(node.outputs[0].shape) == 4
            reach = replace(WHOLE, axes=NCHW if of_unknown_origin else None)
        else:
            reach = step(node, [found.get(ref, WHOLE) for ref in node.inputs])
        several = node.outputs[:1] if node.family == "attention" else node.outputs  # its weights have no such layout
        found.update(dict.fromkeys(several, reach))
        if node.family == "split" and reach.dims:
            found.update((ref, part(node, k, reach)) for k, ref in enumerate(several))
        found.update((now, _rewritten(node, found, now, before)) for now, before in node.aliases)
    return found


def _look_back(graph: Graph, found: dict[Ref, Reach]) -> None:
    """Where a layout was lost, tell it from what comes after: a sum has its terms in one layout, a convolution reads maps.

    So the output of windowed attention, taken apart and put together in ways that are not followed, is known by the
    shortcut that it is added to.
    """
    for node in reversed(graph.nodes):
        after = found.get(node.outputs[0], WHOLE) if node.outputs else WHOLE
        if node.family in _ON_MAPS and node.inputs and len(node.inputs[0].shape) == 4:
            after, read = Reach(None, None, NCHW), node.inputs[:1]
        elif after.dims and node.family in _PLACE_BY_PLACE:
            read = tuple(ref for ref in node.inputs if ref.shape == node.outputs[0].shape)
        elif after.dims and node.family in ("layer_norm", "linear") and not set(after.dims) & set(mixed_dims(node)):
            read = node.inputs[:1]
        else:
            continue
        for ref in read:
            if not found.get(ref, WHOLE).dims:
                found[ref] = after.blind()


def _rewritten(node: Node, found: dict[Ref, Reach], now: Ref, before: Ref | None) -> Reach:
    """Of a tensor that lies where a node wrote: what it was where the node changed values place by place, else that and what the
    node gave, where their places are the same."""
    given, own = found[node.outputs[0]], node.arguments[:1]
    if before is None and len(now.shape) != len(node.outputs[0].shape):
        return WHOLE
    old = found.get(before, WHOLE) if before is not None else Reach(None, None, given.axes)
    if before is not None and own == node.inputs[:1] and found.get(node.inputs[0]) == given:
        return old
    same = given.axes is not None and given.axes == old.axes
    if not same or any(now.shape[axis] != node.outputs[0].shape[axis] for axis in given.dims):
        return old.blind()
    if before is None:
        return given
    places = max(now.shape[axis] for axis in given.dims)
    y, x = (union([(a, places), (b, places)]) for a, b in ((old.y, given.y), (old.x, given.x)))
    return Reach(y, x, given.axes)


def step(node: Node, reads: list[Reach]) -> Reach:
    """From what a node reads to what it gives."""
    if node.inside is None:
        return _step(node, reads)
    found = follow(node.inside.nodes, dict(zip(node.inputs, reads, strict=True)))
    reach = found.get(node.inside.output, WHOLE) if node.inside.output is not None else WHOLE
    return reach if reach.dims else _step(node, reads).blind()


def _step(node: Node, reads: list[Reach]) -> Reach:
    rule = written if node.op == "F.setitem" else _RULES.get(node.family)
    flat = node.family in _ON_MAPS and len(node.inputs[0].shape) != 4 and not _unbatched(node)
    if rule is None or flat or not node.outputs:
        return unknown(node, reads)
    if node.family in _ON_MAPS and reads[0].dims and reads[0].axes != NCHW:
        return Reach(None, None, NCHW)  # it slides over what is not height and width, and mixes what is
    reach = rule(node, reads)
    return reach.blind() if node.family in _WEIGHTED and _steered(node) else reach


def _unbatched(node: Node) -> bool:
    """Whether it slides over the two last dimensions of one map, (c, h, w)."""
    kernel = node.settings.get("kernel_size")
    dims = len(kernel) if isinstance(kernel, (tuple, list)) else 2 * ("2d" in node.op.lower())
    return len(node.inputs[0].shape) == 3 and dims == 2


def _steered(node: Node) -> bool:
    """Whether the image has a say in the weights: those are the same for all places, so that each sees what they saw."""
    return len(node.inputs) > 1 or any(ref in node.inputs for ref in node.arguments[1:])


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
    return both(reads[0], Span.window, (reach[0], stride[0], top), (reach[1], stride[1], left))


def _adaptive(node: Node, reads: list[Reach]) -> Reach:
    def axis(span: Span, size: int, out: int) -> Span | None:
        if out == 1 != size:
            return None
        return span.pooled(size, out)

    (h, w), (oh, ow) = node.inputs[0].shape[-2:], node.outputs[0].shape[-2:]
    return both(reads[0], axis, (h, oh), (w, ow))


def _pad(node: Node, reads: list[Reach]) -> Reach:
    pads = node.settings.get("padding", ())
    amounts = (pads,) * 4 if isinstance(pads, int) else (*pads, 0, 0, 0, 0)
    axes, tokens = reads[0].axes, reads[0].tokens
    if axes is None:
        lengthened = tokens is not None and any(amounts[2 * (-tokens.axis - 1) :][:2])
        return WHOLE if lengthened else reads[0]
    before = [amounts[2 * (-axis - 1)] if 2 * (-axis - 1) < len(amounts) else 0 for axis in axes]
    return both(reads[0], Span.window, (1, 1, before[0]), (1, 1, before[1]), axes)


def _unshuffle(node: Node, reads: list[Reach]) -> Reach:
    factor = int(node.settings["downscale_factor"])
    return both(reads[0], Span.window, (factor, factor, 0), (factor, factor, 0))


# ---- place by place


def _on_maps(node: Node, reads: list[Reach]) -> Reach:
    """A norm with statistics of its own, and not the map's, leaves each place alone; over neighbouring channels it mixes these."""
    if not node.settings.get("own_statistics", node.family == "channel_norm"):
        return _whole_map(reads[0], node)
    if not reads[0].dims and len(node.outputs[0].shape) == 4:
        return Reach(reads[0].y, reads[0].x, NCHW)
    return reads[0].mixed((1 - len(node.outputs[0].shape),)) if node.family == "channel_norm" else reads[0]


def _whole_map(read: Reach, node: Node) -> Reach:
    if read.dims:
        return read.blind()
    return Reach(None, None, NCHW) if len(node.outputs[0].shape) == 4 else WHOLE


def mixed_dims(node: Node) -> tuple[int, ...]:
    """The dimensions, counted from the end, along which a softmax, a layer norm or a linear layer mixes."""
    settings = node.settings
    if node.family == "layer_norm":
        return tuple(range(-len(settings["normalized_shape"]), 0)) if "normalized_shape" in settings else (-1,)
    if node.family == "linear":
        return (-1,)
    dim = settings.get("dim", -1 if node.family in ("scan", "glu") else None)
    return from_end(1 if dim is None else dim, len(node.inputs[0].shape))


def _along(node: Node, reads: list[Reach]) -> Reach:
    """An axis among those mixed sees everything; tokens that a linear layer mixes are no tokens any more."""
    reach, dims = reads[0], mixed_dims(node)
    if node.family in ("linear", "glu") and reach.tokens is not None and reach.tokens.axis in dims:
        return WHOLE
    return reach.mixed(dims)


def _reduce(node: Node, reads: list[Reach]) -> Reach:
    reach = reads[0] if len(reads) == 1 else _joined(node, reads, node.inputs[0].shape)
    rank, dim = len(node.inputs[0].shape), node.settings.get("dim")
    if not reach.dims:
        return WHOLE
    dims = tuple(range(-rank, 0)) if dim is None else from_end(dim, rank)
    if node.settings.get("keepdim") and not (reach.tokens is not None and reach.tokens.axis in dims):
        return reach.mixed(dims)
    if any(axis in dims for axis in reach.dims):
        return WHOLE
    return reach.at(tuple(axis + sum(1 for d in dims if d > axis) for axis in reach.dims))


def _merge(node: Node, reads: list[Reach]) -> Reach:
    return _joined(node, reads, node.outputs[0].shape)


def _joined(node: Node, reads: list[Reach], shape: tuple[int, ...]) -> Reach:
    """Tensors in one layout, place by place, in one of `shape`; the one place of a side of 1 is read by all."""
    layouts = {(reach.axes, reach.tokens) for reach in reads if reach.dims}
    if len(layouts) != 1:
        return WHOLE
    axes, tokens = layouts.pop()
    sides = (tokens.height, tokens.width) if tokens is not None else axes and tuple(map(partial(_side, shape), axes))
    assert sides
    spans = []
    for k, side in enumerate(sides):
        seen = [(reach.y, reach.x)[k] for reach in reads]
        if axes is not None and len(reads) == len(node.inputs):
            read = [_side(ref.shape, axes[k]) for ref in node.inputs]
            seen = [None if one < side else span for one, span in zip(read, seen, strict=True)]
        spans.append(union([(span, side) for span in seen]))
    return Reach(spans[0], spans[1], axes, tokens)


def _side(shape: tuple[int, ...], axis: int) -> int:
    return shape[axis] if -axis <= len(shape) else 1


def _cat(node: Node, reads: list[Reach]) -> Reach:
    dims = from_end(node.settings.get("dim", 0), len(node.outputs[0].shape))
    if any(reach.tokens is not None and reach.tokens.axis in dims for reach in reads):
        return lengthened(node, reads)
    return _merge(node, reads).mixed(dims)


def _stack(node: Node, reads: list[Reach]) -> Reach:
    """A new dimension: what stands to its left moves."""
    (dim,) = from_end(node.settings.get("dim", 0), len(node.outputs[0].shape))
    reach = _joined(node, reads, node.inputs[0].shape)
    return reach.at(tuple(axis - (axis <= dim) for axis in reach.dims)) if reach.dims else WHOLE


def _unpool(node: Node, reads: list[Reach]) -> Reach:
    return transposed(node, [_joined(node, reads, node.inputs[0].shape)])


def _product(node: Node, reads: list[Reach]) -> Reach:
    return product(node, reads) or unknown(node, reads)


def _attend(node: Node, reads: list[Reach]) -> Reach:
    """Each place of the queries sees all that there are keys of."""
    return reads[0].blind() if node.outputs[0].shape == node.inputs[0].shape else WHOLE


def _getitem(node: Node, reads: list[Reach]) -> Reach:
    found = getitem(node, reads)
    return found if found.dims or indexed(node) is not None else unknown(node, reads)


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
        "unpool",
    )
)
"""Families for which dimensions -2 and -1 are height and width by definition (of a batch of maps)."""

_WEIGHTED = frozenset(("conv", "conv_transpose", "linear", "batch_norm", "group_norm", "layer_norm", "channel_norm"))
"""Families whose further inputs are weights."""

_PLACE_BY_PLACE = frozenset(("act", "pointwise", "arithmetic", "copy"))

_RULES = {
    **dict.fromkeys(("conv", "max_pool", "avg_pool", "lp_pool"), _window),
    "conv_transpose": transposed,
    "adaptive_pool": _adaptive,
    "pad": _pad,
    "resample": resample,
    "pixel_shuffle": shuffle,
    "pixel_unshuffle": _unshuffle,
    **dict.fromkeys(("batch_norm", "group_norm", "channel_norm"), _on_maps),
    **dict.fromkeys(("act", "pointwise", "arithmetic", "copy"), _merge),
    **dict.fromkeys(("layer_norm", "linear", "softmax", "scan", "glu"), _along),
    "attention": _attend,
    "reduce": _reduce,
    "cat": _cat,
    "reshape": reshape,
    "permute": permute,
    "split": split,
    "unbind": unbind,
    "squeeze": squeeze,
    **dict.fromkeys(("expand", "tile"), stretch),
    "stack": _stack,
    "flip": flip,
    "roll": roll,
    "repeat": repeat,
    "unfold": unfold,
    "unpool": _unpool,
    "fold": fold,
    "matmul": _product,
    "getitem": _getitem,
}
