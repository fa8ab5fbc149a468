"""Multiply-accumulates of one call, from shapes alone: convolutions, linear layers, matrix products, attention.

    conv         every output value costs (input channels of its group) x (kernel area)
    transposed   every input value costs (output channels of its group) x (kernel area)
    linear       every output value costs (input features)
    matmul       (m, k) x (k, n) costs m k n
    attention    queries x keys x width, twice; and its projections where the call has them

Everything else (norms, activations, pools, sums) counts as zero, as is usual in papers: they say MACs of a model and
mean these. FLOPs are twice this number.
"""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor, nn


def module_macs(module: nn.Module, family: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> int:
    """Multiply-accumulates of a leaf module's call."""
    given = (*args, *kwargs.values())
    first = next((value for value in given if isinstance(value, Tensor)), None)
    if isinstance(module, nn.MultiheadAttention):
        return _multihead(module, given)
    if isinstance(module, nn.Bilinear) and isinstance(output, Tensor):
        return output.numel() * (module.in1_features * module.in2_features + module.in2_features)
    weight = getattr(module, "weight", None)
    if first is None or not isinstance(weight, Tensor) or not isinstance(output, Tensor):
        return 0
    return _weighted(family, first, weight, output)


def function_macs(name: str, family: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> int:
    """Multiply-accumulates of a function's call."""
    if not isinstance(output, Tensor):
        output = (
            next((value for value in output if isinstance(value, Tensor)), None) if isinstance(output, tuple) else None
        )
    operands = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    if output is None or len(operands) < 2:
        return 0
    if family in ("conv", "conv_transpose", "linear"):
        return _weighted(family, operands[0], kwargs.get("weight", operands[1]), output)
    if name == "einsum":
        return _einsum(args)
    if name == "bilinear":
        return output.numel() * (operands[0].shape[-1] * operands[1].shape[-1] + operands[1].shape[-1])
    if name == "scaled_dot_product_attention" and len(operands) >= 3:
        q, k, v = operands[:3]
        return prod(q.shape[:-1]) * k.shape[-2] * (q.shape[-1] + v.shape[-1])
    if family == "matmul":
        if name in ("addmm", "baddbmm", "addbmm"):
            operands = operands[1:]
        outputs = prod(operands[0].shape[:-1]) * operands[1].shape[-1] if name == "addbmm" else output.numel()
        return outputs * operands[0].shape[-1]
    return 0


def _weighted(family: str, first: Tensor, weight: Tensor, output: Tensor) -> int:
    per_value = weight.numel() // max(weight.shape[0], 1)
    if family == "conv" or family == "linear":
        return output.numel() * per_value
    if family == "conv_transpose":
        return first.numel() * per_value
    return 0


def _einsum(args: tuple[Any, ...]) -> int:
    """One product for every combination of index values: exact for two operands without repeated contraction paths."""
    operands = [value for value in args[1:] if isinstance(value, Tensor)]
    if len(operands) == 0 and len(args) > 1 and isinstance(args[1], (tuple, list)):
        operands = list(args[1])
    if not isinstance(args[0], str) or len(operands) < 2:
        return 0
    sizes: dict[str, int] = {}
    for letters, operand in zip(args[0].replace(" ", "").split("->")[0].split(","), operands, strict=False):
        head, dots, tail = letters.partition("...")
        shape = tuple(operand.shape)
        sizes.update(zip(head, shape, strict=False))
        if dots:
            middle = shape[len(head) : len(shape) - len(tail)]
            sizes.update({f"...{i}": max(size, sizes.get(f"...{i}", 1)) for i, size in enumerate(reversed(middle))})
            sizes.update(zip(reversed(tail), reversed(shape), strict=False))
    return prod(sizes.values())


def _multihead(module: nn.MultiheadAttention, given: tuple[Any, ...]) -> int:
    tensors = [value for value in given if isinstance(value, Tensor)][:3]
    q, k, v = (tensors + tensors[-1:] * 3)[:3]
    sequence = 1 if module.batch_first and q.dim() == 3 else 0
    batch = q.shape[1 - sequence] if q.dim() == 3 else 1
    queries, keys, width = q.shape[sequence], k.shape[sequence], module.embed_dim
    projections = queries * q.shape[-1] * width + keys * (k.shape[-1] + v.shape[-1]) * width
    return batch * (projections + 2 * queries * keys * width + queries * width * width)
