"""Multiply-accumulates of one call, from shapes alone: convolutions, linear layers, matrix products, attention, recurrence.

    conv         every output value costs (input channels of its group) x (kernel area)
    transposed   every input value costs (output channels of its group) x (kernel area)
    linear       every output value costs (input features)
    matmul       (m, k) x (k, n) costs m k n; so do einsum, tensordot, and cdist for its distances
    attention    queries x keys x width, twice; and its projections where the call has them
    recurrent    every step costs all weight matrices, of every layer and direction

Norms, activations, pools, sums and resampling count as zero, as is usual in papers: they say MACs of a model and mean
these. FLOPs are twice this number. Work that is of neither kind is not counted, and that is said: None.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

Shape = Sequence[int]

_HEAVY = ("fft_", "linalg_", "sparse_", "_sparse_")
"""How functions are called whose work has no usual measure in MACs."""
_NORMS = frozenset(
    ("linalg_norm", "linalg_vector_norm", "linalg_cross", "linalg_diagonal", "weight_norm", "norm_except_dim")
)
_ALSO_HEAVY = frozenset(
    (
        *("stft", "istft", "svd", "svd_lowrank", "pca_lowrank", "qr", "inverse"),
        *("pinverse", "cholesky", "cholesky_solve", "cholesky_inverse", "lu", "lu_solve", "geqrf"),
        *("lstsq", "triangular_solve", "det", "logdet", "slogdet", "matrix_exp", "matrix_power"),
        *("cov", "corrcoef", "kron", "ctc_loss", "conv_tbc"),
    )
)


def module_macs(
    module: nn.Module, family: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> int | None:
    """Multiply-accumulates of a leaf module's call."""
    given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    if isinstance(module, nn.MultiheadAttention):
        extra = (module.bias_k is not None) + module.add_zero_attn
        return _multihead([value.shape for value in given[:3]], module.embed_dim, module.batch_first, extra)
    if isinstance(module, nn.Bilinear) and isinstance(output, Tensor):
        return output.numel() * (module.in1_features * module.in2_features + module.in2_features)
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        rows = args[0].data if args and isinstance(args[0], PackedSequence) else given[0]
        return _rows(rows) * _recurrent_weights(module)
    weight = getattr(module, "weight", None)
    if not given or not isinstance(weight, Tensor) or not isinstance(output, Tensor):
        return 0
    return _weighted(family, given[0], weight, output)


def function_macs(name: str, family: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> int | None:
    """Multiply-accumulates of a function's call; None where it does work that is not counted."""
    given = {key: value for key, value in kwargs.items() if key != "out"}
    operands = [value for value in (*args, *given.values()) if isinstance(value, Tensor)]
    results = [output] if isinstance(output, Tensor) else output if isinstance(output, (tuple, list)) else []
    if not results or not isinstance(results[0], Tensor):
        return 0
    output = results[0]
    if family == "recurrent":
        return _recurrent(name, args)
    if family == "matmul":
        return _product(name, args, given, operands, output)
    if family == "attention":
        return _attention(name, args, given, output)
    if family in ("conv", "conv_transpose", "linear"):
        first, weight = (
            given.get("input", operands[0]),
            given.get("weight", operands[-1] if args == () else operands[1]),
        )
        return _weighted(family, first, weight, output)
    if name == "deform_conv2d":
        return _weighted("conv", operands[0], operands[1], output)
    return None if family == "unknown" and _works(name) else 0


def _works(name: str) -> bool:
    """Whether a function without a family does more than move and compare: torch's transforms and decompositions, and
    whatever is not torch's own."""
    if name in _NORMS:
        return False
    own = any(hasattr(place, one) for place in (torch, Tensor, F) for one in (name, f"__{name}__", f"{name}_"))
    own = own or hasattr(torch.ops.aten, name)
    return name in _ALSO_HEAVY or name.startswith(_HEAVY) or not (own or name.startswith("special_"))


def _weighted(family: str, first: Tensor, weight: Tensor, output: Tensor) -> int:
    per_value = weight.numel() // max(weight.shape[0], 1)
    if family == "conv":
        return output.numel() * per_value
    if family == "linear":
        return output.numel() * weight.shape[-1]
    if family == "conv_transpose":
        return first.numel() * per_value
    return 0


# ---- products


def _product(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], operands: list[Tensor], output: Tensor) -> int:
    if name == "einsum":
        return _einsum(*letters(args))
    if name in ("chain_matmul", "linalg_multi_dot"):
        several = operands or [value for value in args[0] if isinstance(value, Tensor)]
        return _chain([tuple(value.shape) for value in several])
    if name in ("addmm", "addmv", "baddbmm", "addbmm"):
        operands = operands[1:]
    if len(operands) < 2:
        return 0
    first, second = operands[0], operands[1]
    if name == "tensordot":
        return output.numel() * _contracted(first, kwargs.get("dims", args[2] if len(args) > 2 else 2))
    if name == "bilinear":
        return output.numel() * (first.shape[-1] * second.shape[-1] + second.shape[-1])
    if name == "linalg_vecdot":
        return output.numel() * first.shape[kwargs.get("dim", -1)]
    if name == "addbmm":
        return prod(first.shape[:-1]) * second.shape[-1] * first.shape[-1]
    if name == "rmatmul":
        first = second
    return output.numel() * first.shape[-1]


