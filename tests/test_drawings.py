"""A report's drawings are those of its model: its own weights on the edges, its own maps on the faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generator.config import ModelConfig
from generator.model.load import load
from generator.resources import packaged
from tests.whole import Built, build


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Built:
    settings = {
        "model": {"source": "tinyvgg_digits"},
        "images": str(packaged("inputs") / "digits"),
        "limit": 1,
        "layers": "all",
        "methods": ["feature_maps"],
        "trust": "none",
    }
    return build(tmp_path_factory.mktemp("drawn"), settings)


def script(file: Path) -> Any:
    text = file.read_text("utf-8")
    return json.loads("[" + text[text.index("(") + 1 : text.rindex(")")] + "]")[2]


def test_weights_and_maps_are_the_models_own(digits: Built):
    index = script(digits.site / "data/drawings.js")
    it = index["architecture"]
    model = load(ModelConfig(source="tinyvgg_digits")).module.requires_grad_(False)
    assert (it["title"], it["parameters"]) == ("TinyVGG on digits", sum(p.numel() for p in model.parameters()))
    (name,) = (op["id"] for op in it["ops"] if op["kind"] == "linear")
    dense = json.loads(it["extra"][f"dense:{name}"])
    module = model.get_submodule(name)
    for j, unit in enumerate(dense["outputs"]):
        assert dense["bias"][j] == pytest.approx(float(module.bias[unit]), rel=1e-3)
        row = [float(module.weight[unit, column]) for column in dense["inputs"]]
        assert dense["weights"][j] == pytest.approx(row, rel=1e-3)
    (image,) = index["images"]
    faces = script(digits.site / image["script"])
    spatial = [op["id"] for op in it["ops"] if op["kind"] in ("conv", "pool")]
    assert set(spatial) <= set(faces)
    assert all(text.startswith("data:image/png;base64,") for name, text in faces.items() if name != "@input")
    assert (digits.site / "drawings/lenet.svg").read_text("utf-8").count("<image") > 20
