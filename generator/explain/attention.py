"""Attention as a figure shows it: the queries, keys and values of all tokens, one head beside the other.

    weights = softmax(scale q k^T + mask)      output = weights v      of every head, and one number of the output for each of its channels

They arise inside a call, so that they are no tensors of the graph: each has a number of its own among what the call gave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.explain.layouts import Layout, Layouts, Read, Shape
from generator.model.calls import Call
from generator.model.graph import Node, Ref
from generator.model.reach import Tokens

QUERY, KEY, VALUE, HEADS, MASK = range(1000, 1005)
"""What lies inside a call, numbered as if it were given by it: queries, keys and values (c, 1, n), what the heads give,
(1, n, c), before a module projects it, and what is added to the scores, (1 or heads, n, n)."""
INSIDE = {QUERY: "query", KEY: "key", VALUE: "value", HEADS: "heads", MASK: "mask"}
MANY = 1600
"""Tokens beyond which a page would take seconds to work out a map."""


@dataclass(frozen=True)
class Attention:
    """What is shown of one call: the shape (c, h, w) of what its heads give, what they read, plain settings."""

    shape: Shape
    reads: tuple[Read, ...]
    """Queries, keys and values, and the mask where there is one."""
    settings: Mapping[str, Any]
    inside: tuple[int, int, int]
    """The shape (1, n, c) of what the heads give."""


def attention_of(node: Node, layouts: Layouts, module: nn.Module | None) -> Attention | NotApplicable:
    """What is shown of attention of an image's tokens to each other; a reason where it is of another kind."""
    if module is None and node.op != "F.scaled_dot_product_attention":
        return NotApplicable(
            f"{node.op} has no figure: of attention written so, queries and keys cannot be told apart."
        )
    if reason := _other(node, module):
        return NotApplicable(reason)
    layout = layouts.layout(node.outputs[0]) if node.outputs else None
    sizes = _sizes(node, module)
    if sizes is None or not isinstance(layout, Tokens):
        return NotApplicable("this attention is not of all tokens of one image to each other: windows have no figure.")
    heads, tokens, width, depth, scale = sizes
    if tokens > MANY:
        return NotApplicable(f"attention is worked out in the page for up to {MANY:,} tokens: these are {tokens:,}.")
    shapes = {QUERY: heads * width, KEY: heads * width, VALUE: heads * depth}
    query, key, value = (Read(Ref(node.index, at, (c, 1, tokens)), (c, 1, tokens)) for at, c in shapes.items())
    settings = {"heads": heads, "scale": scale, "prefix": layout.prefix, "tokens": tokens}
    reads: tuple[Read, ...] = (query, key, value)
    many = _masks(node, module, heads, tokens)
    if many is None:
        return NotApplicable(
            "this attention adds to its scores what is not one number for each two tokens: it has no figure."
        )
    if many:
        size = (many, tokens, tokens)
        reads = (*reads, Read(Ref(node.index, MASK, size), size))
        settings["masked"] = True
    return Attention((heads * depth, layout.height, layout.width), reads, settings, (1, tokens, heads * depth))


def _other(node: Node, module: nn.Module | None) -> str:
    """Why attention of this kind has no figure; nothing where it has one."""
    if isinstance(module, nn.MultiheadAttention) and (module.bias_k is not None or module.add_zero_attn):
        return "this attention has keys and values of its own beside those of the tokens: it has no figure."
    if node.settings.get("leaves_out"):
        return "this attention is told of tokens that it leaves out (key_padding_mask): it has no figure."
    if node.settings.get("enable_gqa"):
        return "several heads of this attention share their keys and values: it has no figure."
    return ""


def _masks(node: Node, module: nn.Module | None, heads: int, tokens: int) -> int | None:
    """How many masks are added to the scores: none, one for all heads, or one for each; None where it is no such mask."""
    shape = node.settings.get("mask_shape")
    if shape is None:
        causal = node.settings.get("is_causal") or (module is None and node.arguments[5:6] == (True,))
        return int(bool(causal) and module is None)
    many = math.prod(shape[:-2])
    square = len(shape) >= 2 and tuple(shape[-2:]) == (tokens, tokens)
    return many if square and many in (1, heads) else None


