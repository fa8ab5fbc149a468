"""Zeiler and Fergus' figure 2 of a report: of chosen units, the first patches beside what of them raised the unit.

what units answer to ──▶ chosen units' first images ──▶ image by image: one forward, its rounds ──▶ a sheet of tiles a layer
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from generator.command.progress import Stage
from generator.dataset.reconstruct import Round, Start, backwards, reconstruct, rounds, seen_from
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
from generator.report.sheets import Sheets, picture, shrunk
from generator.selectors import parse_units, select_layers
from generator.store import Store

RULES: tuple[Rule, ...] = ("deconv_unpool", "guided")
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
    key: Digest


def wanted(asking: Asking, store: Store, units: str, chosen: Mapping[LayerName, tuple[int, ...]]) -> list[Wanted]:
    """The tiles of every layer: of the units `chosen` for it, or of those that `units` means by their highest value."""
    found = []
    layers = tuple(asking.jobs.description.layers)
    for request in asking.requests:
        few = request.method.reconstructions
        if (
            not few
            or request.layer not in select_layers(request.method.layers, layers)
            or asking.jobs.description.facts.rectifiers == 0
            or store.get(asking.key(request)) is None
        ):
            continue
        answers = asking.of(store, request.layer.name)
        assert answers is not None
        layer = request.layer
        of = chosen.get(layer.name) or parse_units(units, layer.units).choose(answers.highest.tolist())
        entries = []
        for unit in of:
            for rank in range(min(few, answers.images.shape[1])):
                number = int(answers.images[unit, rank])
                if number >= 0:
                    row, column = divmod(int(answers.places[unit, rank]), layer.shape[2])
                    entries.append((unit, rank, Start(layer.name, unit, row, column), number))
        parts = [[unit, rank, start.row, start.column, number] for unit, rank, start, number in entries]
        key = cell_key(
            asking.jobs.model,
            request.method,
            layer.name,
            dataset=asking.dataset.fingerprint,
            reconstructed=parts,
            code=[
                code_digest("generator.dataset.reconstruct"),
                own_digest("generator.report.reconstructions"),
                own_digest("generator.report.sheets"),
            ],
        )
        if entries:
            found.append(Wanted(request, tuple(entries), key))
    return found


def grid_of(one: Wanted, size: tuple[int, int]) -> Grid:
    """Where the tiles of a layer's sheet stand, for inputs of `size` (height, width)."""
    top, left, bottom, right = seen_from(one.request.layer, 0, 0, size)
    seen = (bottom - top, right - left)
    # what sees as much as the picture on both sides comes as the picture (`generator.dataset.reconstruct.cut`)
    return Grid.of(len(one.entries), *shrunk(*(size if seen[0] >= size[0] and seen[1] >= size[1] else seen)))


def parts(todo: Sequence[Wanted], size: tuple[int, int]) -> list[list[Wanted]]:
    """The layers in runs whose sheets take HELD bytes together, at most: so many tiles wait at once, however many there are."""
    found: list[list[Wanted]] = []
    room = 0
    for one in todo:
        height, width = grid_of(one, size).size
        takes = len(RULES) * height * width * 3
        if not found or takes > room:
            found.append([])
            room = HELD
        found[-1].append(one)
        room -= takes
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


def lacking(todo: Sequence[Wanted], store: Store) -> list[Wanted]:
    """The layers whose tiles the store has not."""
    return [one for one in todo if store.get(one.key) is None]


def passes(planned: Sequence[Sequence[tuple[int, Sequence[Round]]]]) -> Passes:
    """What these batches take."""
    return Passes(len(planned), len(RULES) * sum(backwards([image for _, image in one]) for one in planned))


def batch_of(engine: Engine) -> int:
    """Images of one batch on this device."""
    return 1 if engine.device.type == "cpu" else IMAGES


def fill_reconstructions(
    asking: Asking, todo: Sequence[Wanted], engine: Engine, preprocess: Preprocess, store: Store, stage: Stage
) -> None:
    """Reconstruct what these layers want, and store a sheet for each layer and rule: each when its last tile has come."""
    if not todo:
        return
    samples = {sample.index: sample for sample in asking.dataset}
    loading = threading.Lock()
    for part in parts(todo, preprocess.size):
        waiting = {one.request.layer.name: _sheets(one, preprocess.size, store) for one in part}

        def run(
            engine: Engine, batch: list[tuple[int, list[Round]]], waiting: dict[LayerName, _Sheets] = waiting
        ) -> None:
            with loading:
                x = torch.stack([again(asking, samples[number], preprocess) for number, _ in batch])
            for image, start, rule, back in reconstruct(engine, x, [planned for _, planned in batch], RULES):
                waiting[start.layer].put(rule, (start, batch[image][0]), picture(back), not back.any())
            stage.advance(len(batch))

        abreast(engine, batches(part, preprocess.size, batch_of(engine)), run)


_Sheets = Sheets[tuple[Start, int]]
"""A tile is known by its start and the number of its image."""


def _sheets(one: Wanted, size: tuple[int, int], store: Store) -> _Sheets:
    """A layer's sheets, which go into the store when they are full."""

    def keep(made: _Sheets) -> None:
        grid = made.grid
        meta: dict[str, Any] = {
            "entries": [[unit, rank] for unit, rank, _, _ in one.entries],
            "blank": made.blank,
            "columns": grid.columns,
            "tile": [grid.tile_h, grid.tile_w],
            "size": list(grid.size),
        }
        store.put(one.key, meta, {rule: sheet.encoded() for rule, sheet in made.sheets.items()})

    places = {(start, number): k for k, (_, _, start, number) in enumerate(one.entries)}
    return Sheets(grid_of(one, size), RULES, places, keep)


def kept(todo: Sequence[Wanted], store: Store) -> Iterator[tuple[LayerName, Any]]:
    """(layer, record) of those that the store has."""
    for one in todo:
        record = store.get(one.key)
        if record is not None:
            yield one.request.layer.name, record
