"""What operations write into: what they read (``y.relu_()``), or a tensor that they are given to (``torch.mul(x, 2, out=y)``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from generator.model.calls import Call, tensors
from generator.model.graph import Ref


def given_to(call: Call) -> dict[str, Any]:
    """The named arguments that a call reads."""
    return {key: value for key, value in call.kwargs.items() if key != "out"}


def wrote_into(call: Call, results: Sequence[Tensor]) -> bool:
    """Whether a call gave back what it was given, which it must have written into, as it did not hand it on."""
    return bool(results) and any(results[0] is value for value in tensors((call.args, call.kwargs)))


def rest_of(results: Sequence[Tensor], others: Sequence[tuple[Tensor, Ref | None]]) -> list[Ref]:
    """What the whole tensor was, where a view of it was written into: its other numbers are still those. `others` are all
    that lie where the view does, and what they were."""
    larger = [(value, ref) for value, ref in others if ref is not None and value.numel() > results[0].numel()]
    whole = [ref for value, ref in larger if value is results[0]._base]
    return whole or sorted((ref for _, ref in larger), key=lambda ref: ref.node)[:1]
