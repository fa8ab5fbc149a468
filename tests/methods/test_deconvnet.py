"""The deconvnet with switches, against one written out layer by layer with transposed convolutions and MaxUnpool."""

import pytest
import torch
import torch.nn.functional as F
from captum.attr import Deconvolution, NeuronDeconvolution
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.methods.deconvnet import Deconvnet
from generator.names import LayerName, Unit
from tests.methods.examples import (
    ByHand,
    Overlapping,
    alexnet,
    exactly,
    facts,
    out_of_place,
    photo,
    resnet18,
    same,
    vgg11,
)

# captum says each time that it hooks ReLUs for the while, and that it asks the input for gradients
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
]


def test_section_2_1_by_hand_rectifies_the_signal_only():
    # max(weights, 0) whether on or not: unit 0 gets [[2, 5], [0, 1]], unit 1 (-x) [[7, 4], [1, 1]]; their difference
    exactly(generator.attribute(ByHand(), ByHand.X, "deconvnet", target=0), [[[[-5, 1], [-1, 0]]]])


def test_by_hand_of_two_windows_at_one_switch_the_later_stays():
    # both windows chose the 9; their signals are 3 and 4
    exactly(generator.attribute(Overlapping(), Overlapping.X, "deconvnet", target=0), [[[[0, 0, 4, 0, 0]]]])


def written_out(features: nn.Sequential, x: Tensor, last: int, channel: int, row: int, column: int) -> Tensor:
    """Section 2.1 for one image and one unit of ``features[last]``: filter transposed, rectify, unpool; from the unit's 1."""
    layers = list(features)[: last + 1]
    entered, switches = [], {}
    y = x
    for k, layer in enumerate(layers):
        entered.append(y.shape)
        if isinstance(layer, nn.MaxPool2d):
            y, switches[k] = F.max_pool2d(y, layer.kernel_size, layer.stride, layer.padding, return_indices=True)
        else:
            y = layer(y.clone())
    signal = torch.zeros_like(y)
    signal[:, channel, row, column] = 1
    for k, layer in reversed(list(enumerate(layers))):
        if isinstance(layer, nn.Conv2d):
            plain = [
                (s - 1) * st - 2 * p + d * (kern - 1) + 1
                for s, st, p, d, kern in zip(
                    signal.shape[2:], layer.stride, layer.padding, layer.dilation, layer.kernel_size, strict=True
                )
            ]
            missing = [want - have for want, have in zip(entered[k][2:], plain, strict=True)]
            signal = F.conv_transpose2d(
                signal, layer.weight, None, layer.stride, layer.padding, missing, layer.groups, layer.dilation
            )
        elif isinstance(layer, nn.ReLU):
            signal = signal.clamp(min=0)
        elif isinstance(layer, nn.MaxPool2d):
            unpool = nn.MaxUnpool2d(layer.kernel_size, layer.stride, layer.padding)
            signal = unpool(signal, switches[k], output_size=list(entered[k][2:]))
        else:
            raise TypeError(f"no transpose written for {layer}")
    return signal.detach()


@pytest.mark.parametrize(
    ("build", "last", "unit"), [(alexnet, 10, (5, 1, 2)), (alexnet, 6, (17, 0, 1)), (vgg11, 18, (9, 2, 1))]
)
def test_equals_the_deconvnet_written_out(build, last, unit):
    model, x = build(), photo(2)
    target = Unit(LayerName(f"features.{last}"), unit[0], unit[1:])
    ours = generator.attribute(model, x, "deconvnet", target=target)
    same(ours, written_out(out_of_place(model).features, x, last, *unit))


def test_equals_captum_where_pools_do_not_overlap():
    model, x = vgg11(), photo()
    reference = out_of_place(model)
    same(generator.attribute(model, x, "deconvnet", target=3), Deconvolution(reference).attribute(x, target=3))
    unit = Unit(LayerName("features.16"), 5, (1, 2))
    ours = generator.attribute(model, x, "deconvnet", target=unit)
    same(ours, NeuronDeconvolution(reference, reference.features[16]).attribute(x, (5, 1, 2)))


def test_differs_from_captum_where_pools_overlap():
    model, x = alexnet(), photo()
    ours = generator.attribute(model, x, "deconvnet", target=3)
    theirs = Deconvolution(out_of_place(model)).attribute(x, target=3)
    likeness = float(torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1])
    assert 0.2 < likeness < 0.98


def test_a_residual_network_is_drawn_too():
    drawn = generator.attribute(resnet18(), photo(), "deconvnet")
    assert tuple(drawn.shape) == (2, 3, 64, 64)
    assert drawn.isfinite().all()
    assert drawn.abs().max() > 0


def test_not_applicable_without_rectifiers():
    assert Deconvnet().applies(facts(rectifiers=1), None) is None
    assert isinstance(Deconvnet().applies(facts(rectifiers=0), None), NotApplicable)
