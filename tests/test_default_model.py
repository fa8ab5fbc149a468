"""The default report is real: EfficientNet-Lite0 with its ImageNet weights, on the photographs that come with it, offline."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import generator
from generator.command.progress import Silent
from generator.config import load_config
from generator.images import load as load_picture
from generator.names import LayerName
from generator.report.plan import plan_report
from generator.report.setup import Setup, set_up

LAST = LayerName("_swish@2")
"""The last rectifier: what the head averages. The stem's is the first call of the same module."""


@dataclass(frozen=True)
class Default:
    """The default report before anything is computed, and what torch itself says of its images."""

    setup: Setup
    x: dict[str, Tensor]
    """image name -> (1, 3, 224, 224)"""
    logits: dict[str, Tensor]
    """image name -> (1000,)"""

    @property
    def model(self) -> nn.Module:
        return self.setup.loaded.module

    def top(self, name: str) -> str:
        """The label that the model ranks first."""
        assert self.setup.loaded.labels is not None
        return self.setup.loaded.labels[int(self.logits[name].argmax())]


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Default]:
    """Set up in an empty folder, with empty caches and without a network."""
    empty = tmp_path_factory.mktemp("default")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the default report opened a connection")

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(empty)
        patch.setattr(socket.socket, "connect", refused)
        patch.setattr(socket, "create_connection", refused)
        patch.setattr(socket, "getaddrinfo", refused)
        for name in ("TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(empty / "cache"))
        setup = set_up(load_config(), Silent())
        x = {i.name: setup.loaded.preprocess(load_picture(i))[None] for i in setup.images.images}
        with torch.no_grad():
            logits = {name: setup.loaded.module(one)[0] for name, one in x.items()}
        yield Default(setup, x, logits)
        assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("chelsea", {"tabby", "tiger cat", "Egyptian cat"}),
        ("coffee", {"espresso"}),
        ("rocket", {"missile"}),
    ],
)
def test_the_model_is_right_about_what_it_knows(default: Default, image: str, labels: set[str]):
    assert default.top(image) in labels


def test_there_are_eight_to_twelve_small_photographs(default: Default):
    images = default.setup.images
    assert 8 <= len(images.images) <= 12
    assert images.skipped == ()
    assert all(image.path.stat().st_size <= 150_000 for image in images.images)
    credits = Path(images.images[0].path.parent / "CREDITS.md").read_text(encoding="utf-8")
    assert all(image.path.name in credits for image in images.images)


def test_layers_units_and_parameters(default: Default):
    description = default.setup.description
    convs = [layer for layer in description.layers if layer.kind == "conv"]
    assert len(convs) == 49
    assert sum(layer.units for layer in convs) == 21_008
    assert {layer.name for layer in convs} <= {layer.name for layer in default.setup.layers}
    assert description.parameters == sum(p.numel() for p in default.model.parameters())
    assert description.classes == 1000
    assert description.input_shape == (3, 224, 224)


def test_every_relu6_is_counted(default: Default):
    # one in the stem and one in the head, one in the block that expands nothing, two in each of the other fifteen
    calls: list[Tensor] = []
    handles = [
        m.register_forward_hook(lambda m, a, out: calls.append(out))
        for m in default.model.modules()
        if isinstance(m, nn.ReLU6)
    ]
    with torch.no_grad():
        default.model(default.x["coffee"])
    for handle in handles:
        handle.remove()
    assert len(calls) == 1 + 1 + 1 + 15 * 2
    assert default.setup.description.facts.rectifiers == len(calls)


def test_the_head_averages_the_last_rectifier(default: Default):
    description = default.setup.description
    assert description.facts.head_layer == LAST
    assert description.head_linear == "_fc"
    assert LAST in {layer.name for layer in default.setup.compared}


def test_cam_s_mean_and_bias_are_the_logit_of_the_cat(default: Default):
    top = int(default.logits["chelsea"].argmax())
    found = generator.attribute(default.model, default.x["chelsea"], ["cam", "grad_cam"], layers=LAST, target="top1")
    cam = found["cam"][LAST]
    assert cam.shape == (1, 7, 7)
    logit = default.logits["chelsea"][top]
    torch.testing.assert_close(
        cam.mean() + default.model.get_submodule("_fc").bias[top].detach(), logit, rtol=1e-5, atol=1e-5
    )
    # at this layer the gradient is the head's weight over 49 places, so that Grad-CAM is CAM, rectified
    torch.testing.assert_close(found["grad_cam"][LAST] * 49, cam.relu(), rtol=1e-4, atol=1e-5)


def test_its_rectifiers_take_the_backward_rules(default: Default):
    found = generator.attribute(default.model, default.x["chelsea"], ["saliency", "guided_backprop", "deconvnet"])
    maps = list(found.values())
    assert all(torch.isfinite(m).all() and m.abs().sum() > 0 for m in maps)
    assert all(not torch.allclose(a, b) for a, b in zip(maps, maps[1:] + maps[:1], strict=True))


def test_the_default_report_takes_one_forward_an_image(default: Default):
    setup = default.setup
    passes = plan_report(setup).shared
    # three targets; plain, guided and deconv (the model pools nothing, so that both deconvnets are one)
    assert (passes.forward, passes.backward) == (len(setup.images.images), len(setup.images.images) * 3 * 3)


def test_padding_by_the_convolutions_themselves_changes_no_bit(default: Default):
    from efficientnet_lite_pytorch import EfficientNet

    package = EfficientNet.from_name("efficientnet-lite0").eval()
    package.load_state_dict(default.model.state_dict())
    x = next(iter(default.x.values()))
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [module(leaf) for module, leaf in zip((default.model, package), leaves, strict=True)]
    assert torch.equal(*outputs)
    assert torch.equal(*(torch.autograd.grad(y.max(), leaf)[0] for y, leaf in zip(outputs, leaves, strict=True)))
    pads = [part for part in default.model.modules() if isinstance(part, nn.ZeroPad2d)]
    assert len(pads) == 5, "those of stride 2 pad one side more than the other"
