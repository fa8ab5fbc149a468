"""What articles say of a model is what its modules have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generator.learn.own import Own, own_of
from generator.model.describe import describe
from generator.names import Layer


class Small(nn.Module):
    """A convolution that a padding of its own makes lopsided, twice the same window, a pool, a head that averages."""

    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.first = nn.Conv2d(3, 5, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(5, eps=1e-3) if norm else nn.Identity()
        self.act = nn.ReLU6()
        self.second = nn.Conv2d(5, 6, 3, padding=2, dilation=2)
        self.third = nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6)
        self.wide = nn.Conv2d(6, 6, (1, 5), padding=(0, 2))
        self.pool = nn.MaxPool2d(3, 2)
        self.up = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.last = nn.SiLU()
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(self.pad(x))))
        x = self.act(self.third(self.act(self.second(x))))
        x = self.last(self.up(self.pool(self.wide(x))))
        return self.head(x.mean(dim=(2, 3)))


def of(module: nn.Module, shape: tuple[int, int, int] = (3, 34, 34)) -> Own:
    module.eval()
    return own_of(describe(module, shape), module)


def test_windows_follow_the_formula_and_name_how_many_layers_have_them():
    found = {window.layer: window for window in of(Small()).windows}
    assert list(found) == ["first", "second", "pool"]  # not the 1 × 5, nor the size that is rounded up
    assert [(w.size, w.kernel, w.stride, w.before, w.after, w.dilation, w.out, w.layers) for w in found.values()] == [
        (35, 3, 2, 0, 0, 1, 17, 1),
        (17, 3, 1, 2, 2, 2, 17, 2),
        (17, 3, 2, 0, 0, 1, 8, 1),
    ]


def test_a_padding_inside_the_convolution_counts_as_its_own():
    from generator.config import ModelConfig
    from generator.model.load import load

    loaded = load(ModelConfig(source="efficientnet_lite0"))
    found = own_of(describe(loaded.module, (3, 224, 224)), loaded.module)
    first = found.windows[0]
    assert (first.layer, first.size, first.before, first.after, first.out) == ("_conv_stem", 224, 0, 1, 112)
    for window in found.windows:
        padded = window.size + window.before + window.after
        assert (padded - window.dilation * (window.kernel - 1) - 1) // window.stride + 1 == window.out
    assert found.kernels is not None and found.kernels.sides == (3, 3, 3)
    stem = loaded.module.get_submodule("_conv_stem")
    assert torch.equal(found.kernels.weight, stem.weight)
    assert found.norm is not None and found.norm.convolution == "_conv_stem"


def test_kernels_and_the_first_normalisation_are_the_modules():
    module = Small()
    with torch.no_grad():
        assert isinstance(module.norm, nn.BatchNorm2d)
        for part in (module.norm.weight, module.norm.bias, module.norm.running_mean, module.norm.running_var):
            part.uniform_(0.5, 2)  # type: ignore[union-attr]
    found = of(module)
    assert found.kernels is not None and torch.equal(found.kernels.weight, module.first.weight)
    assert (found.kernels.layer, found.kernels.units) == ("first", 5)
    norm = found.norm
    assert norm is not None and (norm.layer, norm.convolution, norm.eps, norm.layers) == ("norm", "first", 1e-3, 1)
    for name, part in (("gamma", "weight"), ("beta", "bias"), ("mean", "running_mean"), ("variance", "running_var")):
        assert torch.equal(getattr(norm, name), getattr(module.norm, part))
    assert norm.bias is None


def test_functions_are_counted_and_pools_and_the_averaged_layer_named():
    found = of(Small())
    assert found.activations == (("ReLU6", 3, "act"), ("SiLU", 1, "last"))
    assert found.max_pools == ("pool", "up")
    assert found.averaged == "last"


def test_a_chain_of_windows_makes_the_fields_of_the_layers():
    from generator.config import ModelConfig
    from generator.model.load import load
    from generator.pages.learn_numbers import chain

    for source, shape in (("efficientnet_lite0", (3, 224, 224)), ("tinyvgg_digits", (1, 32, 32))):
        described = describe(load(ModelConfig(source=source)).module, shape)
        grown: list[Layer] = []
        for layer in described.layers:
            if layer.receptive_field and (not grown or layer.receptive_field > (grown[-1].receptive_field or (0, 0))):
                grown.append(layer)
        field, jump, found = 1, 1, chain(grown)
        assert len(found) == len(grown) > 4
        for step, layer in zip(found, grown, strict=True):
            field += (step["kernel"] - 1) * step["dilation"] * jump
            jump *= step["stride"]
            assert layer.receptive_field == (field, field)
        assert chain(grown[1:]) == []  # what is in front of it is not known


def test_a_model_without_these_has_none():
    plain = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Flatten(), nn.Linear(3 * 5 * 5, 4))
    assert of(plain, (3, 9, 9)) == Own()
    assert of(Small(norm=False)).norm is None
