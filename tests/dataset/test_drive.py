"""What drives units where they are highest, held against loops over single weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from generator.dataset.drive import Drive, Driven, drives
from generator.dataset.survey import Portion, survey
from generator.library import engine_for, make_method
from generator.model.describe import describe
from generator.names import LayerName
from tests.dataset.slowly import driving, recorded


def measured(model: nn.Module, x: torch.Tensor, name: str, way: list[int] | None = None, batch: int = 4) -> Driven:
    description = describe(model.eval(), tuple(x.shape[1:]))
    engine, layer = engine_for(model, description), description.by_name[LayerName(name)]
    parts = [Portion(x[at : at + batch], range(at, min(at + batch, len(x)))) for at in range(0, len(x), batch)]
    states = {layer.name: make_method("dataset_examples", {}).start(layer, "cpu")}
    answers = survey(engine, states, parts)[layer.name]
    drive = Drive.start(layer, answers)
    drives(engine, {layer.name: drive}, parts)
    assert engine.counts.forward == 2 * len(parts)
    ways = np.ones(drive.window.weight.shape[1] * drive.window.groups if drive.window else 0, np.int8)
    return drive.finish(6, ways if way is None else np.array(way, np.int8))


@pytest.mark.parametrize(
    ("conv", "batch"),
    [
        (nn.Conv2d(6, 8, 1), 4),
        (nn.Conv2d(6, 8, 3, stride=2, padding=1), 4),
        (nn.Conv2d(6, 8, (3, 5), padding=(2, 4), dilation=(2, 3)), 1),
        (nn.Conv2d(6, 8, 3, groups=2, padding="same"), 3),
    ],
    ids=["pointwise", "strided", "dilated", "grouped"],
)
def test_it_is_what_loops_over_weights_say(conv: nn.Conv2d, batch: int):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), conv, nn.ReLU(inplace=True)).eval()
    x = torch.randn(9, 2, 12, 12)
    found = measured(model, x, "2", batch=batch)
    if conv.padding == "same":
        conv.padding = (1, 1)
    it = recorded(model, x, ["2"])
    for unit in range(8):
        expected = driving(it, "2", unit)
        many = len(expected)
        assert found.channel[unit, :many].tolist() == [c for c, _, _ in expected]
        assert (found.channel[unit, many:] == -1).all()
        assert found.share[unit, :many].tolist() == pytest.approx(
            [share for _, share, _ in expected], rel=1e-4, abs=1e-6
        )
        assert found.sign[unit, :many].tolist() == [sign for _, _, sign in expected]


def test_an_input_that_is_always_on_drives_nothing():
    """Unit 0's kernel looks hardest at a channel that gives 9 everywhere; what varies is the other one."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1)).eval()
    model[0].weight.data = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1)
    model[0].bias.data = torch.tensor([9.0, 0.0])
    model[2].weight.data = torch.tensor([5.0, 1.0]).reshape(1, 2, 1, 1)
    found = measured(model, torch.rand(5, 1, 6, 6), "2")
    assert found.channel.tolist() == [[1, -1]]
    assert found.share[0].tolist() == pytest.approx([1, 0])
    assert found.mean.tolist()[0] == pytest.approx(9)


def test_a_channel_whose_source_is_turned_counts_where_it_is_below_its_mean():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 3, 1)).eval()
    x, turned = torch.randn(7, 1, 9, 9), [1, -1, 1, -1]
    found = measured(model, x, "1", turned)
    it = recorded(model, x, ["1"])
    below = 0
    for unit in range(3):
        expected = driving(it, "1", unit, dict(enumerate(turned)))
        assert found.channel[unit, : len(expected)].tolist() == [c for c, _, _ in expected]
        assert found.sign[unit, : len(expected)].tolist() == [sign for _, _, sign in expected]
        below += sum(turned[c] < 0 for c, _, _ in expected)
    assert below


def test_a_unit_that_nothing_raises_is_driven_by_nothing_and_a_linear_layer_on_maps_is_read():
    torch.manual_seed(2)

    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.mix, self.act = nn.Conv2d(1, 4, 2, 2), nn.Linear(4, 6), nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.act(self.mix(self.stem(x).permute(0, 2, 3, 1)))

    model = Mixer().eval()
    x = torch.randn(5, 1, 12, 12)
    found = measured(model, x, "mix")
    as_conv = nn.Sequential(model.stem, nn.Conv2d(4, 6, 1), nn.ReLU()).eval()
    as_conv[1].weight.data, as_conv[1].bias.data = model.mix.weight.data[:, :, None, None], model.mix.bias.data
    same = measured(as_conv, x, "1")
    assert found.channel.tolist() == same.channel.tolist()
    np.testing.assert_allclose(found.share, same.share, atol=1e-5)
    dark = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    dark[2].weight.data[0], dark[2].bias.data[0] = 0, 0
    assert (measured(dark, x, "2").channel[0] == -1).all()


def test_a_layer_that_is_no_convolution_of_two_dimensions_is_left_out():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ConvTranspose2d(4, 3, 2, 2)).eval()
    assert measured(model, torch.randn(3, 1, 6, 6), "1").channel.shape == (0, 0)
