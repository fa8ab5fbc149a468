"""A layer's wiring as flat arrays: by hand, and the same after it was stored."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch import nn

from generator.model.describe import describe
from generator.names import LayerName
from generator.report.arrays import packed, unpacked
from generator.store import Store
from generator.wiring.wires import Wires, wires
from generator.wiring.wiring import wiring_of


def small() -> nn.Sequential:
    """Two convolutions of 2 and 3 units, a rectifier between, and a linear head of 2 classes behind the mean."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(2, 3, (1, 2), bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )  # fmt: skip
    model[2].weight.data = torch.tensor([[[3.0, 0], [0, -4]], [[0, 0], [1, 1]], [[2, 2], [0, 0]]]).reshape(3, 2, 1, 2)
    model[5].weight.data = torch.tensor([[3.0, 0, -4], [0, 1, 0]])
    return model.eval()


def flat(model: nn.Module, name: str, pages: list[str]) -> Wires:
    description = describe(model, (1, 6, 6))
    found = wiring_of(description, model, [LayerName(page) for page in pages], k=2)
    return wires(found[LayerName(name)], description.by_name[LayerName(name)].units)


def named(found: Wires, channel: int) -> list[tuple[str, int, int]]:
    at = range(found.starts[channel], found.starts[channel + 1])
    return [(found.layers[found.source_layer[i]], int(found.source_unit[i]), int(found.source_way[i])) for i in at]


def test_what_feeds_a_unit_by_hand():
    found = flat(small(), "2", ["0", "1", "2"])
    assert found.channel.tolist() == [[1, 0], [1, -1], [0, -1]]
    assert np.allclose(found.share, [[0.8, 0.6], [1, 0], [1, 0]])
    assert found.sign.tolist() == [[-1, 1], [1, 0], [1, 0]]
    assert named(found, 0) == [("1", 0, 1)]
    # 127 is the unit's largest weight: 4 for unit 0, 1 for unit 1, 2 for unit 2
    assert found.slices.tolist() == [
        [[[0, -127]], [[95, 0]]],
        [[[127, 127]], [[0, 0]]],
        [[[127, 127]], [[0, 0]]],
    ]
    assert found.weighted


def test_what_a_unit_feeds_and_its_classes_by_hand():
    first = flat(small(), "0", ["0", "2"])
    assert [first.layers[i] for i in first.feeds_layer[0] if i >= 0] == ["2", "2"]
    assert first.feeds_unit.tolist() == [[2, 0], [1, 0]]
    assert first.feeds_sign.tolist() == [[1, 1], [1, -1]]
    last = flat(small(), "2", ["0", "2"])
    assert last.class_index.tolist() == [[0, -1], [1, -1], [0, -1]]
    assert np.allclose(last.class_share, [[0.6, 0], [1, 0], [0.8, 0]])
    assert last.class_sign[:, 0].tolist() == [1, 1, -1]
    # class 0 has weights 3, 0, -4 and class 1 has 0, 1, 0: what speaks against a class is none of its units
    assert last.class_units[:, :2].tolist() == [[0, -1], [1, -1]]
    assert np.allclose(last.class_units_share[:, 0], [0.6, 1])
    assert first.class_units.shape == (0, 0), "a convolution stands between it and the head"


def test_the_image_and_a_layer_without_weights_by_hand():
    model = small()
    first = flat(model, "0", ["0", "1"])
    assert named(first, 0) == [("@input", 0, 1)]
    assert first.slices.shape == (2, 1, 0, 0), "a kernel of one place has nothing to draw"
    assert np.allclose(first.weight[:, 0], model[0].weight.detach().flatten()), "but its weight is told"  # type: ignore[union-attr,operator]
    middle = flat(small(), "1", ["0", "1"])
    assert middle.channel.tolist() == [[0], [1]]
    assert named(middle, 1) == [("0", 1, 1)]
    assert not middle.weighted
    assert middle.why_none_near


def test_slices_of_a_grouped_convolution_are_those_of_its_own_channels():
    model = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=2, bias=False)).eval()
    found = flat_of(model)
    W = model[1].weight.detach().numpy()
    for unit in range(4):
        top = np.abs(W[unit]).max()
        for k, channel in enumerate(found.channel[unit]):
            if channel >= 0:
                own = channel - (unit // 2) * 2
                assert np.array_equal(found.slices[unit, k], np.rint(W[unit, own] / top * 127).astype(np.int8))


def flat_of(model: nn.Module) -> Wires:
    description = describe(model, (4, 6, 6))
    found = wiring_of(description, model, [LayerName("0"), LayerName("1")])
    return wires(found[LayerName("1")], 4)


def test_it_is_stored_and_read_as_it_was(tmp_path: Path):
    store = Store(tmp_path)
    for name in ("0", "1", "2"):
        one = flat(small(), name, ["0", "1", "2"])
        record = store.put(f"{name}{'0' * 63}", *packed(one))  # type: ignore[arg-type]
        read = unpacked(record, store)
        for field in fields(one):
            mine, own = read[field.name], getattr(one, field.name)
            assert (
                np.array_equal(mine, own)
                if isinstance(own, np.ndarray)
                else tuple(mine) == tuple(own)
                if field.name == "layers"
                else mine == own
            )
            assert not isinstance(own, np.ndarray) or (mine.dtype, mine.shape) == (own.dtype, own.shape)
