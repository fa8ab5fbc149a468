"""Dataset examples: by hand through a whole report, and beside maps sorted one by one."""

from __future__ import annotations

import importlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import generator
from generator.build import ask, compute, drive
from generator.command.progress import Progress, Silent
from generator.config import load_config
from generator.dataset.answers import NONE, Answers
from generator.dataset.sources import Dataset
from generator.dataset.survey import Portion, survey
from generator.errors import UserError
from generator.library import engine_for, make_method
from generator.model.describe import describe
from generator.model.preprocess import Preprocess
from generator.names import LayerName
from generator.pages.views import Passes
from generator.report.answers import Asking, _fill_pictures, skipped_of
from generator.report.plan import plan_report, plan_searches
from generator.report.reporting import report_of
from generator.report.setup import Setup, set_up
from generator.resources import packaged
from generator.store import Store
from tests.dataset.made import packed


def test_lists_and_numbers_by_hand():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
    model[0].weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    description = describe(model, (1, 2, 2))
    x = torch.tensor([[[1.0, -2.0], [3.0, 0.0]], [[0.0, 5.0], [1.0, 0.0]], [[3.0, 3.0], [-4.0, 0.0]]])[:, None]
    states = {
        LayerName("1"): make_method("dataset_examples", {"top": 3}).start(description.by_name[LayerName("1")], "cpu")
    }
    found = survey(engine_for(model, description), states, [Portion(x, range(3))])[LayerName("1")]
    # unit 0 is max(x, 0): highest 3 at place 2, 5 at 1, 3 at 0; unit 1 is max(-x, 0): 2 at place 1, nothing, 4 at 2
    assert found.values.tolist() == [[5, 3, 3], [4, 2, 0]]
    assert found.images.tolist() == [[1, 0, 2], [2, 0, NONE]]
    assert found.places[0].tolist() == [1, 2, 0]
    assert found.places[1, :2].tolist() == [2, 1]
    assert found.mean.tolist() == pytest.approx([16 / 12, 6 / 12])
    assert found.sparsity.tolist() == pytest.approx([6 / 12, 10 / 12])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(folder: Path, **more: object) -> tuple[Setup, Passes]:
    given = {
        "model": "tinyvgg_digits",
        "images": str(packaged("inputs/digits")),
        "layers": ["conv", "act"],
        "methods": ["feature_maps", "dataset_examples"],
        "units": "top:2",
        "store": str(folder / "store"),
        "device": "cpu",
        "trust": "none",
        "checkpoints": [],
        "effective_fields": 0,
    }
    setup = set_up(load_config(None, given | more), Silent())
    compute(setup, plan_report(setup), Silent())
    before = setup.engine.counts.forward, setup.engine.counts.backward
    planned = ask(setup, plan_searches(setup), Silent())
    after = setup.engine.counts.forward, setup.engine.counts.backward
    assert Passes(after[0] - before[0], after[1] - before[1]) == planned
    return setup, planned


def of(setup: Setup, layer: str) -> Answers:
    assert setup.asking
    found = setup.asking.of(setup.store, LayerName(layer))
    assert found
    return found


def test_the_reports_own_images_are_the_set_and_agree_with_their_feature_maps(folder: Path):
    setup, planned = asked(folder)
    assert planned.forward > 0
    images = setup.images.images
    for request in setup.jobs.sets:
        found = of(setup, request.layer.name)
        maps = next(r for r in setup.jobs.requests if r.name == "feature_maps" and r.layer == request.layer.name)
        tops = []
        for image in images:
            record = setup.store.get(setup.jobs.key(maps, image))
            assert record
            meta = record.meta["maps"][0]
            tops.append(meta.get("raw_hi", meta["hi"]))
        assert np.allclose(found.highest, np.max(tops, axis=0), rtol=1e-4, atol=1e-5)
    again, planned = asked(folder)
    assert planned == Passes(0, 0)
    assert np.array_equal(of(again, "conv1_1").values, of(setup, "conv1_1").values)


def test_a_set_of_its_own_is_read_from_a_folder_and_what_cannot_be_read_is_named(folder: Path):
    for k in range(41):
        where = folder / "set" / str(k % 2)
        where.mkdir(parents=True, exist_ok=True)
        made = np.random.default_rng(k).integers(0, 255 if k % 2 else 60, (40, 40), np.uint8)
        Image.fromarray(made).save(where / f"{k}.png")
    (folder / "set" / "1" / "broken.png").write_bytes(b"\x89PNG no picture")
    setup, planned = asked(folder, dataset=str(folder / "set"))
    assert setup.asking
    assert planned.forward >= 2
    found = of(setup, "conv1_1")
    assert found.seen == 41
    assert 1 in found.chosen and set(found.chosen.tolist()) <= {NONE, 0, 1}  # the folders' names are classes' indices
    named = {int(one) for request in setup.jobs.sets for one in np.unique(of(setup, request.layer.name).images)} - {
        NONE
    }
    kept = {n for n in range(42) if setup.store.get(setup.asking.picture_key(n))}
    assert kept == named
    record = setup.store.get(setup.asking.key(setup.jobs.sets[0]))
    assert record
    assert [name for name, _ in record.meta["skipped"]] == ["1/broken.png"]


