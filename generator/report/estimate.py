"""How long the searches of a report will take on this machine: two steps of the first, the middle and the last layer, timed.

    seconds of a picture at three layers ──▶ at the layers between, on a line ──▶ times pictures, times passes

Searches are most of a large report's time, and how long one takes cannot be told from operations alone: depthwise
convolutions differ by fifty times between machines. Nothing that is run here counts, and nothing is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from generator.engine.handle import handle
from generator.engine.tune import FORMATS, faster_format, use_format
from generator.executors.search import lacking, subjects
from generator.names import LayerName
from generator.report.jobs import LAST, Search
from generator.report.setup import Setup

STEPS = 2
BACKWARD = 1.5
"""What a backward pass takes, in forward passes of the same pictures."""
TIMED = 3
"""Layers timed of each search method."""
TOGETHER = 2
"""Pictures timed together on a CPU, where as many more take as much longer; a graphics card gets a whole batch."""


def search_seconds(setup: Setup, units: Mapping[tuple[str, LayerName], tuple[int, ...]]) -> float | None:
    """Seconds that the searches for those of the chosen `units` will take that the store lacks; None where it lacks none."""
    todo: dict[str, list[tuple[Search, tuple[int, ...], int]]] = {}
    for search in setup.jobs.searches:
        chosen = units[search.name, search.at]
        missing = lacking(setup.jobs, search, chosen, setup.store)
        if missing:
            alike = search.alike(chosen, missing)
            pictures = sum(len(some) * _pictures(method) for method, some in alike.items())
            todo.setdefault(search.name, []).append((search, missing, pictures))
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


def _pictures(method: Any) -> int:
    """How many pictures a search makes of one subject."""
    return int(getattr(method, "diversity", 1))


def _work(method: Any, search: Search, subjects: int) -> float:
    """What a search takes, in forward passes."""
    forward, backward = method.passes(search.layer, subjects)
    return float(forward + BACKWARD * backward)


def _seconds(setup: Setup, searches: list[tuple[Search, tuple[int, ...], int]]) -> float:
    """Of one method at these layers, in order of execution, for so many pictures each."""
    at = sorted({round(k) for k in np.linspace(0, len(searches) - 1, TIMED)})
    timed = [_of_a_picture(setup, *searches[k][:2]) for k in at]
    each = np.interp(np.arange(len(searches)), at, timed)
    return float(sum(one * pictures for one, (_, _, pictures) in zip(each, searches, strict=True)))


def _of_a_picture(setup: Setup, search: Search, missing: tuple[int, ...]) -> float:
    """Seconds of one picture's search at a layer."""
    cpu, preprocess = setup.engine.device.type == "cpu", setup.loaded.preprocess
    # a class that is not known yet is timed as any other
    some = subjects(search, [max(0, one) for one in missing[: TOGETHER if cpu else len(missing)]])
    method = search.for_unit(LAST)
    none = {name: 0 for name in ("redirect", "deep_steps") if hasattr(method, name)}
    short = replace(method, steps=STEPS, **none)
    with handle(setup.engine, setup.input_shape, preprocess.mean, preprocess.std, setup.photographs) as model:
        next(iter(replace(short, steps=1).search(model, search.layer, some, setup.jobs.seed)))  # warms up
        start = time.perf_counter()
        made = next(iter(short.search(model, search.layer, some, setup.jobs.seed)))
        took = time.perf_counter() - start
    # timed with as many as one batch has: a batch takes the same number of passes whatever it holds
    passes = _work(method, search, 1) / _work(short, search, 1)
    return float(took / len(made.units) / _pictures(method) * passes)


def said(seconds: float) -> str:
    """``about 40 s``, ``about 5 min``: no more exact than it is."""
    if seconds < 1:
        return "under a second"
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit:
            value = seconds / unit
            return f"about {value:.0f} {name}" if value >= 3 else f"about {value:.1f} {name}"
    return f"about {float(f'{seconds:.1g}' if seconds < 20 else f'{seconds:.2g}'):.0f} s"
