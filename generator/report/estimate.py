"""How long the searches of a report will take on this machine: two steps of the first, the middle and the last layer, timed.

    seconds of a unit at three layers ──▶ at the layers between, on a line ──▶ times units, times passes

Searches are most of a large report's time, and how long one takes cannot be told from operations alone: depthwise
convolutions differ by fifty times between machines. Nothing that is run here counts, and nothing is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from generator.engine.handle import handle
from generator.engine.tune import FORMATS, faster_format, use_format
from generator.executors.search import lacking
from generator.names import LayerName, Unit
from generator.report.jobs import Search
from generator.report.setup import Setup

STEPS = 2
BACKWARD = 1.5
"""What a backward pass takes, in forward passes of the same pictures."""
TIMED = 3
"""Layers timed of each search method."""
TOGETHER = 2
"""Units timed together on a CPU, where as many more take as much longer; a graphics card gets a whole batch."""


def search_seconds(setup: Setup, units: Mapping[tuple[str, LayerName], tuple[int, ...]]) -> float | None:
    """Seconds that the searches for those of the chosen `units` will take that the store lacks; None where it lacks none."""
    todo: dict[str, list[tuple[Search, tuple[int, ...]]]] = {}
    for search in setup.jobs.searches:
        missing = lacking(setup.jobs, search, units[search.name, search.layer.name], setup.store)
        if missing:
            todo.setdefault(search.name, []).append((search, missing))
    if not todo:
        return None
    engine, counts = setup.engine, replace(setup.engine.counts)
    before = next(name for name, one in FORMATS.items() if one == engine.memory_format)
    record = setup.store.get(setup.format_key)
    try:
        use_format(engine, faster_format(engine, setup.input_shape) if record is None else record.meta["format"])
        return sum(_seconds(setup, searches) for searches in todo.values())
    finally:
        use_format(engine, before)
        engine.counts.forward, engine.counts.backward = counts.forward, counts.backward


def _seconds(setup: Setup, searches: list[tuple[Search, tuple[int, ...]]]) -> float:
    """Of one method at these layers, in order of execution, for so many units each."""
    at = sorted({round(k) for k in np.linspace(0, len(searches) - 1, TIMED)})
    timed = [_of_a_unit(setup, *searches[k]) for k in at]
    each = np.interp(np.arange(len(searches)), at, timed)
    return float(sum(one * len(units) for one, (_, units) in zip(each, searches, strict=True)))


def _of_a_unit(setup: Setup, search: Search, missing: tuple[int, ...]) -> float:
    """Seconds of one unit's search at a layer."""
    cpu, preprocess = setup.engine.device.type == "cpu", setup.loaded.preprocess
    some = tuple(Unit(search.layer.name, unit) for unit in missing[: TOGETHER if cpu else len(missing)])
    short = replace(search.method, steps=STEPS, redirect=0)
    with handle(setup.engine, setup.input_shape, preprocess.mean, preprocess.std, setup.photographs) as model:
        next(iter(replace(short, steps=1).search(model, search.layer, some, setup.jobs.seed)))  # warms up
        start = time.perf_counter()
        made = next(iter(short.search(model, search.layer, some, setup.jobs.seed)))
        took = time.perf_counter() - start
    passes = (search.method.steps * (1 + BACKWARD) + 1) / (STEPS * (1 + BACKWARD) + 1)
    return float(took / len(made.units) * passes)


def said(seconds: float) -> str:
    """``about 40 s``, ``about 5 min``: no more exact than it is."""
    if seconds < 1:
        return "under a second"
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit:
            value = seconds / unit
            return f"about {value:.0f} {name}" if value >= 3 else f"about {value:.1f} {name}"
    return f"about {float(f'{seconds:.1g}' if seconds < 20 else f'{seconds:.2g}'):.0f} s"
