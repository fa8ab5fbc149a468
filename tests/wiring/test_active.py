"""Inputs weighed by what the dataset turns on, by hand and held against the contributions themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from generator.dataset.activity import positive
from generator.dataset.survey import Portion, survey
from generator.library import engine_for, make_method
from generator.model.describe import Description, describe
from generator.names import INPUT, LayerName
from generator.wiring.active import weighed
from generator.wiring.kernels import Kernels
from generator.wiring.strengths import ABSENT, inputs
from generator.wiring.threads import Threads
from generator.wiring.wires import Wires, wires
from generator.wiring.wiring import wiring_of
from tests.pages.fixture_units import answers


def wired(model: nn.Module, pages: list[str], channels: int = 1) -> tuple[Description, dict[LayerName, Wires]]:
    description = describe(model.eval(), (channels, 8, 8))
    names = [LayerName(name) for name in pages]
    found = wiring_of(description, model, names)
    return description, {name: wires(found[name], description.by_name[name].units) for name in names}


def test_a_share_is_of_the_kernel_times_what_is_on():
    W = torch.tensor([[[3.0], [4.0], [0.0]], [[0.0], [5.0], [12.0]], [[1.0], [0.0], [0.0]]])
    plain = inputs(Kernels(W), 2)
    assert plain.channel.tolist() == [[1, 0], [2, 1], [0, ABSENT]]
    on = np.array([4.0, 3.0, 0.0], np.float32)
    found = inputs(Kernels(W), 2, on)
    # unit 0: 3 x 4 and 4 x 3; unit 1: 5 x 3 alone, since channel 2 is never on; unit 2: its only input
    assert found.channel[1].tolist() == [1, ABSENT]
    assert sorted(found.channel[0].tolist()) == [0, 1]
    assert found.share[0].tolist() == pytest.approx([0.5**0.5] * 2)
    assert found.share[1].tolist() == [1, 0]
    assert found.channel[2].tolist() == [0, ABSENT]
    # none of its inputs is ever on: by weights alone
    dark = inputs(Kernels(W), 2, np.array([0.0, 1.0, 1.0], np.float32))
    assert dark.channel[2].tolist() == [0, ABSENT] and dark.share[2].tolist() == [1, 0]


def test_channels_of_groups_are_those_of_their_group():
    W = torch.tensor([[[1.0], [1.0]], [[1.0], [1.0]]])  # two groups of two channels
    found = inputs(Kernels(W, groups=2), 1, np.array([1.0, 2.0, 4.0, 3.0], np.float32))
    assert found.channel.tolist() == [[1], [2]]
    assert found.share.ravel().tolist() == pytest.approx([2 / 5**0.5, 4 / 5])


def test_how_much_a_unit_is_on_by_hand():
    made = answers(4)
    bins = made.histogram.shape[1]
    counts = np.ones((4, bins), np.uint16)
    made = replace(
        made,
        histogram=counts,
        mean=np.array([0.5, -1.0, -5.0, 0.2], np.float32),
        histogram_lo=np.array([0.0, -10.0, -9.0, -1.0], np.float32),
        histogram_hi=np.array([10.0, 10.0, -1.0, 1.0], np.float32),
        highest=np.array([10.0, 10.0, -1.0, 1.0], np.float32),
    )
    # never below zero: its mean; even over -10..10: half of its places have 5 in the mean; never above: nothing
    assert positive(made).tolist() == pytest.approx([0.5, 2.5, 0.0, 0.25])
    assert positive(replace(made, histogram=counts * 0))[1] == 0


def test_it_is_told_of_a_streamed_set_as_torch_has_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 1)).eval()
    description, x = describe(model, (1, 8, 8)), torch.randn(12, 1, 8, 8)
    names = [LayerName("0"), LayerName("1")]
    states = {name: make_method("dataset_examples", {}).start(description.by_name[name], "cpu") for name in names}
    found = survey(engine_for(model, description), states, [Portion(x, range(12))])
    with torch.no_grad():
        expected = model[:2](x).mean(dim=(0, 2, 3)).numpy()
    np.testing.assert_allclose(positive(found[LayerName("1")]), expected, rtol=1e-4, atol=1e-6)
    # of the convolution itself by its histogram of bins
    spread = found[LayerName("0")].histogram_hi - found[LayerName("0")].histogram_lo
    assert (np.abs(positive(found[LayerName("0")]) - expected) <= spread / 24).all()


def test_a_thread_goes_by_what_is_on_and_by_weights_where_that_is_not_known():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 1, 1)).eval()
    model[2].weight.data = torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1)
    description, found = wired(model, ["0", "1", "2"])
    last = LayerName("2")
    assert found[last].direct and not found[last].active
    dead = np.array([0.0, 2.0], np.float32)
    made = weighed(found, description, model, {LayerName("1"): dead})
    assert made[last].active and made[last].channel.tolist() == [[1, ABSENT]]
    plain, on = Threads(found), Threads(made)
    assert [(s.layer, s.unit) for s in plain.thread(last, 0)] == [("0", 0), (INPUT, 0)]
    assert [(s.layer, s.unit) for s in on.thread(last, 0)] == [("0", 1), (INPUT, 0)]
    assert weighed(found, description, model, {}) == found
    # the first layer reads the image, of which nobody was asked
    assert not made[LayerName("0")].active


def test_behind_a_normalisation_without_a_page_values_say_nothing():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 3, 1)).eval()
    activity = {LayerName("0"): np.ones(2, np.float32), LayerName("2"): np.array([1.0, 0.0], np.float32)}
    description, found = wired(model, ["0", "4"])
    assert not found[LayerName("4")].direct
    assert not weighed(found, description, model, activity)[LayerName("4")].active
    description, found = wired(model, ["0", "2", "4"])
    made = weighed(found, description, model, activity)[LayerName("4")]  # the pool between turns nothing on
    assert made.active and (made.channel[:, 0] == 0).all() and (made.channel[:, 1] == ABSENT).all()


def test_the_drawn_slices_are_those_of_the_channels_named():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 3, 3)).eval()
    description, found = wired(model, ["0", "1", "2"])
    on = np.linspace(0.1, 4, 8).astype(np.float32)
    made = weighed(found, description, model, {LayerName("1"): on})[LayerName("2")]
    W = model[2].weight.detach()
    for unit in range(3):
        drive = torch.linalg.vector_norm(W[unit], dim=(1, 2)) * torch.from_numpy(on)
        order = drive.argsort(descending=True)[:6].tolist()
        assert made.channel[unit].tolist() == order
        top = float(W[unit].abs().max())
        for k, channel in enumerate(order):
            np.testing.assert_array_equal(
                made.slices[unit, k], torch.round(W[unit, channel] / top * 127).to(torch.int8)
            )
            assert made.sign[unit, k] == np.sign(float(W[unit, channel].sum()))
            assert made.share[unit, k] == pytest.approx(float(drive[channel] / drive.norm()), rel=1e-5)
