"""Activation maximization: sizes, passes and scores by hand; a search written out the long way; and what a reader relies
on: pictures raise their own unit, most of all a picture of the wave that a filter was made of."""

import dataclasses
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from generator import images
from generator.artifacts import NotApplicable
from generator.config import ModelConfig
from generator.engine.handle import handle
from generator.errors import UserError
from generator.library import engine_for
from generator.methods import ModelFacts
from generator.methods.activation_maximization import LEAST, ActivationMaximization
from generator.model.describe import Description, describe
from generator.model.load import LoadedModel, load
from generator.names import Layer, LayerName, Unit
from generator.search.climb import EVEN
from generator.search.colours import COLOUR_MIX
from tests.methods.examples import row
from tests.search.searching import QUICK, conv, held, random_convs, search

TOP = Path(__file__).resolve().parents[2]


# ---- by hand: sizes, passes, the score


def test_picture_sizes_by_hand():
    size = ActivationMaximization(size=112).picture_size
    big = (3, 224, 224)

    def of(field: int | None, jump: float | None) -> Layer:
        seen = None if field is None else (field, field)
        return dataclasses.replace(row(), receptive_field=seen, jump=None if jump is None else (jump, jump))

    assert size(of(3, 2), big) == (32, 32)  # 6, but no page shows less than 32
    assert size(of(19, 4), big) == (40, 40)  # 38, whole in steps of 4
    assert size(of(35, 8), big) == (72, 72)  # 70
    assert size(of(83, 16), big) == (112, 112)  # 166, but no more than `size`
    assert size(of(851, 32), big) == (128, 128)  # 112 is three and a half steps of 32
    assert size(of(None, None), big) == (112, 112)
    assert ActivationMaximization(size=16).picture_size(of(83, 8), big) == (16, 16)  # asked for
    assert size(of(83, 16), (1, 28, 28)) == (28, 28)  # never more than the model's own input
    assert size(of(83, 16), (3, 96, 128)) == (96, 112)
    assert size(of(9, 0.5), big) == (32, 32)  # an upsampled layer
    tall = dataclasses.replace(row(), receptive_field=(40, 9), jump=(2.0, 2.0))
    assert size(tall, big) == (80, 32)


def test_passes_by_hand_and_as_counted():
    method = dataclasses.replace(QUICK, steps=5, batch=8)
    layer = row()
    # each search: 5 steps, and one look at what came of it
    assert method.passes(layer, 1) == (6, 5)
    assert method.passes(layer, 8) == (6, 5)
    assert method.passes(layer, 17) == (18, 15)
    assert method.passes(layer, 0) == (0, 0)
    with held(random_convs(), (3, 32, 32)) as it:
        search(dataclasses.replace(method, batch=2), it, "2", 0, 1, 2)
        assert (it[0].engine.counts.forward, it[0].engine.counts.backward) == (12, 10)


def test_layers_that_see_over_twice_as_far_as_a_picture_is_large_take_the_steps_said_for_them():
    method = ActivationMaximization(size=16, steps=3, deep_steps=5)
    with held(random_convs(), (3, 32, 32)) as it:
        for seen, steps in (((5, 5), 3), ((32, 32), 3), ((33, 33), 5), ((33, 5), 3), (None, 5)):
            layer = dataclasses.replace(it[1]["2"], receptive_field=seen)
            assert method.steps_at(layer) == steps
            assert method.passes(layer, 9) == (2 * (steps + 1), 2 * steps)
            (grid,) = method.search(it[0], layer, (Unit(layer.name, 0),), 0)
            assert len(grid.curves[0]) == steps
            assert dataclasses.replace(method, deep_steps=0).passes(layer, 1) == (4, 3)


def test_a_unit_that_wants_nothing_but_dark_gets_it_where_it_sees_a_few_pixels():
    dark = nn.Sequential(conv(-torch.ones(1, 3, 3, 3)))
    method = ActivationMaximization(size=32, steps=12, near_contrast=1.6)
    with held(dark, (3, 32, 32)) as it:
        layer = it[1]["0"]
        for seen, contrast in (((3, 3), 1.6), ((16, 16), 1.6), ((17, 3), 0.9), (None, 0.9)):
            assert method.contrast_at(dataclasses.replace(layer, receptive_field=seen)) == contrast
        assert dataclasses.replace(method, near_contrast=0).contrast_at(layer) == 0.9
        assert dataclasses.replace(method, contrast=0).contrast_at(layer) == 0, "free stays free"
        found, plain = (search(one, it, "0", 0) for one in (method, dataclasses.replace(method, near_contrast=0)))
    # an even picture of root mean square r in front of the sigmoid is 1 / (1 + e^r) everywhere: 0.17 of 1.6, 0.29 of 0.9
    assert found.values.median() < plain.values.median() - 0.05
    assert found.scores[0] > plain.scores[0], "the unit agrees"