@pytest.mark.parametrize("kind", ["folder", "list", "shards"])
def test_a_picture_that_cannot_be_read_in_the_middle_is_named_and_the_pass_goes_on(folder: Path, kind: str):
    """Of 40 pictures, two batches, two are broken; whatever kind of set it is, the others are all seen, each under its number."""
    where = folder / "set"
    where.mkdir()
    broken = (17, 18)
    for k in range(40):
        Image.fromarray(np.full((28, 28), 5 * k, np.uint8)).save(where / f"{k:02}.png")
        if k in broken:
            (where / f"{k:02}.png").write_bytes((where / f"{k:02}.png").read_bytes()[:40])
    given = where
    if kind == "list":
        given = folder / "set.txt"
        given.write_text("".join(f"set/{k:02}.png\n" for k in range(40)))
    elif kind == "shards":
        given = folder / "{a,b}.tar"
        for name, some in (("a", range(20)), ("b", range(20, 40))):
            packed(folder / f"{name}.tar", {f"{k:02}.png": (where / f"{k:02}.png").read_bytes() for k in some})
    setup, planned = asked(
        folder,
        dataset=str(given),
        methods=["feature_maps", {"dataset_examples": {"top": 40, "reconstructions": 0, "colour": 0}}],
    )
    driving = setup.driving
    assert driving is not None and driving.requests
    lists = [of(setup, request.layer.name).images for request in driving.requests]
    three, one = (len(np.unique(np.concatenate([x[:, :k].ravel() for x in lists]))) for k in (3, 1))
    # what drives units at their three strongest places in batches of 32, their threads in batches of 4
    assert planned == Passes(2 + -(-three // 32) + -(-one // 4), 0)
    found = of(setup, "conv1_1")
    assert found.seen == 38
    assert {int(n) for n in np.unique(found.images)} - {NONE} == set(range(40)) - set(broken)
    assert setup.asking
    skipped = skipped_of(setup.asking, setup.store)
    assert [name.rpartition("/")[2] for name, _ in skipped] == ["17.png", "18.png"]
    assert report_of(setup, {}, Passes(0, 0)).skipped == tuple(skipped), "on the run page, and in run.json"


@pytest.mark.parametrize("kind", ["folder", "shards"])
@pytest.mark.parametrize("after", ["generator.report.answers.survey", "generator.report.answers._fill_pictures"])
def test_a_picture_that_is_gone_after_the_pass_is_named_as_the_users_to_mend(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, after: str
):
    where = folder / "set"
    where.mkdir()
    for k in range(3):
        Image.fromarray(np.random.default_rng(k).integers(0, 255, (28, 28), np.uint8)).save(where / f"{k}.png")
    given = folder / "a.tar"
    packed(given, {f"{k}.png": (where / f"{k}.png").read_bytes() for k in range(3)})
    path, name = after.rsplit(".", 1)
    original = getattr(importlib.import_module(path), name)

    def and_then(*arguments: object) -> object:
        found = original(*arguments)
        (where / "1.png").write_bytes(b"gone")
        given.write_bytes(given.read_bytes()[:1500])
        return found

    monkeypatch.setattr(after, and_then)
    why = r"\w.*" if kind == "folder" else "The shard ends before the picture does: .*"
    said = rf"dataset: '(a.tar/)?\d.png' could be read when the dataset was passed through the model, but not any more: {why}\. Put"
    with pytest.raises(UserError, match=said):
        asked(folder, dataset=str(where if kind == "folder" else given), methods=[{"dataset_examples": {"colour": 0}}])


def test_what_drives_units_is_not_kept_where_a_picture_of_theirs_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch):
    where = folder / "set"
    where.mkdir()
    for k in range(3):
        Image.fromarray(np.random.default_rng(k).integers(0, 255, (28, 28), np.uint8)).save(where / f"{k}.png")
    made: list[Setup] = []

    def and_then(asking: Asking, preprocess: Preprocess, store: Store) -> None:
        _fill_pictures(asking, preprocess, store)
        (where / "1.png").write_bytes(b"gone")

    def remembered(setup: Setup, progress: Progress) -> Passes:
        made.append(setup)
        return drive(setup, progress)

    monkeypatch.setattr("generator.report.answers._fill_pictures", and_then)
    monkeypatch.setattr("generator.build.drive", remembered)
    alone = [{"dataset_examples": {"colour": 0, "reconstructions": 0}}]
    with pytest.raises(UserError, match=r"'1\.png' could be read when the dataset was passed through the model"):
        asked(folder, dataset=str(where), methods=alone)
    (setup,) = made
    assert setup.driving is not None and setup.driving.requests
    assert setup.driving.lacking(setup.store) == setup.driving.requests


def test_reconstructions_are_of_the_chosen_units_and_their_first_images(folder: Path):
    setup, _ = asked(folder, methods=["feature_maps", {"dataset_examples": {"reconstructions": 2}}])
    from generator.report.reconstructions import RULES, VEIL, kept, wanted

    assert setup.asking
    todo = wanted(setup.asking, setup.store, "top:2", {})
    assert {one.request.layer.kind for one in todo} == {"conv"}
    records = dict(kept(todo, setup.store))
    assert set(records) == {one.request.layer.name for one in todo}
    for one in todo:
        found = of(setup, one.request.layer.name)
        best = np.argsort(-found.highest, kind="stable")[:2]
        assert {unit for unit, _, _, _ in one.entries} == set(best.tolist())
        for unit, rank, start, number in one.entries:
            assert number == found.images[unit, rank]
            assert start.row * one.request.layer.shape[2] + start.column == found.places[unit, rank]
        record = records[one.request.layer.name]
        assert set(record.blobs) | set(record.inline) == {*RULES, VEIL}
        assert one.deconv == record.meta["deconv"] == 2, "the model has max-pools"
        shares = [
            share for share, blank in zip(record.meta["half"], record.meta["blank"]["guided"], strict=True) if not blank
        ]
        assert shares and all(0 < share <= 0.5 for share in shares)


def test_without_switches_only_first_patches_have_a_deconvnet(folder: Path):
    from generator.report import reconstructions

    setup, _ = asked(folder, methods=["feature_maps", {"dataset_examples": {"reconstructions": 3, "colour": 0}}])
    assert setup.asking
    description = setup.jobs.description
    bare = replace(description, facts=replace(description.facts, max_pools=0))
    asking = replace(setup.asking, jobs=replace(setup.jobs, description=bare))
    todo = reconstructions.wanted(asking, setup.store, "top:2", {})
    assert [one.deconv for one in todo] == [1] * len(todo)
    assert reconstructions.lacking(todo, setup.store) == todo, "its records are not those of a model with max-pools"
    counts, preprocess = setup.engine.counts, setup.loaded.preprocess
    before = counts.forward, counts.backward
    with Silent().stage("reconstructions") as stage:
        reconstructions.fill_reconstructions(asking, todo, setup.engine, preprocess, setup.store, stage)
    planned = reconstructions.passes(todo, reconstructions.plan(todo, preprocess.size, 1))
    assert Passes(counts.forward - before[0], counts.backward - before[1]) == planned
    record = dict(reconstructions.kept(todo, setup.store))[todo[-1].request.layer.name]
    meta = record.meta
    sheet = np.asarray(Image.open(io.BytesIO(setup.store.blob(record, "deconv_unpool"))).convert("RGB"), np.int16)
    h, w = meta["tile"]
    for k, (_, rank) in enumerate(meta["entries"]):
        y, x = k // meta["columns"] * (h + 1), k % meta["columns"] * (w + 1)
        drawn = bool((abs(sheet[y : y + h, x : x + w] - 128) > 8).any())
        assert drawn == (rank == 0 and not meta["blank"]["deconv_unpool"][k])


def test_reconstructions_look_up_the_images_they_are_of_and_no_others(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """What a run holds does not grow with the set: of 40 images those that two units' strongest patches come from."""
    from generator.report import reconstructions

    (folder / "set").mkdir()
    for k in range(40):
        made = np.random.default_rng(k).integers(0, 255, (28, 28), np.uint8)
        Image.fromarray(made).save(folder / "set" / f"{k:02}.png")
    methods = ["feature_maps", {"dataset_examples": {"reconstructions": 1, "colour": 0}}]
    setup, _ = asked(folder, dataset=str(folder / "set"), methods=methods)
    assert setup.asking
    todo = reconstructions.wanted(setup.asking, setup.store, "top:2", {})
    looked: list[int] = []
    original = Dataset.__getitem__
    monkeypatch.setattr(Dataset, "__getitem__", lambda self, index: looked.append(index) or original(self, index))
    with Silent().stage("reconstructions") as stage:
        reconstructions.fill_reconstructions(
            setup.asking, todo, setup.engine, setup.loaded.preprocess, setup.store, stage
        )
    assert set(looked) == {number for one in todo for *_, number in one.entries}
    assert len(set(looked)) < 40


def shown(setup: Setup) -> dict[str, str]:
    """What each image that a list names shows, in a report."""
    report = report_of(setup, {}, Passes(0, 0))
    return {example.name: example.shows for example in report.examples}


def test_an_image_shows_its_class_and_without_one_what_the_model_says_of_it_first(folder: Path):
    for k in range(4):
        where = folder / "set" / ("7" if k % 2 else "8")
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(k).integers(0, 255, (40, 40), np.uint8)).save(where / f"{k}.png")
    setup, _ = asked(folder, dataset=str(folder / "set"))
    assert setup.loaded.labels
    assert not setup.asking or not setup.asking.notes
    seven, eight = setup.loaded.labels[7:9]
    assert shown(setup) == {"7/1.png": seven, "7/3.png": seven, "8/0.png": eight, "8/2.png": eight}
    own, _ = asked(folder)
    assert own.asking and set(own.asking.classes) == {None}
    said = {image.name: image.predictions[0].label for image in report_of(own, {}, Passes(0, 0)).images}
    assert shown(own) == said


def test_where_one_label_names_no_class_labels_are_classes_of_their_own(folder: Path):
    """Folders by what is in them, so that units tell them apart; one of them is called like the model's class 2."""
    for k in range(40):
        name = ("n01440764", "2")[k % 2]
        where = folder / "set" / name
        where.mkdir(parents=True, exist_ok=True)
        made = np.random.default_rng(k).integers(0, 256 if k % 2 else 40, (28, 28), np.uint8)
        Image.fromarray(made).save(where / f"{k:02}.png")
    setup, _ = asked(folder, dataset=str(folder / "set"), methods=[{"dataset_examples": {"colour": 0}}])
    assert setup.asking and setup.asking.names == ("2", "n01440764") and not setup.asking.by_model
    assert shown(setup) and all(shows == name.partition("/")[0] for name, shows in shown(setup).items())
    found = of(setup, "conv1_1")
    assert set(found.chosen.tolist()) <= {NONE, 0, 1} and 0 in found.chosen, "the brighter folder's, not the digit 2"
    report = report_of(setup, {}, Passes(0, 0))
    assert report.of_set == ("2", "n01440764") and not report.by_model
    note = (
        "dataset: 1 of 2 labels names a class of the model; the folders' names are taken for the classes of its images."
    )
    assert note in report.notes and note in report.run_json["notes"]


def test_where_images_have_no_label_they_show_what_the_model_says(folder: Path):
    files = sorted(packaged("inputs/digits").glob("*.png"))
    (folder / "set").mkdir()
    for file in files:
        (folder / "set" / file.name).write_bytes(file.read_bytes())
    setup, planned = asked(folder, dataset=str(folder / "set"))
    own, _ = asked(folder)
    said = {image.name: image.predictions[0].label for image in report_of(own, {}, Passes(0, 0)).images}
    assert {Path(name).stem: shows for name, shows in shown(setup).items()} == {
        Path(name).stem: one for name, one in said.items()
    }
    assert len(set(said.values())) > 1
    report = report_of(setup, {}, Passes(0, 0))
    assert report.by_model
    assert {example.label for example in report.examples} == {None}
    _, planned = asked(folder, dataset=str(folder / "set"))
    assert planned == Passes(0, 0)


def test_wrong_options_and_the_library_say_what_to_do():
    with pytest.raises(UserError, match="expected top to be 1 or more, got 0"):
        make_method("dataset_examples", {"top": 0})
    with pytest.raises(UserError, match="expected reconstructions to be 0 or more, got -1"):
        make_method("dataset_examples", {"reconstructions": -1})
    with pytest.raises(UserError, match="reads a whole set of images"):
        generator.attribute(nn.Conv2d(3, 2, 3), torch.randn(1, 3, 8, 8), "dataset_examples")


def test_where_nothing_comes_back_the_record_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from generator.report import reconstructions

    original = reconstructions.reconstruct

    def cut_off(*arguments: object) -> object:
        for image, start, rule, back in original(*arguments):  # type: ignore[arg-type]
            yield image, start, rule, back * (rule != "guided")

    monkeypatch.setattr(reconstructions, "reconstruct", cut_off)
    setup, _ = asked(folder, methods=["feature_maps", {"dataset_examples": {"reconstructions": 1}}])
    assert setup.asking
    todo = reconstructions.wanted(setup.asking, setup.store, "top:2", {})
    for _, record in reconstructions.kept(todo, setup.store):
        assert all(record.meta["blank"]["guided"])
        assert not any(record.meta["blank"]["deconv_unpool"])
