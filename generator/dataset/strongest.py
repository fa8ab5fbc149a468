"""The images that raise each unit highest, and where in them: the top k of a stream, in O(units x k) memory.

    batch ──▶ highest value of each map (n, c) ──▶ is it above the unit's k-th? ──▶ only then: where, and wait to be inserted

An image stands at most once in a unit's list, at its highest place: nine patches then are nine images. Of equal places in a
map the first in reading order is taken. A picture that the set has several times stands there once as well: beside each entry lies
the mark of its picture (`generator.dataset.marks`), so that copies are told apart from others within a list, in no more memory.

Of equal values the one that came first stands first, and keeps its place in a full list: within a stream ties go by arrival.
So lists do not depend on batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from generator.dataset.answers import NONE
from generator.dataset.peaks import Peaks

SHARE = 2
"""New entries for each unit, in the mean, that wait to be sorted into the lists together."""


UNMARKED = 0
"""The mark of a picture of which none is known."""


@dataclass
class Strongest:
    """Of each unit, strongest first: values (c, k), the numbers of the images (c, k), and places in the map, row by row.

    What `update` takes in waits until enough has come; `settle` sorts it in.
    """

    values: Float[Tensor, "c k"]
    images: Int[Tensor, "c k"]
    places: Int[Tensor, "c k"]
    floor: Float[Tensor, " c"]
    """What a map must exceed to enter a unit's list: its k-th value when the list was last settled. It may have risen since, so
    that more enters than stays."""
    marks: Int[Tensor, "c k"]
    """Of the pictures; UNMARKED where that is not known."""
    _waiting: list[tuple[Tensor, ...]] = field(default_factory=list)
    """(units, values, images, places, marks), each (m,)."""

    @classmethod
    def empty(cls, units: int, k: int, device: torch.device | str = "cpu") -> Strongest:
        """A list without entries."""
        shape = (units, k)
        nothing = torch.full(shape, NONE, dtype=torch.int64, device=device)
        values = torch.full(shape, -torch.inf, device=device)
        return cls(values, nothing, nothing.clone(), values[:, -1].clone(), torch.full_like(nothing, UNMARKED))

    def update(
        self,
        found: Peaks,
        images: Int[Tensor, " n"],
        but: Bool[Tensor, "n c"] | None = None,
        marks: Int[Tensor, " n"] | None = None,
    ) -> None:
        """Take in the maps of the images of these numbers, no image twice, except those that `but` says; of pictures with one
        mark the list has one."""
        if marks is None:
            marks = torch.full_like(images, UNMARKED)
        enters = found.highest > self.floor
        columns, units = (enters if but is None else enters & ~but).nonzero(as_tuple=True)
        if len(units):
            places = found.places(columns, units)
            self._waiting.append((units, found.highest[columns, units], images[columns], places, marks[columns]))
            if sum(len(units) for units, *_ in self._waiting) >= SHARE * len(self.floor):
                self.settle()

    def settle(self) -> None:
        """Sort in what waits."""
        if self._waiting:
            self._insert(*(torch.cat(parts) for parts in zip(*self._waiting, strict=True)))
            self._waiting.clear()
            self.floor = self.values[:, -1].clone()

    def _insert(self, rows: Tensor, values: Tensor, images: Tensor, places: Tensor, marks: Tensor) -> None:
        """Entries (m,) into the lists of the units `rows` (m,), of which some may stand several times, in order of images."""
        order = rows.argsort(stable=True)
        units, counts = rows[order].unique_consecutive(return_counts=True)
        where = torch.arange(len(units), device=rows.device).repeat_interleave(counts)
        rank = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[where]
        k = self.values.shape[1]
        wide = (len(units), k + int(counts.max()))
        tables = [
            self.values.new_full(wide, -torch.inf),
            self.images.new_full(wide, NONE),
            self.places.new_full(wide, NONE),
            self.marks.new_full(wide, UNMARKED),
        ]
        lists = (self.values, self.images, self.places, self.marks)
        for table, mine, new in zip(tables, lists, (values, images, places, marks), strict=True):
            table[:, :k] = mine[units]
            table[where, k + rank] = new[order]
        kept = tables[0].argsort(dim=1, descending=True, stable=True)
        again = copies(tables[3].gather(1, kept))
        if again is not None:
            tables[0].scatter_(1, kept, tables[0].gather(1, kept).masked_fill(again, -torch.inf))
            kept = tables[0].argsort(dim=1, descending=True, stable=True)
        kept = kept[:, :k]
        for table, mine in zip(tables, lists, strict=True):
            mine[units] = table.gather(1, kept)


def copies(marks: Int[Tensor, "m w"]) -> Bool[Tensor, "m w"] | None:
    """Whether an entry has the mark of one before it in its row; None where none has, as nearly always."""
    values, order = marks.sort(dim=1, stable=True)
    again = torch.zeros_like(marks, dtype=torch.bool)
    again[:, 1:] = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] != UNMARKED)
    if not bool(again.any()):
        return None
    return torch.zeros_like(again).scatter_(1, order, again)
