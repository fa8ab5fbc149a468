"""How strong a wire is: by hand, and for each kind of layer by cutting the wire in the running layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.model.describe import describe
from generator.wiring.kernels import Kernels, kernels_of
from generator.wiring.strengths import inputs, readers, straight


def kernels(layer: nn.Module, channels: int) -> Kernels:
    found = describe(nn.Sequential(layer), (channels, 6, 6))
    (node,) = (node for node in found.graph.nodes if node.path == "0")
    made = kernels_of(node, nn.Sequential(layer))
    assert isinstance(made, Kernels)
    return made


def test_shares_and_sums_by_hand() -> None:
    # unit 0: slices (3, 0), (0, -4), (0, 0) of norms 3, 4, 0: the kernel's norm is 5; unit 1: only channel 2
    W = torch.tensor([[[3.0, 0], [0, -4], [0, 0]], [[0, 0], [0, 0], [1, -3]]])
    found = inputs(Kernels(W), 2)
    np.testing.assert_array_equal(found.channel, [[1, 0], [2, -1]])
    np.testing.assert_allclose(found.share, [[0.8, 0.6], [1, 0]])
    np.testing.assert_allclose(found.total, [[-4, 3], [-2, 0]])
    assert (found.channel.dtype, found.share.dtype, found.total.dtype) == (np.int32, np.float32, np.float32)


def test_the_readers_of_a_channel_by_hand() -> None:
    # shares of channel 0: 0.6 and 1; of channel 1: 0.8 and none
    found = readers(Kernels(torch.tensor([[[3.0], [-4.0]], [[-0.01], [0]]])), 2)
    np.testing.assert_array_equal(found.unit, [[1, 0], [0, -1]])
    np.testing.assert_allclose(found.share, [[1, 0.6], [0.8, 0]])
    np.testing.assert_allclose(found.total, [[-0.01, 3], [-4, 0]])


def test_groups_by_hand() -> None:
    # two groups of two units and two channels each: units 2 and 3 read channels 2 and 3
    W = torch.tensor([[[1.0], [0]], [[3.0], [4]], [[0], [2.0]], [[-8.0], [6]]])
    np.testing.assert_array_equal(inputs(Kernels(W, 2), 2).channel, [[0, -1], [1, 0], [3, -1], [2, 3]])
    found = readers(Kernels(W, 2), 5)
    np.testing.assert_array_equal(found.unit, [[0, 1], [1, -1], [3, -1], [2, 3]])
    np.testing.assert_allclose(found.share, [[1, 0.6], [0.8, 0], [0.8, 0], [1, 0.6]])


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-22, 1e25])
def test_shares_do_not_depend_on_how_large_a_kernel_is(scale: float) -> None:
    W = torch.tensor([[[3.0, 0], [0, -4], [0, 0]], [[0, 0], [0, 0], [1, -3]]])
    found = inputs(Kernels(W * scale), 2)
    np.testing.assert_array_equal(found.channel, [[1, 0], [2, -1]])
    np.testing.assert_allclose(found.share, [[0.8, 0.6], [1, 0]], rtol=1e-6)
    np.testing.assert_array_equal(readers(Kernels(W * scale), 1).unit, [[0], [0], [1]])


def test_a_kernel_of_zeros_has_no_wires() -> None:
    assert (inputs(Kernels(torch.zeros(2, 3, 4)), 2).channel == -1).all()
    assert not inputs(Kernels(torch.zeros(2, 3, 4)), 2).share.any()


def test_a_layer_without_weights_hands_each_channel_on() -> None:
    found = straight(3)
    assert (found.channel.tolist(), found.share.tolist()) == ([[0], [1], [2]], [[1], [1], [1]])


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, padding=1),
        nn.Conv2d(4, 6, 1),
        nn.Conv2d(4, 6, 3, groups=2),
        nn.Conv2d(4, 8, 3, groups=4),
        nn.ConvTranspose2d(4, 6, 3, stride=2),
        nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2),
    ],
)
def test_a_wire_is_as_strong_as_what_passes_through_it(layer: nn.Conv2d) -> None:
    """One channel alone, a single 1 in it: the unit's map is then the slice itself, spread over places."""
    torch.manual_seed(2)
    nn.init.normal_(layer.weight)
    k = layer.in_channels
    norms, sums = torch.zeros(layer.out_channels, k), torch.zeros(layer.out_channels, k)
    for channel in range(k):
        given = impulse(layer, channel)
        norms[:, channel], sums[:, channel] = given.norm(dim=1), given.sum(dim=1)
    shares = norms / norms.norm(dim=1, keepdim=True)
    found = inputs(kernels(layer, k), k)
    seen = readers(kernels(layer, k), layer.out_channels)
    for unit in range(layer.out_channels):
        wired = [c for c in shares[unit].argsort(descending=True).tolist() if shares[unit, c] > 0]
        assert [c for c in found.channel[unit].tolist() if c >= 0] == wired
        np.testing.assert_allclose(found.share[unit, : len(wired)], shares[unit, wired], rtol=1e-5)
        np.testing.assert_allclose(found.total[unit, : len(wired)], sums[unit, wired], rtol=1e-4, atol=1e-5)
    for channel in range(k):
        reading = [o for o in shares[:, channel].argsort(descending=True).tolist() if shares[o, channel] > 0]
        assert [o for o in seen.unit[channel].tolist() if o >= 0] == reading
        np.testing.assert_allclose(seen.share[channel, : len(reading)], shares[reading, channel], rtol=1e-5)


def impulse(layer: nn.Conv2d, channel: int) -> Tensor:
    """(units, places) what the layer gives for a 1 in the middle of one channel, without its bias."""
    x = torch.zeros(1, layer.in_channels, 7, 7)
    with torch.no_grad():
        silent = layer(x)
        x[0, channel, 3, 3] = 1
        return (layer(x) - silent)[0].flatten(1)


def test_a_function_has_no_weights_that_can_be_read() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, torch.ones(2, 3, 1, 1))

    (node,) = (node for node in describe(Net(), (3, 6, 6)).graph.nodes if node.op == "F.conv2d")
    assert kernels_of(node, Net()) == NotApplicable("it is a function call whose weights belong to no module.")
