"""What a user can get wrong, through the command line: one line that says what to do and exit 2, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.whole import Outcome, build, convatlas, copied, digits

NETS = """
from torch import nn

def flat():
    return nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 10))

def good():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

def diverged():
    model = good()
    model[4].weight.data[1, 2] = float("nan")
    return model

def overflowed():
    model = good()
    model[0].bias.data[0] = float("inf")
    return model

def broken():
    raise ValueError("no such checkpoint\\nand more")

def fails():
    class Fails(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).reshape(7, 7)
    return Fails(1, 4, 3)
"""
DIGIT_LABELS = "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with two good pictures, models good and bad, and files where folders are expected."""
    copied(digits(2), tmp_path / "images")
    (tmp_path / "empty").mkdir()
    (tmp_path / "nets.py").write_text(NETS, encoding="utf-8")
    (tmp_path / "labels.txt").write_text("yes\nno\n", encoding="utf-8")
    (tmp_path / "digits.txt").write_text(DIGIT_LABELS, encoding="utf-8")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    return tmp_path


def attempt(folder: Path, config: dict[str, object] | str, *arguments: str) -> Outcome:
    """A build with this configuration over a good one; a string is the whole of report.yml."""
    good: dict[str, object] = {"model": "tinyvgg_digits", "images": "images", "methods": ["grad_cam"], "device": "cpu"}
    text = config if isinstance(config, str) else yaml.safe_dump(good | config)
    (folder / "report.yml").write_text(text, encoding="utf-8")
    return convatlas(folder, "build", *arguments)


def own(function: str, **more: object) -> dict[str, object]:
    """The configuration of one of NETS."""
    read = {"size": 32, "crop": "none", "mean": [0], "std": [1], "channels": 1}
    return {"model": {"source": f"python:nets.py:{function}", "input": read, **more}}


