"""Searches for classes and from images: what they are for, their keys, what a plan says of them, and what pages get."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from generator.artifacts import NotApplicable
from generator.build import compute
from generator.command.progress import Silent
from generator.config import load_config
from generator.executors.search import lacking, passes_of
from generator.names import INPUT
from generator.pages.views import Passes, Sought
from generator.report.plan import plan_report, plan_searches
from generator.report.setup import Setup, set_up
from generator.report.sought import SoughtViews
from generator.report.subjects import ranking
from generator.resources import packaged

CLASSES = {"class_visualization": {"size": 28, "steps": 3, "targets": 2}}
DREAMS = {"deep_dream": {"size": 28, "steps": 2, "images": 2}}


@pytest.fixture(autouse=True)
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which memory format is faster is measured, and the two round differently in the last bit."""
    monkeypatch.setattr("generator.build.faster_format", lambda engine, shape: "contiguous")


def setup_for(folder: Path, *methods: Any, images: slice = slice(0, 3), **more: Any) -> Setup:
    """A report of some of the digits."""
    pictures = folder / "images"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    for file in sorted(packaged("inputs/digits").glob("*.png"))[images]:
        shutil.copy(file, pictures)
    given = {
        "model": "tinyvgg_digits",
        "images": str(pictures),
        "layers": "conv2_1",
        "targets": "top:2",
        "trust": "none",
    }
    config = {**given, "methods": list(methods), "store": str(folder / "store"), "device": "cpu", **more}
    return set_up(load_config(None, config), Silent())


def filled(setup: Setup) -> Passes:
    """Fill the store; the passes that ran."""
    counts = setup.engine.counts
    before = counts.forward, counts.backward
    compute(setup, plan_report(setup), Silent())
    return Passes(counts.forward - before[0], counts.backward - before[1])


def chosen(setup: Setup, name: str) -> list[tuple[int, ...]]:
    return [found for (method, _), found in plan_searches(setup).units.items() if method == name]


def views(setup: Setup) -> SoughtViews:
    return SoughtViews(setup.jobs, setup.store, plan_searches(setup).units, str)


def test_the_classes_are_those_that_each_image_s_maps_are_drawn_for_once_each(tmp_path: Path):
    setup = setup_for(tmp_path, CLASSES)
    filled(setup)
    with torch.no_grad():
        pre = setup.loaded.preprocess
        seen = (setup.photographs(3) - torch.tensor(pre.mean).view(-1, 1, 1)) / torch.tensor(pre.std).view(-1, 1, 1)
        order = setup.loaded.module(seen).argsort(dim=1, descending=True)[:, :2].flatten().tolist()
    assert chosen(setup, "class_visualization") == [tuple(dict.fromkeys(order))]
    assert [ranking(setup.jobs, image, setup.store)[:2] for image in setup.images.images] == [order[k : k + 2] for k in (0, 2, 4)]  # fmt: skip
    assert list(views(setup).classes) == list(dict.fromkeys(order))


@pytest.mark.parametrize(
    ("targets", "options", "wanted"),
    [
        (["3", "7"], {"targets": 2}, (3, 7)),
        (["3", "7"], {"targets": 1}, (3,)),
        (["7", "3", "1"], {"targets": 3, "most": 2}, (7, 3)),
        (["unit:conv2_1:4", "5"], {"targets": 1}, (5,)),  # a unit is no class
    ],
)
def test_which_classes_by_hand(tmp_path: Path, targets: list[str], options: dict[str, int], wanted: tuple[int, ...]):
    setup = setup_for(tmp_path, {"class_visualization": options}, targets=targets)
    assert chosen(setup, "class_visualization") == [wanted]


def test_a_plan_counts_classes_that_are_not_known_as_different_and_the_build_runs_no_more(tmp_path: Path):
    setup = setup_for(tmp_path, {"class_visualization": {"size": 28, "steps": 3, "targets": 2, "batch": 2}}, DREAMS)
    said = str(plan_report(setup))
    # three images of two classes each: three batches of four forwards; two images at three layers of two steps each
    assert re.search(r"^class_visualization +class +- +6 +6 +12 forward, 9 backward$", said, re.M), said
    assert re.search(r"^deep_dream +image +3 +6 +6 +9 forward, 6 backward$", said, re.M), said
    assert "  of class_visualization at most: which classes there are" in said
    assert re.search(r"^searches: (about|under) ", said, re.M)
    planned = plan_searches(setup).passes
    assert planned == Passes(12 + 9, 9 + 6)
    ran = filled(setup)
    assert ran.forward - 3 <= planned.forward and ran.backward <= planned.backward  # three forwards for the predictions
    assert "at most" not in str(plan_report(setup))
    assert plan_searches(setup).passes == Passes(0, 0)
    again = setup_for(tmp_path, CLASSES | {"class_visualization": {"size": 28, "steps": 3, "targets": 2}}, DREAMS)
    assert filled(again) == Passes(0, 0)


