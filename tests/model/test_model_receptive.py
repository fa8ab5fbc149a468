"""Receptive fields: by hand, and against the gradient of one unit, which is not zero exactly where the unit looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from generator.engine.grids import Grid, as_map
from generator.engine.rules import as_max_pool
from generator.model.calls import Call, watch
from generator.model.describe import Description, describe
from generator.names import Layer, LayerName


def as_averages(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Max-pools send a gradient to one place only: averages send it to all that they look at."""
    pool = as_max_pool(func, args, kwargs)
    if pool is None:
        return NotImplemented
    return F.avg_pool2d(pool.x, pool.kernel, pool.stride, pool.padding, pool.ceil_mode)


def positive(model: nn.Module) -> nn.Module:
    """Weights above zero that sum to one per output, norms that do nothing: no gradient cancels, none is clipped."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
        for name, parameter in module.named_parameters(recurse=False):
            value = torch.ones_like(parameter)
            if name == "bias":
                value.zero_()
            elif parameter.dim() > 1:
                value /= parameter[0].numel()
            parameter.data = value.double()
    return model.double().eval().requires_grad_(False)


def seen(
    model: nn.Module, names: list[LayerName], shape: tuple[int, int, int], grids: Mapping[LayerName, Grid] | None = None
) -> dict[LayerName, tuple[int, ...]]:
    """layer -> (first row, last row, first column, last column) that its middle unit depends on, by its gradient."""
    x = (torch.rand(1, *shape, dtype=torch.float64) + 0.5).mul_(1e-9).requires_grad_()  # far below any ReLU6's cap
    kept: dict[LayerName, Tensor] = {}

    def keep(call: Call, output: Any) -> None:
        if call.name in names and isinstance(output, Tensor):
            kept[call.name] = as_map(output.clone(), (grids or {}).get(call.name))

    with watch(positive(model), keep, as_averages):
        model(x)
    found: dict[LayerName, tuple[int, ...]] = {}
    for name in names:
        out = kept[name]
        middle = out[0, :, out.shape[2] // 2, out.shape[3] // 2].sum()
        (gradient,) = torch.autograd.grad(middle, x, retain_graph=True)
        rows = gradient[0].abs().sum(dim=(0, 2)).nonzero().flatten()
        columns = gradient[0].abs().sum(dim=(0, 1)).nonzero().flatten()
        found[name] = (int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1]))
    return found


def told(layer: Layer) -> tuple[float, ...]:
    """The same four numbers from the layer's receptive field, jump and offset."""
    assert layer.receptive_field is not None
    assert layer.jump is not None
    assert layer.offset is not None
    ends: list[float] = []
    for axis in (0, 1):
        centre = layer.offset[axis] + layer.shape[1 + axis] // 2 * layer.jump[axis]
        half = (layer.receptive_field[axis] - 1) / 2
        ends += [centre - half, centre + half]
    return tuple(ends)


def check(model: nn.Module, shape: tuple[int, int, int], every: int = 1) -> Description:
    """Compare every `every`-th layer, and the last, with the gradient."""
    found = describe(model, shape)
    local = [layer for layer in found.layers if layer.receptive_field is not None]
    chosen = [*local[::-every][::-1]]
    expected = seen(model, [layer.name for layer in chosen], shape, found.grids)
    assert {layer.name: told(layer) for layer in chosen} == expected
    return found


def largest(found: Description) -> tuple[int, int]:
    return max(layer.receptive_field for layer in found.layers if layer.receptive_field is not None)


def conv(kernel: Any = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(2, 2, kernel, **options)


def test_two_convolutions_and_a_pool_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2), conv(3, padding=1))
    first, pool, second = describe(model, (1, 16, 16)).layers
    assert (first.receptive_field, first.jump, first.offset) == ((3, 3), (1, 1), (0, 0))
    assert (pool.receptive_field, pool.jump, pool.offset) == ((4, 4), (2, 2), (0.5, 0.5))
    assert (second.receptive_field, second.jump, second.offset) == ((8, 8), (2, 2), (0.5, 0.5))


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(conv(3, dilation=3), conv(3, dilation=(1, 2), stride=(2, 1)), conv((1, 5), padding=(0, 2))),
        nn.Sequential(conv(5, stride=3, padding=2), nn.AvgPool2d(3, 2, 1), conv(2), nn.MaxPool2d((2, 3), (1, 2))),
        nn.Sequential(nn.ZeroPad2d((3, 1, 0, 2)), conv(3, padding="same"), conv(4, padding="same", dilation=2)),
        nn.Sequential(conv(3, padding=1, padding_mode="reflect"), conv(5, padding=2, padding_mode="circular")),
        nn.Sequential(conv(3), nn.PixelUnshuffle(2), nn.Conv2d(8, 2, 3), nn.LPPool2d(1, 2, 2)),
        nn.Sequential(conv(3, stride=2), nn.LocalResponseNorm(2), nn.BatchNorm2d(2), nn.ReLU6(), conv(3)),
    ],
    ids=["dilated", "strided", "same", "padding-modes", "unshuffle", "pointwise"],
)
def test_chains_against_the_gradient(model: nn.Module) -> None:
    check(model, (2, 48, 52))


