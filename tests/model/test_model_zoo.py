"""Thirty architectures as they are: each is described, and what is told agrees with what is measured another way."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from generator.engine.grids import as_map
from generator.engine.output import Readout
from generator.model.calls import watch
from generator.model.describe import Description, describe
from generator.names import INPUT
from generator.selectors import select_layers

POOLED_HEADS = {
    "densenet121": ("F.relu", "classifier"),
    "efficientnet_b0": ("features.8.2", "classifier.1"),
    "efficientnet_lite0": ("_swish@2", "_fc"),
    "efficientnet_v2_s": ("features.7.2", "classifier.1"),
    "googlenet": ("inception5b.F.cat", "fc"),
    "inception_v3": ("Mixed_7c.F.cat@3", "fc"),
    "mnasnet0_5": ("layers.16", "classifier.1"),
    "mnasnet0_75": ("layers.16", "classifier.1"),
    "mobilenet_v2": ("features.18.2", "classifier.1"),
    "regnet_x_400mf": ("trunk_output.block4.block4-11.activation", "fc"),
    "regnet_x_800mf": ("trunk_output.block4.block4-4.activation", "fc"),
    "regnet_y_400mf": ("trunk_output.block4.block4-5.activation", "fc"),
    "resnet18": ("layer4.1.relu@2", "fc"),
    "resnet34": ("layer4.2.relu@2", "fc"),
    "resnet50": ("layer4.2.relu@3", "fc"),
    "resnext50_32x4d": ("layer4.2.relu@3", "fc"),
    "wide_resnet50_2": ("layer4.2.relu@3", "fc"),
    "shufflenet_v2_x0_5": ("conv5.2", "fc"),
    "shufflenet_v2_x1_0": ("conv5.2", "fc"),
    "swin_t": ("permute", "head"),
    "swin_v2_t": ("permute", "head"),
}
"""Where the spatial mean of a layer is what the last linear layer reads; every other model's head is None."""

RECTIFIERS = {
    "resnet18": 17,
    "mobilenet_v2": 35,
    "googlenet": 57,
    "densenet121": 121,
    "efficientnet_lite0": 33,
    "vgg11_bn": 10,
    "swin_v2_t": 0,
}
"""As the papers' tables count them (classifier included)."""

CONVNETS = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_lite0", "efficientnet_v2_s", "googlenet",
    "inception_v3", "mnasnet0_5", "mnasnet0_75", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small",
    "regnet_x_400mf", "regnet_x_800mf", "regnet_y_400mf", "resnet18", "resnet34", "resnet50", "resnext50_32x4d",
    "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "squeezenet1_0", "squeezenet1_1", "vgg11_bn", "wide_resnet50_2",
]  # fmt: skip
ATTENTIVE = ["maxvit_t", "swin_t", "swin_v2_t", "vit_b_32"]


