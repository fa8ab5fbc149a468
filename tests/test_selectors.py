"""The grammar of layers, targets and units, against models written down by hand."""

from __future__ import annotations

import pytest

from generator.errors import UserError
from generator.names import ClassTarget, Kind, Layer, LayerName, RankTarget, Unit
from generator.selectors import UnitSelection, nearest, parse_target, parse_units, select_layers


def layer(name: str, kind: Kind, channels: int, side: int, depth: int) -> Layer:
    return Layer(LayerName(name), kind, "", (channels, side, side), 0, 0, None, None, None, depth, name)


def stack(*rows: tuple[str, Kind, int]) -> tuple[Layer, ...]:
    """Layers in order of execution from (name, kind, side)."""
    return tuple(layer(name, kind, 8, side, depth) for depth, (name, kind, side) in enumerate(rows))


MOBILE = stack(
    ("stem.conv", "conv", 16),
    ("stem.norm", "norm", 16),
    ("blocks.0.conv", "conv", 16),
    ("blocks.0.se.pool", "pool", 1),
    ("blocks.0.se.conv", "conv", 1),
    ("blocks.0", "block", 16),
    ("blocks.1.expand", "conv", 16),  # still at 16, but it opens the next block
    ("blocks.1.depthwise", "conv", 8),
    ("blocks.1", "block", 8),
    ("head.conv", "conv", 8),
    ("head.act", "act", 8),
    ("pool", "pool", 1),
    ("classifier", "conv", 1),
)
PLAIN = stack(("f.0", "conv", 8), ("f.1", "act", 8), ("f.2", "pool", 4), ("f.3", "conv", 4), ("f.4", "act", 4))


def names(selector: str | list[str], layers: tuple[Layer, ...] = MOBILE) -> list[str]:
    return [one.name for one in select_layers(selector, layers)]


def test_kinds_and_all():
    assert names("norm") == ["stem.norm"]
    assert names("block") == ["blocks.0", "blocks.1"]
    assert names("pool") == ["blocks.0.se.pool", "pool"]
    assert names("all") == [one.name for one in MOBILE]


def test_last_conv_is_the_last_with_a_map():
    assert names("last_conv") == ["head.conv"]
    assert names("last_conv", stack(("a", "conv", 1), ("b", "conv", 1))) == ["b"]


def test_stage_ends_prefers_a_block_but_takes_what_the_head_reads():
    assert names("stage_ends") == ["blocks.0", "head.act"]
    assert names("stage_ends", PLAIN) == ["f.1", "f.4"]


def test_stage_ends_of_a_model_that_ends_in_a_block():
    rows = stack(
        ("stem", "act", 16),
        ("pool", "pool", 8),
        ("layer1", "block", 8),
        ("layer2.0.conv1", "conv", 4),
        ("layer2", "block", 4),
    )
    assert names("stage_ends", rows) == ["stem", "layer1", "layer2"]


def test_stage_ends_of_an_hourglass_has_each_resolution_once():
    rows = stack(("down", "conv", 8), ("middle", "conv", 4), ("up", "conv", 8), ("out", "act", 8))
    assert names("stage_ends", rows) == ["middle", "out"]


def test_height_and_width_are_told_apart():
    tall = Layer(LayerName("tall"), "conv", "", (8, 4, 2), 0, 0, None, None, None, 0, "tall")
    wide = Layer(LayerName("wide"), "conv", "", (8, 2, 4), 0, 0, None, None, None, 1, "wide")
    line = Layer(LayerName("line"), "conv", "", (8, 1, 4), 0, 0, None, None, None, 2, "line")
    assert [one.name for one in select_layers("stage_ends", (tall, wide, line))] == ["tall", "wide", "line"]


def test_names_and_globs_come_in_order_of_execution_each_once():
    assert names(["head.*", "blocks.?", "blocks.0", "stem.conv"]) == [
        "stem.conv",
        "blocks.0",
        "blocks.1",
        "head.conv",
        "head.act",
    ]
    assert names("*.[cn]o*") == ["stem.conv", "stem.norm", "blocks.0.conv", "blocks.0.se.conv", "head.conv"]


def test_a_word_means_the_same_in_every_model():
    layers = stack(("conv", "conv", 4), ("conv2", "conv", 4), ("pool", "act", 4))
    assert names("conv", layers) == ["conv", "conv2"]
    assert names("[c]onv", layers) == ["conv"]
    assert names(["conv2", "pool"], layers) == ["conv2"]


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("blocks.2", "`blocks.0`"),
        ("STEM.CONV", "`stem.conv`"),
        ("convs", "`conv`"),
        ("stage_end", "`stage_ends`"),
        ("heads.*", "`head."),
        ("attention", "no layer for `attention`"),
        ("zzz", "there is no layer `zzz`;"),
    ],
)
def test_an_unknown_layer_names_the_nearest(selector: str, said: str):
    with pytest.raises(UserError) as error:
        names(selector)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_no_layers_and_no_selectors():
    with pytest.raises(UserError, match="empty list"):
        names([])
    with pytest.raises(UserError, match="`stage_ends`"):
        names("stage_ends", stack(("a", "conv", 1)))
    with pytest.raises(UserError, match="no layer for `norm`, `merge`"):
        names(["norm", "merge"], PLAIN)
    assert names(["norm", "pool"], PLAIN) == ["f.2"]
    with pytest.raises(UserError, match="no layer for `all`"):
        names("all", ())


