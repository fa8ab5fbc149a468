"""What the configuration changes of a model's input, and classifiers that are zeros as built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from pydantic import ValidationError
from torch import nn

from generator.config import InputConfig, ModelConfig
from generator.model.load import load
from generator.model.preprocess import Preprocess
from generator.model.untrained import drawn


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


OWN = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n"


@pytest.mark.parametrize(
    ("size", "picture", "seen"),  # as (height, width)
    [((64, 96), (64, 96), (64, 96)), ((64, 96), (128, 192), (64, 96)), ((64, 96), (96, 96), (96, 96)), ((64, 96), (50, 150), (64, 192)),
     ((96, 64), (64, 96), (96, 144)), ((64, 64), (64, 96), (64, 96))],
)  # fmt: skip
def test_a_picture_covers_the_size_of_a_model_of_ones_own_and_is_made_no_larger(
    tmp_path: Path, size: tuple[int, int], picture: tuple[int, int], seen: tuple[int, int]
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    preprocess = load(ModelConfig(source=f"python:{tmp_path}/own.py:build", input=InputConfig(size=size))).preprocess
    assert preprocess.resized_size(*picture) == seen
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*picture, 3), np.uint8))
    x = preprocess(image)
    assert x.shape == (3, *size)
    if picture == size:
        np.testing.assert_array_equal(preprocess.picture(x), np.asarray(image))
    larger = preprocess.scaled(2)
    assert larger is not None
    assert larger(image).shape == (3, 2 * size[0], 2 * size[1])


def test_cover_can_be_asked_for() -> None:
    asked = InputConfig.model_validate({"size": [64, 96], "resize": "cover"})
    found = load(ModelConfig(source="efficientnet_lite0", input=asked)).preprocess
    assert (found.size, found.resize, found.crop) == ((64, 96), "cover", "center")
    assert found.describe().startswith("resized to cover 96 x 64 (bicubic), centre crop of 96 x 64")
    with pytest.raises(ValidationError, match="or cover"):
        InputConfig.model_validate({"resize": "covers"})


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
