"""Zeiler and Fergus' figure 2 of a report: of chosen units, the first patches beside what of them raised the unit.

what units answer to ──▶ chosen units' first images ──▶ image by image: one forward, its rounds ──▶ a sheet of tiles a layer

Three sheets: what guided backprop brings back, what the deconvnet does, and how much of the photograph a veil hides so that
what is left is where the guided one lies (`generator.dataset.lit`). A deconvnet without switches is a pattern of the weights
rather than of the image: of a model without max-pools it is drawn for each unit's first patch alone, by which that is measured.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from generator.command.progress import Stage
from generator.dataset.lit import cells, half, lit, smoothed
from generator.dataset.reconstruct import Round, Start, Wants, backwards, reconstruct, rounds, seen_from
from generator.encode import Grid
from generator.engine.abreast import abreast
from generator.engine.needs import Rule
from generator.engine.passes import Engine
from generator.model.preprocess import Preprocess
from generator.names import Digest, LayerName
from generator.pages.views import Passes
from generator.report.answers import Asking, again
from generator.report.jobs import SetRequest
from generator.report.keys import cell_key, code_digest, own_digest
from generator.report.picked import picked
from generator.report.sheets import Sheet, Sheets, picture, shrunk, veil
from generator.selectors import parse_units, select_layers
from generator.store import Store

RULES: tuple[Rule, ...] = ("deconv_unpool", "guided")
VEIL = "veil"
"""The name of the third sheet."""
NOTHING = "no signal came back to the pixels"
"""Why a tile is all gray: on the way every rectifier cut it off."""
IMAGES = 16
"""Images of a batch on a graphics card. On a CPU each has its own: what a round leaves unused of a batch costs there."""
HELD = 256 * 2**20
"""Bytes of sheets that are open at once; of a layer whose own take more, its alone. An image runs once more for each such part
of the layers, which costs little beside its backward passes."""


@dataclass(frozen=True)
class Wanted:
    """One layer's tiles: of each unit its first `few` list entries, (unit, rank, start, number of the image)."""

    request: SetRequest
    entries: tuple[tuple[int, int, Start, int], ...]
    deconv: int
    """Ranks that have their deconvnet as well."""
    key: Digest


def wanted(asking: Asking, store: Store, units: str, chosen: Mapping[LayerName, tuple[int, ...]]) -> list[Wanted]:
    """The tiles of every layer: of the units `chosen` for it, or of those that `units` means by their highest value. Of a unit
    that is there for the sake of threads alone, the first patch."""
    found = []
    layers, facts = tuple(asking.jobs.description.layers), asking.jobs.description.facts
    for request in asking.requests:
        few = request.method.reconstructions
        if (
            not few
            or request.layer not in select_layers(request.method.layers, layers)
            or facts.rectifiers == 0
            or store.get(asking.key(request)) is None
        ):
            continue
        answers = asking.of(store, request.layer.name)
        assert answers is not None
        layer = request.layer
        of = chosen.get(layer.name) or parse_units(units, layer.units).choose(answers.highest.tolist())
        own = picked(of).own
        entries = []
        for place, unit in enumerate(of):
            for rank in range(min(few if place < own else 1, answers.images.shape[1])):
                number = int(answers.images[unit, rank])
                if number >= 0:
                    row, column = divmod(int(answers.places[unit, rank]), layer.shape[2])
                    entries.append((unit, rank, Start(layer.name, unit, row, column), number))
        parts = [[unit, rank, start.row, start.column, number] for unit, rank, start, number in entries]
        deconv = few if facts.max_pools else 1
        key = cell_key(
            asking.jobs.model,
            request.method,
            layer.name,
            dataset=asking.dataset.fingerprint,
            reconstructed=parts,
            deconv=deconv,
            code=[
                code_digest("generator.dataset.lit"),
                code_digest("generator.dataset.reconstruct"),
                own_digest("generator.report.reconstructions"),
                own_digest("generator.report.sheets"),
            ],
        )
        if entries:
            found.append(Wanted(request, tuple(entries), deconv, key))
    return found