def test_of_the_first_pages_units_there_are_so_many_pictures_and_of_others_as_before():
    page = ActivationMaximization(first_page=4)
    assert [page.of_unit(9, shown=shown).diversity for shown in (False, True)] == [1, 4]
    both = ActivationMaximization(diversity=3, diverse=2, first_page=4)
    assert [both.of_unit(k).diversity for k in (0, 1, 2)] == [3, 3, 1]
    assert [both.of_unit(k, shown=True).diversity for k in (0, 2)] == [4, 4]
    assert ActivationMaximization(diversity=5, first_page=4).of_unit(0, shown=True).diversity == 5
    longer = ActivationMaximization(steps=12, deep_steps=18, first_page=4, first_page_steps=16)
    assert [longer.of_unit(0, shown=shown).steps for shown in (True, False)] == [16, 12]
    assert [longer.of_unit(0, shown=shown).deep_steps for shown in (True, False)] == [18, 18], "never fewer"
    assert ActivationMaximization(diversity=3).of_unit(9, shown=True).diversity == 3


def test_the_score_is_the_units_mean_on_the_picture_by_hand():
    # unit 0 is red - blue, unit 1 is 2 * green, of a picture normalised by (x - 0.5) / 0.25
    weight = torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]).view(2, 3, 1, 1)
    with held(nn.Sequential(conv(weight)), (3, 32, 32)) as it:
        found = search(QUICK, it, "0", 0, 1)
    red, green, blue = found.values.double().mean(dim=(2, 3)).unbind(dim=1)
    expected = [(4 * (red - blue))[0].item(), (8 * (green - 0.5))[1].item()]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)
    assert expected[0] > 1
    assert expected[1] > 1
    assert found.dead == ("", "")
    assert found.units == (0, 1)


# ---- a search written out the long way