def build(name: str) -> nn.Module:
    if name == "efficientnet_lite0":
        from generator.model.builtin import BUILTIN

        return BUILTIN[name].build().eval()
    taken = inspect.signature(torchvision.models.get_model_builder(name)).parameters
    options: dict[str, Any] = {"weights_backbone": None} if "weights_backbone" in taken else {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    if name in ATTENTIVE or name.startswith("regnet"):  # these work numbers out with tensors while they are built
        return torchvision.models.get_model(name, weights=None, **options).eval()
    with torch.device("meta"):  # initialisation as torchvision does it takes most of the time
        model = torchvision.models.get_model(name, weights=None, **options).eval()
    model.to_empty(device="cpu")
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            nn.init.uniform_(parameter, -0.1, 0.1)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_parameters()
    return model


def side(name: str) -> int:
    return {"inception_v3": 160, "maxvit_t": 224, "vit_b_32": 224}.get(name, 64)


STAGES = {
    "convnext_tiny": ("features.1", "features.3", "features.5", "features"),
    "densenet121": ("features.relu0", "features.denseblock1", "features.denseblock2", "features.denseblock3", "F.relu"),
    "efficientnet_b0": ("features.1", "features.2", "features.3", "features.5", "features"),
    "googlenet": ("conv1", "conv3", "inception3b", "inception4e", "inception5b"),
    "maxvit_t": ("stem", "blocks.0", "blocks.1", "blocks.2", "blocks.3"),
    "mobilenet_v2": ("features.1", "features.3", "features.6", "features.13", "features"),
    "regnet_x_400mf": ("stem", "trunk_output.block1", "trunk_output.block2", "trunk_output.block3", "trunk_output"),
    "resnet18": ("relu", "layer1", "layer2", "layer3", "layer4"),
    "swin_t": ("features.1", "features.3", "features.5", "permute"),
    "vit_b_32": ("encoder.layers.encoder_layer_11.ln_1",),
}
"""What `stage_ends` means: the end of each stage, never the expansion that opens the next one. Behind its last attention a
ViT reads its class token alone, so its places end in front of it."""


def check(model: nn.Module, found: Description, x: Tensor) -> None:
    """Names, shapes and order are those that the watcher reports; readers come after what they read."""
    shapes: dict[str, tuple[int, ...]] = {}

    def on_call(call: Any, output: Any) -> None:
        given = call.tensor(output)
        if given is not None:
            grid = found.grids.get(call.name)
            shapes[call.name] = tuple((given if grid is None else as_map(given, grid)).shape)

    with torch.no_grad(), watch(model, on_call):
        found.invocation(model, x)
    order = {name: place for place, name in enumerate(shapes)}
    names = [layer.name for layer in found.layers]
    assert len(set(names)) == len(names)
    assert sorted(names, key=order.__getitem__) == names
    assert [layer.depth for layer in found.layers] == list(range(len(names)))
    known: set[str] = {INPUT}
    for layer in found.layers:
        assert shapes[layer.name] == (1, *layer.shape), layer.name
        assert known.issuperset(layer.inputs), (layer.name, layer.inputs)
        assert layer.inputs, layer.name
        known.add(layer.name)
    assert tuple(found.facts.layers.values()) == found.layers
    assert set(found.grids) <= set(names)


@pytest.mark.parametrize("name", [*CONVNETS, *ATTENTIVE])
def test_an_architecture_is_described(name: str) -> None:
    torch.manual_seed(0)
    model, size = build(name), side(name)
    if name == "regnet_x_400mf":
        model.train()  # left as it was found, whatever that was
    flags = [module.training for module in model.modules()]
    found = describe(model, (3, size, size))
    assert [module.training for module in model.modules()] == flags
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    model.eval()

    x = torch.randn(1, 3, size, size)
    check(model, found, x)
    assert found.classes == found.facts.classes == 1000
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert (found.facts.head_layer, found.head_linear) == POOLED_HEADS.get(name, (None, None))
    assert found.facts.rectifiers == RECTIFIERS.get(name, found.facts.rectifiers)
    convolutions = {path for path, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    unused = {parameter.rpartition(".")[0] for parameter in found.unused}
    assert convolutions - unused == {layer.path for layer in found.layers if layer.kind == "conv"}
    stages = select_layers("stage_ends", found.layers)
    assert tuple(layer.name for layer in stages) == STAGES.get(name, tuple(layer.name for layer in stages))
    assert found.readout == Readout()
    if name in CONVNETS:
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model(x)
        assert found.macs == counter.get_total_flops() // 2
        assert all(name.startswith(("aux", "AuxLogits")) for name in found.unused)


def test_the_default_model_is_the_one_the_report_talks_of() -> None:
    found = describe(build("efficientnet_lite0"), (3, 224, 224))
    convolutions = [layer for layer in found.layers if layer.kind == "conv"]
    assert (len(convolutions), sum(layer.units for layer in convolutions)) == (49, 21_008)
    assert (found.parameters, found.macs) == (4_652_008, 385_187_552)
    stem = convolutions[0]
    assert (stem.shape, stem.receptive_field, stem.jump, stem.offset) == ((32, 112, 112), (3, 3), (2, 2), (1, 1))
    assert dict(stem.attributes)["padding"] == "top 0, bottom 1, left 0, right 1"


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"])
def test_segmentation_scores_every_place(name: str) -> None:
    model = build(name)
    found = describe(model, (3, 64, 64))
    check(model, found, torch.randn(1, 3, 64, 64))
    assert found.classes == 21
    assert found.facts.head_layer is None
    assert found.readout.kind == "segmentation"
    assert "every place" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "unread"),
    [
        ("ssdlite320_mobilenet_v3_large", ()),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", ("rpn.head.conv", "rpn.head.bbox_pred@3")),
    ],
)
def test_detection_takes_a_list_and_scores_boxes(name: str, unread: tuple[str, ...]) -> None:
    model = build(name)
    found = describe(model, (3, 96, 96))
    check(model, found, torch.randn(1, 3, 96, 96))
    assert found.invocation.as_list
    assert (found.classes, found.readout.kind, found.readout.classes) == (91, "detection", 91)
    assert sum(layer.kind == "conv" for layer in found.layers) > 50
    assert not found.notes
    assert {layer.name for layer in found.layers if not layer.read}.issuperset(unread)
    assert describe(build_detector(name, 7), (3, 96, 96)).classes == 7


def build_detector(name: str, classes: int) -> nn.Module:
    return torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=classes).eval()
