"""Where height and width go in a product with a constant: as in a linear layer, they stay, or are summed over.

    x @ W        (1, n, c) (c, d)          tokens stay, channels are mixed
    W @ x        (d, n) (1, n, c)          what stands in the last dimension but one is mixed
    einsum       nchw,dc->ndhw             by letters

A product of two tensors that both depend on the image (scores of attention) is not followed.
"""

from __future__ import annotations

from typing import Any

from generator.model.graph import Constant, Node, Ref
from generator.model.macs import letters
from generator.model.reach import WHOLE, Reach

_BIASED = frozenset(("addmm", "baddbmm", "addbmm", "addmv"))
_PLAIN = frozenset(("matmul", "linalg_matmul", "mm", "bmm", "mv", "addmm", "baddbmm", "addmv"))


def product(node: Node, reads: list[Reach]) -> Reach | None:
    """None where it is not followed."""
    name, given = node.op.removeprefix("F."), node.arguments
    if len(node.inputs) != 1 or not reads[0].dims:
        return None
    ref, reach = node.inputs[0], reads[0]
    if name == "einsum":
        return _lettered(node, ref, reach)
    if name == "tensordot":
        return _contracted(node, ref, reach)
    if name not in _PLAIN:
        return None
    operands = given[1:] if name in _BIASED else given
    first = bool(operands) and operands[0] == ref
    second = operands[1] if len(operands) > 1 else None
    if first and (second is None or len(_shape(second)) >= 2) and len(ref.shape) >= 2:
        return _mixed(reach, -1)
    if second == ref and len(ref.shape) >= 2 and len(_shape(operands[0])) >= 2:
        return _mixed(reach, -2)
    return None


def _shape(operand: Any) -> tuple[int, ...]:
    return operand.shape if isinstance(operand, (Ref, Constant)) else ()


def _mixed(reach: Reach, dim: int) -> Reach:
    """Tokens that are mixed are no tokens any more."""
    return WHOLE if reach.tokens is not None and reach.tokens.axis == dim else reach.mixed((dim,))


def _lettered(node: Node, ref: Ref, reach: Reach) -> Reach | None:
    read, gives, _ = letters(node.arguments)
    operands = _operands(node.arguments)
    if gives is None or operands.count(ref) != 1:
        return None
    names = read[operands.index(ref)]
    kept = [names[axis] for axis in reach.dims]
    if any(names.count(name) > 1 or gives.count(name) != 1 for name in kept):
        return WHOLE
    return reach.at(tuple(gives.index(name) - len(gives) for name in kept))


def _operands(arguments: tuple[Any, ...]) -> list[Any]:
    if isinstance(arguments[0], str):
        return list(arguments[1] if isinstance(arguments[1], tuple) else arguments[1:])
    return [one for one in arguments if isinstance(one, (Ref, Constant))]


def _contracted(node: Node, ref: Ref, reach: Reach) -> Reach | None:
    """tensordot: the dimensions that are left of the first operand, then those of the second."""
    first = node.arguments[0]
    dims = node.settings.get("dims", node.arguments[2] if len(node.arguments) > 2 else 2)
    rank = len(ref.shape)
    if isinstance(dims, int):
        gone = list(range(-dims, 0) if first == ref else range(-rank, dims - rank))
    else:
        said = dims[0] if first == ref else dims[1]
        gone = [dim if dim < 0 else dim - rank for dim in (said if isinstance(said, (tuple, list)) else (said,))]
    if any(axis in gone for axis in reach.dims):
        return WHOLE
    before = 0 if first == ref else len(_shape(first)) - len(gone)
    left = [dim for dim in range(-rank, 0) if dim not in gone]
    return reach.at(tuple(before + left.index(axis) - len(node.outputs[0].shape) for axis in reach.dims))
