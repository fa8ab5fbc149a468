"""`convatlas build --plan`: what it says is what a build does, it writes nothing, and its estimate is near the site's size."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from generator.command.progress import Silent
from generator.config import load_config
from generator.report.plan import plan_searches
from generator.report.setup import set_up
from generator.report.size import site_bytes
from generator.resources import packaged
from tests.whole import LEAN, SEARCH, Outcome, build, convatlas, copied, digits

TINY: dict[str, object] = {
    "model": "tinyvgg_digits",
    "images": "images",
    "layers": ["conv", "pool"],
    "methods": [*LEAN, SEARCH],
    "targets": "top:2",
    "units": "top:3",
    "trust": "none",
    "checkpoints": [],
}
RESNET: dict[str, object] = {
    "model": {"source": "torchvision:resnet18", "weights": "random", "input": {"size": 64}},
    "images": "images",
    "layers": ["conv", "block"],
    "methods": [*LEAN, SEARCH],
    "units": "0,3",
    "trust": "none",
}


def planned(folder: Path, config: dict[str, object], *arguments: str) -> Outcome:
    """`build --plan` of this configuration; it must succeed and write nothing."""
    (folder / "report.yml").write_text(yaml.safe_dump({**config, "device": "cpu"}), encoding="utf-8")
    before = everything(folder)
    outcome = convatlas(folder, "build", "--plan", *arguments)
    assert outcome.code == 0, outcome.err
    assert everything(folder) == before
    return outcome


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder, with its size and the time of its last change."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def table(text: str) -> dict[str, tuple[str, ...]]:
    """method -> (scope, layers, cells, to do, passes of its own)"""
    lines = text.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("method "))
    rows = [re.split(r"  +", line.strip()) for line in lines[start + 1 : lines.index("", start)]]
    return {row[0]: tuple(row[1:]) for row in rows}


def passes(text: str) -> dict[str, int]:
    """The passes of a plan, all of them."""
    found = re.search(r"^passes: (\d+) forward, (\d+) backward$", text, re.M)
    assert found
    return {"forward": int(found[1]), "backward": int(found[2])}


def test_the_plan_by_hand(tmp_path: Path):
    copied(digits(3), tmp_path / "images")
    text = planned(tmp_path, TINY).out
    # layers: four convolutions and two pools; compared: the last rectifier at each resolution, and the last pool, which has
    # a page as well. Grad-CAM is drawn at all eight, feature maps at the six with a page, input x response at the three.
    assert text.splitlines()[0] == "TinyVGG on digits: 3 images, 6 layer pages, 3 layers compared"
    assert table(text) == {
        "predictions": ("input", "-", "3", "3", "-"),
        "deconvnet": ("input", "-", "3", "3", "-"),
        "feature_maps": ("layer", "6", "18", "18", "-"),
        "grad_cam": ("layer", "8", "24", "24", "-"),
        "guided_backprop": ("input", "-", "3", "3", "-"),
        "input_response": ("layer", "3", "9", "9", "-"),
        "saliency": ("input", "-", "3", "3", "-"),
        "kernels": ("weights", "4", "4", "4", "-"),
        "how it is computed": ("explain", "6", "3", "3", "3 forward"),
        "effective fields": ("model", "4", "4", "4", "1 forward, 4 backward"),  # the convolutions
        "activation_maximization": (
            "search",
            "4",
            "12",
            "12",
            "12 forward, 8 backward",
        ),  # where its option `layers` says: the convolutions
    }
    assert "\ncam is not drawn: the model does not end in global average pooling" in text
    assert (
        "  shared by all methods that read one pass: 3 forward, 18 backward in 3 batches" in text
    )  # two targets by plain, guided and deconv
    assert re.search(r"^estimated site: \d+ MB$", text, re.M)
    assert re.search(r"^  of it 0\.\d MB show how layers are computed, within explain.budget_mb: 27$", text, re.M)
    assert text.splitlines()[-1] == "nothing of it was run or written"


def test_the_plan_is_what_the_build_runs(tmp_path: Path):
    copied(digits(2), tmp_path / "images")
    said = passes(planned(tmp_path, TINY).out)
    run = build(tmp_path, TINY).run
    assert run["passes"] == {"planned": said, "run": said}
    again = planned(tmp_path, TINY).out
    assert passes(again) == {"forward": 0, "backward": 0}
    assert {row[3] for row in table(again).values()} == {"0"}


def test_units_led_back_are_as_many_and_the_plan_says_how_they_are_chosen(tmp_path: Path):
    copied(digits(2), tmp_path / "images")
    config = {**TINY, "layers": ["conv"], "methods": ["feature_maps", SEARCH], "units": "threads:4"}
    text = planned(tmp_path, config).out
    line = "of a layer's units (threads:4) half are its strongest, half the strongest inputs of units chosen deeper"
    assert line in text
    top = planned(tmp_path, {**config, "units": "top:4"}).out
    assert line not in top and passes(text) == passes(top)
    run = build(tmp_path, config).run
    assert run["passes"] == {"planned": passes(text), "run": passes(text)}
    assert passes(planned(tmp_path, config).out) == {"forward": 0, "backward": 0}


def test_the_plan_says_which_units_stand_beside_the_strongest_and_of_which_there_is_more(tmp_path: Path):
    copied(digits(3), tmp_path / "images")
    search = {"activation_maximization": {"size": 28, "steps": 2, "layers": "conv", "first_page": 2}}
    methods = ["feature_maps", {"dataset_examples": {"reconstructions": 0, "colour": 0}}, search]
    config = {**TINY, "layers": ["conv"], "methods": methods, "units": "top:4+threads:2"}
    text = planned(tmp_path, config).out
    lines = (
        "  of a layer's units (top:4+threads:2) 4 are its strongest; 2 a layer more, on the average, are those that most threads come "
        "by, and all of a first layer that has 64 or fewer",
        "  of the units of the first page, 6 at most, 2 pictures each, and how the best came about",
    )
    about = "  which units these are is known when the dataset was asked: until then passes and seconds of searches are about so many"
    assert {*lines, about} <= set(text.splitlines())
    cells = table(text)["activation_maximization"][2]
    assert cells == str(3 * 6 + 12), "of the first layer all twelve"
    build(tmp_path, config)
    after = planned(tmp_path, config).out
    assert set(lines) <= set(after.splitlines()) and about not in after
    assert passes(after) == {"forward": 0, "backward": 0}
    assert table(after)["activation_maximization"][2] == cells


def test_the_plan_counts_what_judging_the_maps_takes_and_the_build_runs_it(tmp_path: Path):
    copied(digits(2), tmp_path / "images")
    trust = {"steps": 4, "shares": [0.5], "samples": 5, "sanity": 0}
    config = {**TINY, "methods": ["grad_cam", "saliency", "random_map"], "trust": trust}
    text = planned(tmp_path, config).out
    # the edges, the second baseline, are judged unasked. An image: itself, the empty and the blurred one, 5 squares; a map: 3 + 3 steps, 2 of ROAD, 1 of the average drop
    assert table(text)["trust"] == ("maps", "-", "8", "8", f"{2 * (3 + 5) + 8 * (3 + 3 + 2 + 1)} forward")
    run = build(tmp_path, config).run
    assert run["passes"] == {"planned": passes(text), "run": passes(text)}
    assert passes(planned(tmp_path, config).out) == {"forward": 0, "backward": 0}
    more = planned(tmp_path, {**config, "methods": ["grad_cam", "saliency", "random_map", "hires_cam"]}).out
    assert table(more)["trust"][3:] == ("2", f"{2 * (3 + 5) + 2 * 9} forward")


def test_the_plan_of_one_image_more_is_that_image(tmp_path: Path):
    config = {**TINY, "methods": LEAN}
    copied(digits(2), tmp_path / "images")
    build(tmp_path, config)
    copied(digits(3)[2:], tmp_path / "images")
    text = planned(tmp_path, config).out
    # effective fields are of all images together: one forward, and a backward for each convolution; how layers are computed is
    # recorded in a forward of its own
    assert passes(text) == {"forward": 1 + 1 + 1, "backward": 6 + 4}
    assert table(text)["grad_cam"] == ("layer", "8", "24", "8", "-")
    assert table(text)["kernels"] == ("weights", "4", "4", "0", "-")


def test_how_layers_are_computed_is_shown_of_as_many_images_as_the_budget_holds(tmp_path: Path):
    copied(digits(6), tmp_path / "images")

    def shown(**explain: object) -> tuple[int, float]:
        text = planned(tmp_path, {**TINY, "methods": LEAN, **({"explain": explain} if explain else {})}).out
        found = re.search(r"^  of it (\d+\.\d) MB show", text, re.M)
        assert found
        return int(table(text)["how it is computed"][2]), float(found[1])

    assert shown()[0] == 6
    one, of_one = shown(images=1)
    six, of_six = shown(images=6, budget_mb=25)
    assert (one, six) == (1, 6)
    each = (of_six - of_one) / 5
    some, of_some = shown(budget_mb=round(of_one + 2.6 * each, 2))
    assert 1 < some < 6
    assert of_some <= of_one + 2.6 * each
    assert shown(budget_mb=round(of_one * 0.5, 2))[0] == 1  # some layers go without: of one image, as many as fit
    assert shown(images=6, budget_mb=round(of_one * 0.5, 2))[0] == 6


def test_a_plan_of_what_cannot_be_built_says_so(tmp_path: Path):
    copied(digits(1), tmp_path / "images")
    (tmp_path / "site").write_text("in the way", encoding="utf-8")
    (tmp_path / "report.yml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    outcome = convatlas(tmp_path, "build", "--plan")
    assert outcome.code == 2
    assert "found a file at" in outcome.err


@pytest.mark.parametrize("name", ["tinyvgg, 2 images", "tinyvgg, 10 images", "resnet18"])
def test_the_estimate_is_within_half_as_much_again_of_the_site(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = RESNET if name == "resnet18" else TINY
    photographs = [packaged(f"inputs/images/{stem}.jpg") for stem in ("chelsea", "coffee")]
    files = photographs if name == "resnet18" else digits(2 if "2" in name else 10)
    copied(files, tmp_path / "images")
    said = planned(tmp_path, config).out
    built = build(tmp_path, config)
    real = built.run["bytes"]
    monkeypatch.chdir(tmp_path)
    setup = set_up(load_config(Path("report.yml")), Silent())
    estimate = site_bytes(setup, plan_searches(setup).units)
    assert real / 1.5 < estimate < real * 1.5
    assert f"estimated site: {estimate / 1e6:.0f} MB" in said


def test_the_estimate_grows_with_what_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    copied(digits(4), tmp_path / "images")

    def estimate(**more: object) -> float:
        setup = set_up(load_config(None, {**TINY, **more}), Silent())
        return site_bytes(setup, plan_searches(setup).units)

    whole = estimate()
    assert estimate(layers="conv1_1") < estimate(layers="conv") < whole < estimate(layers="all")
    assert estimate(methods=["saliency"]) < estimate(methods=LEAN) < whole
    assert estimate(targets="top1") < whole < estimate(targets="top:5")
    assert estimate(units="top:1") < whole < estimate(units="all")
    assert estimate(limit=1) < whole


def test_reconstructions_are_planned_at_most_and_exactly_once_the_dataset_was_asked(tmp_path: Path):
    copied(digits(5), tmp_path / "images")

    def config(few: int) -> dict[str, object]:
        return {**TINY, "methods": ["feature_maps", {"dataset_examples": {"reconstructions": few, "colour": 0}}], "explain": "none", "effective_fields": 0}  # fmt: skip

    def back(text: str) -> tuple[int, int]:
        found = re.search(r"and reconstructions.*?(\d+) forward, (\d+) backward", text)
        assert found
        return int(found[1]), int(found[2])

    before = planned(tmp_path, config(2)).out
    assert "reconstructions, known when the dataset was asked: at most" in before
    run = build(tmp_path, config(2)).run["passes"]["run"]
    took = tuple(run[way] - passes(before)[way] for way in ("forward", "backward"))
    threads = re.search(r"and the threads of units.*?at most (\d+) forward", before)
    assert threads
    layers, units = 4, 3
    assert back(before) == (5, 2 * 2 * units * layers)  # a deconvnet and a guided picture of each patch
    most = back(before)[0] + int(threads[1]), back(before)[1]
    assert all(0 < real <= bound for real, bound in zip(took, most, strict=True))
    assert "reconstructions" not in planned(tmp_path, config(2)).out, "nothing is left to do"
    more = planned(tmp_path, config(4)).out
    assert "at most" not in more
    assert passes(more) == {"forward": 0, "backward": 0}
    run = build(tmp_path, config(4)).run["passes"]["run"]
    assert back(more) == (run["forward"], run["backward"])


@pytest.mark.parametrize(("methods", "said"), [(["saliency"], True), (["saliency", "dataset_examples"], False)])
def test_a_dataset_that_no_method_reads_is_told(tmp_path: Path, methods: list[str], said: bool):
    copied(digits(1), tmp_path / "images")
    config = {**TINY, "images": str(tmp_path / "images"), "dataset": str(packaged("inputs/digits")), "methods": methods}
    (tmp_path / "report.yml").write_text(yaml.safe_dump({**config, "device": "cpu"}), encoding="utf-8")
    found = set_up(load_config(tmp_path / "report.yml", {"store": str(tmp_path / "store")}), Silent())
    assert any("`dataset` is not read" in note for note in found.notes) == said
