"""Every kind of source, and every way in which one may be wrong."""

from __future__ import annotations

import builtins
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from generator.config import InputConfig, ModelConfig
from generator.model.load import load
from generator.model.preprocess import Preprocess
from generator.resources import packaged
from tests.model.loading import NET, at, refused

# ---- built in


def test_the_default_model_knows_a_cat_an_espresso_and_a_missile(capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    loaded = load(ModelConfig(source="efficientnet_lite0"))
    assert capsys.readouterr().out == ""  # the package prints while it builds
    assert loaded.labels is not None
    assert (len(loaded.labels), loaded.labels[281], loaded.input_shape) == (1000, "tabby", (3, 224, 224))
    assert not any(module.training for module in loaded.module.modules())
    wanted = {"chelsea": {"tabby", "tiger cat", "Egyptian cat"}, "coffee": {"espresso"}, "rocket": {"missile"}}
    for name, labels in wanted.items():
        x = loaded.preprocess(Image.open(packaged(f"inputs/images/{name}.jpg")))
        with torch.no_grad():
            top = int(loaded.module(x[None]).argmax())
        assert loaded.labels[top] in labels


def test_the_digits_model_reads_digits() -> None:
    from PIL import Image

    loaded = load(ModelConfig(source="tinyvgg_digits"))
    assert loaded.labels == tuple("0123456789")
    assert loaded.input_shape == (1, 32, 32)
    files = sorted(packaged("inputs/digits").glob("*.png"))
    x = torch.stack([loaded.preprocess(Image.open(file)) for file in files])
    with torch.no_grad():
        read = loaded.module(x).argmax(1).tolist()
    right = sum(label == int(file.name[0]) for label, file in zip(read, files, strict=True))
    assert right >= 9


def test_the_digits_module_says_the_same_of_its_input_as_the_loader() -> None:
    import runpy

    said = runpy.run_path(str(packaged("inputs/models/tinyvgg.py")))
    loaded = load(ModelConfig(source="tinyvgg_digits"))
    assert loaded.preprocess.size == said["INPUT_SIZE"]
    assert (loaded.preprocess.mean, loaded.preprocess.std) == (said["MEAN"], said["STD"])
    assert loaded.labels == said["LABELS"]


def test_an_unknown_name_offers_the_nearest() -> None:
    assert "`efficientnet_lite0`" in refused("efficientnet_lite")
    assert "(the nearest: `torchvision:resnet50`)" in refused("resnet50")
    assert "`torchvision:resnet" in refused("resnt")
    assert "no kind of source `torchvison:` (the nearest: `torchvision`)" in refused("torchvison:resnet50")
    assert "`resnet50`" in refused("torchvision:resnet5")


# ---- torchvision


def test_random_weights_are_the_same_each_time_and_disturb_nobody() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = load(ModelConfig(source="torchvision:squeezenet1_1", weights="random"))
    assert torch.equal(torch.rand(3), expected)
    second = load(ModelConfig(source="torchvision:squeezenet1_1", weights="none"))
    assert first.weights_digest == second.weights_digest
    assert "untrained" in first.notes[0]
    assert first.labels is not None
    assert first.labels[0] == "tench"


def test_weights_come_from_the_cache_with_their_own_preprocessing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    torch.manual_seed(9)
    state = squeezenet1_1().state_dict()
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints" / SqueezeNet1_1_Weights.DEFAULT.url.rpartition("/")[2]
    torch.save(state, file)
    for weights in (None, "IMAGENET1K_V1", "DEFAULT"):
        loaded = load(ModelConfig(source="torchvision:squeezenet1_1", weights=weights))
        assert torch.equal(loaded.module.state_dict()["features.0.weight"], state["features.0.weight"])
    assert loaded.preprocess == Preprocess.from_torchvision(SqueezeNet1_1_Weights.DEFAULT.transforms)
    assert "IMAGENET1K_V1" in loaded.notes[0]

    file.write_bytes(b"half a file")
    message = refused("torchvision:squeezenet1_1")
    assert str(file) in message
    assert "delete the file" in message


def test_offline_and_not_cached_says_which_file_to_place_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    message = refused("torchvision:resnet50")
    assert "resnet50-11ad3fa6.pth is not cached" in message
    assert f"place the file in {tmp_path / 'checkpoints'}" in message
    assert "resnet50-0676ba61.pth" in refused("torchvision:resnet50", weights="IMAGENET1K_V1")


def test_an_unknown_entry_lists_those_there_are() -> None:
    message = refused("torchvision:resnet50", weights="IMAGENET1K_V3")
    assert "IMAGENET1K_V1, IMAGENET1K_V2" in message


def test_a_classifier_of_ones_own_on_a_known_architecture(tmp_path: Path) -> None:
    from torchvision.models import resnet18

    torch.manual_seed(3)
    mine = resnet18(num_classes=6)
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in mine.state_dict().items()}}, tmp_path / "mine.pth"
    )
    loaded = load(ModelConfig(source="torchvision:resnet18", weights=str(tmp_path / "mine.pth")))
    assert torch.equal(loaded.module.state_dict()["fc.weight"], mine.state_dict()["fc.weight"])
    assert loaded.labels is None


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("fcn_resnet50", 21),
        ("lraspp_mobilenet_v3_large", 21),
        ("ssdlite320_mobilenet_v3_large", 91),
        ("quantized_mobilenet_v2", 1000),
    ],
)
def test_other_families_load_without_a_download(name: str, classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", None)
    loaded = load(ModelConfig(source=f"torchvision:{name}", weights="random"))
    assert loaded.labels is not None
    assert len(loaded.labels) == classes
    assert len(loaded.weights_digest) == 64


# ---- timm


def test_timm_brings_its_own_preprocessing() -> None:
    loaded = load(ModelConfig(source="timm:tf_efficientnet_lite0", weights="random"))
    assert loaded.preprocess.mean == (0.5, 0.5, 0.5)
    ours = load(ModelConfig(source="efficientnet_lite0")).preprocess  # TensorFlow's own, which timm rounds to 0.5
    assert ours.mean == pytest.approx(loaded.preprocess.mean, abs=0.002)
    assert replace(ours, mean=loaded.preprocess.mean, std=loaded.preprocess.std) == loaded.preprocess
    assert "`resnet18`" in refused("timm:resnet1")


def test_without_timm_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "timm":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install conv-atlas[timm]" in refused("timm:resnet18")


def test_timm_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no network\nand more")

    monkeypatch.setattr(timm, "create_model", offline)
    message = refused("timm:resnet18")
    assert "timm:resnet18 are not cached and could not be fetched (no network)" in message


# ---- the user's own


def test_a_file_of_ones_own_with_a_neighbour(folder: Path) -> None:
    path, loaded = list(sys.path), at(NET)
    assert sys.path == path
    assert loaded.title == "Net"
    assert loaded.labels is None
    assert loaded.preprocess.size == (16, 20)
    assert (loaded.preprocess.channels, loaded.preprocess.mean, loaded.preprocess.std) == (1, (0.0,), (1.0,))


def test_a_package_in_the_working_directory(folder: Path) -> None:
    assert at("python:package_of_mine.nets:build_random").title == "build_random"
    assert at("python:package_of_mine.nets:build").weights_digest == at("python:models/net.py:build").weights_digest


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("python:models/net.py", "expected python:package.module:callable or python:path/to/file.py:callable"),
        ("python:models/nets.py:build", "found none at models/nets.py"),
        ("python:models/net.py:biuld", "there is no `biuld` in it (the nearest: `build`"),
        ("python:models/net.py:broken", "models/net.py:broken raised ValueError: no such thing"),
        ("python:models/net.py:leave", "models/net.py:leave raised SystemExit: 4"),
        ("python:models/net.py:number", "to return a torch.nn.Module, received int"),
        ("python:models/net.py:NOTHING", "to be a function or class that returns a model, it is int"),
        ("python:models/net.py:poisoned", "received NaN in 4.weight"),
        ("python:no_package_of_this_name.nets:build", "there is no module no_package_of_this_name.nets"),
        (
            "python:package_of_mine.needs:build",
            "raised ModuleNotFoundError: No module named 'a_module_that_is_nowhere'",
        ),
    ],
)
def test_what_may_be_wrong_with_it(folder: Path, source: str, words: str) -> None:
    assert words in refused(source)


def test_its_input_size_must_be_told(folder: Path) -> None:
    assert "input: {size: [height, width]}" in refused(NET, input=InputConfig())


def test_the_callables_own_random_weights_are_the_same_each_time(folder: Path) -> None:
    assert at(NET).weights_digest == at(NET, weights="random").weights_digest
