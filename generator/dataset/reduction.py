"""What is kept of a layer while images stream by, and what it comes to: `update`, `classed`, `finish`.

Memory is O(units x (k + SAMPLE + classes seen)), whatever the number of images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from generator.dataset.answers import NONE, Answers
from generator.dataset.classes import ByClass
from generator.dataset.columns import Accepted
from generator.dataset.health import ENOUGH
from generator.dataset.peaks import Peaks, averages
from generator.dataset.strongest import Strongest

SAMPLE = 512
"""Columns kept of a layer."""
BINS = 24
"""Of a unit's histogram."""
RANKED = 256
"""Columns that the effective rank is taken of."""
ALIKE = 6
"""Units that answer most alike, kept of each."""


@dataclass
class Reduction:
    """The state of one layer of `units` units."""

    strongest: Strongest
    sums: Float[Tensor, " c"]
    """Of the means of a unit's maps, float64."""
    columns: Float[Tensor, "s c"]
    by_class: ByClass
    images: int = 0
    broken: int = 0
    """Images for which a unit gave a value that is no finite number."""
    lost: Tensor | None = None
    """(c,) of them, for each unit: its mean is that of the others. None where there are none."""
    _last: tuple[Tensor, Tensor | None] | None = field(default=None, repr=False)
    """Of the batch that came last the means (n, c), and where these are no finite numbers and stand as 0."""

    @classmethod
    def start(cls, units: int, k: int, device: torch.device | str = "cpu", sample: int = SAMPLE) -> Reduction:
        """Before the first image."""
        return cls(
            Strongest.empty(units, k, device),
            torch.zeros(units, dtype=torch.float64, device=device),
            torch.zeros(sample, units, device=device),
            ByClass.empty(units, device),
        )

    def update(
        self, found: Peaks, images: Int[Tensor, " n"], accepted: Accepted, marks: Int[Tensor, " n"] | None = None
    ) -> None:
        """Take in the layer's output for the images of these numbers, and of these marks (`generator.dataset.marks`)."""
        A = found.maps
        means = averages(A)
        self.images += len(images)
        total = means.sum(dim=0, dtype=torch.float64)
        bad = None
        if not math.isfinite(float(total.sum())):  # one number tells of NaN and infinity anywhere in the batch
            bad = ~means.isfinite()
            self.broken += int(bad.any(dim=1).sum())
            self.lost = bad.sum(dim=0) + (0 if self.lost is None else self.lost)
            means = means.masked_fill(bad, 0)
            total = means.sum(dim=0, dtype=torch.float64)
        self.strongest.update(found, images, bad, marks)
        self.sums += total
        self._last = means, bad
        if len(accepted.slots):
            self.columns[accepted.slots] = A[accepted.rows, :, accepted.at_row, accepted.at_column].to(self.columns)

    def classed(self, classes: Sequence[int | None]) -> None:
        """The classes of the images that `update` took in last: what the model itself says is known after its last layer."""
        if self._last is not None:  # a layer that the model passed over gave nothing
            means, bad = self._last
            self.by_class.add(means, classes, bad)
        self._last = None

    def finish(self, slots: NDArray[np.int64]) -> Answers:
        """What the stream came to; `slots` are the columns of the sample that are in use, the surest of a place first
        (`Draw.slots`), so that some of them are a sample too."""
        filled = len(slots)
        columns = self.columns[torch.from_numpy(slots).to(self.columns.device)].T.float().cpu().contiguous()  # (c, s)
        self.strongest.settle()
        values, images = self.strongest.values.cpu().numpy(), self.strongest.images.cpu().numpy()
        lo, hi, counts = histograms(columns.numpy())
        numbers = columns.isfinite()
        given = numbers.sum(dim=1)  # (c,) columns at which each unit gave one: its shares are of these
        # what is off answers to nothing, its first place is no place of interest, and what comes after it is below
        on = np.isfinite(values) & ~np.logical_or.accumulate(values == 0, axis=1)
        # nor does what gives one value everywhere, whichever that is, as far as the sample is large enough to tell
        on[(hi <= lo) & (values[:, 0] <= hi) & (given.numpy() >= ENOUGH)] = False
        images = np.where(on, images, NONE)
        other, r = most_alike(columns)
        lost = 0 if self.lost is None else self.lost.cpu().numpy()
        counted = self.images - lost + np.zeros(len(values))
        mean = np.divide(self.sums.cpu().numpy(), counted, out=np.full(len(values), np.nan), where=counted > 0)
        chosen, selectivity = self.by_class.finish()
        return Answers(
            values=np.where(images == NONE, 0, values).astype(np.float32),
            images=images.astype(np.int32),
            places=np.where(images == NONE, 0, self.strongest.places.cpu().numpy()).astype(np.int32),
            mean=mean.astype(np.float32),
            highest=values[:, 0].astype(np.float32),
            sparsity=np.where(counted > 0, _share((columns <= 0) & numbers, given), np.float32(np.nan)),
            histogram_lo=lo,
            histogram_hi=hi,
            histogram=counts,
            alike=other,
            correlation=r,
            chosen=chosen,
            selectivity=selectivity,
            at_top=np.nan_to_num(_share((columns == torch.from_numpy(values[:, :1])) & numbers, given)),
            scale=float(columns[numbers].double().square().mean().sqrt()) if filled else 0.0,
            rank=effective_rank(columns),
            sampled=filled,
            seen=self.images,
            broken=self.broken,
        )


