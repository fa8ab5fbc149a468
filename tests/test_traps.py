"""Traps that other software falls into in silence: each is shown here sprung, and shown avoided.

A trap that is no longer sprung by the reference is a failure too: then this file tells an old story.
"""

from __future__ import annotations

import copy

import captum.attr
import pytest
import torch
import torch.nn.functional as F
import torchcam.methods
from torch import Tensor, nn

import generator
from tests.methods.examples import alexnet, photo, resnet18, same, vgg11

FAR = 0.05
"""Share of the largest value by which a trapped result is at least off: far beyond rounding."""


def off(found: Tensor, reference: Tensor) -> float:
    """The largest difference as a share of the reference's largest absolute value."""
    return float((found - reference).abs().max() / reference.abs().max())


# ---- in-place operations overwrite what a hook kept


@pytest.mark.parametrize("layer", ["bn1", "layer1.0.bn2", "layer3.0.downsample.1"])
def test_a_batch_norm_in_front_of_an_in_place_operation_keeps_its_own_output(layer: str):
    model, x = resnet18(), photo()
    hooked: dict[str, Tensor] = {}
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: hooked.update({layer: o}))
    with torch.no_grad():
        model(x)  # relu_ and += write into the hooked tensor, or read it before
    handle.remove()
    before: dict[str, Tensor] = {}
    handle = model.get_submodule(layer).register_forward_hook(lambda m, i, o: before.update({layer: o.clone()}))
    with torch.no_grad():
        model(x)
    handle.remove()
    found = generator.activations(model, x, layer)[layer]  # type: ignore[index]
    same(found, before[layer])
    if layer != "layer3.0.downsample.1":  # the identity is only read by +=
        assert off(hooked[layer], before[layer]) > FAR, "the trap is gone"
        assert off(found, hooked[layer]) > FAR


def test_grad_cam_at_a_batch_norm_in_front_of_an_in_place_relu_is_that_of_the_out_of_place_twin():
    model, x = resnet18(), photo()
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    for name in ("grad_cam", "grad_cam_pp"):
        found = generator.attribute(model, x, name, layers="bn1", target=3)
        expected = generator.attribute(twin, x, name, layers="bn1", target=3)
        same(found["bn1"], expected["bn1"])  # type: ignore[index]


# ---- rectifiers that are functions, and rectifiers that are capped


class Written(nn.Module):
    """Two convolutions with a rectifier behind each, written as `relu` says."""

    def __init__(self, relu: object) -> None:
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.relu1, self.relu2 = (relu, relu) if not isinstance(relu, type) else (relu(), relu())

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.conv1(x))
        return self.fc(self.relu2(self.conv2(x)).mean((2, 3)))


def written(relu: object) -> nn.Module:
    torch.manual_seed(11)
    return Written(relu).eval()


RULES = [("guided_backprop", captum.attr.GuidedBackprop), ("deconvnet_backward", captum.attr.Deconvolution)]


@pytest.mark.parametrize(("name", "reference"), RULES)
def test_functional_relus_obey_the_rule_that_hooks_on_modules_miss(name: str, reference: type):
    x = photo(height=24, width=24)
    twin = written(nn.ReLU)
    expected = reference(twin).attribute(x, target=2)
    found = generator.attribute(written(F.relu), x, name, target=2)
    same(found, expected)  # type: ignore[arg-type]
    trapped = reference(written(F.relu)).attribute(x, target=2)
    assert off(trapped, expected) > FAR, "the trap is gone"


@pytest.mark.parametrize(("name", "reference"), RULES)
def test_capped_relus_obey_the_rule_too(name: str, reference: type):
    x = photo(height=24, width=24) * 0.1  # nothing reaches the cap of 6: ReLU6 is then ReLU
    twin = written(nn.ReLU)
    expected = reference(twin).attribute(x, target=2)
    for relu in (nn.ReLU6, F.relu6, lambda x: x.clamp(0, 6)):
        same(generator.attribute(written(relu), x, name, target=2), expected)  # type: ignore[arg-type]
    trapped = reference(written(nn.ReLU6)).attribute(x, target=2)
    assert off(trapped, expected) > FAR, "the trap is gone"


# ---- max-pools whose windows overlap


def test_the_two_deconvnets_differ_where_windows_overlap_and_only_there():
    x = photo()
    names = ["deconvnet", "deconvnet_backward"]
    apart = generator.attribute(alexnet(), x, names, target=3)
    assert off(apart["deconvnet"], apart["deconvnet_backward"]) > FAR  # type: ignore[arg-type]
    together = generator.attribute(vgg11(), x, names, target=3)
    same(together["deconvnet"], together["deconvnet_backward"])  # type: ignore[arg-type]


# ---- Grad-CAM++ whose weights are edited in a copy


def eq_19(A: Tensor, G: Tensor) -> Tensor:
    """Grad-CAM++ place by place, in double precision, as the paper writes it."""
    A, G = A.double(), G.double()
    maps = []
    for a, g in zip(A, G, strict=True):
        total = torch.zeros(a.shape[1:], dtype=torch.float64)
        for k in range(len(a)):
            w = 0.0
            for gij in g[k].flatten().tolist():
                below = 2 * gij**2 + float(a[k].sum()) * gij**3
                w += (gij**2 / below if below else 0.0) * max(gij, 0.0)
            total += w * a[k]
        maps.append(total.relu())
    return torch.stack(maps).float()


def test_grad_cam_pp_is_equation_19_which_torchcam_s_is_not():
    model, x = vgg11(), photo(1)
    layer = "features.7"
    kept: list[Tensor] = []
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    handle = twin.get_submodule(layer).register_forward_hook(lambda m, i, o: kept.append(o))
    score = twin(x)[0, 3]
    handle.remove()
    (G,) = torch.autograd.grad(score, kept[0])
    expected = eq_19(kept[0].detach(), G)
    same(generator.attribute(model, x, "grad_cam_pp", layers=layer, target=3)[layer], expected, relative=1e-4)  # type: ignore[index]
    with torchcam.methods.GradCAMpp(twin, layer) as extractor:
        scores = twin(x)
        (trapped,) = extractor(3, scores, normalized=True)
    stretched = (expected - expected.min()) / (expected.max() - expected.min())
    assert off(trapped, stretched) > FAR, "the trap is gone"
