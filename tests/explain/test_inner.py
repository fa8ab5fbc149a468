"""Leaves whose forward is their own: shown as what they do, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import timm
import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d, GroupNormAct, StdConv2d
from timm.models.nfnet import NfCfg, NormFreeNet
from timm.models.resnetv2 import ResNetV2
from torch import Tensor, nn

from generator.artifacts import NotApplicable
from generator.explain.chains import Chain, chains_of
from generator.explain.check import apart
from generator.explain.layouts import Layouts
from generator.explain.operation import Operation, operation_of
from generator.explain.record import Recorded, kept_layouts, record
from generator.model.describe import describe
from generator.model.operations import own_forward
from generator.model.receptive import propagate
from tests.explain.masked import masked
from tests.explain.nets import families, few
from tests.explain.own_nets import Doubled, Halved, Reflects, shaken
from tests.explain.volumes import clip


def of(
    model: nn.Module, shape: tuple[int, int, int]
) -> tuple[dict[str, Operation | NotApplicable], list[Chain], Recorded, Tensor]:
    """Of every node what is shown; the chains, what was recorded of them on one image, and the image."""
    description = describe(model, shape)
    graph = description.graph
    layouts = Layouts(graph, propagate(graph))
    shown = {node.name: one for node in graph.nodes if (one := operation_of(node, layouts, model)) is not None}
    chains = list(chains_of(graph, model, description.layers).chains)
    x = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    operations = [step.operation for chain in chains for step in chain.steps]
    return shown, chains, record(model, x, graph, kept_layouts(chains, layouts), operations), x  # type: ignore[return-value]


def test_whose_forward_it_is():
    assert own_forward(nn.Conv2d(1, 1, 1))
    assert own_forward(nn.BatchNorm2d(1))
    assert own_forward(type("Named", (nn.Conv2d,), {})(1, 1, 1))
    assert not own_forward(BatchNormAct2d(1))
    assert not own_forward(StdConv2d(1, 1, 1))
    assert not own_forward(
        type("Inner", (nn.Conv2d,), {"_conv_forward": lambda *_: None, "__module__": "elsewhere"})(1, 1, 1)
    )


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "regnety_002", "efficientnet_b0"])
def test_a_norm_with_its_activation_is_two_steps(name: str):
    model = shaken(timm.create_model(name, num_classes=10))
    shown, chains, found, x = of(model, (3, 64, 64))
    (chain,) = (chain for chain in chains if chain.kept and chain.kept[0].node == 0)
    kinds = [step.operation.kind for step in chain.steps]
    assert kinds[:3] == ["conv", "batch_norm", "act"]
    assert [step.flows for step in chain.steps[1:3]] == [(0,), (1,)]
    norm, act = chain.steps[1].operation, chain.steps[2].operation
    bn = next(module for module in model.modules() if isinstance(module, BatchNormAct2d))
    assert torch.equal(torch.from_numpy(found.arrays[norm.name, "mean"]), bn.running_mean)  # type: ignore[arg-type]
    assert shown[act.name] == act, "the last step has the name of the call"
    conv = chain.steps[0].operation.name
    made = model.get_submodule(conv)(x)
    expected = F.batch_norm(made, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=bn.eps)
    assert torch.allclose(
        bn(made), torch.relu(expected) if act.settings["fn"] == "clip" else getattr(F, act.settings["fn"])(expected)
    )
    assert found.apart == {}


def standardised() -> nn.Module:
    """A small BiT ResNet."""
    norm = partial(GroupNormAct, num_groups=8)
    return ResNetV2(
        [1, 1, 1, 1], (32, 32, 64, 64), 10, stem_chs=16, stem_type="", conv_layer=StdConv2d, norm_layer=norm
    )


def free() -> nn.Module:
    """A small NFNet."""
    return NormFreeNet(NfCfg((1, 1, 1, 1), (32, 32, 64, 64), stem_type="deep_quad", stem_chs=32, same_padding=True), 10)


@pytest.mark.parametrize("make", [standardised, free, lambda: timm.create_model("nf_regnet_b0", num_classes=10)])
def test_a_convolution_has_the_weight_that_it_received(make: Callable[[], nn.Module]):
    model = make().eval()
    _, chains, found, x = of(model, (3, 64, 64))
    first = chains[0].steps[0].operation
    module = model.get_submodule(first.name)
    assert "Std" in type(module).__name__
    weight = torch.from_numpy(found.arrays[first.name, "weight"])
    assert not torch.allclose(weight, module.weight, rtol=0.1)  # type: ignore[arg-type]
    top, bottom, left, right = first.settings["padding"]
    bias = module.bias if isinstance(module.bias, Tensor) else None
    made = F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, first.settings["stride"])
    assert torch.allclose(made, module(x), atol=1e-5)
    assert found.apart == {}


def test_paddings_by_hand_keep_their_mode():
    model = nn.Sequential(Reflects(3, 4, 3)).eval()
    shown, _, found, _ = of(model, (3, 8, 8))
    one = shown["0"]
    assert isinstance(one, Operation)
    assert one.settings["mode"] == "reflect"
    assert one.settings["padding"] == [1, 1, 1, 1]
    assert found.apart == {}


class Twice(nn.Conv2d):
    """Pads in two modes."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(F.pad(x, (1, 1, 0, 0), mode="circular"), (0, 0, 1, 1), mode="reflect")
        return F.conv2d(x, self.weight, self.bias)


