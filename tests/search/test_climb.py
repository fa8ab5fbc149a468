"""One search: its curve, its course, MACO's opacity, what holds in every parametrization, and what a search leaves alone."""

import dataclasses

import pytest
import torch

from generator.names import LayerName, Unit
from generator.search.climb import FRAMES, climb, resized
from generator.search.dead import NO_RISE
from generator.search.fourier import Fourier
from generator.search.maco import Maco, magnitude_of
from generator.search.objectives import Units
from generator.search.pixels import Pixels
from tests.search.searching import QUICK, held, random_convs, search

PARAMETRIZATIONS = ("fourier", "pixel", "maco")
LAYER = LayerName("2")


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_every_parametrization_climbs_is_seeded_and_does_not_know_its_company(parametrization):
    method = dataclasses.replace(QUICK, parametrization=parametrization, steps=16)
    with held(random_convs(), (3, 32, 32)) as it:
        once, again = search(method, it, "2", 0, 3, 4, seed=7), search(method, it, "2", 0, 3, 4, seed=7)
        other, alone = search(method, it, "2", 0, seed=8), search(method, it, "2", 4, seed=7)
    assert torch.equal(once.values, again.values)
    assert once.curves == again.curves
    assert (once.values[0] - other.values[0]).abs().max() > 0.1
    torch.testing.assert_close(alone.values, once.values[2:], rtol=0, atol=1e-3)
    for score, curve in zip(once.scores, once.curves, strict=True):
        assert len(curve) == 16
        assert score > curve[0] + 0.5


def test_the_curve_begins_with_the_start_seen_straight():
    with held(random_convs(), (3, 32, 32)) as it:
        found = search(QUICK, it, "2", 0, 3)
        still = search(dataclasses.replace(QUICK, steps=1, rate=0.0), it, "2", 0, 3)
    for k in range(2):
        assert found.curves[k][0] == pytest.approx(still.scores[k], rel=1e-4)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_frame_changes_neither_where_the_curve_begins_nor_the_verdict(sign):
    """A wide gray frame, of which the layer gives nothing, brings a mean of values above zero down, and of such below it up:
    beside the framed start every end would be alive, or every end dead."""
    model = random_convs()
    model[2].weight.data = sign * model[2].weight.data.abs()
    straight = dataclasses.replace(QUICK, jitter=0, turn=0.0, zoom=0.0, pad=24)
    with held(model, (3, 32, 32)) as it:
        found = search(dataclasses.replace(straight, rate=0.05, steps=24), it, "2", 0, 3)
        still = search(dataclasses.replace(straight, rate=0.0), it, "2", 0, 3)
    for k in range(2):
        assert still.curves[k][0] == pytest.approx(still.scores[k], rel=1e-5)
        assert abs(still.curves[k][1]) < 0.5 * abs(still.curves[k][0])  # in its frame
        assert found.scores[k] > found.curves[k][0]
    assert found.dead == ("", "")
    assert still.dead == (NO_RISE, NO_RISE)


@pytest.mark.parametrize(("steps", "frames"), [(1, 2), (6, 7), (23, 24), (60, 24)])
def test_a_course_has_few_frames_begins_at_noise_and_ends_at_the_picture(steps, frames):
    method = dataclasses.replace(QUICK, steps=steps)
    units = (Unit(LAYER, 0), Unit(LAYER, 3))
    with held(random_convs(), (3, 32, 32)) as it:
        (grid,) = method.search(it[0], it[1]["2"], units, 0, animated=units[1:])
        (plain,) = method.search(it[0], it[1]["2"], units, 0)
        (still,) = dataclasses.replace(method, rate=0.0).search(it[0], it[1]["2"], units, 0)
    assert frames <= FRAMES
    assert set(grid.courses) == {3}
    assert grid.courses[3].shape == (frames, 3, 32, 32)
    assert torch.equal(grid.courses[3][-1], grid.values[1])
    torch.testing.assert_close(grid.courses[3][0], still.values[1])
    assert torch.equal(grid.values, plain.values), "to be watched changes nothing"


