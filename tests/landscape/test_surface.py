"""Losses around weights: directions by the paper's words, losses by a plain loop, and the model left to the bit."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.engine.output import Readout
from generator.landscape.directions import between, direction
from generator.landscape.losses import Loss, cross_entropy, refused
from generator.landscape.surface import line, plane, ticks


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    made = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    made(torch.randn(64, 2, 6, 6))  # statistics that are not 0 and 1
    return made.eval()


@pytest.fixture
def some() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(8, 2, 6, 6, generator=generator), torch.randint(0, 3, (8,), generator=generator)


def loss_of(net: nn.Module, x: Tensor, y: Tensor) -> Loss:
    with torch.no_grad():
        scores = net(x)
    return Loss(float(F.cross_entropy(scores, y)), float((scores.argmax(dim=1) == y).float().mean()))


def test_each_filter_of_a_direction_is_as_long_as_the_models(net: nn.Module) -> None:
    made = direction(net, torch.Generator().manual_seed(0))
    assert set(made) == {name for name, _ in net.named_parameters()}
    for name, weight in net.named_parameters():
        for ours, theirs in zip(made[name], weight, strict=True):
            if weight.dim() > 1:
                torch.testing.assert_close(ours.norm(), theirs.norm())
            else:
                assert float(ours) == 0.0, f"{name} has one axis and does not move"


def test_two_directions_differ_and_a_seed_repeats_them(net: nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = direction(net, generator), direction(net, generator)
    again = direction(net, torch.Generator().manual_seed(0))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["0.weight"], second["0.weight"])


def test_a_plane_is_what_a_plain_loop_makes_of_it(net: nn.Module, some: tuple[Tensor, Tensor]) -> None:
    x, y = some
    generator = torch.Generator().manual_seed(1)
    across, up = direction(net, generator), direction(net, generator)
    steps = ticks(5, 0.8)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = {(row, column): one for row, column, one in plane(net, across, up, steps, lambda: loss_of(net, x, y))}
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items()), "put back to the bit"
    assert len(found) == 25
    assert found[2, 2] == loss_of(net, x, y), "the middle is the model itself"
    for (row, column), one in found.items():
        moved = {
            name: weight + steps[column] * across[name] + steps[row] * up[name]
            for name, weight in net.named_parameters()
        }
        scores = torch.func.functional_call(net, moved, (x,))
        assert one.loss == pytest.approx(float(F.cross_entropy(scores, y).detach()), rel=1e-5), (row, column)


def test_a_line_begins_and_ends_at_its_checkpoints(net: nn.Module, some: tuple[Tensor, Tensor]) -> None:
    x, y = some
    last = {name: value.clone() for name, value in net.state_dict().items()}
    first = {
        name: value + 0.3 * torch.ones_like(value) if value.is_floating_point() else value
        for name, value in last.items()
    }
    found = [one for _, one in line(net, first, last, (0.0, 0.5, 1.0), lambda: loss_of(net, x, y))]
    assert found[2] == loss_of(net, x, y)
    net.load_state_dict(first)
    assert found[0] == loss_of(net, x, y)
    half = between(first, last, 0.5)
    net.load_state_dict(half)
    assert found[1] == loss_of(net, x, y)
    torch.testing.assert_close(half["1.running_mean"], (first["1.running_mean"] + last["1.running_mean"]) / 2)


@pytest.mark.parametrize(("begin", "end", "share"), [(1.0, 30.0, -0.25), (30.0, 1.0, 1.25)])
def test_beyond_its_ends_a_line_has_no_variance_below_zero(
    net: nn.Module, some: tuple[Tensor, Tensor], begin: float, end: float, share: float
) -> None:
    """On the straight line it would be -6.25, and each loss no number."""
    x, y = some
    last = {name: value.clone() for name, value in net.state_dict().items()}
    first = {name: value.clone() for name, value in last.items()}
    first["1.running_var"].fill_(begin)
    last["1.running_var"].fill_(end)
    (found,) = (one for _, one in line(net, first, last, (share,), lambda: loss_of(net, x, y)))
    assert math.isfinite(found.loss)
    there = between(first, last, share)
    assert there["1.running_var"].tolist() == [1.0] * 4, "that of the nearer end"
    net.load_state_dict(there)
    assert found == loss_of(net, x, y)


@pytest.mark.parametrize("groups", [1, 2])
def test_filters_of_a_transposed_convolution_are_what_makes_one_of_its_outputs(groups: int) -> None:
    """Slowly: output o of group g has the weights [i, o] of the inputs i of that group."""
    torch.manual_seed(2)
    net = nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=groups), nn.ReLU(), nn.Conv2d(6, 4, 3, groups=groups))
    made, weights = direction(net, torch.Generator().manual_seed(0)), dict(net.named_parameters())
    for group in range(groups):
        inputs = slice(group * 4 // groups, (group + 1) * 4 // groups)
        for o in range(6 // groups):
            torch.testing.assert_close(made["0.weight"][inputs, o].norm(), weights["0.weight"][inputs, o].norm())
    for ours, theirs in zip(made["2.weight"], weights["2.weight"], strict=True):
        torch.testing.assert_close(ours.norm(), theirs.norm())


def test_the_module_is_put_back_where_a_measurement_fails(net: nn.Module) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    made = direction(net, torch.Generator().manual_seed(1))

    def fails() -> Loss:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        list(plane(net, made, made, ticks(3, 1.0), fails))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.parametrize("count", [3, 9, 21])
def test_steps_are_even_with_zero_in_the_middle(count: int) -> None:
    found = ticks(count, 1.0)
    assert found[0] == -1.0
    assert found[-1] == 1.0
    assert found[count // 2] == 0.0


def test_losses_of_each_kind_of_score() -> None:
    y = torch.tensor([0, 1])
    z = torch.tensor([[0.3], [-1.2]])
    binary = Readout("binary").scores(z)
    torch.testing.assert_close(
        cross_entropy(Readout("binary"), binary, y),
        F.binary_cross_entropy_with_logits(z[:, 0], y.float(), reduction="none"),
    )
    scores = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3]])
    whole = cross_entropy(Readout(), scores, y)
    torch.testing.assert_close(whole, F.cross_entropy(scores, y, reduction="none"))
    torch.testing.assert_close(cross_entropy(Readout(activated=True), scores.softmax(dim=1), y), whole)
    assert math.isfinite(float(cross_entropy(Readout(activated=True), torch.tensor([[1.0, 0.0]]), torch.tensor([1]))))
    assert refused(Readout("regression")) is not None
    assert refused(Readout("classification")) is None