def _contracted(first: Tensor, dims: Any) -> int:
    """How many values tensordot sums over for each that it gives."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        return prod(first.shape[first.dim() - dims :])
    left = dims[0] if isinstance(dims[0], (tuple, list)) else [dims[0]]
    return prod(first.shape[dim] for dim in left)


def _chain(shapes: list[Shape]) -> int:
    """Of matrices one behind the other, in the order that costs least; a vector may stand at either end."""
    sides = [*((1,) if len(shapes[0]) == 1 else ()), *shapes[0], *(shape[1] for shape in shapes[1:] if len(shape) > 1)]
    if len(shapes[-1]) == 1:
        sides.append(1)
    least = {(k, k): 0 for k in range(len(sides) - 1)}
    for many in range(1, len(sides) - 1):
        for a in range(len(sides) - 1 - many):
            b = a + many
            least[a, b] = min(
                least[a, k] + least[k + 1, b] + sides[a] * sides[k + 1] * sides[b + 1] for k in range(a, b)
            )
    return least[0, len(sides) - 2]


def letters(args: tuple[Any, ...]) -> tuple[list[list[str]], list[str] | None, list[Shape]]:
    """The index of each dimension of each operand, and of the result where it is told; and the operands' shapes."""
    if isinstance(args[0], str):
        operands: list[Shape] = [
            tuple(one.shape) for one in (args[1] if isinstance(args[1], (tuple, list)) else args[1:])
        ]
        read, arrow, gives = args[0].replace(" ", "").partition("->")
        words = [_spread(word, len(shape)) for word, shape in zip(read.split(","), operands, strict=True)]
        inner = max(
            (len(shape) - len(word.replace("...", "")) for word, shape in zip(read.split(","), operands, strict=True)),
            default=0,
        )
        return words, _spread(gives, len(gives.replace("...", "")) + inner) if arrow else None, operands
    pairs = list(zip(args[::2], args[1::2], strict=False))
    named = [[*map(str, dims)] for _, dims in pairs]
    return named, [*map(str, args[-1])] if len(args) % 2 else None, [tuple(one.shape) for one, _ in pairs]


def _spread(word: str, rank: int) -> list[str]:
    """``b...c`` of rank 4 as b, ...1, ...0, c."""
    head, dots, tail = word.partition("...")
    middle = rank - len(head) - len(tail) if dots else 0
    return [*head, *(f"...{k}" for k in reversed(range(middle))), *tail]