def test_equals_the_search_written_out_the_long_way():
    model, steps, seed, units = random_convs(), 3, 11, (4, 1)
    method = ActivationMaximization(
        steps=steps, jitter=0, turn=0, zoom=0, redirect=0, contrast=0, decay=1, rate=0.5, total_variation=3.0, lp=2.0
    )
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    with held(model, (3, 32, 32), mean, std) as it:
        found = search(method, it, "2", *units, seed=seed)
    size, mix = 32, torch.tensor(COLOUR_MIX, dtype=torch.float64)
    mix = mix / max(sum(mix[i, k] ** 2 for i in range(3)) ** 0.5 for k in range(3))
    model = random_convs().double()
    for k, unit in enumerate(units):  # one unit after the other, full complex transforms, double precision
        draw = torch.Generator().manual_seed(seed * 1_000_003 + unit)
        z = (0.01 * torch.randn(3, size, size // 2 + 1, 2, generator=draw)).double()
        down = torch.tensor([min(v, size - v) / size for v in range(size)], dtype=torch.float64)[:, None]
        f = (down**2 + (torch.arange(size // 2 + 1) / size) ** 2).sqrt()
        first = second = torch.zeros(())
        seen = []
        for t in range(steps + 1):
            z = z.detach().requires_grad_()
            half = torch.view_as_complex(z) / f.clamp(min=1 / size)
            logits = torch.fft.ifft(half, dim=1)  # down the columns, then across with each wave's mirror image
            waves = torch.exp(2j * math.pi * torch.outer(torch.arange(size // 2 + 1), torch.arange(size)) / size)
            twice = torch.full((size // 2 + 1,), 2.0, dtype=torch.float64)
            twice[0] = twice[-1] = 1
            logits = ((logits * twice) @ waves.to(torch.complex128)).real / 4  # ortho: size / sqrt(size * size) = 1
            picture = torch.sigmoid((mix @ logits.flatten(1)).view_as(logits))
            x = torch.stack([(picture[c] - mean[c]) / std[c] for c in range(3)])
            score = model(x[None])[0, unit].sum() / size**2
            seen.append(score.item())
            if t == steps:
                break
            rough = (picture[:, 1:] - picture[:, :-1]).pow(2).sum() + (picture[..., 1:] - picture[..., :-1]).pow(
                2
            ).sum()
            prior = 3.0 * rough / (3 * size * (size - 1)) + 2.0 * ((picture - 0.5) ** 2).sum() / (3 * size**2)
            (g,) = torch.autograd.grad(score - prior, z)
            g = g / g.abs().max()
            rings = (f * size).round()
            energy = torch.zeros_like(f)
            for ring in rings.unique():
                energy[rings == ring] = (g**2)[:, rings == ring].mean()
            first = 0.5 * first + 0.5 * g
            second = 0.9 * second + 0.1 * energy
            z = (
                z.detach()
                + 0.5 * first / (1 - 0.5 ** (t + 1)) / (second / (1 - 0.9 ** (t + 1))).sqrt()[None, :, :, None]
            )
        torch.testing.assert_close(found.values[k].double(), picture.detach(), rtol=0, atol=2e-5)
        np.testing.assert_allclose(found.scores[k], seen[-1], rtol=1e-4)
        assert seen[-1] > seen[0]
        assert found.dead[k] == ""
        np.testing.assert_allclose(found.curves[k], seen[:-1], rtol=1e-4)


# ---- what a picture shows


def test_units_of_a_first_layer_reach_more_than_where_all_rings_move_equally_far(monkeypatch):
    """Of sixteen random kernels, each from three starts: single ones reach more or less, as a search goes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 7, stride=2, padding=3))
    risen = {}
    for even in (EVEN, 1.0):
        monkeypatch.setattr("generator.search.climb.EVEN", even)
        with held(model, (3, 64, 64)) as it:
            grids = [search(ActivationMaximization(size=64, steps=12), it, "0", *range(16), seed=k) for k in range(3)]
        risen[even] = torch.tensor([end - c[0] for g in grids for end, c in zip(g.scores, g.curves, strict=True)])
    assert EVEN < 1
    assert risen[EVEN].sum() > 1.03 * risen[1.0].sum()
    assert (risen[EVEN] > risen[1.0]).sum() >= 30


def test_the_picture_of_a_filter_is_the_wave_it_is_made_of():
    # one cycle in 4 pixels across for unit 0, in 8 pixels down for unit 1, seen through a soft window
    at = torch.arange(17.0) - 8
    window = torch.exp(-(at[:, None] ** 2 + at[None] ** 2) / 18)
    waves = [torch.cos(2 * math.pi * at / 4)[None] * window, torch.cos(2 * math.pi * at / 8)[:, None] * window]
    kernels = torch.stack([(wave - wave.mean())[None] for wave in waves])
    model = nn.Sequential(conv(kernels, bias=-1.0), nn.ReLU())
    with held(model, (1, 32, 32)) as it:
        found = search(ActivationMaximization(), it, "1", 0, 1)
    assert found.values.shape == (2, 1, 32, 32)
    power = torch.fft.rfft2(found.values - found.values.mean(dim=(2, 3), keepdim=True)).abs().square()[:, 0]
    peaks = [divmod(int(p.argmax()), p.shape[1]) for p in power]
    assert peaks[0][1] == pytest.approx(8, abs=1)  # 32 / 4 cycles across, none down
    assert min(peaks[0][0], 32 - peaks[0][0]) <= 1
    assert min(peaks[1][0], 32 - peaks[1][0]) == pytest.approx(4, abs=1)
    assert peaks[1][1] <= 1
    assert found.dead == ("", "")


@cache
def lite0() -> tuple[LoadedModel, Description]:
    loaded = load(ModelConfig(source="efficientnet_lite0"))
    return loaded, describe(loaded.module, loaded.input_shape)


def test_each_picture_raises_its_own_unit_beyond_every_other_picture_and_every_photograph():
    loaded, description = lite0()
    layer = next(layer for layer in description.layers if layer.name == "_blocks.4._expand_conv")
    units = (1, 3, 5, 6)
    pre = loaded.preprocess
    records = images.scan(TOP / "inputs" / "images").images
    photographs = torch.stack([pre(images.load(record, 3)) for record in records])
    assert len(photographs) >= 8
    with handle(engine_for(loaded.module, description), loaded.input_shape, pre.mean, pre.std) as it:
        found = search(ActivationMaximization(), (it, {layer.name: layer}), layer.name, *units)
        mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (pre.mean, pre.std))
        with torch.no_grad():
            painted = it.layer_output(layer.name, (found.values - mean) / std).mean(dim=(2, 3))[:, units]
            natural = it.layer_output(layer.name, photographs).mean(dim=(2, 3))[:, units]
    np.testing.assert_allclose(painted.diagonal(), found.scores, rtol=1e-4)
    assert painted.argmax(dim=0).tolist() == [0, 1, 2, 3]
    # the mean over a whole picture: the strongest photograph is far behind
    assert (painted.diagonal() > 2 * natural.amax(dim=0).clamp(min=0)).all(), (painted.diagonal(), natural.amax(dim=0))
    assert not any(found.dead)


def test_more_steps_climb_higher():
    with held(random_convs(), (3, 32, 32)) as it:
        scores = [search(dataclasses.replace(QUICK, steps=n), it, "2", 0, 1, 2, 3, 4).scores for n in (1, 6, 24)]
    one, six, many = (np.array(s) for s in scores)
    assert (six > one).all()
    assert many.mean() > six.mean()


# ---- the same picture, whatever stands around it


def test_the_seed_decides_and_the_batch_does_not():
    with held(random_convs(), (3, 32, 32)) as it:
        once, again = search(QUICK, it, "2", 0, 3, 4, seed=7), search(QUICK, it, "2", 0, 3, 4, seed=7)
        other = search(QUICK, it, "2", 0, 3, 4, seed=8)
        singly = search(dataclasses.replace(QUICK, batch=1), it, "2", 0, 3, 4, seed=7)
        alone = search(QUICK, it, "2", 4, seed=7)
    assert torch.equal(once.values, again.values)
    assert once.scores == again.scores
    assert (once.values - other.values).abs().amax(dim=(1, 2, 3)).min() > 0.1
    torch.testing.assert_close(singly.values, once.values, rtol=0, atol=1e-4)
    torch.testing.assert_close(alone.values, once.values[2:], rtol=0, atol=1e-4)
    assert singly.units == once.units == (0, 3, 4)


def test_a_large_seed_is_taken():
    with held(random_convs(), (3, 32, 32)) as it:
        found = search(QUICK, it, "2", 0, seed=2**63 - 1)
    assert found.values.isfinite().all()


def test_priors_do_what_they_say():
    with held(random_convs(), (3, 32, 32)) as it:
        plain = search(ActivationMaximization(contrast=0), it, "2", 0, 1)
        smooth = search(ActivationMaximization(contrast=0, total_variation=300.0), it, "2", 0, 1)
        pale = search(ActivationMaximization(contrast=0, lp=300.0), it, "2", 0, 1)
    rough = [g.values.diff(dim=3).square().mean().item() for g in (plain, smooth)]
    assert rough[1] < 0.5 * rough[0]
    far = [(g.values - 0.5).square().mean().item() for g in (plain, pale)]
    assert far[1] < 0.5 * far[0]


def test_it_searches_the_layers_that_its_option_names():
    conv = row(name=LayerName("conv"))
    act = dataclasses.replace(conv, name=LayerName("act"), kind="act")
    model = ModelFacts({layer.name: layer for layer in (conv, act)}, 10, 1, 0, 0, None)
    assert ActivationMaximization().applies(model, conv) is None
    refused = ActivationMaximization().applies(model, act)
    assert isinstance(refused, NotApplicable) and "`layers` names (conv)" in refused.reason
    assert ActivationMaximization(layers="all").applies(model, act) is None


def test_bad_options_are_one_line():
    for option in ("steps", "size", "batch"):
        with pytest.raises(UserError, match=f"expected {option} to be 1 or more, received 0"):
            ActivationMaximization(**{option: 0})
    with pytest.raises(UserError, match="expected jitter to be 0 or more, received -1"):
        ActivationMaximization(jitter=-1)
    with pytest.raises(UserError, match=r"expected p to be 1 or more, received 0\.5"):
        ActivationMaximization(p=0.5)
    for option in ("parametrization", "objective", "start"):
        with pytest.raises(UserError, match=f"expected {option} to be .* or .*, received 'wrong'"):
            ActivationMaximization(**{option: "wrong"})
    with pytest.raises(UserError, match="expected blur to be 0 with parametrization maco"):
        ActivationMaximization(parametrization="maco", blur=1.0)


NUMBERS = [
    field.name for field in dataclasses.fields(ActivationMaximization) if isinstance(field.default, (int, float))
]


def test_every_number_has_a_least_value():
    assert set(LEAST) == set(NUMBERS)


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -100, -3])
def test_what_is_no_finite_number_or_too_small_is_refused(option: str, value: float):
    with pytest.raises(UserError, match=f"^activation_maximization: expected {option} to be .* received {value}$"):
        ActivationMaximization(**{option: value})


def test_looks_stray_within_the_whole_way_round_and_down_to_a_point():
    """Beyond float32, 1e39, a look is nowhere: to sample a picture there ended the process."""
    ActivationMaximization(turn=360, zoom=1)
    with pytest.raises(UserError, match=r"expected turn to be 360 or less, received 1e\+39"):
        ActivationMaximization(turn=1e39)
    with pytest.raises(UserError, match=r"expected zoom to be 1 or less, received 1\.5"):
        ActivationMaximization(zoom=1.5)