def _share(which: Bool[Tensor, "c s"], of: Int[Tensor, " c"]) -> NDArray[np.float32]:
    """(c,) how many of each row, as a share of so many; NaN of none."""
    return (which.sum(dim=1) / of).float().numpy()


def histograms(columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint16]]:
    """lo (c,), hi (c,) and counts (c, BINS) of each row's finite numbers; a row of one value has all in its first bin, one of none
    is 0 throughout."""
    units = len(columns)
    numbers = np.isfinite(columns)
    some = numbers.any(axis=1)
    lo = np.where(some, columns.min(axis=1, where=numbers, initial=np.inf), np.float32(0))
    hi = np.where(some, columns.max(axis=1, where=numbers, initial=-np.inf), np.float32(0))
    finite = np.where(numbers, columns, lo[:, None])
    # from the lowest to the highest may be further than float32 reaches
    largest = float(np.finfo(np.float32).max)
    far = finite.astype(np.float64) if units and float(hi.max()) / 2 - float(lo.min()) / 2 > largest / 2 else finite
    low, high = lo.astype(far.dtype), hi.astype(far.dtype)
    span = np.where(high > low, high - low, 1)
    bins = np.minimum(((far - low[:, None]) / span[:, None] * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount((bins + np.arange(units)[:, None] * BINS)[numbers], minlength=units * BINS)
    return lo.astype(np.float32), hi.astype(np.float32), counts.reshape(units, BINS).astype(np.uint16)


def _filled(columns: Float[Tensor, "c s"]) -> Float[Tensor, "c s"]:
    """What is no finite number stands at the mean of the unit's other values, as float64: less their mean it is nothing."""
    found, numbers = columns.double(), columns.isfinite()
    if bool(numbers.all()):
        return found
    found = found.masked_fill(~numbers, 0)
    mean = found.sum(dim=1, keepdim=True) / numbers.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(numbers, found, mean)


def most_alike(columns: Float[Tensor, "c s"], block: int = 512) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Of each unit the others whose values correlate most with it over the sample, and r; constant units have none."""
    units = len(columns)
    many = min(ALIKE, max(0, units - 1))
    other = np.full((units, ALIKE), NONE, np.int32)
    r = np.zeros((units, ALIKE), np.float32)
    if not many or columns.shape[1] < 3:
        return other, r
    filled = _filled(columns)
    z = filled - filled.mean(dim=1, keepdim=True)
    length = z.norm(dim=1, keepdim=True)
    moves = length[:, 0] > 1e-9 * filled.abs().amax(dim=1).clamp(min=1e-30)
    z = torch.where(moves[:, None], z / length, 0).float()
    for start in range(0, units, block):
        part = z[start : start + block] @ z.T  # (b, c)
        number = torch.arange(start, start + len(part))
        part[torch.arange(len(part)), number] = -torch.inf
        part[:, ~moves] = -torch.inf
        best, which = part.topk(many, dim=1)
        good = best.isfinite() & moves[number][:, None]
        other[start : start + len(part), :many] = torch.where(good, which, NONE).numpy()
        r[start : start + len(part), :many] = torch.where(good, best, 0).clamp(-1, 1).numpy()
    return other, r


def effective_rank(columns: Float[Tensor, "c s"]) -> float:
    """exp of the entropy of the singular values' shares, of columns less their mean (at most RANKED of them, the first).

    Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007.
    """
    few = _filled(columns[:, :RANKED])
    few = few - few.mean(dim=1, keepdim=True)
    gram = few.T @ few if few.shape[0] > few.shape[1] else few @ few.T
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    total = singular.sum()
    if not bool(total > 0):
        return 0.0
    share = singular[singular > 1e-12 * total] / total
    return float((-(share * share.log()).sum()).exp())
