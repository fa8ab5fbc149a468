"""Scores read in front of a convolution: those that it gives, and their gradients; the convolution itself where they are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from generator.engine.handle import Handle
from generator.errors import UserError
from generator.names import LayerName
from tests.search.searching import held

SHAPE = (3, 24, 20)
BOTH = ["float32", "bfloat16"]


def mean(maps: Tensor) -> Tensor:
    """Of another unit in each picture."""
    return maps[torch.arange(len(maps)), torch.arange(len(maps))].mean(dim=(1, 2))


def centre(maps: Tensor) -> Tensor:
    return maps[:, 1, maps.shape[2] // 2, maps.shape[3] // 2]


class Square(nn.Conv2d):
    """Called a convolution, and none."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) ** 2


class Net(nn.Module):
    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.last, self.after = last, nn.BatchNorm2d(8)
        for norm in (self.norm, self.after):
            norm.running_mean.normal_(generator=torch.Generator().manual_seed(0))
            norm.running_var.fill_(2.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.last(self.relu(self.norm(self.conv(x)))))


LAST = {
    "plain": {"kernel_size": 3, "padding": 1},
    "strided": {"kernel_size": 3, "stride": 2},
    "dilated": {"kernel_size": 3, "dilation": 2, "padding": 2},
    "grouped": {"kernel_size": 3, "groups": 8, "padding": 1},
    "mirrored": {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    "1 x 1": {"kernel_size": 1, "bias": False},
}


def net(last: nn.Module | None = None) -> Net:
    torch.manual_seed(5)
    return Net(nn.Conv2d(8, 8, 3, padding=1) if last is None else last)


def pictures(seed: int = 0, count: int = 3) -> Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed))


def both(it: Handle, score: Callable[[Tensor], Tensor], precision: str, redirect: bool = False) -> None:
    """Scores and gradients of two batches, in front of the layer and behind it."""
    layer, ahead = LayerName("last"), it.ahead(LayerName("last"), score, precision)
    assert ahead is not None
    near = 1e-4 if precision == "float32" else 0.03
    for seed in (0, 1):  # the second is read with what was found for the first
        x = pictures(seed).requires_grad_()
        found = ahead(x, redirect=redirect)
        mine = it.backward(found.sum(), x)
        own = score(it.layer_output(layer, x, redirect=redirect, precision=precision))
        theirs = it.backward(own.sum(), x)
        assert found.shape == own.shape
        torch.testing.assert_close(found, own, rtol=near, atol=near)
        assert (mine - theirs).norm() <= near * theirs.norm()
        assert theirs.any()


@pytest.mark.parametrize("redirect", [False, True])
@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("score", [mean, centre])
@pytest.mark.parametrize("kind", LAST)
def test_scores_and_gradients_are_those_behind_the_layer(
    kind: str, score: Callable[[Tensor], Tensor], precision: str, redirect: bool
):
    torch.manual_seed(4)
    with held(net(nn.Conv2d(8, 8, **LAST[kind])), SHAPE) as (it, _):
        both(it, score, precision, redirect)


@pytest.mark.parametrize("precision", BOTH)
def test_a_convolution_that_is_not_linear_is_run_itself(precision: str):
    torch.manual_seed(4)
    with held(net(Square(8, 8, 3)), SHAPE) as (it, _):
        both(it, mean, precision)


def test_one_pass_is_counted_and_the_layer_is_not_called_again():
    with held(net(), SHAPE) as (it, _):
        ahead = it.ahead(LayerName("last"), mean)
        assert ahead is not None
        ahead(pictures())
        counts, calls = it.engine.counts.forward, []
        for part in (it.light.last, it.engine.module.last):
            part.register_forward_hook(lambda *_: calls.append(1))
        ahead(pictures(1))
        assert it.engine.counts.forward == counts + 1
        assert calls == []


def test_only_of_convolutions():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.linear = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(20, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(self.conv(self.conv(x)).relu())

    with held(Twice(), SHAPE) as (it, layers):
        assert {"conv", "conv@2", "F.relu"} <= {*layers} | {"F.relu"}
        assert it.ahead(LayerName("conv"), mean) is not None
        for name in ("conv@2", "linear", "F.relu", "nowhere"):
            assert it.ahead(LayerName(name), mean) is None
        x = pictures().requires_grad_()
        found = it.ahead(LayerName("conv"), mean)(x)
        torch.testing.assert_close(found, mean(it.layer_output(LayerName("conv"), x)), rtol=1e-4, atol=1e-5)
        it.engine.module.conv.register_forward_hook(lambda module, given, output: output.relu())
        assert it.ahead(LayerName("conv"), mean) is None, "a hook may give something else"


def test_a_layer_that_is_not_reached_is_told():
    class Off(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.on = True
            self.first, self.conv = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.first(x)) if self.on else self.first(x)

    with held(Off(), SHAPE) as (it, _):
        for part in (it.light, it.engine.module):
            part.on = False
        with pytest.raises(UserError, match="did not"):
            it.ahead(LayerName("conv"), mean)(pictures())
