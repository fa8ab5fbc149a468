"""What a form knows of a style's options, and what of a network travels to a page."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Literal

import pytest
import torch
from torch import nn

from generator.diagrams.dense import columns
from generator.diagrams.extras import dense_of, faces_of, with_faces
from generator.diagrams.plain import Option, as_json, options
from generator.diagrams.styles import styles
from generator.diagrams.weights import with_weights
from tests.diagrams.drawn import architectures, hand, traced


@dataclass(frozen=True)
class Some:
    way: Literal["up", "down"] = field(default="up", metadata={"doc": "where to"})
    on: bool = True
    size: float = field(default=3.0, metadata={"min": 1, "max": 9, "step": 0.5})
    count: int = 4
    ink: str = "#aabbcc"
    word: str = "so"
    picture: str = ""
    deep: int = -1
    names: tuple[str, ...] = ()


def test_options_by_hand():
    assert options(Some) == (
        Option("way", "choice", "up", "where to", ("up", "down")),
        Option("on", "flag", True, ""),
        Option("size", "number", 3.0, "", (), 1.0, 9.0, 0.5),
        Option("count", "number", 4, "", (), 0.0, 12.0, 1.0),
        Option("ink", "colour", "#aabbcc", ""),
        Option("word", "text", "so", ""),
        Option("picture", "picture", "", ""),
        Option("deep", "number", -1, "", (), -1.0, 8.0, 1.0),
        Option("names", "names", (), ""),
    )


@pytest.mark.parametrize("name", sorted(styles()))
def test_every_option_of_every_style_is_explained_and_within_its_ends(name: str):
    found = options(styles()[name].cls)
    said = {one.name: one.metadata for one in fields(styles()[name].cls)}
    assert [one.name for one in found] == [*said]
    for one in found:
        assert one.doc, one.name
        if one.kind == "number":
            assert one.least is not None and one.most is not None and one.least <= one.default <= one.most, one.name
            # the command has the ends that the form has
            assert (said[one.name]["min"], said[one.name]["max"]) == (one.least, one.most), one.name


@pytest.mark.parametrize("name", ["lenet", "alexnet", "fcnn"])
def test_every_option_of_ours_changes_some_drawing(name: str):
    """Another value of each: the other choice, the other truth, another number, another colour."""
    style = styles()[name].cls
    need = {
        "first_colour": {"colours": "two"},
        "second_colour": {"colours": "two"},
        "border_colour": {"colours": "two"},
    }
    if name == "alexnet":
        need = {"tensor_colour": {"by_kind": False}, "border_colour": {"by_kind": False}}
    # fc1 of hand() has no weights, fc2 has: both kinds of edges are drawn
    drawn = [with_faces(hand(), {"conv": ["data:,"]}), *(architectures()[of] for of in ("resnet50", "unet", "mlp"))]
    for one in options(style):
        base = need.get(one.name, {}) if name != "fcnn" else {}
        other = {
            "choice": lambda one=one: [word for word in one.choices if word != one.default],
            "flag": lambda one=one: [not one.default],
            "number": lambda one=one: [value for value in (one.least, one.most) if value != one.default],
            "colour": lambda: ["#123456"],
        }[one.kind]()
        for value in other:
            if one.kind == "number" and one.step == 1 and isinstance(one.default, int):
                value = int(value)
            changed = [style(**{**base, one.name: value}).draw(it).svg != style(**base).draw(it).svg for it in drawn]
            assert any(changed), (one.name, value)


def test_a_network_travels_as_json():
    said = json.loads(json.dumps(as_json(hand())))
    assert said["ops"][1]["attributes"] == [["kernel", "3×3"]]
    assert said["edges"][0] == {"source": "@input", "target": "conv", "shape": [1, 8, 8], "dashed": False}
    assert said["extra"].keys() == {"face:conv", "dense:fc2"}


def test_faces_are_those_of_the_last_that_has_any():
    it = with_faces(hand(), {"conv": ["data:,a", "data:,b"], "act": ["data:,c"]})
    ops = it.ops
    assert faces_of(it, ops[1:2]) == ("data:,a", "data:,b")
    assert faces_of(it, ops[1:3]) == ("data:,c",)
    assert faces_of(it, ops[3:]) == ()
    assert faces_of(with_faces(it, {}), ops) == ()


def test_the_strongest_units_are_kept_with_their_weights():
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        module[2].weight.copy_(torch.tensor([[1.0, 0, 0, 5], [0, 2, 0, 0], [0, 0, 0, 3]]))
        module[2].bias.copy_(torch.tensor([0.5, 0.25, -0.123456]))
        module[4].weight.copy_(torch.tensor([[0.0, 10, 0], [1, 0, 0.5]]))
    it = traced(module, (1, 2, 2), "net")
    first, second = (dense_of(it, op) for op in columns(it).ops)
    assert first is not None and second is not None
    # columns' norms: 1, 2, 0, sqrt(34); units: 1 + 25 + 1, 4 + 100, 9 + 0.25; outputs: 100, 1.25
    assert (first.inputs, first.outputs, second.outputs) == ((3, 1, 0, 2), (1, 0, 2), (0, 1))
    assert first.weights == ((0, 2, 0, 0), (5, 0, 1, 0), (3, 0, 0, 0))
    assert first.bias == (0.25, 0.5, -0.1235)
    assert second.weights == ((10, 0, 0), (0, 1, 0.5)) and second.bias == ()
    few = with_weights(traced(module, (1, 2, 2), "net"), module, most=1)
    assert (one := dense_of(few, columns(few).ops[0])) is not None and (one.inputs, one.weights) == ((3,), ((0,),))