LABELS = ("tench", "Tabby", "crane", "crane", "tiger cat", "7", "tabby")


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("top1", [RankTarget(1)]),
        (" top:1 ", [RankTarget(1)]),
        ("top:3", [RankTarget(1), RankTarget(2), RankTarget(3)]),
        ("top:99", [RankTarget(rank) for rank in range(1, 8)]),
        ("0", [ClassTarget(0)]),
        ("6", [ClassTarget(6)]),
        ('"7"', [ClassTarget(5)]),
        ("tench", [ClassTarget(0)]),
        ("'TENCH'", [ClassTarget(0)]),
        ("tabby", [ClassTarget(6)]),
        ("Tabby", [ClassTarget(1)]),
        ("Tiger Cat", [ClassTarget(4)]),
        ("unit:layer4:17", [Unit(LayerName("layer4"), 17)]),
        ("unit:layer4.1.relu@2:17:3:5", [Unit(LayerName("layer4.1.relu@2"), 17, (3, 5))]),
    ],
)
def test_targets(text: str, targets: list[object]):
    assert list(parse_target(text, LABELS, 7)) == targets


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("top:0", "expected top:1 or more, received `top:0`"),
        ("7", "from 0 to 6, received 7"),
        ("crane", "the label of the classes 2, 3"),
        ("TABBY", "the label of the classes 1, 6"),
        ("tenhc", "(the nearest: `tench`"),
        ("truth", "expected top1, top:K, true, a class index, a label, group:NAME, unit:LAYER:CHANNEL"),
        ("top3", "no class is labelled `top3`"),
        ("unit:layer4", "no class is labelled `unit:layer4`"),
        ("-1", "no class is labelled `-1`"),
        ("", "received an empty string"),
        ('""', "received an empty string"),
    ],
)
def test_targets_that_are_none(text: str, said: str):
    with pytest.raises(UserError) as error:
        parse_target(text, LABELS, 7)
    assert said in str(error.value)


@pytest.mark.parametrize("labels", [None, ()])
def test_a_label_without_labels(labels: tuple[str, ...] | None):
    with pytest.raises(UserError, match="has no labels"):
        parse_target("tabby", labels, 10)
    assert parse_target("9", labels, 10) == (ClassTarget(9),)


def test_units():
    assert parse_units("all", 3) == UnitSelection((0, 1, 2))
    assert parse_units("top:2", 3) == UnitSelection((0, 1, 2), 2)
    assert parse_units("top:16", 3) == UnitSelection((0, 1, 2), 3)
    assert parse_units("threads:5", 8) == UnitSelection(tuple(range(8)), 5, 2)
    assert parse_units("threads:16", 3) == UnitSelection((0, 1, 2), 3, 1)
    assert parse_units("threads:1", 3) == UnitSelection((0, 1, 2), 1, 0)
    assert parse_units("top:5+threads:2", 8) == UnitSelection(tuple(range(8)), 7, 2, beside=True)
    assert parse_units("top:5+threads:2", 6) == UnitSelection(tuple(range(6)), 6, 1, beside=True)
    assert parse_units("top:5+threads:2", 3) == UnitSelection((0, 1, 2), 3, 0, beside=True)
    assert parse_units(" 5, 0,5 ,17", 18) == UnitSelection((5, 0, 17))
    assert parse_units("5,0,17", 6) == UnitSelection((5, 0))


@pytest.mark.parametrize(
    "text", ["", "top", "top:0", "top:x", "threads:x", "top:3+threads:0", "top:3+all", "1;2", "1,", "-1", "0.5", "any"]
)
def test_units_that_are_none(text: str):
    with pytest.raises(UserError, match="units: expected top:"):
        parse_units(text, 8)


def test_choosing_the_strongest_units():
    top = parse_units("top:2", 4)
    assert top.choose([0.1, 3.0, -5.0, 3.0]) == (1, 3)
    assert top.choose([1.0, 2.0, 9.0, 0.0]) == (2, 1)
    assert top.choose() == (0, 1)
    assert parse_units("3,1", 4).choose([9.0, 0.0, 0.0, 0.0]) == (3, 1)
    with pytest.raises(ValueError, match="expected 4 strengths"):
        top.choose([1.0])


def test_nearest():
    assert nearest("grad_cma", ["cam", "grad_cam", "saliency"]) == " (the nearest: `grad_cam`)"
    assert nearest("zzz", ["cam"]) == ""
