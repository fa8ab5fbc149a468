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
    layer, ahead = LayerName("last"), it.ahead(LayerName("last"), score, pictures(), precision)
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


class Gelu(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.gelu(super().forward(input))


class Bent(nn.Conv2d):
    """Of something else that it is given."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.relu())


class Detached(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.detach())


class Ungraded(nn.Conv2d):
    @torch.no_grad()
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input)


class Gated(nn.Conv2d):
    """Weights made of what it is given."""

    def forward(self, input: Tensor) -> Tensor:
        return nn.functional.conv2d(input, self.weight * input.mean().sigmoid(), self.bias, padding=1)


class Same(nn.Conv2d):
    """As TensorFlow pads."""

    def forward(self, input: Tensor) -> Tensor:
        whole = nn.functional.pad(input, (0, 1, 1, 2), value=0.5)
        return nn.functional.conv2d(input=whole, weight=self.weight, bias=self.bias)


@pytest.mark.parametrize("kind", [Square, Gelu, Bent, Detached, Ungraded, Gated])
def test_what_does_more_than_convolve_is_run_itself(kind: type[nn.Conv2d]):
    with held(net(kind(8, 8, 3, padding=1)), SHAPE) as (it, _):
        before = it.engine.counts.forward
        assert it.ahead(LayerName("last"), mean, pictures()) is None
        assert it.engine.counts.forward == before


def test_a_layer_that_pads_by_itself_is_read_ahead():
    with held(net(Same(8, 8, 3)), SHAPE) as (it, _):
        both(it, mean, "float32")


@pytest.mark.parametrize("hook", ["register_forward_pre_hook", "register_forward_hook", "register_full_backward_hook"])
def test_not_where_a_hook_may_do_more(hook: str):
    model = net()
    with held(model, SHAPE) as (it, _):
        assert it.ahead(LayerName("last"), mean, pictures()) is not None
        with getattr(model.last, hook)(lambda *_: None):
            assert it.ahead(LayerName("last"), mean, pictures()) is None


def test_not_where_it_is_given_more_than_maps():
    class Scaled(nn.Conv2d):
        def forward(self, input: Tensor, scale: float = 1.0) -> Tensor:
            return super().forward(input) * scale

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = Scaled(3, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x, 2.0)

    with held(Net(), SHAPE) as (it, _):
        assert it.ahead(LayerName("last"), mean, pictures()) is None


def test_a_convolution_that_is_called_by_keyword():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Conv2d(3, 8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(input=x * 2).relu()

    with held(Net(), SHAPE) as (it, _):
        both(it, mean, "float32")


def test_doubles_stay_doubles():
    with held(net().double(), SHAPE) as (it, _):
        found = it.ahead(LayerName("last"), mean, pictures())(pictures())
        own = mean(it.layer_output(LayerName("last"), pictures()))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, own)


def test_one_pass_is_counted_and_the_layer_is_not_called_again():
    with held(net(), SHAPE) as (it, _):
        ahead = it.ahead(LayerName("last"), mean, pictures())
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
        assert it.ahead(LayerName("conv"), mean, pictures()) is not None
        for name in ("conv@2", "linear", "F.relu", "nowhere"):
            assert it.ahead(LayerName(name), mean, pictures()) is None
        x = pictures().requires_grad_()
        found = it.ahead(LayerName("conv"), mean, pictures())(x)
        torch.testing.assert_close(found, mean(it.layer_output(LayerName("conv"), x)), rtol=1e-4, atol=1e-5)


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
            it.ahead(LayerName("conv"), mean, pictures())(pictures())