class Branches(nn.Module):
    """Two paths of unlike reach that are summed, then two that are concatenated; written with functions."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = conv(7, padding=3, stride=2), conv(1, stride=2)
        self.shifted = conv(3)
        self.last = nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.wide(x)
        y += self.narrow(x)
        y = F.relu(y, inplace=True)
        shifted = self.shifted(y)  # without padding: its place 0 is over place 1 of y
        y = torch.cat([shifted, F.avg_pool2d(y, 3, 1)], dim=1)
        return self.last(F.pad(y, (2, 0, 1, 0)))


class Moved(nn.Module):
    """Channels last, a channel shuffle, slices: the axes move, what they see does not."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.mix, self.last = conv(3, stride=2), nn.Linear(2, 4), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.mix(self.first(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = y.chunk(2, dim=1)
        y = torch.cat((b, a), 1)[:, :, 1:, ::2]
        return self.last(y)


class Patches(nn.Module):
    """Patches as tokens behind a class token, told apart again, then two by two as one: by slices and by reshaping."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.patch, self.norm = (
            conv(3),
            nn.Conv2d(2, 4, 4, stride=4),
            nn.LayerNorm(4, elementwise_affine=False),
        )
        self.token, self.place = nn.Parameter(torch.zeros(1, 1, 4)), nn.Parameter(torch.zeros(1, 91, 4))
        self.mix, self.merge, self.again = nn.Linear(4, 4), nn.Linear(16, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.patch(self.stem(x)).flatten(2).transpose(1, 2)
        y = torch.cat((self.token.expand(len(y), -1, -1), y), dim=1) + self.place
        y = self.mix(y)[:, 1:].unflatten(1, (9, 10))
        y = y[:, 1:, :, :]
        y = self.merge(torch.cat((y[:, 0::2, 0::2], y[:, 1::2, 0::2], y[:, 0::2, 1::2], y[:, 1::2, 1::2]), -1))
        n, h, w, c = y.shape
        return self.again(y.reshape(n, h // 2, 2, w, c).permute(0, 1, 3, 2, 4).flatten(3))


class Folded(nn.Module):
    """Patches without a convolution: height and width are taken apart by a reshape, as einops does it."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.last = nn.Linear(2 * 4 * 4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(n, h // 4 * (w // 4), 4 * 4 * c)
        return self.last(self.mix(y).unsqueeze(2).squeeze(2))


class Uneven(nn.Module):
    """The union of two intervals that neither holds the other."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.last = conv(3), conv(3), conv(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.a(x)[:, :, :-4, :-4] + self.b(x)[:, :, 4:, 4:])


@pytest.mark.parametrize(
    "model",
    [Branches(), Moved(), Patches(), Folded(), Uneven()],
    ids=["branches", "moved", "patches", "folded", "uneven"],
)
def test_graphs_against_the_gradient(model: nn.Module) -> None:
    found = check(model, (2, 40, 44))
    assert all(layer.receptive_field is not None for layer in found.layers)


def test_patches_and_tokens_by_hand() -> None:
    # 38 x 42 after the stem, 9 x 10 patches; a patch sees 4 + 2 pixels, two by two of them 8 + 2, four by two 16 + 2
    layers = describe(Patches(), (2, 40, 44)).by_name
    assert layers[LayerName("mix")].shape == (4, 9, 10)
    assert layers[LayerName("mix")].receptive_field == (6, 6)
    assert layers[LayerName("merge")].shape == (2, 4, 5)
    assert layers[LayerName("merge")].receptive_field == (10, 10)
    assert layers[LayerName("merge")].offset == (4 + 4.5, 4.5)  # the first row of patches is cut off
    assert layers[LayerName("again")].shape == (2, 2, 5)
    assert layers[LayerName("again")].receptive_field == (18, 10)
    assert layers[LayerName("again")].jump == (16, 8)


def test_the_union_of_shifted_branches_by_hand() -> None:
    # a looks at 0..2, b shifted by 4 at 4..6: together 0..6; three of them in a row 0..8
    layers = describe(Uneven(), (2, 40, 40)).by_name
    assert layers[LayerName("F.add")].receptive_field == (7, 7)
    assert layers[LayerName("last")].receptive_field == (9, 9)
    assert layers[LayerName("last")].offset == (4, 4)


class Gate(nn.Module):
    """Squeeze and excitation: each place is scaled by a number that every place had a say in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gate = conv(3), conv(1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))


