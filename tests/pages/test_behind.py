"""Pictures that stand for units which only hand a channel on: by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from generator.artifacts import NotApplicable
from generator.names import LayerName
from generator.pages.behind import behind
from generator.pages.views import Atlas, LayerView
from generator.wiring.wires import Wires
from tests.pages.fixture_report import tiny_report

NOT = NotApplicable("it was not asked for.")


def handing(units: int, source: str, way: int = 1) -> Wires:
    """Unit u reads channel u, which is unit u of the source."""
    u = np.arange(units, dtype=np.int32)
    return replace(
        Wires.none(units),
        layers=(LayerName(source),),
        starts=np.arange(units + 1, dtype=np.int32),
        source_layer=np.zeros(units, np.int32),
        source_unit=u,
        source_way=np.full(units, way, np.int8),
        channel=u[:, None],
    )


def row(folder: Path, *wires: Wires | None) -> list[LayerView]:
    """stem, whose units 0, 2 and 6 have pictures and whose unit 4 has one that shows nothing, and layers of as many units
    behind it that were not searched, "a", "b" …"""
    stem = tiny_report(folder).layers[0]
    others = [
        replace(stem, layer=replace(stem.layer, name=LayerName("abc"[k])), slug="abc"[k], pictures=NOT, wires=one)
        for k, one in enumerate(wires)
    ]
    return [stem, *others]


def told(views: list[LayerView], name: str) -> dict[int, tuple[str, int]]:
    """Unit -> the layer and unit whose picture stands for it."""
    return {
        unit: (one.layer, own)
        for one in behind(views).get(LayerName(name), ())
        for unit, own in zip(one.pictures.units, one.own, strict=True)
        if unit >= 0
    }


def test_a_unit_that_hands_a_channel_on_has_the_picture_of_the_unit_behind(tmp_path: Path):
    views = row(tmp_path, handing(12, "stem"), handing(12, "a"))
    expected = {unit: ("stem", unit) for unit in (0, 2, 6)}  # the picture of unit 4 shows nothing
    assert told(views, "a") == expected
    assert told(views, "b") == expected, "through one more layer"
    assert told(views, "stem") == {}, "nothing stands behind it"


def test_the_channel_is_followed_and_not_the_number(tmp_path: Path):
    turned = handing(12, "stem")
    turned = replace(turned, source_unit=turned.source_unit[::-1].copy())
    assert told(row(tmp_path, turned), "a") == {11: ("stem", 0), 9: ("stem", 2), 5: ("stem", 6)}


def test_no_picture_where_the_way_is_not_one_channel_to_one(tmp_path: Path):
    plain = handing(12, "stem")
    two = replace(plain, channel=np.stack([plain.channel[:, 0], plain.channel[::-1, 0]], axis=1))
    summed = replace(
        plain,
        layers=(LayerName("stem"), LayerName("other")),
        starts=2 * plain.starts,
        source_layer=np.tile(np.array([0, 1], np.int32), 12),
        source_unit=np.repeat(plain.source_unit, 2),
        source_way=np.ones(24, np.int8),
    )
    for wires in (replace(plain, weighted=True), handing(12, "stem", -1), handing(12, "stem", 0), two, summed, None):
        assert told(row(tmp_path, wires), "a") == {}


def test_what_a_layer_searched_itself_stands(tmp_path: Path):
    views = row(tmp_path, handing(12, "stem"), handing(12, "a"))
    stem = views[0].pictures
    assert isinstance(stem, Atlas)
    views[1] = replace(views[1], pictures=replace(stem, units=(2, 3, 5, 7), dead=(True, False, False, False)))
    assert told(views, "a") == {0: ("stem", 0), 6: ("stem", 6)}, (
        "the search for unit 2 came to nothing, and that is said"
    )
    assert told(views, "b") == {0: ("stem", 0), 3: ("a", 3), 5: ("a", 5), 6: ("stem", 6), 7: ("a", 7)}
