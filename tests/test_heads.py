"""Reports of models that are no plain classifiers: what their numbers are called, and what targets mean, to the page."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import generator
from generator.build import build
from generator.command.progress import Silent
from generator.config import load_config
from generator.engine.output import Readout
from generator.errors import UserError
from generator.pages.views import Heat, ImageView, Report
from generator.report.setup import ends_in, set_up

MODEL = """
import torch
from dataclasses import dataclass
from torch import nn


class Net(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        torch.manual_seed(outputs)
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, outputs)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))


class Ended(Net):
    def forward(self, x):
        return super().forward(x).sigmoid()


class Dict(Net):
    def forward(self, x):
        return {"loss": None, "parts": (x.mean(), super().forward(x))}


class Several(Net):
    def forward(self, x):
        return {"loss": x.mean(), "parts": (super().forward(x), self.conv(x).mean((2, 3)))}


@dataclass
class Answer:
    embedding: torch.Tensor
    scores: torch.Tensor


class Record(Net):
    def forward(self, x):
        maps = self.conv(x).relu()
        return Answer(maps.mean((2, 3)).flatten(1)[:, :2], self.fc(maps.mean((2, 3))))


class Mask(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.conv = nn.Conv2d(3, 4, 3)
        self.out = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        return 4 * self.out(self.conv(x).relu())


class Plain:
    pass


class Object(Net):
    def forward(self, x):
        answer = Plain()
        answer.scores = super().forward(x)
        answer.name = "an answer"
        return answer


class Column(Net):
    def forward(self, x):
        return super().forward(x)[:, 0]


class Two(Net):
    def forward(self, x, weight, offset):
        return super().forward(x) * weight + offset


def one(): return Net(1)
def two(): return Net(2)
def three(): return Net(3)
def ended(): return Ended(3)
def ended_one(): return Ended(1)
def nested(): return Dict(3)
def several(): return Several(3)
def record(): return Record(3)
def two_inputs(): return Two(3)
def plain(): return Object(3)
def mask(): return Mask()
def column(): return Column(1)


def difference(output):
    return output[:, 0] - output[:, 1]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # pages are rendered into a folder of the working directory
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    noise = np.random.default_rng(3)
    for name in ("class 1/one.png", "two.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    return tmp_path


def made(place: Path, builder: str, model: dict[str, Any] | None = None, **more: Any) -> Report:
    """The report of one of the models above."""
    source = {"source": f"python:{place / 'model.py'}:{builder}", "input": {"size": 32}, **(model or {})}
    given = {
        "model": source,
        "images": str(place / "images"),
        "methods": ["grad_cam", "cam", "saliency"],
        "layers": "conv",
        "out": str(place / "site"),
        "store": str(place / "store"),
        "trust": "none",
        **more,
    }
    result = build(load_config(None, given))
    assert result.planned == result.run
    return result.report


def image(report: Report, name: str = "one") -> ImageView:
    return next(view for view in report.images if view.name == name)


def says(place: Path) -> str:
    """The part of an image's page that says what the model says."""
    page = (place / "site/images/one.html").read_text(encoding="utf-8")
    return page.split('aria-labelledby="says"')[1].split("</section>")[0]


def raw(report: Report, method: str, target: int) -> Any:
    """A map's picture on the page, or why there is none."""
    found = image(report).gradients[method, target]
    return found[0] if isinstance(found, tuple) else found


def test_a_regression_has_numbers_and_no_probabilities(place: Path):
    report = made(place, "two", {"head": "regression"}, targets=["0", "1"])
    assert [(p.label, p.probability) for p in image(report).targets] == [("output 0", None), ("output 1", None)]
    written = json.loads((place / "site/run.json").read_text(encoding="utf-8"))
    assert {p["probability"] for p in written["images"][0]["predictions"]} == {None}
    assert "output 1" in says(place)
    assert "%" not in says(place)


def test_a_binary_head_says_yes_or_no_and_draws_for_what_it_says(place: Path):
    report = made(place, "one", {"head": "binary"}, targets=["top:2"], methods=["saliency"])
    first, second = image(report).targets
    assert {first.label, second.label} == {"yes", "no"}
    assert (first.role, second.role) == ("rank 1", "rank 2")
    assert first.probability + second.probability == pytest.approx(1)  # type: ignore[operator]
    assert first.logit == -second.logit > 0  # type: ignore[operator]


def test_labels_of_a_multilabel_head_do_not_share_a_probability(place: Path):
    report = made(place, "three", {"head": "multilabel"}, targets=["top:3"], methods=["saliency"])
    for p in image(report).targets:
        assert p.probability == pytest.approx(float(torch.tensor(p.logit).sigmoid()))


@pytest.mark.parametrize(("builder", "count"), [("ended", 3), ("ended_one", 2)])
def test_a_model_that_ends_in_a_sigmoid_is_found_out(place: Path, builder: str, count: int):
    report = made(place, builder, targets=["top:3"], methods=["saliency"])
    shown = image(report).targets
    assert len(shown) == count
    for p in shown:
        assert 0 < p.probability < 1  # type: ignore[operator]
    if count == 3:  # already a probability: no second sigmoid
        assert [p.probability for p in shown] == pytest.approx([p.logit for p in shown])
    (note,) = [note for note in report.notes if "flat where it is sure" in note]
    assert note.startswith("the model itself ends in a sigmoid: its scores are probabilities")
    assert note in json.loads((place / "site/run.json").read_text(encoding="utf-8"))["notes"]
    assert all("ends in a sigmoid" in (place / f"site/{page}.html").read_text("utf-8") for page in ("index", "run"))


@pytest.mark.parametrize(
    ("readout", "head", "last"),
    [
        (Readout(activated=True), "auto", "a softmax:"),
        (Readout("multilabel", activated=True), "auto", "a sigmoid:"),
        (Readout("multilabel", activated=True), "multilabel", "a softmax or a sigmoid:"),
        (Readout("segmentation", activated=True), "auto", "a softmax or a sigmoid:"),
    ],
)
def test_the_last_step_is_named_as_far_as_it_is_known(readout: Readout, head: str, last: str):
    (note,) = ends_in(readout, head)
    assert f"ends in {last}" in note
    assert ends_in(replace(readout, activated=False), head) == ()


@pytest.mark.parametrize(("builder", "warned"), [("ended", 1), ("three", 0)])
def test_the_log_warns_of_a_last_sigmoid(place: Path, builder: str, warned: int):
    said: list[str] = []

    class Heard(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    source = {"source": f"python:{place / 'model.py'}:{builder}", "input": {"size": 32}}
    set_up(
        load_config(None, {"model": source, "images": str(place / "images"), "store": str(place / "store")}), Heard()
    )
    assert len([line for line in said if "ends in a sigmoid" in line]) == warned


@pytest.mark.parametrize(("builder", "output"), [("nested", "parts.1"), ("record", "scores")])
def test_scores_stand_where_the_configuration_says(place: Path, builder: str, output: str):
    found = image(made(place, builder, {"output": output}, targets=["0"], methods=["saliency"]))
    plain = image(made(place, "three", targets=["0"], methods=["saliency"], store=str(place / "other")))
    assert found.targets[0].logit == pytest.approx(plain.targets[0].logit)


def test_an_output_that_is_not_there_is_one_clear_error(place: Path):
    with pytest.raises(UserError, match=r"model\.output: there is no `score` in the model's output, which is Answer"):
        made(place, "record", {"output": "score"})


def test_a_second_input_is_given_in_the_configuration(place: Path):
    np.save(place / "offset.npy", np.array([1.0, 2.0, 3.0], dtype=np.float32))
    inputs = {"weight": 2.0, "offset": str(place / "offset.npy")}
    found = image(made(place, "two_inputs", {"inputs": inputs}, targets=["0", "2"]))
    plain = image(made(place, "three", targets=["0", "2"], store=str(place / "other")))
    for p, q, offset in zip(found.targets, plain.targets, (1.0, 3.0), strict=True):
        assert p.logit == pytest.approx(2 * q.logit + offset, rel=1e-4)  # type: ignore[operator]


def test_true_classes_groups_and_functions_reach_the_page(place: Path):
    targets = ["true", "group:outer", f"call:{place / 'model.py'}:difference"]
    labels = place / "labels.txt"
    labels.write_text("class 0\nclass 1\nclass 2\n", encoding="utf-8")
    report = made(place, "three", {"labels": str(labels)}, targets=targets, groups={"outer": ["class 0", 2]})
    shown = image(report)
    assert [(p.label, p.role) for p in shown.targets] == [("class 1", "true"), ("outer", ""), ("difference", "")]
    assert all(isinstance(raw(report, "saliency", t), Heat) for t in range(3))
    other = image(report, "two")  # it lies in no folder of a class
    assert (other.targets[0].label, other.targets[0].role) == ("true class: not known", "true")
    assert other.gradients["saliency", 0].reason == "the image has no label, so it has no true class."  # type: ignore[union-attr]
    assert isinstance(other.gradients["saliency", 1], tuple)
    assert shown.cams["cam", report.cam_layers[-1], 2].reason == "the target is a function, not a class."  # type: ignore[union-attr]


def test_true_without_any_label_is_one_clear_error(place: Path):
    with pytest.raises(UserError, match="`true` needs images whose class is known"):
        made(place, "three", targets=["true"])


def test_another_head_or_another_input_is_computed_anew(place: Path):
    runs = [
        made(
            place,
            "two_inputs",
            {"inputs": {"weight": weight, "offset": 0.0}, "head": head},
            methods=["saliency"],
            explain="none",
            effective_fields=0,
        ).run
        for weight, head in ((2.0, "classification"), (3.0, "classification"), (3.0, "regression"), (3.0, "regression"))
    ]
    assert [run.forward for run in runs] == [2, 2, 2, 0]


def test_which_of_several_outputs_is_read_is_said(place: Path):
    report = made(place, "several")
    assert report.classes == 3
    said = [note for note in report.notes if "model.output" in note]
    assert len(said) == 1
    assert "its scores are read from `parts.0`" in said[0]
    for page in ("index.html", "run.html"):
        assert "<code>parts.0</code>" in (place / "site" / page).read_text(encoding="utf-8")
    assert json.loads((place / "site/run.json").read_text(encoding="utf-8"))["notes"] == list(report.notes)
    assert not any("model.output" in note for note in made(place, "several", {"output": "parts.0"}).notes)


def test_a_loss_beside_the_scores_is_passed_over(place: Path):
    report = made(place, "nested")
    assert report.classes == 3
    assert not any("model.output" in note for note in report.notes)


def test_an_object_s_field_holds_scores(place: Path):
    report = made(place, "plain")
    assert report.classes == 3
    assert isinstance(image(report).cams["cam", report.cam_layers[-1], 0], Heat)


def test_a_binary_head_may_hand_on_its_only_column(place: Path):
    report = made(place, "column", {"head": "binary"}, targets=["top:2"], methods=["cam", "grad_cam"])
    for target in (0, 1):
        assert isinstance(image(report).cams["cam", report.cam_layers[-1], target], Heat)
    assert not any(method == "cam" for method, _, _ in report.not_applicable)


def test_a_folder_that_names_no_class_is_said(place: Path):
    named = made(place, "three", {"labels": labels(place, "class 1", "b", "c")}, targets=["true"])
    assert not any(note.startswith("truth:") for note in named.notes)
    (place / "images" / "zoo").mkdir()
    (place / "images" / "class 1" / "one.png").rename(place / "images" / "zoo" / "lion.png")
    (place / "images" / "c").mkdir()
    (place / "images" / "two.png").rename(place / "images" / "c" / "two.png")
    report = made(place, "three", {"labels": labels(place, "a", "b", "c")}, targets=["true"])
    assert [note for note in report.notes if note.startswith("truth:")] == [
        "truth: no class is called like the folder `zoo`: the true class of its images is not known."
    ]


def labels(place: Path, *names: str) -> str:
    file = place / "labels.txt"
    file.write_text("\n".join(names), encoding="utf-8")
    return str(file)


def test_maps_are_judged_beside_the_baselines_whichever_methods_are_asked_for(place: Path):
    trust = {"steps": 2, "shares": [0.5], "samples": 2, "images": 1, "sanity": 0}
    report = made(place, "three", methods=["grad_cam"], trust=trust)
    assert report.trust is not None
    assert {one.of.method for one in report.trust.summaries} == {"grad_cam", "random_map", "sobel_edges"}
    unjudged = made(place, "three", methods=["grad_cam"], store=str(place / "other"))
    assert not {"random_map", "sobel_edges"} & {m for m, _ in image(unjudged).gradients}


def test_one_logit_at_every_place_says_yes_or_no(place: Path):
    trust = {"steps": 3, "shares": [0.5], "samples": 2, "sanity": 0}
    report = made(place, "mask", targets=["top:2"], methods=["saliency", "grad_cam"], trust=trust)
    assert report.classes == 2
    shares = [p.probability for p in image(report).predictions]
    assert all(share is not None and 0.01 < share < 0.99 for share in shares)
    assert sum(share or 0 for share in shares) == pytest.approx(1)
    assert report.trust is not None
    drops = {numbers["deletion"] for maps in report.trust.images.values() for numbers in maps.values()}
    assert len(drops) > 2
    assert 1.0 not in drops
    model = runpy.run_path(str(place / "model.py"))["mask"]()
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    z = model(x)
    (wanted,) = torch.autograd.grad(z[z > 0].mean(), x)
    found = generator.attribute(model, x.detach(), "saliency", target=1)
    torch.testing.assert_close(found, wanted)


def test_another_label_is_judged_anew(place: Path):
    trust = {"steps": 2, "shares": [0.5], "samples": 2, "sanity": 0}
    more = {"methods": ["saliency"], "targets": ["true"], "trust": trust}
    (place / "truth.csv").write_text("one,0\ntwo,0\n", encoding="utf-8")
    first = made(place, "three", truth=str(place / "truth.csv"), **more)
    (place / "truth.csv").write_text("one,2\ntwo,0\n", encoding="utf-8")
    second = made(place, "three", truth=str(place / "truth.csv"), **more)
    assert first.trust is not None
    assert second.trust is not None
    for method in ("saliency", "random_map", "sobel_edges"):
        before, after = (
            {
                slug: numbers["deletion"]
                for slug, maps in report.trust.images.items()
                for of, numbers in maps.items()
                if of.method == method
            }
            for report in (first, second)
        )
        assert before[image(first, "one").slug] != after[image(second, "one").slug], method
        assert before[image(first, "two").slug] == after[image(second, "two").slug], method
