"""The images that raise each unit highest, and where in them: the top k of a stream, in O(units x k) memory.

    batch ──▶ highest value of each map (n, c) ──▶ is it above the unit's k-th? ──▶ only then: where, and insert

An image stands at most once in a unit's list, at its highest place: nine patches then are nine images. Equal values go by
the image's number, and of equal places in a map the first in reading order is taken, so that the list depends neither on
batches nor on who ran which part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from generator.dataset.answers import NONE


@dataclass
class Strongest:
    """Of each unit, strongest first: values (c, k), the numbers of the images (c, k), and places in the map, row by row."""

    values: Float[Tensor, "c k"]
    images: Int[Tensor, "c k"]
    places: Int[Tensor, "c k"]

    @classmethod
    def empty(cls, units: int, k: int, device: torch.device | str = "cpu") -> Strongest:
        """A list without entries."""
        shape = (units, k)
        nothing = torch.full(shape, NONE, dtype=torch.int64, device=device)
        return cls(torch.full(shape, -torch.inf, device=device), nothing, nothing.clone())

    def update(
        self,
        A: Float[Tensor, "n c h w"],
        highest: Float[Tensor, "n c"],
        images: Int[Tensor, " n"],
        enters: Bool[Tensor, "n c"],
    ) -> None:
        """Take in those of the maps `A` of the images of these numbers that enter: `highest` are their highest values, all
        above the k-th of the unit's list, or equal to it."""
        columns, rows = enters.nonzero(as_tuple=True)
        if len(rows):
            values = highest[columns, rows]
            self._insert(rows, values, images[columns], first_place(A[columns, rows], values))

    def _insert(self, rows: Tensor, values: Tensor, images: Tensor, places: Tensor) -> None:
        """Entries (m,) into the lists of the units `rows` (m,), of which some may stand several times, in order of images."""
        units, where = rows.unique(return_inverse=True)
        rank = _occurrence(where)
        width = int(rank.max()) + 1
        k = self.values.shape[1]
        wide = (len(units), k + width)
        all_values = self.values.new_full(wide, -torch.inf)
        all_images, all_places = (self.images.new_full(wide, NONE) for _ in range(2))
        all_values[:, :k], all_images[:, :k], all_places[:, :k] = (
            self.values[units],
            self.images[units],
            self.places[units],
        )
        all_values[where, k + rank], all_images[where, k + rank], all_places[where, k + rank] = values, images, places
        kept = all_values.argsort(dim=1, descending=True, stable=True)[:, :k]
        self.values[units] = all_values.gather(1, kept)
        self.images[units] = all_images.gather(1, kept)
        self.places[units] = all_places.gather(1, kept)

    def merged(self, other: Strongest) -> Strongest:
        """The list of both streams together."""
        k = self.values.shape[1]
        values, images, places = (
            torch.cat([a, b], dim=1)
            for a, b in ((self.values, other.values), (self.images, other.images), (self.places, other.places))
        )
        by_image = images.argsort(dim=1, stable=True)
        order = values.gather(1, by_image).argsort(dim=1, descending=True, stable=True)[:, :k]
        kept = by_image.gather(1, order)
        return Strongest(values.gather(1, kept), images.gather(1, kept), places.gather(1, kept))


def first_place(maps: Float[Tensor, "m h w"], values: Float[Tensor, " m"]) -> Int[Tensor, " m"]:
    """The first place, in reading order, at which each map has its value: a capped rectifier has many."""
    flat = maps.flatten(1)
    number = torch.arange(flat.shape[1], device=flat.device)
    return torch.where(flat == values[:, None], number, flat.shape[1]).amin(dim=1)


def _occurrence(where: Int[Tensor, " m"]) -> Int[Tensor, " m"]:
    """How many equal numbers stand before each."""
    order = where.argsort(stable=True)
    ranked = where[order]
    number = torch.arange(len(where), device=where.device)
    starts = torch.ones_like(ranked, dtype=torch.bool)
    starts[1:] = ranked[1:] != ranked[:-1]
    begin = torch.where(starts, number, 0).cummax(dim=0).values
    rank = torch.empty_like(where)
    rank[order] = number - begin
    return rank
