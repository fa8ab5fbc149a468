"""The loss around a report's model: what the store lacks of it, what it costs, and measuring it.

labelled images ──▶ grid x grid places ──▶ a record          first and last checkpoint ──▶ the line between them ──▶ a record
                    checkpoints on that plane ──▶ a record
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.command.progress import Stage
from generator.config import LandscapeConfig
from generator.errors import UserError
from generator.landscape.directions import Weights, direction
from generator.landscape.losses import Loss, refused
from generator.landscape.surface import line, plane, ticks
from generator.landscape.trajectory import Projection, differences, ends, principal, project
from generator.model.twin import copied
from generator.names import Digest
from generator.pages.learning_views import Landscape, Line, Path, Place
from generator.pages.views import Passes
from generator.report.keys import code_digest, engine_digest, own_digest
from generator.report.labelled import UNREADABLE, Labelled, measure_of
from generator.report.setup import Setup
from generator.store import Record, Store, key_of

LINE = 31
BEYOND = 0.25
"""The line goes from a quarter before the first checkpoint to a quarter beyond the last."""
FEWEST = 3
"""Checkpoints from which on they choose the plane: two differences are two directions."""


@dataclass(frozen=True)
class Ground:
    """What is to be measured."""

    config: LandscapeConfig
    images: Labelled
    principal: bool
    """Whether the plane is that of the checkpoints, through the last of them; else it goes through the model, at random."""

    @property
    def forwards(self) -> int:
        """Of the plane."""
        return self.config.grid**2 * self.images.forwards


def ground_of(setup: Setup) -> Ground | NotApplicable | None:
    """What a report asks for; NotApplicable with the reason where no loss can be told; None where it does not ask."""
    config = setup.config.landscape
    if config is None:
        return None
    asked, many = config.directions, len(setup.checkpoints)
    if asked == "pca" and many < 2:
        raise UserError(
            f"landscape.directions: `pca` needs at least two checkpoints, received {many}: see `checkpoints`"
        )
    if (no := refused(setup.engine.readout)) is not None:
        return no
    images = setup.labelled(config.images)
    if isinstance(images, NotApplicable):
        return images
    return Ground(config, images, asked == "pca" or (asked == "auto" and many >= FEWEST))


def plane_key(setup: Setup, ground: Ground) -> Digest:
    """The key of the losses over the plane."""
    return _key(setup, ground, plane=_plane(setup, ground))


def path_key(setup: Setup, ground: Ground) -> Digest | None:
    """The key of the checkpoints on that plane; None where there are none."""
    if not setup.checkpoints:
        return None
    return _key(setup, ground, path=_plane(setup, ground), of=[one.digest for one in setup.checkpoints])


def line_key(setup: Setup, ground: Ground) -> Digest | None:
    """The key of the losses between the first and the last checkpoint; None where there are not two."""
    known = setup.checkpoints
    if len(known) < 2:
        return None
    return _key(setup, ground, line=[LINE, BEYOND], ends=[known[0].digest, known[-1].digest])


def _plane(setup: Setup, ground: Ground) -> list[object]:
    """Which plane it is, and what of it is measured."""
    config, seed = ground.config, setup.config.seed
    own = [one.digest for one in setup.checkpoints] if ground.principal else [config.span]
    return [config.grid, seed, *own]


def _key(setup: Setup, ground: Ground, **more: object) -> Digest:
    return key_of(
        {
            "landscape": asdict(setup.jobs.model),
            "images": ground.images.key,
            "engine": engine_digest(),
            "code": [
                code_digest("generator.landscape.surface", "generator.landscape.trajectory"),
                own_digest("generator.report.labelled"),
                own_digest("generator.report.landscape"),
            ],
            **more,
        }
    )


def _parts(setup: Setup, ground: Ground) -> list[tuple[Digest | None, int]]:
    """(key, places that the loss is told of) of the plane, the checkpoints on it, and the line."""
    many = len(setup.checkpoints) + ground.principal  # where they choose the plane, the model is a place like them
    return [
        (plane_key(setup, ground), ground.config.grid**2),
        (path_key(setup, ground), many),
        (line_key(setup, ground), LINE),
    ]


def places(setup: Setup) -> int:
    """All places that the loss is told of."""
    ground = ground_of(setup)
    if not isinstance(ground, Ground):
        return 0
    return sum(many for key, many in _parts(setup, ground) if key is not None)


def points(setup: Setup) -> tuple[int, int]:
    """(places, forwards) that the store lacks, where every image can be read."""
    ground = ground_of(setup)
    if not isinstance(ground, Ground):
        return 0, 0
    lacks = [many for key, many in _parts(setup, ground) if key is not None and setup.store.get(key) is None]
    return sum(lacks), sum(lacks) * ground.images.forwards


def passes(setup: Setup) -> Passes:
    """What `fill_landscape` will make."""
    return Passes(points(setup)[1], 0)


def fill_landscape(setup: Setup, stage: Stage) -> None:
    """Measure what the store lacks, on copies of the model: the model itself is never moved."""
    ground = ground_of(setup)
    if not isinstance(ground, Ground) or not points(setup)[0]:
        return
    batches = ground.images.batches(setup.loaded.preprocess)

    def measured(module: nn.Module) -> Callable[[], Loss]:
        return measure_of(replace(setup.engine, module=module, rows={}), batches)

    lacks = [key is not None and setup.store.get(key) is None for key, _ in _parts(setup, ground)]
    if not batches:
        _fill_none(setup, ground, stage)
        return
    if lacks[0] or lacks[1]:
        seen = _seen(setup, ground)
        if lacks[0]:
            _fill_plane(setup, ground, stage, seen, measured(seen.centre))
        if lacks[1]:
            _fill_path(setup, ground, stage, seen, measured)
    if lacks[2]:
        _fill_line(setup, ground, stage, measured)


def _fill_none(setup: Setup, ground: Ground, stage: Stage) -> None:
    """Keep that no image can be read: a second build need not try."""
    stage.advance(points(setup)[0])
    for key, _ in _parts(setup, ground):
        if key is not None and setup.store.get(key) is None:
            setup.store.put(key, {"unreadable": True})


@dataclass(frozen=True)
class Seen:
    """A plane in the space of weights, and what is seen on it."""

    centre: nn.Module
    """With the weights at its 0, 0: it is moved."""
    across: Weights
    up: Weights
    steps: tuple[float, ...]
    rows: tuple[float, ...]
    projected: Projection
    """Of the checkpoints, with the place of the model behind them where they choose the plane; empty where there are none."""


def _seen(setup: Setup, ground: Ground) -> Seen:
    module, known = setup.engine.module, setup.checkpoints
    generator = torch.Generator().manual_seed(setup.config.seed)
    centre = known[-1].into(module) if ground.principal else copied(module)
    weights = dict(centre.named_parameters())
    states = [dict(one.into(module).named_parameters()) for one in known]
    apart = differences(states, weights, list(weights))
    grid = ground.config.grid
    if not ground.principal:
        across, up = direction(centre, generator), direction(centre, generator)
        steps = ticks(grid, ground.config.span)
        return Seen(centre, across, up, steps, steps, project(apart, across, up))
    across, up = (_placed(one, weights) for one in principal(apart, generator))
    found, own = (
        project(some, across, up)
        for some in (apart, differences([dict(module.named_parameters())], weights, list(weights)))
    )
    found = replace(found, points=found.points + own.points, off=found.off + own.off)
    xs, ys = zip(*found.points, strict=True)
    steps = ends(xs, grid)
    return Seen(centre, across, up, steps, ends(ys, grid, least=max(xs) - min(xs) or 1.0), found)


def _placed(along: Weights, weights: Weights) -> dict[str, Tensor]:
    return {name: value.to(weights[name].device, weights[name].dtype) for name, value in along.items()}


def _fill_plane(setup: Setup, ground: Ground, stage: Stage, seen: Seen, measure: Callable[[], Loss]) -> None:
    found = np.zeros((2, len(seen.rows), len(seen.steps)), np.float32)
    for row, column, one in plane(seen.centre, seen.across, seen.up, seen.steps, measure, seen.rows):
        found[:, row, column] = one.loss, one.right
        stage.advance(what=f"loss {one.loss:.3g}")
    meta = {"steps": list(seen.steps), "rows": list(seen.rows)}
    setup.store.put(plane_key(setup, ground), meta, {"losses": found.tobytes()})


def _fill_path(
    setup: Setup, ground: Ground, stage: Stage, seen: Seen, measured: Callable[[nn.Module], Callable[[], Loss]]
) -> None:
    found: list[Loss] = []
    for checkpoint in (*setup.checkpoints, *([None] if ground.principal else [])):
        module = copied(setup.engine.module) if checkpoint is None else checkpoint.into(setup.engine.module)
        found.append(measured(module)())
        stage.advance(what=f"loss {found[-1].loss:.3g}")
    losses = np.array([[one.loss, one.right] for one in found], np.float32)
    key = path_key(setup, ground)
    assert key is not None
    share = seen.projected.held
    meta = {
        "points": [list(point) for point in seen.projected.points],
        "off": list(seen.projected.off),
        "held": share if math.isfinite(share) else None,
    }
    setup.store.put(key, meta, {"losses": losses.tobytes()})


def _fill_line(setup: Setup, ground: Ground, stage: Stage, measured: Callable[[nn.Module], Callable[[], Loss]]) -> None:
    module = copied(setup.engine.module)
    first, last = (one.into(module).state_dict() for one in (setup.checkpoints[0], setup.checkpoints[-1]))
    shares = [-BEYOND + (1 + 2 * BEYOND) * k / (LINE - 1) for k in range(LINE)]
    found: list[Loss] = []
    for _, one in line(module, first, last, shares, measured(module)):
        found.append(one)
        stage.advance(what=f"loss {one.loss:.3g}")
    losses = np.array([[one.loss, one.right] for one in found], np.float32)
    key = line_key(setup, ground)
    assert key is not None
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
    if record.meta.get("unreadable"):
        return UNREADABLE
    grid = ground.config.grid
    loss, right = _losses(setup.store, record).reshape(2, grid, grid)
    return Landscape(
        tuple(record.meta["steps"]),
        tuple(record.meta["rows"]),
        loss,
        right,
        len(ground.images.numbers),
        ground.forwards,
        setup.config.seed,
        _line(setup, ground),
        _path(setup, ground),
        setup.checkpoints[-1].label if ground.principal else None,
    )


def _path(setup: Setup, ground: Ground) -> Path | None:
    key = path_key(setup, ground)
    record = None if key is None else setup.store.get(key)
    if record is None:
        return None
    labels = [one.label for one in setup.checkpoints] + ([""] if ground.principal else [])
    losses = _losses(setup.store, record).reshape(-1, 2).tolist()
    rows = zip(labels, record.meta["points"], record.meta["off"], losses, strict=True)
    found = [Place(label, x, y, off, loss, right) for label, (x, y), off, (loss, right) in rows]
    many, held = len(setup.checkpoints), record.meta["held"]
    return Path(tuple(found[:many]), found[many] if ground.principal else None, held)


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
