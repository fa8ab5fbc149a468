"""Where tensors lie in memory: views of one another, and written to or not; on the meta device too."""

from __future__ import annotations

import torch
from torch import Tensor


def where(tensor: Tensor) -> tuple[int, int]:
    """Where its numbers lie, or would lie on the meta device."""
    return tensor.untyped_storage()._cdata, int(tensor.storage_offset())


def shares(one: Tensor, other: Tensor) -> bool:
    """Whether a write into `other` may show in `one`: they lie in the same memory."""
    return _memory(one) == _memory(other)


def overlaps(one: Tensor, other: Tensor) -> bool:
    """Whether a write into `other` shows in `one`: some number of one lies where one of the other's does. True where that is not
    known, as of rows that interlace."""
    if not shares(one, other) or not one.numel() or not other.numel():
        return False
    if one.layout is not torch.strided or other.layout is not torch.strided:
        return True
    (start, stop), (begin, end) = _extent(one), _extent(other)
    return start < end and begin < stop and not _apart(one, other)


def _memory(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse, or under vmap
        return id(tensor if tensor._base is None else tensor._base)


def _extent(tensor: Tensor) -> tuple[int, int]:
    """The first byte and the one after the last."""
    size, first = tensor.element_size(), int(tensor.storage_offset())
    far = sum((side - 1) * step for side, step in zip(tensor.shape, tensor.stride(), strict=True))
    return first * size, (first + far + 1) * size


def _apart(one: Tensor, other: Tensor) -> bool:
    """Whether they are known to be boxes beside each other in one tensor, as two slices along the same dimension are."""
    if one.stride() != other.stride() or one.element_size() != other.element_size():
        return False
    places = [int(tensor.storage_offset()) for tensor in (one, other)]
    order = sorted((k for k, step in enumerate(one.stride()) if step), key=one.stride().__getitem__, reverse=True)
    around, apart = 0, False
    for k in order:
        step, sides = one.stride(k), (one.shape[k], other.shape[k])
        starts = [place // step for place in places]
        places = [place % step for place in places]
        ends = [start + side for start, side in zip(starts, sides, strict=True)]
        if around and max(ends) * step > around:
            return False  # they wind around the edge of what they are slices of
        around, apart = step, apart or max(starts) >= min(ends)
    return apart or places[0] != places[1]


def version(tensor: Tensor) -> int:
    """How often it was written to; -1 for tensors that do not count (inference mode)."""
    try:
        return tensor._version
    except RuntimeError:
        return -1
