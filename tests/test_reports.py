"""Whole reports of models and pictures that are not ours: every page is there, nothing in it leads nowhere, and run.json is right."""

from __future__ import annotations

import hashlib
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

from generator.methods import registry
from generator.resources import packaged
from tests.whole import LEAN, SEARCH, Built, addresses, build, copied, loaded_from_elsewhere, missing, size

HOSTILE = '<img src=x onerror="alert(1)"> {{7*7}} [x](javascript:alert(2)) | # </title><script>alert(3)</script>'
HOSTILE_FILE = "<b onclick=alert(4)> {{6*6}} & 'quoted' [y](z) `k` 中文 #1"

OWN_NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                                  nn.Conv2d(5, 7, 3, groups=1), nn.ReLU6(inplace=True))
        self.head = nn.Linear(7, 3)

    def forward(self, x):
        return {"logits": self.head(self.body(x).mean((2, 3)))}

def build():
    return Net()
"""
FUNCTIONAL_NET = """
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.a(x))
        x = torch.relu(x + self.b(x))
        x = F.max_pool2d(x, 2)
        x = self.c(x).clamp(min=0)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))

def build():
    return Net()

def half():
    return Net().to(torch.bfloat16)
"""


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """torchvision's ResNet-18 with random weights, on two photographs, small."""
    folder = tmp_path_factory.mktemp("resnet")
    copied([packaged(f"inputs/images/{name}.jpg") for name in ("chelsea", "coffee")], folder / "photographs")
    source = {"source": "torchvision:resnet18", "weights": "random", "input": {"size": 64}}
    config = {
        "model": source,
        "images": "photographs",
        "layers": ["conv1", "layer4.1.conv2", "block"],
        "targets": ["top:2", 281],
    }
    return build(folder, {**config, "methods": [*LEAN, "grad_cam_pp", "deconvnet_backward", SEARCH], "units": "0,3"})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A Python file's model with weights and labels from files, on pictures that are not square and badly named."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my/pictures/a class").mkdir(parents=True)
    (folder / "my/model.py").write_text(OWN_NET, encoding="utf-8")
    torch.manual_seed(2)
    namespace: dict[str, Any] = {}
    exec(OWN_NET, namespace)
    state = namespace["build"]().state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "my/weights.safetensors")
    (folder / "my/labels.txt").write_text(f"{HOSTILE}\nplain\n\u202eevil\u2028line\n", encoding="utf-8")
    gen = torch.Generator().manual_seed(3)
    for k, (name, wide, high) in enumerate([("plain", 80, 33), (HOSTILE_FILE, 21, 60), ("a class/plain", 50, 50)]):
        noise = torch.randint(0, 255, (high, wide, 3), dtype=torch.uint8, generator=gen)
        Image.fromarray(noise.numpy()).save(folder / f"my/pictures/{name}.{('png', 'jpg', 'bmp')[k]}")
    model = {
        "source": "python:my/model.py:build",
        "weights": "my/weights.safetensors",
        "labels": "my/labels.txt",
        "input": {"size": [40, 72], "crop": "none", "mean": [0, 0, 0], "std": [1, 1, 1]},
    }
    config = {"model": model, "images": "my/pictures", "layers": "all", "targets": ["top1", HOSTILE], "title": HOSTILE}
    return build(folder, {**config, "methods": ["all", SEARCH], "units": "top:2"})


