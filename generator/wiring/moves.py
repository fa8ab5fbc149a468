"""How each operation moves labels: what keeps, moves, joins or cuts channels is done to the labels by the same call.

    reshape, permute, chunk, cat, x[...]    exactly as to the values
    activation, norm, dropout, pool, pad    each channel stays itself
    sum                                     the union of its terms
    product                                 the union of its factors of full size: a gate (1, c, 1, 1) is none
    convolution, matrix product, softmax    mixes channels: not followed

A gate has a say in every channel that it multiplies, but no unit of it is what arrives there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from generator.model.dimensions import from_end, indexed
from generator.model.graph import Constant, Graph, Node, Ref
from generator.wiring.labels import NOTHING, Book, core, folded, nothing, unknown
from generator.wiring.turns import factor_way, scale_signs, short, summed_way, way


@dataclass(frozen=True)
class Given:
    """What is known when an operation is reached: the labels of all tensors before it."""

    labels: Mapping[Ref, Tensor]
    book: Book
    graph: Graph
    module: nn.Module

    def of(self, ref: Any) -> Tensor:
        """The labels of an argument that is a tensor."""
        if isinstance(ref, Constant):
            return nothing(ref.shape)
        return self.labels[ref] if ref in self.labels else unknown(ref.shape)


def moved(node: Node, given: Given) -> Iterator[tuple[Ref, Tensor]]:
    """The labels of each output of a node: `UNKNOWN` everywhere in what is not followed."""
    rule, first = _RULES.get(node.family), read(node)
    empty = any(0 in ref.shape for ref in (*node.inputs, *node.outputs))
    certain = not empty and (first is not None or node.family in ("arithmetic", "cat"))
    made = tuple(rule(node, first, given)) if rule is not None and certain else ()
    for number, ref in enumerate(node.outputs):
        found = made[number] if number < len(made) else None
        yield ref, folded(found) if found is not None and found.shape == ref.shape else unknown(ref.shape)


def read(node: Node) -> Ref | None:
    """The tensor that an operation on one tensor works on, where that is certain."""
    if node.arguments and isinstance(node.arguments[0], Ref):
        return node.arguments[0]
    return node.inputs[0] if len(node.inputs) == 1 else None


def _same(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    name = short(node)
    labels = given.of(first)
    if "channel" in name and "shuffle" in name:
        groups = node.settings.get("groups", node.arguments[-1])
        if not isinstance(groups, int) or labels.shape[1] % groups:
            return
        labels = core(labels).expand(-1, labels.shape[1], *[-1] * (labels.dim() - 2))
        labels = labels.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2).expand(first.shape)
    if node.family != "copy" and set(node.inputs) - {first}:  # a limit that is a tensor may be what arrives
        labels = given.book.union(labels, unknown(first.shape))
    yield given.book.turned(labels, way(node))


def _norm(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    yield given.book.turned(given.of(first), scale_signs(node, given.module))


def _spatial(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    """What slides over, averages or resizes maps, whatever their size."""
    dims, shape = _sides(node), node.outputs[0].shape
    labels = given.of(first)
    if len(shape) == labels.dim() > dims and shape[:-dims] == labels.shape[:-dims]:
        yield given.book.turned(given.book.pooled(labels, range(-dims, 0)).expand(shape), way(node))


def _sides(node: Node) -> int:
    if node.family == "resample":
        return len(node.outputs[0].shape) - 2
    return {"1d": 1, "3d": 3}.get(short(node)[-2:], 2)


def _pad(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    """A dimension that knows no units is only longer; in one that does, what is added comes from nothing."""
    labels, shape = core(given.of(first)), node.outputs[0].shape
    pads = node.settings.get("padding", ())
    pads = list((pads,) * 4 if isinstance(pads, int) else pads)
    if len(shape) != len(first.shape) or len(pads) > 2 * len(shape):
        return
    pads += [0] * (2 * len(shape) - len(pads))
    for dim, old in enumerate(first.shape):
        amounts = slice(2 * (len(shape) - 1 - dim), 2 * (len(shape) - dim))
        if labels.shape[dim] == 1 < old:
            pads[amounts] = [0, 0]
        elif any(pads[amounts]) and node.settings.get("mode", "constant") != "constant":
            return
    added = F.pad(labels, pads, value=NOTHING)
    yield added.expand([size if size > 1 else new for size, new in zip(added.shape, shape, strict=True)])


def _arithmetic(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    shape, arguments = node.outputs[0].shape, node.arguments
    terms = {i: term for i, term in enumerate(arguments) if isinstance(term, Ref)}
    if not all(_fits(term.shape, shape) for term in terms.values()):
        return  # torch.where of a condition alone gives the places where it holds
    if short(node) in ("mul", "multiply", "imul", "rmul", "div", "divide", "true_divide", "itruediv", "addcmul"):
        yield _product(node, given)
        return
    found = nothing(shape) if set(node.inputs) <= set(terms.values()) else unknown(shape)
    for i, term in terms.items():
        found = given.book.union(found, given.book.turned(given.of(term), summed_way(node, i)))
    yield found


def _fits(shape: tuple[int, ...], result: tuple[int, ...]) -> bool:
    """Whether a tensor can be broadcast to a result."""
    ends = zip(reversed(shape), reversed(result), strict=False)
    return len(shape) <= len(result) and all(size in (1, wanted) for size, wanted in ends)


def _product(node: Node, given: Given) -> Tensor:
    shape = node.outputs[0].shape
    factors = [factor for factor in node.arguments if isinstance(factor, (Ref, Constant, int, float))]
    refs = {i: factor for i, factor in enumerate(factors) if isinstance(factor, Ref)}
    maps = {i: factor for i, factor in refs.items() if factor.shape == shape} or refs
    known = set(node.inputs) <= set(refs.values()) and short(node) != "addcmul"
    found = nothing(shape) if known else unknown(shape)
    dividing = "div" in short(node)
    for i, factor in maps.items():
        others = factors[:i] + factors[i + 1 :]
        sign = 0 if dividing and i else factor_way(given.graph, others)
        found = given.book.union(found, given.book.turned(given.of(factor), sign))
    return found


def _cat(node: Node, first: Ref | None, given: Given) -> Iterator[Tensor]:
    parts = node.arguments[0] if node.arguments and isinstance(node.arguments[0], tuple) else ()
    if not parts or not all(isinstance(part, (Ref, Constant)) for part in parts):
        return
    shape = node.outputs[0].shape
    if any(len(part.shape) != len(shape) for part in parts):
        return
    (dim,) = from_end(node.settings.get("dim", 0), len(shape))
    small = [core(given.of(part)) for part in parts]
    sizes = [max(part.shape[i] for part in small) for i in range(len(shape))]
    wide = []
    for part, labels in zip(parts, small, strict=True):
        sizes[dim] = part.shape[dim]
        wide.append(labels.expand(sizes))
    yield torch.cat(wide, dim=dim).expand(shape)


def _reshape(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    if math.prod(first.shape) == math.prod(node.outputs[0].shape):
        yield given.of(first).reshape(node.outputs[0].shape)


def _permute(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    dims = node.arguments[1:] or tuple(node.settings.get("dims", ()))
    if len(dims) == 1 and isinstance(dims[0], tuple):
        dims = dims[0]
    if not all(isinstance(dim, int) for dim in dims):
        return
    labels = given.of(first)
    if node.op == "F.permute" and len(dims) == labels.dim():
        yield labels.permute(dims)
    elif node.op in ("F.transpose", "F.swapaxes", "F.swapdims") and len(dims) == 2:
        yield labels.transpose(*dims)


def _split(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    (dim,) = from_end(node.settings.get("dim", 0), len(first.shape))
    sizes = [ref.shape[dim] if len(ref.shape) == len(first.shape) else 0 for ref in node.outputs]
    if sum(sizes) == first.shape[dim]:
        yield from given.of(first).split(sizes, dim)


def _unbind(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    (dim,) = from_end(node.settings.get("dim", 0), len(first.shape))
    yield from given.of(first).unbind(dim)


def _getitem(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    items = indexed(node)
    if items is not None:
        yield given.of(first)[tuple(items)]


def _expand(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    if len(first.shape) <= len(node.outputs[0].shape):
        yield given.of(first).expand(node.outputs[0].shape)


def _reduce(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    """Over dimensions that know no units; over units it mixes them."""
    labels, dim = core(given.of(first)), node.settings.get("dim")
    dims = range(-len(first.shape), 0) if dim is None else from_end(dim, len(first.shape))
    if len(node.inputs) > 1 or any(labels.shape[d] > 1 for d in dims):
        return
    full = given.of(first)
    for d in sorted(dims):
        full = full.narrow(d, 0, 1)
    yield given.book.turned(full.reshape(_reduced(full, dims, bool(node.settings.get("keepdim")))), way(node))


def _reduced(labels: Tensor, dims: Any, kept: bool) -> list[int]:
    rank = labels.dim()
    return [size for d, size in enumerate(labels.shape) if kept or d - rank not in dims]


def _pixels(node: Node, first: Ref, given: Given) -> Iterator[Tensor]:
    up = node.family == "pixel_shuffle"
    factor = node.settings.get("upscale_factor" if up else "downscale_factor")
    if isinstance(factor, int):
        yield (F.pixel_shuffle if up else F.pixel_unshuffle)(given.of(first), factor)


_RULES: Mapping[str, Callable[[Node, Any, Given], Iterator[Tensor]]] = {
    **dict.fromkeys(("act", "copy", "pointwise"), _same),
    **dict.fromkeys(("batch_norm", "group_norm", "layer_norm", "channel_norm"), _norm),
    **dict.fromkeys(("max_pool", "avg_pool", "lp_pool", "adaptive_pool", "resample"), _spatial),
    "pad": _pad,
    "arithmetic": _arithmetic,
    "cat": _cat,
    **dict.fromkeys(("reshape", "squeeze"), _reshape),
    "permute": _permute,
    "split": _split,
    "unbind": _unbind,
    "getitem": _getitem,
    "expand": _expand,
    "reduce": _reduce,
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), _pixels),
}
