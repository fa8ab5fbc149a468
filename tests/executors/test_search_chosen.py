"""Which units the search executor searches for: the strongest, those of threads and of the first page, and what they keep."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from generator.build import ask, compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.names import INPUT, LayerName
from generator.pages.views import Passes
from generator.report.assemble import Assembly
from generator.report.picked import picked
from generator.report.plan import SearchPlan, plan_report, plan_searches
from generator.report.reconstructions import wanted
from generator.report.setup import Setup, set_up
from generator.report.subjects import units_by_layer
from generator.resources import packaged
from generator.wiring.threads import Threads
from tests.executors.searched import filled, one_format, setup_for

__all__ = ["one_format"]


def test_threads_have_a_picture_of_every_unit_back_to_the_first_layer(tmp_path: Path):
    def chosen(units: str) -> tuple[Setup, dict[str, tuple[int, ...]]]:
        given: dict[str, Any] = {
            "model": "tinyvgg_digits",
            "images": str(packaged("inputs/digits")),
            "limit": 2,
            "layers": "conv",
            "methods": ["feature_maps", {"activation_maximization": {"size": 28, "steps": 2}}],
            "trust": "none",
            "store": str(tmp_path / "store"),
            "device": "cpu",
        }
        setup = set_up(load_config(None, given | {"units": units}), Silent())
        filled(setup)
        return setup, {layer: some for (_, layer), some in plan_searches(setup).units.items()}

    _, top = chosen("top:6")
    setup, led = chosen("threads:6")
    layers = ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]
    assert list(led) == layers
    assert led["conv2_2"] == top["conv2_2"], "the last layer has none behind it"
    for layer in layers[:-1]:
        assert led[layer][:3] == top[layer][:3]
        assert len(led[layer]) == 6
    threads = [setup.threads.thread(LayerName("conv2_2"), unit) for unit in led["conv2_2"]]
    whole = [all(step.unit in led.get(step.layer, (step.unit,)) for step in thread) for thread in threads]
    assert whole[:3] == [True] * 3, "the strongest of the last layer"
    assert [step.layer for step in threads[0]] == [*layers[-2::-1], INPUT]
    stored = [setup.store.get(key) for s in setup.jobs.searches for key in setup.jobs.unit_keys(s, led[s.at]).values()]
    assert None not in stored
    again = set_up(setup.config, Silent())
    assert {layer: some for (_, layer), some in plan_searches(again).units.items()} == led


def asked(folder: Path, units: str, limit: int = 6, **options: Any) -> Setup:
    """A report of the digits' model whose units are asked about the images, and searched for with these options."""
    given: dict[str, Any] = {
        "model": "tinyvgg_digits",
        "images": str(packaged("inputs/digits")),
        "limit": limit,
        "layers": ["conv", "act"],
        "methods": [
            "feature_maps",
            {"dataset_examples": {"reconstructions": 3, "colour": 0}},
            {"activation_maximization": {"size": 28, "steps": 2, "layers": "conv", **options}},
        ],
        "units": units,
        "trust": "none",
        "checkpoints": [],
        "explain": "none",
        "effective_fields": 0,
        "store": str(folder / "store"),
        "device": "cpu",
    }
    return set_up(load_config(None, given), Silent())


def ran(setup: Setup) -> tuple[SearchPlan, Passes]:
    """Fill the store; the passes that ran are those that were planned."""
    counts = setup.engine.counts
    todo = plan_report(setup)
    searches = compute(setup, todo, Silent())
    planned = todo.passes + searches.passes + ask(setup, searches, Silent())
    assert planned == Passes(counts.forward, counts.backward)
    return searches, planned


def test_beside_the_strongest_units_stand_those_that_threads_come_by(tmp_path: Path):
    setup = asked(tmp_path, "top:4+threads:2")
    found = {layer: picked(some) for (_, layer), some in ran(setup)[0].units.items()}
    top = {layer: some for (_, layer), some in plan_searches(asked(tmp_path, "top:4")).units.items()}
    layers = ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]
    assert list(found) == layers
    assert {layer: some[:4] for layer, some in found.items()} == top
    assert [some.own for some in found.values()] == [4] * 4, (
        "of ten digits no unit has some that are more alike than others'"
    )
    assert sorted(found["conv1_1"]) == list(range(setup.description.by_name[LayerName("conv1_1")].units)), (
        "where all end"
    )
    assert sum(map(len, list(found.values())[1:])) == 3 * (4 + 2)
    assert all(len(some) <= 4 + 2 * 2 for some in list(found.values())[1:])
    threads = [setup.threads.thread(LayerName(layer), unit) for layer, some in top.items() for unit in some]
    missing = [
        sum(step.unit not in kept.get(step.layer, (step.unit,)) for row in threads for step in row)
        for kept in (top, found)
    ]
    assert missing[1] < missing[0]
    # of what is there for the sake of threads, one patch is told what of it raised it
    for one in wanted(setup.asking, setup.store, setup.config.units, units_by_layer(plan_searches(setup).units)):
        of = [unit for unit, *_ in one.entries]
        units = found[one.request.layer.name]
        assert all(of.count(unit) == 1 for unit in units[units.own :] if unit in of)
        assert any(of.count(unit) == 3 for unit in units[:4])
    again, passes = ran(asked(tmp_path, "top:4+threads:2"))
    assert {layer: some for (_, layer), some in again.units.items()} == found
    assert passes == Passes(0, 0)