@pytest.fixture(scope="module")
def functional(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A model all of whose rectifiers are functions."""
    return of_functional_net(tmp_path_factory.mktemp("functional"), "build")


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The same model in bfloat16."""
    return of_functional_net(tmp_path_factory.mktemp("half"), "half")


def of_functional_net(folder: Path, function: str) -> Built:
    (folder / "net.py").write_text(FUNCTIONAL_NET, encoding="utf-8")
    copied(sorted(packaged("inputs/digits").glob("*.png"))[4:6], folder / "images")
    source = {"source": f"python:net.py:{function}", "input": {"size": 20, "crop": "none", "mean": [0.5], "std": [0.5]}}
    config = {
        "model": source,
        "images": "images",
        "layers": ["conv", "act"],
        "cam_layers": ["conv"],
        "targets": ["top1", "unit:b:2"],
    }
    return build(folder, {**config, "methods": [*LEAN, SEARCH], "units": "top:2"})


@pytest.fixture(params=["resnet", "own", "functional", "half"])
def report(request: pytest.FixtureRequest) -> Built:
    """Each of the reports above."""
    built: Built = request.getfixturevalue(request.param)
    return built


def pages(site: Path, section: str) -> set[str]:
    """Names of a section's pages, less its index."""
    return {page.name for page in (site / section).glob("*.html")} - {"index.html"}


def data(site: Path, path: str) -> dict[str, Any]:
    """The value that a data script hands over."""
    text = (site / path).read_text(encoding="utf-8")
    _, _, value = json.loads("[" + text.removeprefix("convatlas.put(").rstrip().removesuffix(");") + "]")
    return dict(value)


def test_there_is_a_page_of_each_kind(report: Built):
    run = report.run
    for page in ("index.html", "run.html", "layers/index.html", "images/index.html", "methods/index.html"):
        assert (report.site / page).is_file()
    assert pages(report.site, "methods") == {f"{name}.html" for name in registry()}
    assert len(pages(report.site, "images")) == len(run["images"])


def test_nothing_leads_nowhere(report: Built):
    assert missing(report.site) == []


def test_the_checks_of_addresses_see_pictures_scripts_and_pages(report: Built):
    seen = {meant.relative_to(report.site).parts[0] for _, _, meant in addresses(report.site) if meant is not None}
    assert seen >= {"pictures", "data", "layers", "images", "methods", "assets", "index.html"}
    from_data = {
        file.suffix for file, _, meant in addresses(report.site) if meant is not None and meant.suffix == ".png"
    }
    assert ".js" in from_data


def test_a_picture_that_is_gone_is_noticed(functional: Built, tmp_path: Path):
    site = Path(shutil.copytree(functional.site, tmp_path / "site"))
    gone = sorted((site / "pictures").glob("*.png"))[0]
    gone.unlink()
    assert any(gone.name in line for line in missing(site))


def test_every_picture_is_shown_somewhere(report: Built):
    shown = {meant for _, _, meant in addresses(report.site)}
    assert {path for path in (report.site / "pictures").iterdir() if path not in shown} == set()


def test_nothing_is_loaded_from_another_host(report: Built):
    assert loaded_from_elsewhere(report.site) == []


def test_run_json_is_right(report: Built):
    run = report.run
    assert run["passes"]["planned"] == run["passes"]["run"]
    assert run["passes"]["run"]["forward"] >= len(run["images"])
    assert run["bytes"] == size(report.site)
    assert run["skipped"] == []
    for image in run["images"]:
        assert all(0 <= p["probability"] <= 1 for p in image["predictions"])


def test_the_command_ends_by_saying_where_the_site_is(report: Built):
    lines = report.outcome.out.splitlines()
    assert lines[1].startswith("site/index.html   ")
    assert lines[3] == f"To look at it:  open {(report.site / 'index.html').as_uri()} in a browser"
    assert lines[4].split() == ["or:", "convatlas", "serve"]


def test_resnet18_with_random_weights(resnet: Built):
    run = resnet.run
    assert run["model"]["source"] == "torchvision:resnet18"
    assert run["model"]["parameters"] == 11_689_512  # as torchvision's table says
    assert run["model"]["classes"] == 1000
    assert run["model"]["input_shape"] == [3, 64, 64]
    with torch.device("meta"):
        modules = dict(torchvision.models.resnet18().named_modules())
    convs = [layer for layer in run["layers"] if layer["kind"] == "conv"]
    assert {layer["name"] for layer in convs} == {n for n, m in modules.items() if isinstance(m, torch.nn.Conv2d)}
    assert next(layer["shape"] for layer in run["layers"] if layer["name"] == "layer4") == [512, 2, 2]
    blocks = [layer for layer in run["layers"] if layer["kind"] == "block"]
    assert len(pages(resnet.site, "layers")) == 2 + len(blocks)
    assert {image["name"] for image in run["images"]} == {"chelsea", "coffee"}
    # a forward an image; three targets by plain, guided and the two deconvnets (its max-pool overlaps); then the search
    assert run["passes"]["run"]["forward"] > 2
    assert run["passes"]["run"]["backward"] > 2 * 3 * 4
    refused = {(one["method"], one["layer"]) for one in run["not_applicable"]}
    assert ("cam", "layer1") in refused
    assert not any(method == "cam" and layer.startswith("layer4") for method, layer in refused)


def test_resnet18_s_class_target_has_its_label(resnet: Built):
    (chelsea,) = (resnet.site / "data/images").glob("chelsea*.js")
    targets = data(resnet.site, f"data/images/{chelsea.name}")["targets"]
    assert [t["label"] for t in targets][2:] == ["tabby"]


def test_random_weights_are_the_same_every_time(resnet: Built):
    again = {**torchvision.models.resnet18().state_dict()}
    from generator.config import load_config
    from generator.model.load import load

    model = load(load_config(None, {"model": {"source": "torchvision:resnet18", "weights": "random"}}).model)
    assert model.weights_digest == resnet.run["model"]["weights_digest"]
    assert not torch.equal(model.module.state_dict()["conv1.weight"], again["conv1.weight"])


def test_a_model_of_one_s_own(own: Built):
    run = own.run
    assert run["model"]["input_shape"] == [3, 40, 72]
    assert run["model"]["classes"] == 3
    shapes = {layer["name"]: layer["shape"] for layer in run["layers"]}
    assert shapes["body.0"] == [5, 19, 35]
    assert shapes["body.4"] == [7, 7, 15]
    names = {image["name"] for image in run["images"]}
    assert names == {"plain", HOSTILE_FILE}  # two files of one name in two folders, each with a page of its own
    assert len(run["images"]) == len(pages(own.site, "images")) == 3
    labels = {p["label"] for image in run["images"] for p in image["predictions"]}
    assert labels == {HOSTILE, "plain", "\u202eevil\u2028line"}
    files = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in (own.folder / "my/pictures").rglob("*.*")}
    assert {image["digest"] for image in run["images"]} == set(files.values())


