"""What is kept of a layer while images stream by, and what it comes to: `update`, `merged`, `finish`.

Memory is O(units x (k + SAMPLE + classes seen)), whatever the number of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from generator.dataset.answers import NONE, Answers
from generator.dataset.columns import Accepted
from generator.dataset.strongest import Strongest

SAMPLE = 512
"""Columns kept of a layer."""
BINS = 24
"""Of a unit's histogram."""
RANKED = 256
"""Columns that the effective rank is taken of."""
WIDE = 400
"""Places beyond which pooling finds a maximum faster than `amax` does, in channels-last maps on a CPU."""
ALIKE = 6
"""Units that answer most alike, kept of each."""


@dataclass
class Reduction:
    """The state of one layer of `units` units."""

    strongest: Strongest
    sums: Float[Tensor, " c"]
    """Of the means of a unit's maps, float64."""
    columns: Float[Tensor, "c s"]
    images: int = 0
    broken: int = 0
    """Images for which a unit gave a value that is no finite number."""
    by_class: dict[int, tuple[int, Float[Tensor, " c"]]] = field(default_factory=dict)
    """Class -> its images, and the sums of the means of their maps."""

    @classmethod
    def start(cls, units: int, k: int, device: torch.device | str = "cpu", sample: int = SAMPLE) -> Reduction:
        """Before the first image."""
        return cls(
            Strongest.empty(units, k, device),
            torch.zeros(units, dtype=torch.float64, device=device),
            torch.zeros(units, sample, device=device),
        )

    def update(
        self,
        A: Float[Tensor, "n c h w"],
        images: Int[Tensor, " n"],
        accepted: Accepted,
        classes: Sequence[int | None] = (),
    ) -> None:
        """Take in the layer's output for the images of these numbers; `classes` are theirs, where they are known."""
        highest = highest_of(A)  # (n, c)
        means = A.mean(dim=(2, 3))
        self.images += len(images)
        enters = ~(highest <= self.strongest.values[:, -1])  # what is no number enters too, to be looked at
        if bool(enters.any()):
            bad = ~(highest.isfinite() & means.isfinite())
            if bool(bad.any()):
                self.broken += int(bad.any(dim=1).sum())
                means, enters = means.masked_fill(bad, 0), enters & ~bad
            self.strongest.update(A, highest, images, enters)
        self.sums += means.sum(dim=0)
        if len(accepted.slots):
            rows, places, slots = (
                torch.from_numpy(one).to(A.device) for one in (accepted.rows, accepted.places, accepted.slots)
            )
            width = A.shape[3]
            self.columns[:, slots] = A[rows, :, places // width, places % width].T.to(self.columns)
        for row, index in enumerate(classes):
            if index is not None:
                seen, sums = self.by_class.get(index, (0, torch.zeros_like(self.sums)))
                self.by_class[index] = seen + 1, sums + means[row]

    def merged(self, other: Reduction, mine: NDArray[np.float64], others: NDArray[np.float64]) -> Reduction:
        """The state after both streams; `mine` and `others` are the priorities of the two samples' columns."""
        count, size = len(mine), self.columns.shape[1]
        order = np.argsort(np.concatenate([mine, others]), kind="stable")[:size]
        both = torch.cat([self.columns[:, :count], other.columns[:, : len(others)]], dim=1)
        columns = torch.zeros_like(self.columns)
        columns[:, : len(order)] = both[:, torch.from_numpy(order).to(both.device)]
        classes = dict(self.by_class)
        for index, (seen, sums) in other.by_class.items():
            before, own = classes.get(index, (0, torch.zeros_like(sums)))
            classes[index] = before + seen, own + sums
        return Reduction(
            self.strongest.merged(other.strongest),
            self.sums + other.sums,
            columns,
            self.images + other.images,
            self.broken + other.broken,
            classes,
        )

    def finish(self, filled: int) -> Answers:
        """What the stream came to; `filled` columns of the sample are in use."""
        columns = self.columns[:, :filled].float().cpu()
        values, images = self.strongest.values.cpu().numpy(), self.strongest.images.cpu().numpy()
        # a rectifier that is off answers to nothing, and its first place is no place of interest
        images = np.where(np.isfinite(values) & (values != 0), images, NONE)
        lo, hi, counts = histograms(columns.numpy())
        other, r = most_alike(columns)
        mean = self.sums.cpu().numpy() / max(1, self.images)
        by_class = {index: (n, sums.cpu().numpy()) for index, (n, sums) in self.by_class.items()}
        chosen, selectivity = selective(by_class, len(values))
        return Answers(
            values=np.where(images == NONE, 0, values).astype(np.float32),
            images=images.astype(np.int32),
            places=np.where(images == NONE, 0, self.strongest.places.cpu().numpy()).astype(np.int32),
            mean=mean.astype(np.float32),
            highest=values[:, 0].astype(np.float32),
            sparsity=(columns <= 0).float().mean(dim=1).numpy(),
            histogram_lo=lo,
            histogram_hi=hi,
            histogram=counts,
            alike=other,
            correlation=r,
            chosen=chosen,
            selectivity=selectivity,
            at_top=(columns == torch.from_numpy(values[:, :1])).float().mean(dim=1).nan_to_num(0).numpy(),
            scale=float(columns.double().square().mean().sqrt()) if filled else 0.0,
            rank=effective_rank(columns),
            sampled=filled,
            seen=self.images,
            broken=self.broken,
        )


def highest_of(A: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c"]:
    """The highest value of each map."""
    if A.device.type == "cpu" and A.shape[2] * A.shape[3] > WIDE and A.stride(1) == 1:
        return max_pool2d(A, A.shape[2:]).flatten(1)  # of channels-last maps torch's own reduction takes twice as long
    return A.amax(dim=(2, 3))


def histograms(columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint16]]:
    """lo (c,), hi (c,) and counts (c, BINS) of each row; a row of one value has all in its first bin."""
    units, many = columns.shape
    if not many:
        nothing = np.zeros(units, np.float32)
        return nothing, nothing, np.zeros((units, BINS), np.uint16)
    largest = float(np.finfo(np.float32).max)
    finite = np.nan_to_num(columns, nan=0.0, posinf=largest, neginf=-largest)
    lo, hi = finite.min(axis=1), finite.max(axis=1)
    span = np.where(hi > lo, hi - lo, 1)
    bins = np.minimum(((finite - lo[:, None]) / span[:, None] * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount((bins + np.arange(units)[:, None] * BINS).ravel(), minlength=units * BINS)
    return lo, hi, counts.reshape(units, BINS).astype(np.uint16)


def most_alike(columns: Float[Tensor, "c s"], block: int = 512) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Of each unit the others whose values correlate most with it over the sample, and r; constant units have none."""
    units = len(columns)
    many = min(ALIKE, max(0, units - 1))
    other = np.full((units, ALIKE), NONE, np.int32)
    r = np.zeros((units, ALIKE), np.float32)
    if not many or columns.shape[1] < 3:
        return other, r
    z = columns.nan_to_num(0, 0, 0).double()
    z = z - z.mean(dim=1, keepdim=True)
    length = z.norm(dim=1, keepdim=True)
    moves = length[:, 0] > 1e-9 * columns.nan_to_num(0, 0, 0).abs().amax(dim=1).double().clamp(min=1e-30)
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
    """exp of the entropy of the singular values' shares, of columns less their mean (at most RANKED of them).

    Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007.
    """
    few = columns[:, :RANKED].nan_to_num(0, 0, 0).double()
    few = few - few.mean(dim=1, keepdim=True)
    gram = few.T @ few if few.shape[0] > few.shape[1] else few @ few.T
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    total = singular.sum()
    if not bool(total > 0):
        return 0.0
    share = singular[singular > 1e-12 * total] / total
    return float((-(share * share.log()).sum()).exp())


def selective(
    by_class: Mapping[int, tuple[int, NDArray[np.float64]]], units: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The class of the strongest mean, and Morcos' index, of each unit; nothing is chosen of fewer than two classes.

    Morcos, Barrett, Rabinowitz and Botvinick, "On the importance of single directions for generalization", ICLR 2018.
    """
    if len(by_class) < 2:
        return np.full(units, NONE, np.int32), np.zeros(units, np.float32)
    names = sorted(by_class)
    means = np.stack([np.maximum(by_class[name][1] / by_class[name][0], 0) for name in names])  # (classes, c)
    best = means.argmax(axis=0)
    top = means.max(axis=0)
    rest = (means.sum(axis=0) - top) / (len(names) - 1)
    total = top + rest
    index = np.divide(top - rest, total, out=np.zeros_like(total), where=total > 0)
    chosen = np.where(top > 0, np.array(names)[best], NONE)
    return chosen.astype(np.int32), index.astype(np.float32)
