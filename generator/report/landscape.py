"""The loss around a report's model: what the store lacks of it, what it costs, and measuring it.

labelled images ──▶ grid x grid places ──▶ a record          first and last checkpoint ──▶ the line between them ──▶ a record
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from generator.artifacts import NotApplicable
from generator.command.progress import Stage
from generator.config import LandscapeConfig
from generator.landscape.directions import direction
from generator.landscape.losses import Loss, refused
from generator.landscape.surface import line, plane, ticks
from generator.model.twin import copied
from generator.names import Digest
from generator.pages.learning_views import Landscape, Line
from generator.pages.views import Passes
from generator.report.keys import code_digest, engine_digest, own_digest
from generator.report.labelled import Labelled, measure_of
from generator.report.setup import Setup
from generator.store import Record, Store, key_of

LINE = 31
BEYOND = 0.25
"""The line goes from a quarter before the first checkpoint to a quarter beyond the last."""


@dataclass(frozen=True)
class Ground:
    """What is to be measured."""

    config: LandscapeConfig
    images: Labelled

    @property
    def forwards(self) -> int:
        """Of the plane."""
        return self.config.grid**2 * self.images.forwards


def ground_of(setup: Setup) -> Ground | NotApplicable | None:
    """What a report asks for; NotApplicable with the reason where no loss can be told; None where it does not ask."""
    config = setup.config.landscape
    if config is None:
        return None
    no = refused(setup.engine.readout)
    images = setup.labelled(config.images)
    return no or (images if isinstance(images, NotApplicable) else Ground(config, images))


def plane_key(setup: Setup, ground: Ground) -> Digest:
    """The key of the losses over the plane."""
    return _key(setup, ground, plane=[ground.config.grid, ground.config.span], seed=setup.config.seed)


def line_key(setup: Setup, ground: Ground) -> Digest | None:
    """The key of the losses between the first and the last checkpoint; None where there are not two."""
    known = setup.checkpoints
    if len(known) < 2:
        return None
    return _key(setup, ground, line=[LINE, BEYOND], ends=[known[0].digest, known[-1].digest])


def _key(setup: Setup, ground: Ground, **more: object) -> Digest:
    return key_of(
        {
            "landscape": asdict(setup.jobs.model),
            "images": ground.images.key,
            "engine": engine_digest(),
            "code": [
                code_digest("generator.landscape.surface"),
                own_digest("generator.report.labelled"),
                own_digest("generator.report.landscape"),
            ],
            **more,
        }
    )


def places(setup: Setup) -> int:
    """All places that the loss is told of, on the plane and on the line."""
    ground = ground_of(setup)
    if not isinstance(ground, Ground):
        return 0
    return ground.config.grid**2 + (0 if line_key(setup, ground) is None else LINE)


def points(setup: Setup) -> tuple[int, int]:
    """(places, forwards) that the store lacks, where every image can be read."""
    ground = ground_of(setup)
    if not isinstance(ground, Ground):
        return 0, 0
    places = ground.config.grid**2 if setup.store.get(plane_key(setup, ground)) is None else 0
    key = line_key(setup, ground)
    places += LINE if key is not None and setup.store.get(key) is None else 0
    return places, places * ground.images.forwards


def passes(setup: Setup) -> Passes:
    """What `fill_landscape` will make."""
    return Passes(points(setup)[1], 0)


def fill_landscape(setup: Setup, stage: Stage) -> None:
    """Measure what the store lacks, on a copy of the model: the model itself is never moved."""
    ground = ground_of(setup)
    if not isinstance(ground, Ground) or not points(setup)[0]:
        return
    store, engine = setup.store, replace(setup.engine, module=copied(setup.engine.module), rows={})
    measure = measure_of(engine, ground.images.batches(setup.loaded.preprocess))
    key, grid = plane_key(setup, ground), ground.config.grid
    if store.get(key) is None:
        generator = torch.Generator().manual_seed(setup.config.seed)
        across, up = direction(engine.module, generator), direction(engine.module, generator)
        found = np.zeros((2, grid, grid), np.float32)
        steps = ticks(grid, ground.config.span)
        for row, column, one in plane(engine.module, across, up, steps, measure):
            found[:, row, column] = one.loss, one.right
            stage.advance(what=f"loss {one.loss:.3g}")
        store.put(key, {"steps": list(steps)}, {"losses": found.tobytes()})
    key_between = line_key(setup, ground)
    if key_between is not None and store.get(key_between) is None:
        _fill_line(setup, key_between, stage, ground, engine.module)


def _fill_line(setup: Setup, key: Digest, stage: Stage, ground: Ground, module: torch.nn.Module) -> None:
    first, last = (one.into(module).state_dict() for one in (setup.checkpoints[0], setup.checkpoints[-1]))
    engine = replace(setup.engine, module=module, rows={})
    measure = measure_of(engine, ground.images.batches(setup.loaded.preprocess))
    shares = [-BEYOND + (1 + 2 * BEYOND) * k / (LINE - 1) for k in range(LINE)]
    found: list[Loss] = []
    for _, one in line(module, first, last, shares, measure):
        found.append(one)
        stage.advance(what=f"loss {one.loss:.3g}")
    losses = np.array([[one.loss, one.right] for one in found], np.float32)
    setup.store.put(key, {"shares": shares}, {"losses": losses.tobytes()})


def landscape_of(setup: Setup) -> Landscape | NotApplicable | None:
    """What was measured, as pages have it; None where nobody asked.

    Raises:
        LookupError: it was not measured yet.
    """
    ground = ground_of(setup)
    if not isinstance(ground, Ground):
        return ground
    record = setup.store.get(plane_key(setup, ground))
    if record is None:
        raise LookupError("the loss around the weights is not in the store")
    grid = ground.config.grid
    loss, right = _losses(setup.store, record).reshape(2, grid, grid)
    return Landscape(
        tuple(record.meta["steps"]),
        loss,
        right,
        len(ground.images.numbers),
        ground.forwards,
        setup.config.seed,
        _line(setup, ground),
    )


def _line(setup: Setup, ground: Ground) -> Line | None:
    key = line_key(setup, ground)
    record = None if key is None else setup.store.get(key)
    if record is None:
        return None
    losses = _losses(setup.store, record).reshape(-1, 2)
    return Line(
        setup.checkpoints[0].label,
        setup.checkpoints[-1].label,
        tuple(record.meta["shares"]),
        tuple(map(float, losses[:, 0])),
        tuple(map(float, losses[:, 1])),
    )


def _losses(store: Store, record: Record) -> np.ndarray:
    return np.frombuffer(store.blob(record, "losses"), "<f4")
