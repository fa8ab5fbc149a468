"""Means told from a convolution's input: those of the maps to rounding, and of such convolutions alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from generator.dataset import survey as surveys
from generator.dataset.means import follows
from generator.dataset.survey import Portion, survey
from generator.library import engine_for
from generator.methods.dataset_examples import DatasetExamples
from generator.model.describe import describe
from generator.names import LayerName


class Standardised(nn.Conv2d):
    """One that is no plain convolution: its weights are standardised as it runs."""

    def forward(self, input: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return nn.functional.conv2d(input, weight, self.bias)


class Squared(nn.Conv2d):
    """One whose output is no sum."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).square()


class Net(nn.Module):
    """Convolutions of one pixel and others, with what writes over their inputs and outputs between."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.wide = nn.Conv2d(4, 12, 1, bias=False)
        self.norm, self.relu = nn.BatchNorm2d(12), nn.ReLU(inplace=True)
        self.grouped = nn.Conv2d(12, 24, 1, groups=2)
        self.narrow = nn.Conv2d(24, 6, 1)
        self.strided = nn.Conv2d(6, 16, 1, stride=2)
        self.padded = nn.Conv2d(16, 40, 1, padding=1)
        self.standardised, self.squared = Standardised(40, 80, 1), Squared(80, 160, 1)
        self.last = nn.Conv2d(160, 320, 1)
        self.head = nn.Linear(320, 3)

    def forward(self, x: Tensor) -> Tensor:
        A = self.relu(self.norm(self.wide(self.first(x))))
        A = self.strided(self.narrow(self.grouped(A)))
        A = self.last(self.squared(self.standardised(self.padded(A))))
        return self.head(A.mean(dim=(2, 3)))


CONVS = ("first", "wide", "grouped", "narrow", "strided", "padded", "standardised", "squared", "last")


def pictures(n: int = 7) -> Tensor:
    return torch.randn(n, 3, 12, 10, generator=torch.Generator().manual_seed(1)) * 2 + 1


def surveyed(x: Tensor, form: torch.memory_format = torch.contiguous_format, *, classes: bool = False):
    """What a pass finds, and the layers whose means were told."""
    model = Net().eval()
    description = describe(model, (3, 12, 10))
    engine = engine_for(model, description)
    engine.memory_format = form
    states = {LayerName(name): DatasetExamples().start(description.by_name[LayerName(name)], "cpu") for name in CONVS}
    told, real = set(), surveys.told
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(surveys, "told", lambda call: (told.add(call.name), real(call))[1])
        stream = (
            Portion(x[at : at + 3], range(at, min(at + 3, len(x))), [0, 1, 0][: len(x) - at])
            for at in range(0, len(x), 3)
        )
        return survey(engine, states, stream if classes else (Portion(p.x, p.numbers) for p in stream)), told


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_means_are_those_of_the_maps(form: torch.memory_format):
    found, told = surveyed(pictures(), form)
    assert told == {"wide", "standardised", "squared", "last"}, "the two odd ones are tried once"
    kept = {}
    model = Net().eval().double()
    for name in CONVS:
        getattr(model, name).register_forward_hook(
            lambda part, args, output, name=name: kept.update({name: output.clone()})
        )
    with torch.no_grad():
        model(pictures().double())
    for name in CONVS:
        own = kept[name].mean(dim=(0, 2, 3)).float()
        strength = float(kept[name].abs().mean())
        torch.testing.assert_close(torch.from_numpy(found[name].mean), own, rtol=1e-5, atol=2e-6 * strength)


def test_everything_else_is_as_where_all_means_are_measured(monkeypatch: pytest.MonkeyPatch):
    found, _ = surveyed(pictures(), classes=True)
    monkeypatch.setattr(surveys, "mixes", lambda call, A: False)
    own, told = surveyed(pictures(), classes=True)
    assert not told
    for name in CONVS:
        for field in ("values", "images", "places", "sparsity", "histogram"):
            assert (getattr(found[name], field) == getattr(own[name], field)).all(), (name, field)
        torch.testing.assert_close(
            torch.from_numpy(found[name].mean), torch.from_numpy(own[name].mean), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("odd", [torch.nan, torch.inf])
def test_what_is_no_number_is_found_unit_by_unit_as_in_the_maps(monkeypatch: pytest.MonkeyPatch, odd: float):
    x = pictures()
    x[4, 1, 5, 5] = odd
    found, told = surveyed(x)
    assert "last" in told
    monkeypatch.setattr(surveys, "mixes", lambda call, A: False)
    own, _ = surveyed(x)
    for name in CONVS:
        assert found[name].broken == own[name].broken == 1
        assert torch.equal(torch.from_numpy(found[name].mean).isfinite(), torch.from_numpy(own[name].mean).isfinite())
        torch.testing.assert_close(
            torch.from_numpy(found[name].mean), torch.from_numpy(own[name].mean), rtol=1e-5, atol=1e-6
        )


def test_another_function_is_told_from_the_mean():
    A = torch.randn(2, 5, 6, 6, generator=torch.Generator().manual_seed(3))
    means = A.mean(dim=(2, 3))
    assert follows(means, A)
    assert follows(means * (1 + 1e-6), A)
    assert not follows(means + 1e-3, A)
    assert not follows(A.square().mean(dim=(2, 3)), A)
    assert not follows(means * torch.nan, A)