def test_an_image_keeps_its_pictures_wherever_it_stands_and_another_gets_its_own(tmp_path: Path):
    filled(setup_for(tmp_path, DREAMS, images=slice(1, 3)))
    more = setup_for(tmp_path, {"deep_dream": {"size": 28, "steps": 2, "images": 3}})  # one in front of the two
    for search in more.jobs.searches:
        assert lacking(more.jobs, search, (0, 1, 2), more.store) == (0,)
        assert passes_of(more.jobs, search, (0, 1, 2), more.store) == (3, 2)
    assert filled(more) == Passes(1 + 3 * 3, 3 * 2)
    known = {more.jobs.unit_key(more.jobs.searches[0], k) for k in range(3)}
    assert len(known) == 3


def test_options_and_seeds_change_keys_and_the_batch_does_not(tmp_path: Path):
    def keys(**more: Any) -> set[str]:
        setup = setup_for(tmp_path, {"class_visualization": {"steps": 3, **more.pop("options", {})}}, **more)
        return {setup.jobs.unit_key(setup.jobs.searches[0], index) for index in (0, 1)}

    plain = keys()
    assert len(plain) == 2
    assert keys(options={"batch": 3, "targets": 1, "most": 5}) == plain
    assert not keys(options={"jitter": 3}) & plain
    assert not keys(seed=4) & plain


def test_a_batch_that_a_kill_cut_off_is_completed_from_the_whole(tmp_path: Path):
    setup = setup_for(tmp_path, CLASSES, DREAMS)
    filled(setup)
    keys = [
        key
        for search in setup.jobs.searches
        for key in setup.jobs.unit_keys(search, plan_searches(setup).units[search.name, search.at]).values()
    ]
    records = [setup.store.get(key) for key in keys]
    assert None not in records
    for key in keys[1::2]:
        (tmp_path / "store/keys" / key[:2] / f"{key[2:]}.json").unlink()
    again = setup_for(tmp_path, CLASSES, DREAMS)
    assert filled(again) == Passes(0, 0)
    assert [again.store.get(key) for key in keys] == records


def test_pages_get_pictures_with_their_scores_and_sentences_where_there_are_none(tmp_path: Path):
    none = {"inversion": {"images": 0}}
    setup = setup_for(tmp_path, CLASSES, DREAMS, none)
    filled(setup)
    found = views(setup)
    layers = [layer.name for layer in setup.compared]
    for number in range(3):
        of = found.of_image(number)
        assert set(of) == {(method, layer) for method in ("deep_dream", "inversion") for layer in layers}
        for (method, _), one in of.items():
            if method == "deep_dream" and number < 2:
                assert isinstance(one, Sought)
                assert (one.picture.height, one.picture.width) == (28, 28)
                assert one.began is not None and one.score > one.began and not one.dead
            else:
                assert isinstance(one, NotApplicable)
                assert ("first 2 images only" in one.reason) == (method == "deep_dream")
    assert {(m, at) for m, at, _ in setup.jobs.refused} == {("inversion", layer) for layer in layers}


def test_a_report_whose_targets_are_no_classes_has_none_and_one_without_any_option_says_so(tmp_path: Path):
    setup = setup_for(tmp_path, CLASSES, targets=["unit:conv2_1:4"])
    assert chosen(setup, "class_visualization") == [()]
    filled(setup)
    assert not views(setup).classes
    off = setup_for(tmp_path, {"class_visualization": {"most": 0}})
    assert [(m, at) for m, at, _ in off.jobs.refused] == [("class_visualization", INPUT)]


def test_some_units_get_their_diversity_set_and_the_others_the_picture_that_one_alone_has(tmp_path: Path):
    short = {"size": 28, "steps": 3}
    few = {"activation_maximization": {**short, "diversity": 3, "diverse": 1}}
    setup = setup_for(tmp_path / "few", few, units="3,0,5")
    search = setup.jobs.searches[0]
    # one unit of three pictures, and two of one each: two batches
    assert plan_searches(setup).passes == Passes(4 * 2, 3 * 2)
    said = str(plan_report(setup))
    assert re.search(r"^activation_maximization +search +1 +3 +3 +8 forward, 6 backward$", said, re.M), said
    filled(setup)
    records = {u: setup.store.get(key) for u, key in setup.jobs.unit_keys(search, (3, 0, 5)).items()}
    assert [unit for unit, record in records.items() if record and "variants" in record.meta] == [3]
    assert plan_searches(setup).passes == Passes(0, 0)
    alone = setup_for(tmp_path / "few", {"activation_maximization": short}, units="0,5")
    assert filled(alone) == Passes(0, 0)  # the very same records
    every = setup_for(tmp_path / "few", {"activation_maximization": {**short, "diversity": 3}}, units="3,0,5")
    assert lacking(every.jobs, every.jobs.searches[0], (3, 0, 5), every.store) == (0, 5)
    key = setup.jobs.unit_key(search, 3)
    (tmp_path / "few/store/keys" / key[:2] / f"{key[2:]}.json").unlink()
    fresh = setup_for(tmp_path / "few", few, units="3,0,5")
    filled(fresh)
    assert np.allclose(fresh.store.get(key).meta["scores"], records[3].meta["scores"], rtol=1e-4)
