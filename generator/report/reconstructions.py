"""Zeiler and Fergus' figure 2 of a report: of chosen units, the first patches beside what of them raised the unit.

what units answer to ──▶ chosen units' first images ──▶ image by image: one forward, its rounds ──▶ a sheet of tiles a layer
"""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generator.command.progress import Stage
from generator.dataset.reconstruct import Round, Start, backwards, reconstruct, rounds
from generator.dataset.sources import Sample
from generator.encode import Grid, png
from generator.engine.abreast import abreast
from generator.engine.needs import Rule
from generator.engine.passes import Engine
from generator.model.preprocess import Preprocess
from generator.names import Digest, LayerName
from generator.pages.views import Passes
from generator.report.answers import Asking
from generator.report.jobs import SetRequest
from generator.report.keys import cell_key, code_digest, own_digest
from generator.selectors import parse_units, select_layers
from generator.store import Store

RULES: tuple[Rule, ...] = ("deconv_unpool", "guided")
SIDE = 96
"""Pixels of a tile's longer side, at most."""
LOSSLESS = 32
"""Pixels of a side up to which tiles are kept without loss: a few pixels must not run into each other."""
NOTHING = "no signal came back to the pixels"
"""Why a tile is all gray: on the way every rectifier cut it off."""
IMAGES = 16
"""Images of a batch on a graphics card. On a CPU each has its own: what a round leaves unused of a batch costs there."""
CLIP = 0.995


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
            code=[code_digest("generator.dataset.reconstruct"), own_digest("generator.report.reconstructions")],
        )
        if entries:
            found.append(Wanted(request, tuple(entries), key))
    return found


def plan(todo: Sequence[Wanted], size: tuple[int, int], batch: int) -> list[list[tuple[int, list[Round]]]]:
    """Batches of images, by number, each with its rounds: images with about as many rounds go together."""
    by_image: dict[int, list[Start]] = {}
    for one in todo:
        for _, _, start, number in one.entries:
            by_image.setdefault(number, []).append(start)
    layers = {one.request.layer.name: one.request.layer for one in todo}
    every = [(number, list(rounds(starts, layers, size))) for number, starts in by_image.items()]
    every.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    return [every[k : k + batch] for k in range(0, len(every), batch)]


def lacking(todo: Sequence[Wanted], store: Store) -> list[Wanted]:
    """The layers whose tiles the store has not."""
    return [one for one in todo if store.get(one.key) is None]


def passes(batches: Sequence[Sequence[tuple[int, Sequence[Round]]]]) -> Passes:
    """What these batches take."""
    return Passes(len(batches), len(RULES) * sum(backwards([planned for _, planned in one]) for one in batches))


def batch_of(engine: Engine) -> int:
    """Images of one batch on this device."""
    return 1 if engine.device.type == "cpu" else IMAGES


def fill_reconstructions(
    asking: Asking, todo: Sequence[Wanted], engine: Engine, preprocess: Preprocess, store: Store, stage: Stage
) -> None:
    """Reconstruct what these layers want, and store a sheet for each layer and rule."""
    if not todo:
        return
    samples = {sample.index: sample for sample in asking.dataset}
    tiles: dict[tuple[Start, int, Rule], NDArray[np.uint8]] = {}
    blank: set[tuple[Start, int, Rule]] = set()
    loading = threading.Lock()

    def run(engine: Engine, batch: list[tuple[int, list[Round]]]) -> None:
        with loading:
            x = torch.stack([_input(asking, samples[number], preprocess) for number, _ in batch])
        for image, start, rule, back in reconstruct(engine, x, [planned for _, planned in batch], RULES):
            at = start, batch[image][0], rule
            tiles[at] = picture(back)
            if not back.any():
                blank.add(at)
        stage.advance(len(batch))

    abreast(engine, plan(todo, preprocess.size, batch_of(engine)), run)
    for one in todo:
        layer_tiles = {
            rule: np.stack([tiles[start, number, rule] for _, _, start, number in one.entries]) for rule in RULES
        }
        meta: dict[str, Any] = {
            "entries": [[unit, rank] for unit, rank, _, _ in one.entries],
            "blank": {rule: [(start, number, rule) in blank for _, _, start, number in one.entries] for rule in RULES},
        }
        blobs: dict[str, bytes] = {}
        for rule, stacked in layer_tiles.items():
            grid = Grid.of(len(stacked), *stacked.shape[1:3])
            blobs[rule] = sheet(grid, stacked)
            meta |= {"columns": grid.columns, "tile": [grid.tile_h, grid.tile_w], "size": list(grid.size)}
        store.put(one.key, meta, blobs)


def _input(asking: Asking, sample: Sample, preprocess: Preprocess) -> Tensor:
    with asking.dataset.load(sample, preprocess.channels) as found:
        return preprocess(found)


def picture(back: Tensor) -> NDArray[np.uint8]:
    """A reconstruction (c, h, w) as a picture (h, w, 3) around gray, no side over SIDE, on its own scale."""
    h, w = back.shape[1:]
    scale = min(1.0, SIDE / max(h, w))
    if scale < 1:
        back = F.adaptive_avg_pool2d(back[None], (max(1, math.ceil(h * scale)), max(1, math.ceil(w * scale))))[0]
    array = np.nan_to_num(back.cpu().numpy())
    colours = array if len(array) == 3 else np.repeat(array.mean(axis=0, keepdims=True), 3, axis=0)
    reach = float(np.quantile(np.abs(colours), CLIP)) or float(np.abs(colours).max()) or 1.0
    shown = 128 + np.rint(np.clip(colours / reach, -1, 1) * 127)
    return np.ascontiguousarray(shown.astype(np.uint8).transpose(1, 2, 0))


def sheet(grid: Grid, tiles: NDArray[np.uint8]) -> bytes:
    """Tiles (k, h, w, 3) on one picture, with gray between them: PNG where they are small, JPEG where they are large."""
    count, h, w, _ = tiles.shape
    room = np.full((grid.rows * grid.columns, h + 1, w + 1, 3), 128, np.uint8)
    room[:count, :h, :w] = tiles
    laid = room.reshape(grid.rows, grid.columns, h + 1, w + 1, 3).swapaxes(1, 2)
    laid = np.ascontiguousarray(
        laid.reshape(grid.rows * (h + 1), grid.columns * (w + 1), 3)[: grid.size[0], : grid.size[1]]
    )
    if max(h, w) <= LOSSLESS:
        return png(laid)
    buffer = io.BytesIO()
    Image.fromarray(laid).save(buffer, "JPEG", quality=85, subsampling=0, optimize=True)
    return buffer.getvalue()


def kept(todo: Sequence[Wanted], store: Store) -> Iterator[tuple[LayerName, Any]]:
    """(layer, record) of those that the store has."""
    for one in todo:
        record = store.get(one.key)
        if record is not None:
            yield one.request.layer.name, record
