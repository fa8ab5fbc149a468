"""docs/run-json.md documents every key that a real build writes, and nothing that it does not."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from generator.pages.runjson import SCHEMA
from tests.whole import LEAN, SEARCH, Built, build, convatlas, copied, digits, size

DOCUMENT = (Path(__file__).resolve().parent.parent / "docs/run-json.md").read_text(encoding="utf-8")
TYPES = {"object": dict, "list": list, "string": str, "integer": int, "number": (int, float), "null": type(None)}
NAMED = ("timings", "versions", "layers[].attributes")
"""Objects whose keys are names."""


def documented() -> dict[str, tuple[str, ...]]:
    """path -> the types it may have"""
    rows = re.findall(r"^\| `([^`]+)` \| ([\w ]+?) \|", DOCUMENT, re.M)
    assert len(rows) == len(dict(rows)), "a path is documented twice"
    return {path: tuple(types.split(" or ")) for path, types in rows}


def walked(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every value with its path; paths of list items and of named keys are the same for all."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            name = "*" if path in NAMED else key
            yield from walked(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from walked(item, f"{path}[]")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A report with a skipped picture, a method that does not apply, a layer that sees the whole input, and one too large to be
    explained."""
    folder = tmp_path_factory.mktemp("run-json")
    copied(digits(2), folder / "images")
    (folder / "images/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "net.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "def build():\n"
        "    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU(),\n"
        "                         nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 6, 1), nn.Flatten(), nn.Linear(6, 7))\n"
        "    with torch.no_grad():\n"
        "        model[3].weight[1], model[3].bias[:2] = model[3].weight[0], 0\n"  # a unit that is another's copy
        "    return model\n",
        encoding="utf-8",
    )
    config = {
        "model": {
            "source": "python:net.py:build",
            "input": {"size": [24, 20], "crop": "none", "mean": [0], "std": [1]},
        },
        "images": "images",
        "layers": ["conv", "pool"],
        "methods": [*LEAN, SEARCH],
        "units": "top:2",
        "targets": ["top:2"],
        "explain": {"budget_mb": 0.004},
    }
    return build(folder, config)


def test_every_key_is_documented_and_of_the_documented_type(built: Built):
    table = documented()
    for path, value in walked(built.run):
        assert path in table, f"{path} is written and not documented"
        kinds = tuple(TYPES[kind] for kind in table[path])
        assert any(isinstance(value, kind) for kind in kinds), f"{path} is {value!r}, documented as {table[path]}"
        assert not isinstance(value, bool)


def test_every_documented_key_is_written(built: Built):
    assert set(documented()) == {path for path, _ in walked(built.run)}


def test_a_value_that_is_nowhere_null_is_not_documented_as_null(built: Built):
    nulls = {path for path, value in walked(built.run) if value is None}
    elsewhere = {"images[].predictions[].probability"}  # of a regression: tests/test_heads.py
    assert nulls | elsewhere == {path for path, types in documented().items() if "null" in types}


def test_the_schema_is_versioned(built: Built):
    assert built.run["schema"] == SCHEMA
    assert re.fullmatch(r"convatlas\.run/[1-9]\d*", SCHEMA)
    assert f"`schema` is `{SCHEMA}`" in DOCUMENT


def test_passes_planned_are_passes_run(built: Built):
    passes = built.run["passes"]
    assert passes["planned"] == passes["run"]
    assert passes["run"]["forward"] > 2  # two images, and the search
    assert passes["run"]["backward"] > 2 * 2 * 3


def test_bytes_is_the_size_of_the_site(built: Built):
    assert built.run["bytes"] == size(built.site)


def test_the_numbers_are_those_of_the_files(built: Built):
    run = built.run
    by_name = {image["name"]: image["digest"] for image in run["images"]}
    files = sorted((built.folder / "images").glob("*-a.png"))
    assert by_name == {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    for image in run["images"]:
        probabilities = [p["probability"] for p in image["predictions"]]
        assert len(probabilities) == 5
        assert probabilities == sorted(probabilities, reverse=True)
        assert 0 < sum(probabilities) < 1  # five of seven
        assert all(p["label"] == f"class {p['index']}" for p in image["predictions"])
    (skipped,) = run["skipped"]
    assert skipped["path"] == "broken.png"
    assert skipped["reason"].endswith(".")
    assert {one["method"] for one in run["not_applicable"]} >= {"cam"}
    assert yaml.safe_load(run["config"])["targets"] == ["top:2"]
    assert run["model"]["parameters"] == (9 * 4 + 4) + (36 * 6 + 6) + (6 * 6 + 6) + (6 * 7 + 7)
    assert run["model"]["input_shape"] == [1, 24, 20]


def test_a_second_build_records_that_nothing_ran(built: Built):
    first = built.run
    outcome = convatlas(built.folder, "build")
    assert outcome.code == 0, outcome.err
    second = built.run
    assert second["passes"] == {kind: {"forward": 0, "backward": 0} for kind in ("planned", "run")}
    changing = ("passes", "timings", "bytes")
    assert {k: v for k, v in second.items() if k not in changing} == {
        k: v for k, v in first.items() if k not in changing
    }
    assert second["bytes"] == size(built.site)


def test_the_command_lists_the_same_layers(built: Built):
    listed = convatlas(built.folder, "layers", "--json")
    assert listed.code == 0
    assert json.loads(listed.out) == built.run["layers"]


def test_the_command_lists_the_same_layers_of_a_model_named(tmp_path: Path):
    copied(digits(1), tmp_path / "images")
    made = build(tmp_path, {"model": "tinyvgg_digits", "images": "images", "layers": "conv1_1", "methods": ["kernels"]})
    listed = convatlas(tmp_path, "layers", "tinyvgg_digits", "--json")
    assert json.loads(listed.out) == made.run["layers"]
    assert len(made.run["layers"]) == 10