def test_the_clearest_unit_of_a_deep_layer_stands_behind_its_strongest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    top = {layer: tuple(some) for (_, layer), some in ran(asked(tmp_path, "top:4"))[0].units.items()}
    clear = {"conv2_1": 11, "conv2_2": top["conv2_2"][1]}
    deep = cycle(clear.values())  # asked layer by layer
    monkeypatch.setattr("generator.report.units.clear_unit", lambda answers, kin: (next(deep),))
    found = {layer: picked(some) for (_, layer), some in ran(asked(tmp_path, "top:4+threads:2"))[0].units.items()}
    assert found["conv2_1"][:5] == (*top["conv2_1"], 11) and found["conv2_1"].own == 5
    assert found["conv2_2"][:4] == top["conv2_2"] and found["conv2_2"].own == 4, "it is among them"
    assert [some.own for some in found.values()][:2] == [4, 4], "in the deeper half"


def test_the_first_pages_units_get_a_film_and_several_pictures_and_keep_them_when_an_image_comes_in(tmp_path: Path):
    options = {"first_page": 3, "diversity": 2, "diverse": 1}
    setup = asked(tmp_path, "top:3+threads:1", limit=12, **options)
    searches, _ = ran(setup)
    shown = {layer: picked(some).shown for (_, layer), some in searches.units.items() if picked(some).shown}
    assert shown and set(shown) <= {"conv2_1", "conv2_2"}, "in the deeper half"
    assert all(len(some) == 1 for some in shown.values()), "one a layer"
    assembly = Assembly(setup.jobs, setup.store, setup.loaded.labels, setup.engine.readout)
    for (_, layer), some in searches.units.items():
        for unit, one in assembly.units.searched(layer, searches.units).items():
            told = unit in shown.get(layer, ())
            assert (one.course is not None) == told
            many = 1 if one.variants is None else len(one.variants.units)
            assert many == (3 if told else 2 if unit == some[0] else 1)
        assert len(some) == len(set(some))
    names = list(setup.said or {})
    assert names[-1] == setup.layers[-1].name
    again, _ = ran(asked(tmp_path, "top:3+threads:1", limit=13, **options))
    assert {at: picked(some).shown for at, some in again.units.items()} == {
        at: picked(some).shown for at, some in searches.units.items()
    }
    assert again.units == searches.units
    assert again.passes.backward == 0, "no search"
    # without threads the dataset is asked first as well
    plain, _ = ran(asked(tmp_path / "top", "top:3", limit=12, **options))
    assert sum(len(picked(some).shown) for some in plain.units.values()) == len(shown)


def test_inputs_that_are_searched_for_are_those_that_the_dataset_turns_on_and_an_image_more_changes_none(
    tmp_path: Path,
):
    def made(limit: int) -> tuple[Setup, dict[str, tuple[int, ...]], Passes]:
        given: dict[str, Any] = {
            "model": "tinyvgg_digits",
            "images": str(packaged("inputs/digits")),
            "limit": limit,
            "layers": ["conv", "act"],
            "methods": [
                "feature_maps",
                "dataset_examples",
                {"activation_maximization": {"size": 28, "steps": 2, "layers": "conv"}},
            ],
            "units": "threads:6",
            "trust": "none",
            "store": str(tmp_path / "store"),
            "device": "cpu",
        }
        setup = set_up(load_config(None, given), Silent())
        todo = plan_report(setup)
        searches = compute(setup, todo, Silent())
        planned = todo.passes + searches.passes + ask(setup, searches, Silent())
        counts = setup.engine.counts
        assert planned == Passes(counts.forward, counts.backward)
        return setup, {layer: some for (_, layer), some in searches.units.items()}, searches.passes

    setup, chosen, _ = made(3)
    threads = [setup.threads.thread(LayerName("conv2_2"), unit) for unit in chosen["conv2_2"]]
    assert any(wires.active for wires in setup.weighed.values())
    by_weights = Threads(setup.wires)
    assert threads != [by_weights.thread(LayerName("conv2_2"), unit) for unit in chosen["conv2_2"]]
    for thread in threads[:3]:
        assert all(step.unit in chosen[step.layer] for step in thread if step.layer in chosen)
    _, again, passes = made(4)
    assert again == chosen
    assert passes.backward == 0, "no search: one more image, and the dataset once more"


@pytest.mark.parametrize("beside", ["", "feature_maps", "dataset_examples"])
def test_the_strongest_are_told_by_maps_or_by_the_dataset(tmp_path: Path, beside: str):
    setup = setup_for(tmp_path, units="top:2", beside=(beside,) if beside else ())
    filled(setup)
    (chosen,) = plan_searches(setup).units.values()
    if not beside:
        assert tuple(chosen) == (0, 1), "of neither it is known which are"
        return
    shown: list[Tensor] = []
    module, preprocess = setup.loaded.module.eval(), setup.loaded.preprocess
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocess.mean, preprocess.std))
    with module.get_submodule("conv2_1").register_forward_hook(lambda _, given, output: shown.append(output.detach())):
        module((setup.photographs(2) - mean) / std)
    strongest = shown[0].amax(dim=(0, 2, 3)).topk(2).indices.tolist()
    assert list(chosen) == strongest != [0, 1]
