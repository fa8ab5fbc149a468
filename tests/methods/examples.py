"""Small models with seeded weights, and the comparison that the tests of methods share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
import torchvision
from pytorch_grad_cam.base_cam import BaseCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from generator.artifacts import Artifact
from generator.engine.needs import Need, Reads
from generator.methods import ModelFacts
from generator.names import Layer, LayerName

SIDE = 64
L = LayerName("layer")
"""A layer's name where a test makes its reads by hand."""


def photo(n: int = 2, channels: int = 3, height: int = SIDE, width: int = SIDE) -> Tensor:
    """A seeded batch (n, c, h, w) of normalised noise with some low frequencies in it."""
    noise = torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(7))
    return noise + nn.functional.avg_pool2d(noise, 15, 1, 7) * 15


@cache
def vgg11() -> nn.Module:
    """Max-pools that do not overlap, in-place ReLUs."""
    return _seeded("vgg11", 1)


@cache
def alexnet() -> nn.Module:
    """Max-pools that overlap: 3 x 3 at stride 2."""
    return _seeded("alexnet", 2)


@cache
def resnet18() -> nn.Module:
    """Batch norm in front of in-place ReLUs, ``out += identity``, global average pooling and one linear layer."""
    return _seeded("resnet18", 3)


def _seeded(name: str, seed: int) -> nn.Module:
    """torchvision's model with ten classes, its hidden linear layers 32 wide instead of 4096, and random weights that
    keep the signal's size (torchvision's own leave a random batch norm the identity and every image the same class)."""
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None, num_classes=10)
        classifier = getattr(model, "classifier", nn.Sequential())
        width = None
        for k in [k for k, module in enumerate(classifier) if isinstance(module, nn.Linear)]:
            last = classifier[k].out_features == 10
            classifier[k] = nn.Linear(width or classifier[k].in_features, 10 if last else 32)
            width = classifier[k].out_features
    return alive(model.to_empty(device="cpu"), seed)


def alive(model: nn.Module, seed: int = 1) -> nn.Module:
    """`model` with random weights that keep the signal's size, so that what a layer gives reaches the output."""
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            for kind, values in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
                if values.dim() > 1:
                    values.normal_(0, (2 / values[0].numel()) ** 0.5, generator=gen)
                elif kind in ("bias", "running_mean"):
                    values.normal_(0, 0.1, generator=gen)
                elif values.is_floating_point():
                    values.uniform_(0.5, 1.5, generator=gen)
                else:
                    values.zero_()
    return model.eval()


def out_of_place(model: nn.Module) -> nn.Module:
    """A copy whose ReLUs write no input: what the reference libraries need."""
    model = copy.deepcopy(model)
    for module in model.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return model


class ByHand(nn.Module):
    """Two units, x and -x, rectified; the logit of class 0 weighs their places with `HEAD`, class 1 with zeros.

    For `X` unit 0 is on at the left, unit 1 at the upper right:

        X = [[1, -2], [3, 0]]    unit 0: [[1, 0], [3, 0]]    unit 1: [[0, 2], [0, 0]]
    """

    X = torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]])
    HEAD = torch.tensor([[[2.0, 5.0], [-3.0, 1.0]], [[7.0, 4.0], [1.0, 1.0]]])

    def __init__(self, relu: Callable[[], Callable[[Tensor], Tensor]] = nn.ReLU) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.relu = relu()
        self.fc = nn.Linear(8, 2, bias=False)
        self.conv.weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
        self.fc.weight.data = torch.stack([self.HEAD.flatten(), torch.zeros(8)])
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.relu(self.conv(x)).flatten(1))


class Overlapping(nn.Module):
    """A 1 x 3 max-pool at stride 2 over one row of five, behind a convolution that changes nothing; both windows pick
    the 9 in the middle of `X`."""

    X = torch.tensor([[[[0.0, 1.0, 9.0, 2.0, 0.0]]]])

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, bias=False)
        self.conv.weight.data.fill_(1)
        self.pool = nn.MaxPool2d((1, 3), stride=(1, 2))
        self.fc = nn.Linear(2, 2, bias=False)
        self.fc.weight.data = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.conv(x).relu()).flatten(1))


def reads(values: dict[Need, Tensor], **more: object) -> Reads:
    """Reads made by hand."""
    return Reads(values, more.pop("biases", {}), **more)  # type: ignore[arg-type]


def only(method: object, given: Reads) -> Artifact:
    """The one artifact that `method` makes of `given`."""
    (artifact,) = method.compute(given)  # type: ignore[attr-defined]
    return artifact


def facts(**changes: object) -> ModelFacts:
    """A model with a rectifier and without a global-average-pooled head."""
    values = {"layers": {}, "classes": 10, "rectifiers": 1, "max_pools": 0, "overlapping_pools": 0, "head_layer": None}
    return ModelFacts(**{**values, **changes})  # type: ignore[arg-type]


def row(name: str = "layer", kind: str = "conv", op: str = "Conv2d", shape: tuple[int, int, int] = (8, 4, 4)) -> Layer:
    """A row of the layer table."""
    return Layer(
        name=LayerName(name),
        kind=kind,  # type: ignore[arg-type]
        op=op,
        shape=shape,
        parameters=0,
        macs=0,
        receptive_field=(3, 3),
        jump=(1.0, 1.0),
        offset=(0.5, 0.5),
        depth=0,
        path=name,
    )


def exactly(got: Tensor, expected: object) -> None:
    """Equal to the last bit."""
    torch.testing.assert_close(got, torch.as_tensor(expected, dtype=got.dtype), rtol=0, atol=0)


def same(got: Tensor, reference: Tensor, relative: float = 1e-5) -> None:
    """Equal within `relative` of the reference's largest absolute value, and not trivially so."""
    scale = float(reference.abs().max())
    assert scale > 0, "the reference is zero everywhere: the comparison would say nothing"
    torch.testing.assert_close(got, reference.to(got.dtype), rtol=0, atol=relative * scale)


EVERYWHERE = [
    (vgg11, ["features.1", "features.10", "features.19", "features.20"]),
    (alexnet, ["features.2", "features.9", "features.11"]),
    (resnet18, ["conv1", "bn1", "layer1", "layer2.0.conv2", "layer3", "layer4"]),
]
"""Models, and layers of theirs: convolutions, batch normalisations, rectifiers and ends of blocks."""
RECTIFIED = [
    (vgg11, ["features.1", "features.9", "features.19", "features.20"]),
    (alexnet, ["features.2", "features.9", "features.11"]),
    (resnet18, ["layer1", "layer3", "layer4"]),
]


def raw(kind: type[BaseCAM], model: nn.Module, name: str, x: Tensor, c: int) -> Tensor:
    """What grad-cam's class `kind` makes of a layer for class `c`, before it rectifies and stretches it: (n, h, w)."""
    twin, thin = out_of_place(model), np.linalg.svd
    with kind(twin, [twin.get_submodule(name)]) as cam, pytest.MonkeyPatch.context() as patch:
        # it reads one row of a decomposition, and has a square matrix made of as many rows as there are places
        patch.setattr(np.linalg, "svd", lambda A, full_matrices: thin(A, full_matrices=False))
        cam(x, targets=[ClassifierOutputTarget(c)] * len(x))
        kept = cam.activations_and_grads
        A, G = (torch.cat(part).numpy() if part else None for part in (kept.activations, kept.gradients))
        return torch.from_numpy(cam.get_cam_image(x, None, None, A, G, False))
