"""From whatever a model returns to the class scores that gradients start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from generator.errors import UserError


def logits(output: Any) -> Tensor:
    """The class scores (n, classes) in a model's output.

    Takes a tensor, the first tensor of a tuple or list, ``"logits"``, ``"out"`` or the first tensor of a mapping, or the
    field ``logits`` of a dataclass. A vector (n,) counts as one class.

    Raises:
        UserError: the output holds no tensor of shape (n, classes).
    """
    found = _first(output)
    if found is None:
        raise UserError(
            f"expected class scores from the model, received {type(output).__name__}: give a model that returns (n, classes)"
        )
    if found.dim() == 1:
        found = found[:, None]
    if found.dim() != 2:
        shape = " x ".join(map(str, found.shape))
        raise UserError(
            f"expected class scores of shape (n, classes) from the model, received {shape}: give a model that classifies"
        )
    return found.float()


def _first(output: Any) -> Tensor | None:
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        for key in ("logits", "out"):
            if isinstance(output.get(key), Tensor):
                return output[key]  # type: ignore[no-any-return]
        output = tuple(output.values())
    elif isinstance(getattr(output, "logits", None), Tensor):
        return output.logits  # type: ignore[no-any-return]
    if isinstance(output, (tuple, list)):
        return next((value for value in map(_first, output) if value is not None), None)
    return None
