"""Kernels: raw weights, output unit first, checked by what the layers do to a single input value."""

import pytest
import torch
from torch import nn

import generator
from generator.artifacts import Kernels, NotApplicable
from generator.encode import encode
from generator.engine.needs import Layout, Weights
from generator.methods.kernels import KernelWeights
from tests.methods.examples import L, alexnet, exactly, facts, only, reads, resnet18, row


def kernels(weight: torch.Tensor, layout: Layout) -> Kernels:
    made = only(KernelWeights(), reads({Weights(L): weight}, layouts={Weights(L): layout}))
    assert isinstance(made, Kernels)
    return made


def test_by_hand_a_transposed_convolution_turned_to_output_first():
    # stored as (input, output of the group): input 0 gives 1 to output 0 and 2 to output 1, input 1 gives 3 and 4
    stored = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 2, 1, 1)
    exactly(kernels(stored, Layout(1, True)).values.reshape(2, 2), [[1, 3], [2, 4]])
    # in two groups the same numbers are four outputs of one input each
    exactly(kernels(stored, Layout(2, True)).values.reshape(4, 1), [[1], [2], [3], [4]])


def test_by_hand_an_ordinary_convolution_is_left_alone():
    stored = torch.arange(8.0).reshape(2, 1, 2, 2)
    made = kernels(stored, Layout(groups=2))
    exactly(made.values, [[[[0, 1], [2, 3]]], [[[4, 5], [6, 7]]]])
    assert (made.groups, made.transposed) == (2, False)


@pytest.mark.parametrize(
    ("conv", "shape"),
    [
        (nn.Conv2d(3, 6, 3), (6, 3, 3, 3)),
        (nn.Conv2d(4, 6, 3, groups=2), (6, 2, 3, 3)),
        (nn.Conv2d(4, 8, 3, groups=4), (8, 1, 3, 3)),
        (nn.Conv2d(4, 6, 1), (6, 4, 1, 1)),
        (nn.Conv2d(3, 4, (1, 5)), (4, 3, 1, 5)),
        (nn.ConvTranspose2d(3, 6, 3), (6, 3, 3, 3)),
        (nn.ConvTranspose2d(4, 6, (2, 3), groups=2), (6, 2, 2, 3)),
        (nn.ConvTranspose2d(4, 4, 3, groups=4), (4, 1, 3, 3)),
    ],
    ids=["plain", "grouped", "depthwise", "1x1", "1x5", "transposed", "transposed grouped", "transposed depthwise"],
)
def test_each_kernel_is_what_one_input_value_does(conv: nn.Module, shape: tuple[int, ...]):
    """A 1 in one input channel gives output unit o its kernel: stamped by a transposed convolution, and by an ordinary
    one (a cross-correlation) turned by 180 degrees."""
    made = kernels(conv.weight.detach(), Layout(conv.groups, isinstance(conv, nn.ConvTranspose2d)))
    assert tuple(made.values.shape) == shape
    per_group_in, per_group_out = conv.in_channels // conv.groups, conv.out_channels // conv.groups
    kh, kw = shape[2:]
    for channel in range(conv.in_channels):
        impulse = torch.zeros(1, conv.in_channels, 2 * kh - 1, 2 * kw - 1)
        impulse[0, channel, kh - 1, kw - 1] = 1
        with torch.no_grad():
            answer = conv(impulse)[0] - conv.bias[:, None, None]
        if made.transposed:
            answer = answer[:, kh - 1 : 2 * kh - 1, kw - 1 : 2 * kw - 1]
        else:
            answer = answer.flip(1, 2)
        for unit in range(conv.out_channels):
            inside = unit // per_group_out == channel // per_group_in
            expected = made.values[unit, channel % per_group_in] if inside else torch.zeros(kh, kw)
            torch.testing.assert_close(answer[unit], expected, rtol=0, atol=1e-6)


def test_kernels_over_a_volume_lie_slice_below_slice_and_are_drawn():
    conv = nn.Conv3d(2, 4, (2, 3, 1), groups=2)
    made = kernels(conv.weight.detach(), Layout(groups=2))
    assert tuple(made.values.shape) == (4, 1, 6, 1)
    exactly(made.values[3, 0, 3:, 0], conv.weight[3, 0, 1, :, 0].detach())
    turned = kernels(nn.ConvTranspose3d(2, 6, (3, 2, 2), groups=2).weight.detach(), Layout(2, True))
    assert tuple(turned.values.shape) == (6, 1, 6, 2)
    assert encode(made, 1).meta["filters"] == 4


def test_raw_weights_of_a_whole_model():
    model = alexnet()
    found = generator.attribute(model, torch.zeros(1, 3, 64, 64), "kernels", layers="conv")
    assert list(found) == [f"features.{k}" for k in (0, 3, 6, 8, 10)]
    for name, values in found.items():
        exactly(values, model.get_submodule(name).weight.detach())


def test_groups_reach_the_kernels_through_the_engine():
    class Grouped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.ConvTranspose2d(4, 6, 2, groups=2)
            self.fc = nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.up(x).mean((2, 3)))

    model = Grouped().eval()
    found = generator.attribute(model, torch.randn(1, 4, 5, 5), "kernels", layers="up")
    exactly(found["up"], torch.cat([model.up.weight[:2], model.up.weight[2:]], 1).transpose(0, 1).detach())


def test_not_applicable_without_weights_of_its_own():
    method = KernelWeights()
    assert method.applies(facts(), row()) is None
    for refused in (None, row(kind="pool", op="MaxPool2d"), row(kind="conv", op="F.conv2d")):
        assert isinstance(method.applies(facts(), refused), NotApplicable)
    found = generator.attribute(resnet18(), torch.zeros(1, 3, 64, 64), "kernels", layers=["maxpool", "conv1"])
    assert isinstance(found["maxpool"], NotApplicable)
    assert tuple(found["conv1"].shape) == (64, 3, 7, 7)