def test_opacity_is_the_sum_of_absolute_gradients_on_the_picture():
    method = dataclasses.replace(QUICK, parametrization="maco", steps=3, jitter=0, turn=0.0, zoom=0.0, redirect=0)
    with held(random_convs(), (3, 24, 24)) as it:
        found = climb(
            method.climb,
            it[0],
            Units(LAYER, (Unit(LAYER, 1),)),
            [torch.Generator().manual_seed(4)],
            (24, 24),
            seed=0,
            shown=[0],
        )
    model = random_convs()
    total = torch.zeros(24, 24)
    for frame in found.courses[0][:3]:  # one a step
        x = frame[None].clone().requires_grad_()
        (g,) = torch.autograd.grad(model((x - 0.5) / 0.25)[0, 1].mean(), x)
        total += g[0].abs().sum(dim=0)
    assert found.opacity is not None
    torch.testing.assert_close(found.opacity[0], total / total.max(), rtol=1e-4, atol=1e-5)


def test_the_canvas_is_the_one_asked_for_and_maco_holds_photographs_where_it_has_any():
    def canvas(parametrization, photographs=None):
        return dataclasses.replace(QUICK, parametrization=parametrization).climb.canvas(3, (20, 30), photographs)

    assert canvas("fourier") == Fourier(3, 36, 46, QUICK.decay, QUICK.contrast)
    assert canvas("pixel") == Pixels(3, 36, 46, QUICK.contrast)
    photographs = torch.rand(4, 3, 50, 60, generator=torch.Generator().manual_seed(0))
    found, law, none = canvas("maco", photographs), canvas("maco"), canvas("maco", photographs[:0])
    assert isinstance(found, Maco) and isinstance(law, Maco) and isinstance(none, Maco)
    assert law.natural is None and none.natural is None
    torch.testing.assert_close(found.natural, magnitude_of(resized(photographs, (36, 46))))


def test_a_search_that_is_done_leaves_no_hook_and_no_gradient():
    model = random_convs()
    with held(model, (3, 32, 32)) as it:
        search(QUICK, it, "2", 0)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


class Normed(torch.nn.Module):
    """Convolutions, each with a normalisation behind it that does something."""

    def __init__(self) -> None:
        super().__init__()
        convs = random_convs()
        self.first, self.last = convs[0], convs[2]
        self.norm, self.second = (torch.nn.BatchNorm2d(conv.out_channels) for conv in (self.first, self.last))
        for k, norm in enumerate((self.norm, self.second)):
            draw = torch.Generator().manual_seed(k)
            norm.weight.data.normal_(generator=draw)
            norm.bias.data.normal_(generator=draw)
            norm.running_var.uniform_(0.5, 2, generator=draw)
            norm.running_mean.normal_(generator=draw)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.last(torch.relu_(self.norm(self.first(x))))).mean(dim=(2, 3))


@pytest.mark.parametrize("layer", ["first", "norm", "last", "second"])
def test_a_step_with_normalisations_merged_is_that_of_the_model_itself(layer):
    method = dataclasses.replace(QUICK, steps=1)
    with held(Normed(), (3, 32, 32)) as it:
        found = search(method, it, layer, 0, 3)
        assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in it[0].light.modules())
        facts = it[0].engine.facts
        it[0].engine.facts = dataclasses.replace(facts, mergeable=())
        plain = dataclasses.replace(it[0])
        assert plain.light is it[0].engine.module
        own = search(method, (plain, it[1]), layer, 0, 3)
    torch.testing.assert_close(found.values, own.values, rtol=0, atol=1e-4)
    assert found.scores == pytest.approx(own.scores, rel=1e-4)
    assert found.curves[0][0] == pytest.approx(own.curves[0][0], rel=1e-4)
    assert (found.values[0] - found.values[1]).abs().max() > 0.1
