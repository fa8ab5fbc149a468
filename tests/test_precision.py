"""The precision of a report's searches: settled once, remembered, part of the keys, and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.engine.passes import Engine
from generator.engine.reduced import Refused
from generator.report.plan import plan_report
from generator.report.setup import Setup, set_up
from generator.resources import packaged

SHORT = {"size": 28, "steps": 2, "layers": "conv1_1"}
FASTER = "Searches run the model in bfloat16 (option `precision`), which is faster here"


class Said(Silent):
    """What was said, line by line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def setup_for(folder: Path, progress: Silent | None = None, **options: Any) -> Setup:
    """A report of the digits' model that searches units and classes."""
    methods = [
        {"activation_maximization": SHORT | options},
        {"class_visualization": {"size": 28, "steps": 2, "most": 2}},
    ]
    given = {"model": "tinyvgg_digits", "images": str(packaged("inputs/digits")), "limit": 1, "methods": methods}
    more = {"layers": "conv", "trust": "none", "device": "cpu", "units": "0,5", "store": str(folder / "store")}
    return set_up(load_config(None, given | more), progress or Silent())


def precisions(setup: Setup) -> set[str]:
    return {search.method.precision for search in setup.jobs.searches}


def keys(setup: Setup) -> list[str]:
    return [key for search in setup.jobs.searches for key in setup.jobs.unit_keys(search, (0, 5)).values()]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine that has the instructions, and what is measured there, one after the other."""
    found = ["bfloat16", "float32", "float32"]
    monkeypatch.setattr("generator.report.precision.worth_measuring", lambda engine: True)
    monkeypatch.setattr("generator.report.precision.faster_precision", lambda engine, shape: found.pop(0))
    return found


def test_a_small_model_is_searched_in_float32_without_a_word(tmp_path: Path):
    said = Said()
    setup = setup_for(tmp_path, said)
    assert precisions(setup) == {"float32"}
    assert not any("bfloat16" in line for line in (*said.lines, *setup.notes))


def test_what_is_faster_is_remembered_and_kept_by_a_build_alone(tmp_path: Path, measured: list[str]):
    said = Said()
    first = setup_for(tmp_path, said)
    assert precisions(first) == {"bfloat16"}
    assert [line for line in said.lines if line.startswith(FASTER)] == [line for line in first.notes if FASTER in line]
    assert first.precision is not None
    assert first.store.get(first.precision.key) is None
    compute(first, plan_report(first), Silent())
    again = setup_for(tmp_path)
    assert precisions(again) == {"bfloat16"} and len(measured) == 2, "it is not measured again"
    assert keys(again) == keys(first)
    assert all(again.store.get(key) is not None for key in keys(again)[:2])
    other = setup_for(tmp_path / "elsewhere")
    assert precisions(other) == {"float32"} and len(measured) == 1
    assert not set(keys(other)) & set(keys(first)), "pictures of one are not taken for those of the other"


def test_an_option_is_obeyed_and_its_pictures_are_those_that_a_measurement_would_choose(
    tmp_path: Path, measured: list[str]
):
    chosen = setup_for(tmp_path, precision="float32")
    assert precisions(chosen) == {"float32", "bfloat16"}, "classes were left to the measurement"
    rough, open_ = setup_for(tmp_path, precision="bfloat16"), setup_for(tmp_path)
    assert keys(open_)[:2] == keys(chosen)[:2] != keys(rough)[:2]


def test_what_was_not_measured_is_not_said_to_be_faster(tmp_path: Path):
    setup = setup_for(tmp_path, precision="bfloat16")  # of a model too small to be measured
    assert precisions(setup) == {"bfloat16", "float32"}
    assert [line for line in setup.notes if "in bfloat16" in line] == [FASTER.replace("which is faster here", "as asked for") + "; the scores beside their pictures are measured in float32."]  # fmt: skip


@pytest.mark.parametrize("asked", [{"precision": "bfloat16"}, {}])
def test_a_model_that_has_no_such_twin_is_searched_in_float32_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[str], asked: dict[str, str]
):
    def refuse(module: nn.Module, x: Tensor, invocation: Any) -> nn.Module:
        raise Refused("gives what is no number in bfloat16")

    monkeypatch.setattr("generator.engine.reduced.reduced", refuse)
    said = Said()
    setup = setup_for(tmp_path, said, **asked)
    assert precisions(setup) == {"float32"}
    told = [line for line in said.lines if "bfloat16" in line]
    assert told == [line for line in setup.notes if "bfloat16" in line]
    assert told == [
        "Searches were to run in bfloat16, but the model gives what is no number in bfloat16: they run in float32."
    ]


def test_the_engine_is_left_as_it_was(tmp_path: Path):
    setup = setup_for(tmp_path, precision="bfloat16")
    assert isinstance(setup.engine, Engine)
    assert (setup.engine.counts.forward, setup.engine.counts.backward) == (0, 0)
    assert all(parameter.requires_grad for parameter in setup.engine.module.parameters())
