"""Every kind of source, and every way in which one may be wrong."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from generator.config import InputConfig, ModelConfig
from generator.errors import UserError
from generator.model.load import LoadedModel, load
from generator.model.preprocess import Preprocess
from generator.model.untrained import drawn
from generator.resources import packaged

MODEL = """
import torch
from torch import nn
from neighbour import CLASSES

class Net(nn.Sequential):
    pass

def build():
    return Net(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES))

def build_random():
    return build()

def broken():
    raise ValueError("no such thing\\nsecond line")

def number():
    return 3

def leave():
    raise SystemExit(4)

def poisoned():
    model = build()
    with torch.no_grad():
        model[4].weight[1, 2] = float("nan")
    return model

NOTHING = 5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(MODEL)
    (tmp_path / "models" / "neighbour.py").write_text("CLASSES = 3\n")
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "__init__.py").write_text("")
    (tmp_path / "package_of_mine" / "nets.py").write_text(MODEL.replace("from neighbour import CLASSES", "CLASSES = 3"))
    (tmp_path / "package_of_mine" / "needs.py").write_text("import a_module_that_is_nowhere\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("package_of_mine", "neighbour"))]:
        del sys.modules[name]


def at(source: str, **options: Any) -> LoadedModel:
    options.setdefault("input", InputConfig(size=(16, 20)))
    return load(ModelConfig(source=source, **options))


def refused(source: str, **options: Any) -> str:
    with pytest.raises(UserError) as raised:
        at(source, **options)
    message = str(raised.value)
    assert "\n" not in message
    return message


NET = "python:models/net.py:build"


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


# ---- weights from a file


def state_of_ones() -> dict[str, torch.Tensor]:
    return {
        "0.weight": torch.ones(4, 1, 3, 3),
        "0.bias": torch.ones(4),
        "4.weight": torch.ones(3, 4),
        "4.bias": torch.ones(3),
    }


def test_safetensors_and_pth_bare_nested_and_prefixed(folder: Path) -> None:
    state = state_of_ones()
    save_file(state, folder / "a.safetensors")
    torch.save(state, folder / "b.pth")
    torch.save({"model": state, "epoch": 3, "best": 0.5}, folder / "c.pt")
    torch.save({"model_state_dict": {f"module.{name}": value for name, value in state.items()}}, folder / "d.pth")
    torch.save({"state_dict": {f"_orig_mod.{name}": value for name, value in state.items()}}, folder / "e.ckpt")
    found = {at(NET, weights=file).weights_digest for file in ("a.safetensors", "b.pth", "c.pt", "d.pth", "e.ckpt")}
    assert len(found) == 1
    assert found != {at(NET).weights_digest}
    assert at(NET, weights="b.pth").notes[-1] == "weights: the file b.pth"


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("it_ran"),)


def test_a_pickle_that_needs_more_is_refused_and_never_run(folder: Path) -> None:
    torch.save({"state_dict": state_of_ones(), "extra": Harmful()}, folder / "harmful.pth")
    message = refused(NET, weights="harmful.pth")
    assert "holds more than tensors" in message
    assert "(getattr)" in message  # what the pickle would have called
    assert "could run any code" in message
    assert not (folder / "it_ran").exists()
    torch.save(nn.Linear(2, 2), folder / "whole.pth")
    assert "holds more than tensors" in refused(NET, weights="whole.pth")


def test_what_does_not_fit_is_named(folder: Path) -> None:
    state = state_of_ones()
    del state["4.bias"]
    state["extra.weight"] = torch.ones(2)
    state["0.bias"] = torch.ones(5)
    torch.save(state, folder / "wrong.pth")
    message = refused(NET, weights="wrong.pth")
    assert "lacks 4.bias" in message
    assert "has extra.weight, which the model does not know" in message
    assert "another shape for 0.bias (5 for 4)" in message


def test_files_that_are_no_weights(folder: Path) -> None:
    (folder / "empty.pth").write_bytes(b"")
    (folder / "text.safetensors").write_text("hello, this is a text and no weights")
    (folder / "cut.pth").write_bytes(b"PK\x03\x04 half a zip file")
    (folder / "page.pth").write_text("<html>404</html>")
    (folder / "words.pth").write_text("hello world")
    (folder / "picture.png").write_bytes(b"x")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"epoch": 1}, folder / "epoch.pth")
    for name in ("empty.pth", "text.safetensors", "cut.pth", "page.pth", "words.pth"):
        assert f"cannot read {name} as weights" in refused(NET, weights=name)
    assert "expected a .safetensors or .pth file" in refused(NET, weights="picture.png")
    assert "expected a state_dict in list.pth, received list" in refused(NET, weights="list.pth")
    assert "expected tensors in epoch.pth, received epoch" in refused(NET, weights="epoch.pth")
    assert "found none at absent.pth" in refused(NET, weights="absent.pth")