class Ones(nn.Conv2d):
    """Pads with ones."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), value=1.0), self.weight, self.bias)


class Both(nn.Conv2d):
    """The sum of two convolutions."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias) + F.conv2d(x.flip(2), self.weight)


@pytest.mark.parametrize(("kind", "why"), [(Twice, "pads in a way"), (Ones, "pads in a way"), (Both, "a way of its own"), (Doubled, "goes on with F.mul")])  # fmt: skip
def test_what_cannot_be_told_has_no_figure(kind: type[nn.Conv2d], why: str):
    shown, _, _, _ = of(nn.Sequential(kind(3, 4, 3), nn.ReLU()).eval(), (3, 8, 8))
    one = shown["0"]
    assert isinstance(one, NotApplicable)
    assert why in one.reason
    assert isinstance(shown["1"], Operation), "what follows goes on from what was recorded"


class Otherwise(BatchNormAct2d):
    """Not what its class says, before its activation."""

    def forward(self, x: Tensor) -> Tensor:
        return self.act(F.batch_norm(x + 1, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps))


def test_a_second_step_that_differs_takes_the_first_with_it():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), Otherwise(4)).eval()
    _, _, found, _ = of(model, (3, 8, 8))
    assert set(found.apart) == {"1", "1.batch_norm"}


@pytest.mark.parametrize("make", [families, few, masked, clip])
def test_every_operation_is_held_to_what_the_model_gave(make: Callable[[], nn.Module]):
    _, chains, found, _ = of(make(), (3, 32, 32))
    operations = {step.operation.name for chain in chains for step in chain.steps}
    assert operations == found.checked
    assert found.apart == {}


class Shifted(nn.BatchNorm2d):
    """Written out by hand, and otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None, None] + 1


def test_what_differs_from_what_the_model_gave_is_found_and_what_follows_is_not():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), Halved(), nn.Conv2d(4, 4, 1), Shifted(4), nn.ReLU(), nn.MaxPool2d(2)
    ).eval()
    _, _, found, _ = of(model, (3, 8, 8))
    assert set(found.apart) == {"1", "3"}
    assert found.apart["1"] == pytest.approx(1.0)  # type: ignore[index]


class Late(nn.Module):
    """Statistics of the image itself, by a flag among a function's arguments; another divisor; a softmax over images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        bias = self.conv.bias
        x = F.batch_norm(self.conv(x), bias.detach(), bias.detach().abs() + 1, bias, bias, True)  # type: ignore[union-attr,arg-type]
        x = torch.batch_norm(x, bias, bias, bias, bias.abs() + 1, False, 0.1, 0.5, False)  # type: ignore[arg-type,union-attr]
        x = torch.group_norm(F.avg_pool2d(x, 2, 2, 0, False, True, 3), 2, bias, bias, 0.3)  # type: ignore[arg-type]
        x = F.layer_norm(x, x.shape[1:], None, None, 0.1)
        x = torch.layer_norm(x, x.shape[1:], None, None, 0.2)
        return F.softmax(self.fc(x.mean((2, 3))), 0)


def test_arguments_without_a_name_are_read():
    shown, _, found, _ = of(Late().eval(), (3, 8, 8))
    assert found.apart == {}
    assert [
        shown[name].settings["eps"] for name in ("F.batch_norm@2", "F.group_norm", "F.layer_norm", "F.layer_norm@2")
    ] == [0.5, 0.3, 0.1, 0.2]  # type: ignore[index,union-attr]
    assert shown["F.batch_norm"].kind == "norm", "of this image, as it was told"  # type: ignore[index,union-attr]
    assert shown["F.avg_pool2d"].settings["divisor"] == 3  # type: ignore[index,union-attr]
    softmax = shown["F.softmax"]  # type: ignore[index]
    assert isinstance(softmax, NotApplicable), "over the images, not over the classes"


def test_what_is_no_number_must_be_none_in_both():
    shown, _, _, _ = of(nn.Sequential(nn.ReLU(), nn.Conv2d(1, 1, 1)).eval(), (1, 2, 2))
    relu = shown["0"]
    assert isinstance(relu, Operation)
    x = torch.tensor([[[1.0, torch.nan], [torch.inf, -torch.inf]]])
    assert apart(relu, [x], {}, x.relu()) == 0
    assert apart(relu, [x], {}, torch.ones(1, 2, 2)) == float("inf")
    assert apart(relu, [x], {}, torch.ones(1, 2, 3)) == float("inf")
    assert apart(relu, [x.nan_to_num(0, 0, 0)], {}, torch.full((1, 2, 2), 2.0)) == 1
