"""SmoothGrad: by hand, and against captum's NoiseTunnel on the same noise. Its variants share what is defined here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor, nn

import generator
from generator.artifacts import InputMap
from generator.engine.needs import Input
from generator.errors import UserError
from generator.methods import Cost
from generator.methods._noise import noisy
from generator.methods.smooth_grad import SmoothGrad
from generator.names import INPUT
from tests.methods.examples import exactly, facts, photo, reads, resnet18, same, vgg11

SAMPLES = 6


@dataclass
class Told:
    """A model whose gradients at three noisy copies of one pixel are told beforehand: in batches of two and one, for two
    targets. Of the first they are 1, 5 and 6, of the second -2, 0 and -1."""

    targets: int = 2
    generator: torch.Generator = field(default_factory=torch.Generator)

    def once(self, alike: str, make: Callable[[], Any]) -> Any:
        return make()

    def gradients(self, x: Any) -> Iterator[tuple[slice, Tensor]]:
        assert len(x) == 3
        told = torch.tensor([[1.0, 5.0, 6.0], [-2.0, 0.0, -1.0]]).reshape(2, 3, 1, 1, 1)
        for cut in (slice(0, 2), slice(2, 3)):
            yield cut, told[:, cut]


def told(method: Any) -> list[Tensor]:
    """What `method` makes of these gradients, one map a target."""
    maps = list(method.probe(reads({Input(): torch.ones(1, 1, 1, 1)}), Told(), INPUT))
    assert all(isinstance(one, InputMap) for one in maps)
    return [one.values for one in maps]


class Tunnel:
    """captum's NoiseTunnel, given the noisy copies of `x` that a model of ours saw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, model: nn.Module, x: Tensor, method: str, kind: str, target: int) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []
        with model.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach().clone())):
            found = generator.attribute(model, x, method, target=target, options={method: {"samples": SAMPLES}})
        copies = torch.cat(seen)[-SAMPLES:]
        self.monkeypatch.setattr(captum.attr.NoiseTunnel, "_add_noise_to_input", staticmethod(lambda *_: copies))
        tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(model))
        expected = tunnel.attribute(x, nt_type=kind, nt_samples=SAMPLES, stdevs=1.0, target=target, abs=False)
        assert isinstance(found, Tensor)
        return found, expected


@pytest.fixture
def tunnel(monkeypatch: pytest.MonkeyPatch) -> Tunnel:
    return Tunnel(monkeypatch)


class Linear(nn.Module):
    """A score whose gradient is the same everywhere: 2 at every pixel for class 0, -1 for class 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.conv.weight.data = torch.tensor([2.0, -1.0]).reshape(2, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).sum(dim=(2, 3))


def test_the_mean_by_hand():
    first, second = told(SmoothGrad(samples=3))
    exactly(first, [[[[4.0]]]])  # (1 + 5 + 6) / 3
    exactly(second, [[[[-1.0]]]])


@pytest.mark.parametrize("build", [vgg11, resnet18])
def test_equals_captum_on_the_same_noise(build, tunnel: Tunnel):
    same(*tunnel(build(), photo(1), "smooth_grad", "smoothgrad", 3))


def test_of_a_linear_model_it_is_the_gradient():
    x = photo(1, channels=1, height=5, width=4)
    torch.testing.assert_close(generator.attribute(Linear(), x, "smooth_grad", target=0), torch.full((1, 1, 5, 4), 2.0))


def test_without_noise_it_is_the_gradient():
    model, x = resnet18(), photo(1)
    found = generator.attribute(
        model, x, "smooth_grad", target=3, options={"smooth_grad": {"noise": 0.0, "samples": 3}}
    )
    same(found, generator.attribute(model, x, "saliency", target=3))  # type: ignore[arg-type]


def test_the_noise_is_gaussian_as_wide_as_it_says_and_the_same_in_every_batch():
    x = torch.linspace(-2, 6, 3 * 40 * 50).reshape(1, 3, 40, 50)
    copies = noisy(x, torch.Generator().manual_seed(1), 50, 0.15)
    noise = (copies[0:50] - x).double()
    assert noise.std().item() == pytest.approx(0.15 * 8, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert (noise.abs() < 1.2).double().mean().item() == pytest.approx(0.6827, abs=0.01)
    between = torch.corrcoef(noise.flatten(1)) - torch.eye(50)
    assert between.abs().max() < 0.1, "two copies have the same noise"
    exactly(torch.cat([copies[n : n + 1] for n in range(50)]), copies[0:50])
    exactly(copies[7:9], noisy(x, torch.Generator().manual_seed(1), 50, 0.15)[7:9])
    assert not torch.equal(copies[0:1], noisy(x, torch.Generator().manual_seed(2), 50, 0.15)[0:1])


def test_another_image_and_another_seed_have_other_noise():
    model, x = resnet18(), photo(1)
    one, two = (generator.attribute(model, x, "smooth_grad", target=3, seed=seed) for seed in (0, 1))
    assert not torch.equal(one, two)  # type: ignore[arg-type]


def test_what_it_costs_and_what_its_options_may_be():
    assert SmoothGrad(samples=5).cost(facts(), None, 3) == Cost(5, 15)
    with pytest.raises(UserError, match="smooth_grad: expected samples to be 1 or more, received 0"):
        SmoothGrad(samples=0)
    with pytest.raises(UserError, match=r"smooth_grad: expected noise to be 0 or more, received -0\.1"):
        SmoothGrad(noise=-0.1)