@pytest.mark.parametrize(
    ("model", "last"),
    [
        (nn.Sequential(conv(3), nn.AdaptiveAvgPool2d(1)), "1"),
        (nn.Sequential(conv(3), nn.AvgPool2d(10)), "1"),
        (nn.Sequential(conv(3), nn.GroupNorm(1, 2), conv(3)), "2"),
        (nn.Sequential(conv(3), nn.InstanceNorm2d(2)), "1"),
        (nn.Sequential(conv(3), nn.Softmax(dim=-1)), "1"),
        (Gate(), "F.mul"),
    ],
    ids=["adaptive", "average", "group-norm", "instance-norm", "softmax-over-columns", "gate"],
)
def test_what_mixes_all_places_has_no_field(model: nn.Module, last: str) -> None:
    layers = describe(model, (2, 12, 12)).by_name
    assert layers[LayerName(last)].receptive_field is None
    assert layers[LayerName(last)].jump is None
    assert layers[LayerName("conv" if isinstance(model, Gate) else "0")].receptive_field == (3, 3)


@pytest.mark.parametrize(
    ("name", "side", "expected", "every"),
    [
        ("squeezenet1_1", 259, 207, 20),
        ("shufflenet_v2_x0_5", 608, 527, 60),
        ("googlenet", 416, 379, 140),
    ],
)
def test_torchvision_models_against_the_gradient(name: str, side: int, expected: int, every: int) -> None:
    options = {"init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **options).eval()
    assert largest(check(model, (3, side, side), every)) == (expected, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("vgg16", 212), ("resnet18", 435), ("resnet50", 427), ("mobilenet_v2", 491), ("densenet121", 2071)],
)
def test_published_sizes(name: str, expected: int) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None)
    model = model.to_empty(device="cpu")
    side = 224 if name == "vgg16" else 96  # smaller, its adaptive pool would enlarge
    assert largest(describe(model, (3, side, side))) == (expected, expected)


def thin(model: nn.Module) -> nn.Module:
    """The same geometry with one channel everywhere, for models that add and never concatenate."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.weight = nn.Parameter(torch.ones(1, 1, *module.kernel_size))
            module.bias, module.groups = None, 1
        for name, child in module.named_children():
            if isinstance(child, (nn.BatchNorm2d, nn.modules.activation.ReLU, nn.ReLU6)):
                setattr(module, name, nn.Identity())
    return model


STAGES = {
    "alexnet": (400, "classifier", ["features.2", "features.5", "features.6", "features.12"]),
    "vgg16": (400, "classifier", ["features.4", "features.9", "features.16", "features.23", "features.30"]),
    "resnet50": (640, "fc", ["maxpool", "layer1", "layer2", "layer3", "layer4"]),
    "efficientnet_lite0": (
        1400,
        "_fc",
        ["_conv_stem", "_blocks.0", "_blocks.2", "_blocks.4", "_blocks.10", "_conv_head"],
    ),
}
"""model -> (a side on which nothing reaches over the border, the head to cut off, where to look)"""
SIZES = {"alexnet": 195, "vgg16": 212, "resnet50": 427, "efficientnet_lite0": None}


@pytest.mark.parametrize("which", STAGES)
def test_stage_outputs_against_the_gradient_of_a_thin_twin(which: str) -> None:
    from generator.model.builtin import BUILTIN

    side, head, stages = STAGES[which]
    if which in BUILTIN:
        model = BUILTIN[which].build()
    else:
        with torch.device("meta"):
            model = torchvision.models.get_model(which, weights=None)
        model = model.to_empty(device="cpu")
    layers = describe(model, (3, 224, 224)).by_name
    last = layers[LayerName(stages[-1])].receptive_field
    assert last is not None
    assert SIZES[which] in (None, last[0])

    twin = thin(model)
    setattr(twin, head, nn.Identity())
    expected = seen(twin, [LayerName(name) for name in stages], (1, side, side))
    sizes = describe(twin, (1, side, side)).by_name
    for name in stages:
        layer, rows = layers[LayerName(name)], expected[LayerName(name)]
        assert layer.receptive_field == (rows[1] - rows[0] + 1, rows[3] - rows[2] + 1), name
        assert layer.offset is not None
        assert layer.jump is not None
        middle = layer.offset[0] + sizes[LayerName(name)].shape[1] // 2 * layer.jump[0]
        assert middle == (rows[0] + rows[1]) / 2, name
