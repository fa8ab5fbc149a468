"""Where tensors lie in memory: views of one another, and written to or not; on the meta device too."""

from __future__ import annotations

from torch import Tensor


def where(tensor: Tensor) -> tuple[int, int]:
    """Where its numbers lie, or would lie on the meta device."""
    return tensor.untyped_storage()._cdata, int(tensor.storage_offset())


def shares(one: Tensor, other: Tensor) -> bool:
    """Whether a write into `other` shows in `one`: they are the same tensor or views of the same."""
    roots = [value if value._base is None else value._base for value in (one, other)]
    return roots[0] is roots[1]


def version(tensor: Tensor) -> int:
    """How often it was written to; -1 for tensors that do not count (inference mode)."""
    try:
        return tensor._version
    except RuntimeError:
        return -1