def _sizes(node: Node, module: nn.Module | None) -> tuple[int, int, int, int, float] | None:
    """(heads, tokens, width of a query, width of a value, scale)"""
    shapes = [one.shape for one in node.arguments[:3] if isinstance(one, Ref)]
    if isinstance(module, nn.MultiheadAttention):
        if not shapes or len(shapes[0]) != 3 or len({shape[:2] for shape in shapes}) != 1:
            return None
        batch, tokens = shapes[0][:2] if module.batch_first else shapes[0][1::-1]
        width = module.embed_dim // module.num_heads
        return (module.num_heads, tokens, width, width, width**-0.5) if batch == 1 else None
    if len(shapes) != 3 or any(len(shape) != 4 or shape[0] != 1 for shape in shapes):
        return None
    (_, heads, tokens, width), (_, other, others, _), (*_, depth) = shapes
    if (heads, tokens) != (other, others) or any(shape[:3] != shapes[0][:3] for shape in shapes):
        return None
    scale = node.settings.get("scale")
    scale = node.arguments[6] if scale is None and len(node.arguments) > 6 else scale
    return heads, tokens, width, depth, float(scale) if isinstance(scale, (int, float)) else 1 / math.sqrt(width)


def seen_inside(call: Call) -> Mapping[int, Tensor]:
    """Queries, keys and values (c, 1, n) of a call with one image, what its heads give, (1, n, c), and its mask (1 or heads, n, n);
    nothing of a call that leaves tokens out."""
    if call.kwargs.get("key_padding_mask") is not None:
        return {}
    if isinstance(call.module, nn.MultiheadAttention):
        query, key, value = _projected(call.module, call)
    else:
        query, key, value = (_among(call, at, name) for at, name in enumerate(("query", "key", "value")))
    given: dict[int, Tensor] = {
        at: one[0].transpose(1, 2).flatten(0, 1)[:, None] for at, one in ((QUERY, query), (KEY, key), (VALUE, value))
    }
    added = _added(call, query)
    if added is not None:
        given[MASK] = added
    if call.module is not None:
        given[HEADS] = F.scaled_dot_product_attention(query, key, value, added).transpose(1, 2).flatten(2)
    return given


def _added(call: Call, query: Tensor) -> Tensor | None:
    """What is added to the scores, (1 or heads, n, n): minus infinity where a mask of yes and no has none of it."""
    at = 3 if call.module is None else 5
    mask = call.kwargs.get("attn_mask", call.args[at] if at < len(call.args) else None)
    tokens = query.shape[2]
    if isinstance(mask, Tensor):
        if mask.dtype == torch.bool:
            stays = mask if call.module is None else ~mask
            mask = torch.zeros(mask.shape, dtype=query.dtype, device=query.device).masked_fill(~stays, -math.inf)
        return mask.detach().reshape(-1, *mask.shape[-2:])
    causal = call.module is None and call.kwargs.get("is_causal", call.args[5] if len(call.args) > 5 else False)
    return torch.full((1, tokens, tokens), -math.inf, device=query.device).triu(1) if causal else None


def _among(call: Call, at: int, name: str) -> Tensor:
    found = call.args[at] if at < len(call.args) else call.kwargs[name]
    assert isinstance(found, Tensor)
    return found


def _projected(module: nn.MultiheadAttention, call: Call) -> tuple[Tensor, Tensor, Tensor]:
    """(1, heads, n, width) each."""
    if module._qkv_same_embed_dim:
        weights = module.in_proj_weight.chunk(3)
    else:
        weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    biases = module.in_proj_bias.chunk(3) if module.in_proj_bias is not None else (None,) * 3
    found = []
    with torch.no_grad():
        for at, name in enumerate(("query", "key", "value")):
            x = _among(call, at, name)
            x = x if module.batch_first else x.transpose(0, 1)
            found.append(F.linear(x, weights[at], biases[at]).unflatten(2, (module.num_heads, -1)).transpose(1, 2))
    query, key, value = found
    return query, key, value


def layout_inside(ref: Ref, of_node: Layout) -> Layout:
    """How what lies inside a call is laid out, by how what the call gives is."""
    return replace(of_node, axis=-2) if ref.output == HEADS and isinstance(of_node, Tokens) else None
