"""The time that a plan says of searches: it grows with what is asked, keeps nothing, counts nothing, and is near."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.engine.handle import Handle
from generator.report import estimate
from generator.report.estimate import said, search_seconds
from generator.report.plan import plan_report, plan_searches
from generator.report.setup import Setup, set_up
from tests.whole import copied, digits


def setup_for(folder: Path, units: str = "top:4", **options: Any) -> Setup:
    """Searches of the digits' convolutions, in a store of their own."""
    methods = [{"activation_maximization": {"size": 28, "steps": 8, **options}}]
    images = copied(digits(1), folder / "images")
    given = {"model": "tinyvgg_digits", "images": str(images), "layers": "conv", "methods": methods, "trust": "none"}
    return set_up(
        load_config(None, given | {"store": str(folder / "store"), "device": "cpu", "units": units}), Silent()
    )


def seconds(setup: Setup) -> float | None:
    return search_seconds(setup, plan_searches(setup).units)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.4, "under a second"),
        (1.2, "about 1 s"),
        (13.7, "about 10 s"),
        (41.3, "about 41 s"),
        (89.0, "about 89 s"),
        (100.0, "about 1.7 min"),
        (1000.0, "about 17 min"),
        (7000.0, "about 1.9 h"),
        (360_000.0, "about 100 h"),
    ],
)
def test_words_by_hand(value: float, words: str):
    assert said(value) == words


def test_a_line_between_the_layers_timed_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    setup = setup_for(tmp_path)
    layers = [search.layer.name for search in setup.jobs.searches]
    assert len(layers) == 4
    timed = []

    def of_a_picture(setup: Setup, search: Any, missing: tuple[int, ...]) -> float:
        timed.append(search.layer.name)
        return float({0: 1.0, 2: 3.0, 3: 7.0}[layers.index(search.layer.name)])

    monkeypatch.setattr(estimate, "_of_a_picture", of_a_picture)
    # first, middle, last: 1, 3 and 7 seconds a picture; the second lies half-way to the middle; four units each
    assert seconds(setup) == 4 * (1 + 2 + 3 + 7)
    assert timed == [layers[0], layers[2], layers[3]]


def test_nothing_is_counted_or_kept_and_the_format_is_as_before(tmp_path: Path):
    setup = setup_for(tmp_path)
    before = setup.engine.counts.forward, setup.engine.counts.backward, setup.engine.memory_format
    found = seconds(setup)
    assert found is not None and found > 0
    assert (setup.engine.counts.forward, setup.engine.counts.backward, setup.engine.memory_format) == before
    assert not (tmp_path / "store").exists()


def test_where_nothing_lacks_nothing_is_said(tmp_path: Path):
    setup = setup_for(tmp_path, steps=1)
    compute(setup, plan_report(setup), Silent())
    assert seconds(setup) is None
    assert "searches:" not in str(plan_report(setup))


@pytest.mark.parametrize(
    "options", [{}, {"diversity": 3}, {"diversity": 4, "diverse": 1}], ids=["one", "three", "some"]
)
def test_on_a_clock_that_ticks_by_pictures_it_is_what_the_searches_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, int]
):
    """A pass takes as long as it has pictures, as on a CPU."""
    setup, ticks = setup_for(tmp_path, "top:2", steps=64, **options), Ticks()
    for name in ("layer_output", "layer_input"):
        monkeypatch.setattr(Handle, name, ticks.counting(getattr(Handle, name), 1.0))
    monkeypatch.setattr(Handle, "backward", ticks.counting(Handle.backward, estimate.BACKWARD))
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: ticks.time)
    monkeypatch.setattr(estimate, "faster_format", lambda engine, shape: "contiguous")
    found = seconds(setup)
    ticks.time = 0.0
    monkeypatch.setattr(estimate.time, "perf_counter", time.perf_counter)
    compute(setup, plan_report(setup), Silent())
    assert ticks.time > 64 * 4 * 2 * 2.5
    assert found == pytest.approx(ticks.time)


class Ticks:
    """A clock that goes on with every picture in a pass."""

    def __init__(self) -> None:
        self.time = 0.0

    def counting(self, real: Any, takes: float) -> Any:
        def counted(handle: Handle, of: Any, pictures: Any, **options: Any) -> Any:
            self.time += takes * len(pictures)
            return real(handle, of, pictures, **options)

        return counted


def test_on_a_clock_that_ticks_by_passes_it_is_what_the_searches_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    setup = setup_for(tmp_path, "top:2", steps=64)
    assert re.search(r"^searches: (about|under) .* on this machine", str(plan_report(setup)), re.M)
    counts = setup.engine.counts

    def ticks() -> float:
        return counts.forward + 1.5 * counts.backward

    monkeypatch.setattr(estimate.time, "perf_counter", ticks)
    monkeypatch.setattr(estimate, "faster_format", lambda engine, shape: "contiguous")
    found, start = seconds(setup), ticks()
    monkeypatch.undo()
    compute(setup, plan_report(setup), Silent())
    predictions = 1  # a forward of the one image
    assert found == pytest.approx(ticks() - start - predictions)
