"""Labels: for each value of a tensor, a number that stands for the set of units that it comes from.

    conv1 (1, 3, 8, 8) ─┐                                       book:  2 = {conv1 #0}   5 = {conv2 #0}
                        ├─▶ F.cat (1, 5, 8, 8)  2 3 4 5 6              3 = {conv1 #1}   6 = {conv2 #1}
    conv2 (1, 2, 8, 8) ─┘                                              ...

A tensor of labels has the shape of the tensor it speaks of, so that what moves values about (reshape, permute, chunk)
moves labels by the very same call. Dimensions along which labels are constant are held once (stride 0).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

Origin = tuple[int, int, int]
"""(number of a layer, unit, direction): direction is 1 where more of the unit is more here, -1 where it is less, and 0
where that is not known."""
LOST: Origin = (-1, -1, 0)
"""Stands in a set for whatever else the value comes from, where that is not followed."""

NOTHING = 0
"""The label of constants: they come from no unit."""
UNKNOWN = 1
"""The label of values whose origin is not followed."""


class Book:
    """Which set each label stands for. Equal sets have one label."""

    def __init__(self) -> None:
        self.sets: list[frozenset[Origin]] = []
        self.labels: dict[frozenset[Origin], int] = {}
        assert (self.label(()), self.label((LOST,))) == (NOTHING, UNKNOWN)

    def label(self, origins: Collection[Origin]) -> int:
        """The label of a set."""
        found = frozenset(origins)
        if found not in self.labels:
            self.labels[found] = len(self.sets)
            self.sets.append(found)
        return self.labels[found]

    def units(self, layer: int, shape: tuple[int, ...], axis: int) -> Tensor:
        """Labels of a layer's own output: unit c at place c of the dimension `axis`."""
        own = torch.tensor([self.label(((layer, unit, 1),)) for unit in range(shape[axis])], dtype=torch.int32)
        sizes = [1] * len(shape)
        sizes[axis] = shape[axis]
        return own.view(sizes).expand(shape)

    def union(self, one: Tensor, other: Tensor) -> Tensor:
        """Place by place the union of two tensors of labels, broadcast."""
        shape = torch.broadcast_shapes(one.shape, other.shape)
        first, second = torch.broadcast_tensors(core(one), core(other))
        pairs = first.long() * len(self.sets) + second
        unique, where = torch.unique(pairs, return_inverse=True)
        size = len(self.sets)
        made = [self.label(self.sets[pair // size] | self.sets[pair % size]) for pair in unique.tolist()]
        return torch.tensor(made, dtype=torch.int32)[where].expand(shape)

    def turned(self, labels: Tensor, signs: Tensor | int) -> Tensor:
        """The labels where each value is multiplied by something of the sign `signs` (1, 0, -1; broadcast to them): 0
        stands for a sign that is not known, or for nothing that passes."""
        sign = torch.as_tensor(signs, dtype=torch.int32)
        if bool((sign == 1).all()):
            return labels
        first, second = torch.broadcast_tensors(core(labels), sign)
        unique, where = torch.unique(first.long() * 3 + second + 1, return_inverse=True)
        made = [
            self.label([(layer, unit, way * (pair % 3 - 1)) for layer, unit, way in self.sets[pair // 3]])
            for pair in unique.tolist()
        ]
        return torch.tensor(made, dtype=torch.int32)[where].expand(labels.shape)

    def pooled(self, labels: Tensor, dims: Sequence[int]) -> Tensor:
        """Dimensions `dims` made 1: the union over all that stands along them."""
        small = core(labels)
        apart = [dim % labels.dim() for dim in dims]
        kept = [dim for dim in range(labels.dim()) if dim not in apart]
        sizes = [labels.shape[dim] for dim in kept]
        if all(small.shape[dim] == 1 for dim in apart):
            flat = small
        else:
            rows = small.permute(*kept, *apart).reshape(math.prod(small.shape[dim] for dim in kept), -1)
            made = [self.label(self._all(row)) for row in rows.numpy()]
            flat = torch.tensor(made, dtype=torch.int32)
        own = flat.reshape([small.shape[dim] for dim in kept]).expand(sizes)
        for dim in sorted(apart):
            own = own.unsqueeze(dim)
        return own

    def _all(self, row: np.ndarray) -> frozenset[Origin]:
        return frozenset().union(*(self.sets[label] for label in np.unique(row).tolist()))

    def along(self, labels: Tensor, axis: int) -> list[int]:
        """One label for each place of the dimension `axis`, the union over all other dimensions."""
        axis %= labels.dim()
        others = [dim for dim in range(labels.dim()) if dim != axis]
        return self.pooled(labels, others).flatten().tolist()


def unknown(shape: tuple[int, ...]) -> Tensor:
    """Labels of a tensor of which nothing is known."""
    return torch.tensor(UNKNOWN, dtype=torch.int32).expand(shape)


def nothing(shape: tuple[int, ...]) -> Tensor:
    """Labels of a constant."""
    return torch.tensor(NOTHING, dtype=torch.int32).expand(shape)


def core(labels: Tensor) -> Tensor:
    """Each dimension along which the labels are constant cut to size 1."""
    for dim in range(labels.dim()):
        if labels.stride(dim) == 0 and labels.shape[dim] > 1:
            labels = labels.narrow(dim, 0, 1)
    return labels


def folded(labels: Tensor) -> Tensor:
    """The same labels, held once along each dimension along which they are constant."""
    small = core(labels)
    for dim in range(small.dim()):
        first = small.narrow(dim, 0, min(1, small.shape[dim]))
        if small.shape[dim] > 1 and bool((small == first).all()):
            small = first
    return small.clone().expand(labels.shape)