def test_the_weights_are_those_of_the_file(own: Built):
    from safetensors.torch import load_file

    state = load_file(own.folder / "my/weights.safetensors")
    namespace: dict[str, Any] = {}
    exec(OWN_NET, namespace)
    model = namespace["build"]().eval()
    model.load_state_dict(state)
    (image,) = [i for i in own.run["images"] if i["name"] == HOSTILE_FILE]
    picture = Image.open(own.folder / f"my/pictures/{HOSTILE_FILE}.jpg").convert("RGB")
    x = torchvision.transforms.functional.to_tensor(picture)[None]
    # bilinear with antialiasing over Pillow's bytes and over floats differ by less than a level
    x = torch.nn.functional.interpolate(x, size=(40, 72), mode="bilinear", antialias=True)
    probabilities = model(x)["logits"].softmax(1)[0].detach()
    for prediction in image["predictions"]:
        assert prediction["probability"] == pytest.approx(float(probabilities[prediction["index"]]), abs=2e-3)


class _Read(HTMLParser):
    """What a page says in its title and its heading, and what in it would run."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.said = {"title": "", "h1": ""}
        self.suspicious: list[str] = []
        self.inside = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("title", "h1", "script"):
            self.inside = tag
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.suspicious.append(f"<{tag} {name}={value}>")

    def handle_endtag(self, tag: str) -> None:
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, text: str) -> None:
        if self.inside in self.said:
            self.said[self.inside] += text
        if self.inside == "script" and "alert(" in text:
            self.suspicious.append(text)


def test_hostile_names_are_text_on_every_page(own: Built):
    for page in own.site.rglob("*.html"):
        assert _Read(page).suspicious == [], page
    for script in (own.site / "data").rglob("*.js"):
        assert "</script" not in script.read_text(encoding="utf-8").lower()
    home = _Read(own.site / "index.html")
    assert home.said == {"title": f"{HOSTILE} – Conv Atlas", "h1": HOSTILE}
    (page,) = (page for page in (own.site / "images").glob("*.html") if page.name.startswith("b-onclick"))
    assert _Read(page).said == {"title": f"{HOSTILE_FILE} – Conv Atlas", "h1": HOSTILE_FILE}


def test_pictures_that_are_not_square_stay_so(own: Built):
    for script in (own.site / "data/images").glob("*.js"):
        value = data(own.site, f"data/images/{script.name}")
        assert (value["width"], value["height"]) == (72, 40)


def test_functional_rectifiers_are_layers_and_are_seen(functional: Built):
    run = functional.run
    acts = [layer["name"] for layer in run["layers"] if layer["kind"] == "act"]
    assert len(acts) == 3
    assert acts[0] == "F.relu"
    assert not any(one["method"] in ("guided_backprop", "deconvnet") for one in run["not_applicable"])
    assert len(pages(functional.site, "layers")) == 3 + 3


def test_a_unit_is_a_target_with_a_name_of_its_own(functional: Built):
    value = data(functional.site, "data/images/4-a.js")
    assert [t["label"] for t in value["targets"]][1:] == ["unit 2 of b"]
    cams = value["cams"]["grad_cam"]
    columns = [layer["name"] for layer in value["layers"]]
    assert columns == ["a", "b", "c", "F.clamp"]  # the last is what the head averages
    assert ["na" in cams[str(n)][1] for n in range(4)] == [False, False, True, True]  # b reads no layer after it
    assert "a unit, not a class" in json.dumps(value["cams"]["cam"])


def test_functional_rectifiers_change_the_guided_map(functional: Built):
    (page,) = sorted((functional.site / "data/images").glob("4-a*.js"))
    shown = {g["name"]: g["maps"][0] for g in data(functional.site, f"data/images/{page.name}")["gradients"]}
    pictures = {
        name: (functional.site / shown[name]["rgb"]).read_bytes()
        for name in ("saliency", "guided_backprop", "deconvnet")
    }
    assert len(set(pictures.values())) == 3


def test_a_bfloat16_model_is_the_same_report_in_float32(half: Built, functional: Built):
    mine, other = half.run, functional.run
    assert mine["model"]["parameters"] == other["model"]["parameters"]
    assert mine["model"]["weights_digest"] != other["model"]["weights_digest"]
    for a, b in zip(mine["images"], other["images"], strict=True):
        of = {p["index"]: p["probability"] for p in b["predictions"]}
        assert all(p["probability"] == pytest.approx(of[p["index"]], abs=0.02) for p in a["predictions"])
    assert mine["passes"] == other["passes"]
    assert [layer["shape"] for layer in mine["layers"]] == [layer["shape"] for layer in other["layers"]]
