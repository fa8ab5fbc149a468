"""torchvision's architectures with the least input each takes, and small models of every make, seeded."""

from __future__ import annotations

from functools import cache

import torch
import torchvision
from torch import Tensor, nn

METHODS = ["cam", "feature_maps", "grad_cam", "guided_backprop", "saliency"]
SIZES = {"alexnet": 128, "googlenet": 96, "inception_v3": 139, "maxvit_t": 224, "vit_b_32": 224}
"""The least that the architecture takes, or has places for in every layer, where that is more than 64 pixels."""
ARCHITECTURES = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
    "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18",
    "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11_bn",
    "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large", "ssdlite320_mobilenet_v3_large",
]  # fmt: skip
"""As torchvision makes them, with random weights: one of each make, the smaller where two differ in size alone."""
BUILDERS = """
import torch
import torchvision


def _vit(name):
    model = torchvision.models.get_model(name, weights=None)
    torch.nn.init.normal_(model.heads.head.weight, std=0.1)  # torchvision's own are zeros: every gradient would be one
    return model


def vit_b_32(): return _vit("vit_b_32")


def fasterrcnn():
    # untrained, no box of 91 classes scores more than 0.05
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    return torchvision.models.get_model(name, weights=None, weights_backbone=None, box_score_thresh=0.0)
"""
BUILT = ["vit_b_32", "fasterrcnn"]


@cache
def vit() -> nn.Module:
    """torchvision's, small: patches of 8 x 8 of 32 x 32 pixels."""
    torch.manual_seed(3)
    model = torchvision.models.VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=5)
    nn.init.normal_(model.heads.head.weight)
    return model.eval()


@cache
def swin() -> nn.Module:
    """torchvision's, small: two stages, windows of 4 x 4 places, every second shifted."""
    torch.manual_seed(4)
    return torchvision.models.SwinTransformer([4, 4], 12, [2, 2], [2, 2], [4, 4], num_classes=5).eval()


def noise(n: int = 2, channels: int = 3, height: int = 32, width: int = 32) -> Tensor:
    """A seeded batch."""
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(11))


@cache
def small(channels: int) -> nn.Module:
    """A MobileNet v3 with depthwise convolutions, gates, hard swishes and in-place operations."""
    torch.manual_seed(6)
    model = torchvision.models.mobilenet_v3_small(num_classes=5)
    first = model.features[0][0]
    model.features[0][0] = nn.Conv2d(channels, first.out_channels, 3, 2, 1, bias=False)
    return model.eval()