CASES: dict[str, tuple[dict[str, object] | str, list[str], list[str]]] = {
    "an empty folder": ({"images": "empty"}, [], ["expected at least one image in 'empty'", "JPEG or PNG"]),
    "a missing folder": ({}, ["--images", "imges"], ["'imges' does not exist"]),
    "a model without convolutions": (
        own("flat"),
        [],
        ["expected a model with layers that have height and width", "choose a"],
    ),
    "NaN weights": (own("diverged"), [], ["received NaN in 4.weight"]),
    "infinite weights": (own("overflowed"), [], ["received infinity in 0.bias"]),
    "a model that raises": (own("broken"), [], ["python:nets.py:broken raised ValueError: no such checkpoint"]),
    "a model that cannot run": (
        own("fails"),
        [],
        ["cannot run on an input of 1 channel, 32x32 pixels", "model.input.size"],
    ),
    "a function that is not there": (own("goood"), [], ["there is no `goood`", "`good`"]),
    "a file that is not there": ({"model": "python:net.py:good"}, [], ["found none at net.py"]),
    "a wrong label count": (own("good", labels="labels.txt"), [], ["expected 3 labels", "received 2"]),
    "a label file that is not there": (own("good", labels="label.txt"), [], ["cannot read label.txt"]),
    "no input size": ({"model": "python:nets.py:good"}, [], ["model.input.size: expected"]),
    "an unknown key": ("imagse: images\n", [], ["report.yml:1", "no key `imagse`", "`images`"]),
    "an unknown key within": (
        {"model": {"source": "tinyvgg_digits", "lables": "x"}},
        [],
        ["`model.lables`", "`labels`"],
    ),
    "an unknown model": ({"model": "tinyvgg_digit"}, [], ["`tinyvgg_digit`", "`tinyvgg_digits`"]),
    "an unknown torchvision model": ({"model": "torchvision:resnet81"}, [], ["resnet81", "resnet18"]),
    "an unknown layer": ({}, ["--layers", "conv2_3"], ["no layer `conv2_3`", "`conv2_2`"]),
    "a pattern that meets no layer": ({}, ["--layers", "conv3_*"], ["no layer's name matches `conv3_*`", "`conv"]),
    "an unknown layer of the comparison": ({"cam_layers": "pool3"}, [], ["no layer `pool3`", "`pool2`"]),
    "a kind that the model lacks": ({}, ["--layers", "attention"], ["the model has no layer for `attention`"]),
    "an unknown method": ({}, ["--methods", "gradcam"], ["no method `gradcam`", "`grad_cam`"]),
    "an unknown option": ({"methods": [{"activation_maximization": {"step": 3}}]}, [], ["no option `step`", "steps"]),
    "an option of a wrong type": (
        {"methods": [{"activation_maximization": {"steps": "many"}}]},
        [],
        ["steps", "'many'"],
    ),
    "an option that is too small": ({"methods": [{"activation_maximization": {"steps": -1}}]}, [], ["steps", "-1"]),
    "an option without end": (
        "model: tinyvgg_digits\nmethods: [{activation_maximization: {turn: .inf}}]\n",
        [],
        ["activation_maximization: expected turn to be 0 or more and finite, received inf"],
    ),
    "an option that is no number": (
        "model: tinyvgg_digits\nmethods: [{deep_dream: {zoom: .nan}}]\n",
        [],
        ["deep_dream: expected zoom to be 0 or more, received nan"],
    ),
    "an unknown target": (
        {"model": {"source": "tinyvgg_digits", "labels": "digits.txt"}},
        ["--targets", "sevn"],
        ["no class is labelled `sevn`", "`seven`"],
    ),
    "a class that the model lacks": ({}, ["--targets", "10"], ["from 0 to 9, received 10"]),
    "a unit's layer that is unknown": ({}, ["--targets", "unit:conv2_3:1"], ["no layer `conv2_3`", "`conv2_2`"]),
    "a unit that the layer lacks": ({}, ["--targets", "unit:conv1_1:12"], ["from 0 to 11, received 12"]),
    "units that are none": ({"units": "top"}, [], ["units: expected top:K", "`top`"]),
    "units that no layer has": (
        {"units": "20,999", "methods": ["activation_maximization"]},
        [],
        ["no layer that is searched has any of `20,999`", "20 units, from 0 to 19"],
    ),
    "an unknown preset": ({}, ["--preset", "quik"], ["`quik`", "`quick`"]),
    "an unknown device": ({}, ["--device", "gpu"], ["expected auto, cuda", "'gpu'"]),
    "a site where a file is": ({}, ["--out", "file"], ["found a file at", "--out"]),
    "a site below a file": ({}, ["--out", "file/site"], ["found a file at", "--out"]),
    "a site among the pictures": ({}, ["--out", "images"], ["holds the images", "--out"]),
    "a site around the store": ({}, ["--out", "kept", "--store", "kept/store"], ["holds the store", "--out"]),
    "a store below a file": ({}, ["--store", "file/store"], ["cannot write file/store", "--store"]),
    "YAML that is broken": ("model: [tinyvgg_digits\nimages: {", [], ["report.yml:", "not valid YAML"]),
    "YAML without keys": ("- tinyvgg_digits\n", [], ["expected keys and values in report.yml"]),
    "a key that stands twice": ("model: a\nmodel: b\n", [], ["report.yml:2", "model"]),
    "a configuration that is not there": ({}, ["--config", "other.yml"], ["found nothing at other.yml"]),
    "another network of an unknown name": (
        {"compare": ["torchvision:resnet5"]},
        (),
        ("compare: torchvision:resnet5: ", "`resnet50`"),
    ),
    "another network that cannot run": (
        {"compare": ["python:nets.py:fails"]},
        (),
        ("compare: python:nets.py:fails: ", "cannot run on an input of 1 channel"),
    ),
    "another network in no file": (
        {"compare": "none.prototxt"},
        (),
        ("compare: none.prototxt: ", "found none at none.prototxt"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_user_s_mistakes_are_one_line_and_exit_2(folder: Path, case: str):
    config, arguments, says = CASES[case]
    outcome = attempt(folder, config, *arguments)
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err
    *progress, line = outcome.err.splitlines()
    assert line.startswith("convatlas: ")
    assert not any(one.startswith("convatlas:") for one in progress)
    assert all(words in line for words in says), line
    assert outcome.out == ""
    assert not (folder / "site").exists()
    assert (folder / "file").read_text(encoding="utf-8") == "in the way"


@pytest.mark.parametrize("case", ["NaN weights", "an unknown layer", "YAML that is broken", "an empty folder"])
def test_debug_shows_the_traceback_before_the_line(folder: Path, case: str):
    config, arguments, _ = CASES[case]
    plain = attempt(folder, config, *arguments).err.splitlines()[-1]
    outcome = attempt(folder, config, *arguments, "--debug")
    assert outcome.code == 2
    assert "Traceback (most recent call last):" in outcome.err
    assert outcome.err.splitlines()[-1] == plain


def test_a_mistake_that_is_seen_before_the_passes_costs_none(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a pass ran for a site that cannot be written")

    monkeypatch.setattr("generator.engine.passes.Engine.forward", never)
    outcome = attempt(folder, {}, "--out", "file/site")
    assert outcome.code == 2
    assert not (folder / ".convatlas").exists()


def test_a_folder_that_is_closed_to_the_user(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "closed").mkdir()
    # root is refused nowhere, so the answer to its question stands in for a folder without write permission
    monkeypatch.setattr("generator.pages.write.os.access", lambda path, mode: Path(path).name != "closed")
    outcome = attempt(folder, {}, "--out", "closed/site")
    assert outcome.code == 2
    assert f"{folder / 'closed'} cannot be written; choose another folder with --out" in outcome.err
    assert not (folder / ".convatlas").exists()


def test_a_folder_that_is_closed_only_when_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch):
    mkdir = Path.mkdir

    def refused(self: Path, *given: object, **named: object) -> None:
        if self == folder / "site":
            raise OSError(30, "Read-only file system")
        mkdir(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refused)
    outcome = attempt(folder, {})
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == (
        "convatlas: the site cannot be written to site: Read-only file system; choose another folder with --out"
    )


@pytest.mark.parametrize("out", ["thesis", "thesis/site"])
def test_a_folder_of_other_files_is_never_emptied(folder: Path, out: str):
    (folder / out / "chapters").mkdir(parents=True)
    kept = folder / out / "chapters/one.tex"
    kept.write_text("years of work", encoding="utf-8")
    outcome = attempt(folder, {}, "--out", out)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].startswith(
        f"convatlas: out: expected a new or empty folder or an earlier site, but {out} "
    )
    assert kept.read_text(encoding="utf-8") == "years of work"


def test_a_site_that_a_kill_cut_off_is_written_again(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def killed(*_: object) -> None:
        (folder / "site/half.html").write_text("<p>half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generator.pages.mkdocs_build.run", killed)
        assert attempt(folder, {}).code == 130
    assert (folder / "site/half.html").exists()
    outcome = attempt(folder, {})
    assert outcome.code == 0, outcome.err
    assert (folder / "site/index.html").is_file()
    assert not (folder / "site/half.html").exists()


def test_a_site_without_its_mark_is_known_by_its_run_json(folder: Path):
    assert attempt(folder, {}).code == 0
    (mark,) = (path for path in (folder / "site").iterdir() if path.name.startswith("."))
    mark.unlink()
    assert attempt(folder, {"targets": "top:2"}).code == 0


def test_a_picture_that_cannot_be_used_is_listed_and_the_build_goes_on(folder: Path):
    (folder / "images/cut.png").write_bytes(digits(1)[0].read_bytes()[:60])
    (folder / "images/letter.jpg").write_text("Dear reader,", encoding="utf-8")
    built = build(folder, {"model": "tinyvgg_digits", "images": "images", "methods": ["saliency"]})
    run = built.run
    assert [image["name"] for image in run["images"]] == ["0-a", "1-a"]
    assert [one["path"] for one in run["skipped"]] == ["cut.png", "letter.jpg"]
    assert all(one["reason"].endswith(".") and len(one["reason"]) > 10 for one in run["skipped"])
    for one in run["skipped"]:
        assert f"skipped {one['path']}: {one['reason']}" in built.outcome.err
        assert one["path"] in (built.site / "run.html").read_text(encoding="utf-8").replace("&#46;", ".")


def test_a_fault_of_ours_is_exit_1_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("in the encoder")

    monkeypatch.setattr("generator.executors.local.encode", broken)
    outcome = attempt(folder, {})
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    line = outcome.err.splitlines()[-1]
    assert (
        line == "convatlas: this is a fault of Conv Atlas: ZeroDivisionError: in the encoder (run again with --debug)"
    )
    shown = attempt(folder, {}, "--debug")
    assert shown.code == 1
    assert "Traceback" in shown.err
