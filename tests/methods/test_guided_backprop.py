"""Guided backprop, against captum where captum is right and against an `nn.ReLU` twin where it is not."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from captum.attr import GuidedBackprop as Reference
from torch import Tensor, nn

import generator
from generator.artifacts import NotApplicable
from generator.methods.guided_backprop import GuidedBackprop
from tests.methods.examples import ByHand, alexnet, exactly, facts, out_of_place, photo, resnet18, same, vgg11

# captum says each time that it hooks ReLUs for the while, and that it asks the input for gradients
pytestmark = [
    pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning"),
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
]


class Function(nn.Module):
    """A module around a function, so that a ReLU can be written in any way."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Net(nn.Module):
    """Three convolutions and `relu` after each, as a module or as a bare function."""

    def __init__(self, relu: Callable[[], Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.convs = nn.ModuleList(nn.Conv2d(c, 8, 3, stride=2) for c in (3, 8, 8))
        self.fc = nn.Linear(8, 4)
        self.relus = [relu() for _ in self.convs]
        self.named = nn.ModuleList(r for r in self.relus if isinstance(r, nn.Module))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        for conv, relu in zip(self.convs, self.relus, strict=True):
            x = relu(conv(x))
        return self.fc(x.mean((2, 3)))


def test_figure_1c_by_hand():
    # the plain gradient at the units is [[2, 0], [-3, 0]] and [[0, 4], [0, 0]]: the -3 is cut, and unit 1 is -x
    exactly(generator.attribute(ByHand(), ByHand.X, "guided_backprop", target=0), [[[[2, -4], [0, 0]]]])


@pytest.mark.parametrize("build", [vgg11, alexnet, resnet18])
def test_equals_captum_for_modules(build):
    model, x = build(), photo()
    ours = generator.attribute(model, x, "guided_backprop", target=3)
    same(ours, Reference(out_of_place(model)).attribute(x, target=3))


WRITTEN = {
    "F.relu": lambda: F.relu,
    "F.relu in place": lambda: lambda x: F.relu(x, inplace=True),
    "torch.relu": lambda: torch.relu,
    "x.relu()": lambda: lambda x: x.relu(),
    "x.relu_()": lambda: lambda x: x.relu_(),
    "clamp": lambda: lambda x: x.clamp(min=0),
    "nn.ReLU(inplace)": lambda: nn.ReLU(inplace=True),
    "a module that calls F.relu": lambda: Function(F.relu),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_however_the_relu_is_written_it_equals_captum_on_the_twin(written):
    x = photo()
    ours = generator.attribute(Net(written), x, "guided_backprop", target=1)
    twin = Reference(Net(nn.ReLU)).attribute(x, target=1)
    same(ours, twin)
    plain = generator.attribute(Net(written), x, "saliency", target=1)
    assert (ours - plain).abs().max() > 0.1 * plain.abs().max(), "guided must not silently be the plain gradient"


@pytest.mark.parametrize("written", [nn.ReLU6, lambda: F.relu6, lambda: nn.Hardtanh(0, 6)])
def test_relu6_below_its_cap_equals_captum_on_the_relu_twin(written):
    x = photo()
    model, seen = Net(nn.ReLU), []
    for relu in model.named:
        relu.register_forward_hook(lambda m, args, out: seen.append(float(out.detach().max())))
    model(x)
    assert 0 < max(seen) < 6, "the twins are the same function only below 6"
    same(
        generator.attribute(Net(written), x, "guided_backprop", target=1),
        Reference(Net(nn.ReLU)).attribute(x, target=1),
    )


def test_relu6_by_hand_passes_nothing_above_its_cap():
    # ten times the input: unit 0 is 10 and 30, unit 1 is 20, all above 6, so nothing comes through
    exactly(generator.attribute(ByHand(nn.ReLU6), 10 * ByHand.X, "guided_backprop", target=0), [[[[0, 0], [0, 0]]]])
    exactly(generator.attribute(ByHand(nn.ReLU6), ByHand.X, "guided_backprop", target=0), [[[[2, -4], [0, 0]]]])


def test_not_applicable_without_rectifiers():
    assert GuidedBackprop().applies(facts(rectifiers=1), None) is None
    assert isinstance(GuidedBackprop().applies(facts(rectifiers=0), None), NotApplicable)
    assert isinstance(generator.attribute(Net(nn.GELU), photo(), "guided_backprop", target=1), NotApplicable)