def begun(one: Wanted, size: tuple[int, int]) -> dict[str, Sheet]:
    """A layer's sheets before the first tile, for inputs of `size` (height, width)."""
    seen, many = _patch(one, size), len(one.entries)
    grid = Grid.of(many, *shrunk(*seen))
    return {**{rule: Sheet.of(grid) for rule in RULES}, VEIL: Sheet.veil(Grid.of(many, *cells(*seen)))}


def takes(one: Wanted, size: tuple[int, int]) -> int:
    """Bytes of a layer's sheets."""
    seen, many = _patch(one, size), len(one.entries)
    large, small = Grid.of(many, *shrunk(*seen)).size, Grid.of(many, *cells(*seen)).size
    return len(RULES) * large[0] * large[1] * 3 + small[0] * small[1]


def _patch(one: Wanted, size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a layer's patches."""
    top, left, bottom, right = seen_from(one.request.layer, 0, 0, size)
    seen = (bottom - top, right - left)
    # what sees as much as the picture on both sides comes as the picture (`generator.dataset.reconstruct.cut`)
    return size if seen[0] >= size[0] and seen[1] >= size[1] else seen


def parts(todo: Sequence[Wanted], size: tuple[int, int]) -> list[list[Wanted]]:
    """The layers in runs whose sheets take HELD bytes together, at most: so many tiles wait at once, however many there are."""
    found: list[list[Wanted]] = []
    room = 0
    for one in todo:
        bytes_ = takes(one, size)
        if not found or bytes_ > room:
            found.append([])
            room = HELD
        found[-1].append(one)
        room -= bytes_
    return found


def plan(todo: Sequence[Wanted], size: tuple[int, int], batch: int) -> list[list[tuple[int, list[Round]]]]:
    """Batches of images, by number, each with its rounds, part by part of the layers."""
    return [one for part in parts(todo, size) for one in batches(part, size, batch)]


def batches(part: Sequence[Wanted], size: tuple[int, int], batch: int) -> list[list[tuple[int, list[Round]]]]:
    """Those of one part: images with about as many rounds go together."""
    by_image: dict[int, list[Start]] = {}
    for one in part:
        for _, _, start, number in one.entries:
            by_image.setdefault(number, []).append(start)
    layers = {one.request.layer.name: one.request.layer for one in part}
    every = [(number, list(rounds(starts, layers, size))) for number, starts in by_image.items()]
    every.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    return [every[k : k + batch] for k in range(0, len(every), batch)]


def foreseen(
    asking: Asking,
    store: Store,
    units: str,
    chosen: Mapping[LayerName, tuple[int, ...]],
    preprocess: Preprocess,
    batch: int,
) -> tuple[Passes, bool]:
    """What reconstructions will take, and whether that is known to the pass: else it is the most that it can be, since before
    the dataset is asked nobody knows which images' patches share a pass."""
    if not asking.lacking(store):
        todo = lacking(wanted(asking, store, units, chosen), store)
        return passes(todo, plan(todo, preprocess.size, batch)), True
    layers, facts = tuple(asking.jobs.description.layers), asking.jobs.description.facts
    tiles = backward = 0
    for request in asking.requests:
        few = min(request.method.reconstructions, request.method.top, len(asking.dataset))
        if few and facts.rectifiers and request.layer in select_layers(request.method.layers, layers):
            of = chosen.get(request.layer.name) or parse_units(units, request.layer.units).choose(
                [0.0] * request.layer.units
            )
            own = picked(of).own
            joining = len(of) - own
            tiles += few * own + joining
            backward += (few + (few if facts.max_pools else 1)) * own + 2 * joining
    return Passes(min(tiles, len(asking.dataset)), backward), False


def lacking(todo: Sequence[Wanted], store: Store) -> list[Wanted]:
    """The layers whose tiles the store has not."""
    return [one for one in todo if store.get(one.key) is None]


def passes(todo: Sequence[Wanted], planned: Sequence[Sequence[tuple[int, Sequence[Round]]]]) -> Passes:
    """What these batches take."""
    also = _also(todo)
    return Passes(
        len(planned), sum(backwards([image for _, image in one], RULES, _wants(one, also)) for one in planned)
    )


def _also(todo: Sequence[Wanted]) -> frozenset[tuple[Start, int]]:
    """The (start, number of the image) that have their deconvnet."""
    return frozenset((start, number) for one in todo for _, rank, start, number in one.entries if rank < one.deconv)


def _wants(batch: Sequence[tuple[int, Sequence[Round]]], also: frozenset[tuple[Start, int]]) -> Wants:
    """What of a batch is sent back by which rule."""
    return lambda image, start, rule: rule == "guided" or (start, batch[image][0]) in also


def batch_of(engine: Engine) -> int:
    """Images of one batch on this device."""
    return 1 if engine.device.type == "cpu" else IMAGES


def fill_reconstructions(
    asking: Asking, todo: Sequence[Wanted], engine: Engine, preprocess: Preprocess, store: Store, stage: Stage
) -> None:
    """Reconstruct what these layers want, and store a sheet for each layer and rule: each when its last tile has come."""
    if not todo:
        return
    loading, also = threading.Lock(), _also(todo)
    for part in parts(todo, preprocess.size):
        waiting = {one.request.layer.name: _sheets(one, preprocess.size, store) for one in part}

        def run(
            engine: Engine, batch: list[tuple[int, list[Round]]], waiting: dict[LayerName, _Sheets] = waiting
        ) -> None:
            with loading:
                x = torch.stack([again(asking, asking.dataset[number], preprocess) for number, _ in batch])
            planned = [planned for _, planned in batch]
            for image, start, rule, back in reconstruct(engine, x, planned, RULES, _wants(batch, also)):
                sheets, place = waiting[start.layer], (start, batch[image][0])
                if rule == "guided":
                    m = smoothed(back)
                    sheets.put(VEIL, place, veil(lit(m)), not back.any(), half(m))
                sheets.put(rule, place, picture(back), not back.any())
            stage.advance(len(batch))

        abreast(engine, batches(part, preprocess.size, batch_of(engine)), run)


_Sheets = Sheets[tuple[Start, int]]
"""A tile is known by its start and the number of its image."""


def _sheets(one: Wanted, size: tuple[int, int], store: Store) -> _Sheets:
    """A layer's sheets, which go into the store when they are full."""

    def keep(made: _Sheets) -> None:
        meta: dict[str, Any] = {
            "entries": [[unit, rank] for unit, rank, _, _ in one.entries],
            "deconv": one.deconv,
            "blank": made.blank,
            "half": [None if math.isnan(share) else round(share, 4) for share in made.told[VEIL]],
            **_laid(made.sheets["guided"].grid),
            VEIL: _laid(made.sheets[VEIL].grid),
        }
        store.put(one.key, meta, {rule: sheet.encoded() for rule, sheet in made.sheets.items()})

    places = {(start, number): k for k, (_, _, start, number) in enumerate(one.entries)}
    both = sum(rank < one.deconv for _, rank, _, _ in one.entries)
    comes = {"guided": len(places), VEIL: len(places), "deconv_unpool": both}
    return Sheets(begun(one, size), places, comes, keep)


def _laid(grid: Grid) -> dict[str, Any]:
    return {"columns": grid.columns, "tile": [grid.tile_h, grid.tile_w], "size": list(grid.size)}


def kept(todo: Sequence[Wanted], store: Store) -> Iterator[tuple[LayerName, Any]]:
    """(layer, record) of those that the store has."""
    for one in todo:
        record = store.get(one.key)
        if record is not None:
            yield one.request.layer.name, record
