"""The highest value of each map, where it stands, and the mean of each.

    channels last    (n, h, w, c) ──▶ highest of each row (n, h, c) ──▶ of each map (n, c)
                                              └─ where is it: first the row, then the place in that row alone

A place is looked for in few maps. In a channels-last map the values of one unit lie far apart, so that reading a whole map
again costs as much as reading all units' maps: its rows' maxima and one row are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

WIDE = 400
"""Places beyond which rows are taken first: of smaller maps two steps cost more than one."""
LANES = 32
"""Values side by side that torch takes at once where it reduces over what stands apart, on a CPU: channels that fill no lanes
are taken one by one, several times as slowly."""


@dataclass(frozen=True)
class Peaks:
    """Of a batch of maps."""

    maps: Float[Tensor, "n c h w"]
    highest: Float[Tensor, "n c"]
    rows: Float[Tensor, "n h c"] | None
    """The highest value of each row, where it was taken on the way."""

    def places(self, images: Int[Tensor, " m"], units: Int[Tensor, " m"]) -> Int[Tensor, " m"]:
        """The first place, in reading order, at which each of these maps has its highest value: a capped rectifier has
        many. Of maps that hold no NaN."""
        if self.rows is not None:
            row = _first(self.rows[images, :, units])
            return row * self.maps.shape[3] + _first(self.maps[images, units, row])
        if self.maps.is_contiguous():  # whole maps one after the other: copied as such, not value by value
            each = self.maps.flatten(2).flatten(0, 1)
            return _first(each.index_select(0, images * self.maps.shape[1] + units))
        return _first(self.maps[images, units].flatten(1))


def peaks(A: Float[Tensor, "n c h w"]) -> Peaks:
    """The highest value of each map."""
    n, c, h, w = A.shape
    if not _last(A):
        return Peaks(A, A.flatten(2).amax(dim=2), None)
    last = A.permute(0, 2, 3, 1)  # (n, h, w, c), as it lies
    if h * w > WIDE:
        rows = _over(last.reshape(n * h, w, c)).view(n, h, c)
        return Peaks(A, rows.amax(dim=1), rows)
    return Peaks(A, _over(last.reshape(n, h * w, c)), None)


def averages(A: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c"]:
    """The mean of each map. Over one axis torch takes it up to twice as fast as over two, where channels come last."""
    n, c, h, w = A.shape
    return A.permute(0, 2, 3, 1).reshape(n, h * w, c).mean(dim=1) if _last(A) else A.mean(dim=(2, 3))


def _last(A: Float[Tensor, "n c h w"]) -> bool:
    """Whether a place's channels lie side by side, on a CPU."""
    return A.device.type == "cpu" and A.is_contiguous(memory_format=torch.channels_last)


def _first(values: Float[Tensor, "m s"]) -> Int[Tensor, " m"]:
    """The place of the highest value of each row, of equal ones the first: NumPy says the same, several times as fast."""
    if values.device.type == "cpu":
        return torch.from_numpy(values.detach().numpy().argmax(axis=1))
    return values.argmax(dim=1)


def _over(values: Float[Tensor, "n s c"]) -> Float[Tensor, "n c"]:
    """The highest of the s values: neighbours are first taken side by side, so that they fill the lanes."""
    n, s, c = values.shape
    beside = next((m for m in (1, 2, 4, 8) if m * c % LANES == 0 and s % m == 0), 1)
    found = values.view(n, s // beside, beside * c).amax(dim=1)
    return found if beside == 1 else found.view(n, beside, c).amax(dim=1)