def test_weights_that_are_not_finite_are_named(folder: Path) -> None:
    state = state_of_ones()
    state["4.bias"][1] = float("inf")
    save_file(state, folder / "inf.safetensors")
    assert "received infinity in 4.bias" in refused(NET, weights="inf.safetensors")


# ---- labels


def test_labels_are_kept_raw(folder: Path) -> None:
    hostile = ["<script>alert(1)</script>", "a\u2028b \u202e c", "  spaced | piped  "]
    (folder / "labels.txt").write_bytes("\r\n".join(hostile).encode() + b"\r\n\r\n")
    assert at(NET, labels="labels.txt").labels == tuple(hostile)
    (folder / "bom.txt").write_bytes(b"\xef\xbb\xbfone\n\nthree")
    assert at(NET, labels="bom.txt").labels == ("one", "", "three")
    imagenet = at(NET, labels="imagenet").labels
    assert imagenet is not None
    assert list(imagenet) == torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]


def test_labels_that_cannot_be_read(folder: Path) -> None:
    (folder / "empty.txt").write_text("\n\n")
    (folder / "latin.txt").write_bytes("Bär".encode("latin-1"))
    assert "cannot read absent.txt" in refused(NET, labels="absent.txt")
    assert "received an empty file" in refused(NET, labels="empty.txt")
    assert "save it as UTF-8" in refused(NET, labels="latin.txt")


# ---- input


@pytest.mark.parametrize(
    ("asked", "size", "resize", "crop"),
    [
        (InputConfig(), (224, 224), 256, "center"),
        (InputConfig.model_validate({"size": 112}), (112, 112), 128, "center"),
        (InputConfig(size=(96, 128)), (96, 128), 146, "center"),
        (InputConfig(size=(96, 128), resize=(96, 128)), (96, 128), (96, 128), "none"),
        (InputConfig.model_validate({"size": 64, "crop": "none"}), (64, 64), None, "none"),
        (InputConfig(resize=300), (224, 224), 300, "center"),
    ],
)
def test_the_config_changes_the_models_own_preprocessing(asked: InputConfig, size: Any, resize: Any, crop: str) -> None:
    found = load(ModelConfig(source="efficientnet_lite0", input=asked)).preprocess
    assert (found.size, found.resize, found.crop) == (size, resize, crop)
    assert (found.mean, found.std, found.interpolation) == ((127 / 255,) * 3, (128 / 255,) * 3, "bicubic")


def test_a_crop_of_a_model_that_is_never_cropped() -> None:
    found = load(ModelConfig(source="tinyvgg_digits", input=InputConfig(crop="center"))).preprocess
    assert (found.size, found.resize, found.crop) == ((32, 32), 32, "center")


def test_one_number_stands_for_every_channel() -> None:
    asked = InputConfig.model_validate({"mean": 0.4, "std": 0.2, "interpolation": "bilinear"})
    found = load(ModelConfig(source="efficientnet_lite0", input=asked)).preprocess
    assert (found.mean, found.std, found.interpolation) == ((0.4,) * 3, (0.2,) * 3, "bilinear")


def test_a_vit_without_the_recommended_weights_is_of_the_size_it_was_built_for() -> None:
    from generator.model.from_torchvision import fitted

    vit = torchvision.models.VisionTransformer(224, 16, num_layers=1, num_heads=1, hidden_dim=4, mlp_dim=4)
    recommended = Preprocess((518, 518), 560)
    assert fitted(recommended, vit) == replace(recommended, size=(224, 224), resize=242)  # 560 x 224 / 518
    assert fitted(recommended, nn.Identity()) is recommended


def test_a_classifier_of_zeros_is_drawn_where_weights_are_random(monkeypatch: pytest.MonkeyPatch):
    def small(name: str, entry: object) -> nn.Module:
        return torchvision.models.VisionTransformer(32, 8, 1, 2, 16, 32, num_classes=5)

    monkeypatch.setattr("generator.model.from_torchvision.build_torchvision", small)
    one, other = (load(ModelConfig(source="torchvision:vit_b_16", weights="random")) for _ in range(2))
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        scores = one.module(x)
    assert float((scores[0] - scores[1]).abs().max()) > 1e-3  # pictures are told apart
    assert torch.equal(one.module.heads.head.weight, other.module.heads.head.weight)
    assert one.notes == (
        "weights: random (seed 0), the model is untrained; heads.head had zeros alone as built, and drew weights too",
    )
    assert drawn(one.module) == ()