def _einsum(read: list[list[str]], gives: list[str] | None, shapes: list[Shape]) -> int:
    """Operand by operand, from the left, as torch does: a product for every combination of the indices that are left.
    Where nothing is summed over the two are multiplied value by value, which is not counted."""
    sizes: dict[str, int] = {}
    for names, shape in zip(read, shapes, strict=True):
        sizes.update({name: max(side, sizes.get(name, 1)) for name, side in zip(names, shape, strict=True)})
    if gives is None:
        every = [name for names in read for name in names]
        gives = [name for name in every if name.startswith("...") or every.count(name) == 1]
    total, left = 0, set(read[0])
    for k, names in enumerate(read[1:], 1):
        later = {*gives, *(name for rest in read[k + 1 :] for name in rest)}
        right = set(names)
        both = {name for name in left | right if name in later or name in left & right}  # the others are summed before
        if (left & right) - later:
            total += prod(sizes[name] for name in both)
        left = both & later
    return total


# ---- attention and recurrence


def _attention(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> int:
    found = dict(zip(("query", "key", "value", "embed_dim_to_check"), args, strict=False)) | kwargs
    q, k, v = (found[which] for which in ("query", "key", "value"))
    if name == "multi_head_attention_forward":
        extra = (found.get("bias_k", args[7] if len(args) > 7 else None) is not None) + bool(
            found.get("add_zero_attn", args[9] if len(args) > 9 else False)
        )
        return _multihead([q.shape, k.shape, v.shape], found["embed_dim_to_check"], False, extra)
    return prod(output.shape[:-1]) * int(k.shape[-2]) * int(q.shape[-1] + v.shape[-1])


def _multihead(shapes: list[Shape], width: int, batch_first: bool, extra: int) -> int:
    """Of projections in and out, and of queries with keys and weights with values; `extra` keys are learned or zero."""
    q, k, v = (shapes + shapes[-1:] * 3)[:3]
    sequence = 1 if batch_first and len(q) == 3 else 0
    batch = q[1 - sequence] if len(q) == 3 else 1
    queries, keys = q[sequence], k[sequence]
    projections = queries * q[-1] * width + keys * (k[-1] + v[-1]) * width
    return batch * (projections + 2 * queries * (keys + extra) * width + queries * width * width)


def _recurrent(name: str, args: tuple[Any, ...]) -> int:
    """``lstm(input, state, weights, ...)``, also of a packed sequence, and ``lstm_cell(input, state, weight, weight, ...)``"""
    if name.endswith("_cell"):
        return _steps(args[0], list(args[2:4]))
    lists = [value for value in args if isinstance(value, (tuple, list))]
    return _steps(args[0], [one for value in lists for one in value if isinstance(one, Tensor) and one.dim() == 2])


def _steps(rows: Tensor, weights: list[Any]) -> int:
    """Every row of what is read (a step of a sequence) is multiplied with all of the weights, or leads to what is."""
    return _rows(rows) * sum(weight.numel() for weight in weights)


def _rows(tensor: Tensor) -> int:
    return tensor.numel() // max(int(tensor.shape[-1]), 1)


_GATES = {"LSTM": 4, "GRU": 3}


def _recurrent_weights(module: nn.RNNBase | nn.RNNCellBase) -> int:
    """How many numbers its weight matrices hold, from its sizes: a parametrization hides the matrices, or adds to them."""
    hidden = module.hidden_size
    if isinstance(module, nn.RNNCellBase):
        return (
            (4 if isinstance(module, nn.LSTMCell) else 3 if isinstance(module, nn.GRUCell) else 1)
            * hidden
            * (module.input_size + hidden)
        )
    gates, directions = _GATES.get(module.mode, 1) * hidden, 1 + module.bidirectional
    given = module.proj_size or hidden
    total, read = 0, module.input_size
    for _ in range(module.num_layers):
        total += directions * (gates * (read + given) + module.proj_size * hidden)
        read = directions * given
    return total
