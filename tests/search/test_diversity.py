"""Alikeness by hand, and slowly; both ways of computing it; and pictures that keep apart."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from generator.methods.activation_maximization import ActivationMaximization
from generator.names import LayerName, Unit
from generator.search.climb import PARAMETRIZATIONS, climb
from generator.search.diversity import alikeness
from generator.search.objectives import Units
from tests.search.searching import QUICK, held, random_convs, search


def test_by_hand():
    # two units, one place. Gram matrices of (1, 0), (0, 2), (1, 1): [[1, 0], [0, 0]], [[0, 0], [0, 4]], all ones
    maps = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]).view(3, 2, 1, 1)
    # cosines: first and second 0; each with the third (1 * 1) / (1 * 2) = 1/2
    torch.testing.assert_close(alikeness(maps, 3), torch.tensor([0.25, 0.25, 0.5]))
    same = torch.tensor([[1.0, 2.0], [-2.0, -4.0]]).view(2, 2, 1, 1)
    torch.testing.assert_close(alikeness(same, 2), torch.ones(2))


def test_the_place_does_not_count():
    maps = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    moved = maps.flatten(2)[..., torch.randperm(20, generator=torch.Generator().manual_seed(1))].view_as(maps)
    torch.testing.assert_close(alikeness(torch.cat([maps, moved]), 2), torch.ones(2))


@pytest.mark.parametrize("shape", [(3, 4, 5), (7, 2, 3), (6, 2, 3)])
def test_equals_gram_matrices_written_as_loops(shape):
    n, groups = 3, 2
    maps = torch.randn(groups * n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = alikeness(maps.float(), n).double()
    for g in range(groups):
        grams = []
        for map_ in maps[g * n : g * n + n]:
            A = map_.flatten(1)
            grams.append(
                {
                    (i, j): float(sum(a * b for a, b in zip(A[i], A[j], strict=True)))
                    for i in range(len(A))
                    for j in range(len(A))
                }
            )
        for i in range(n):
            cosines = []
            for j in range(n):
                if i != j:
                    dot = sum(grams[i][at] * grams[j][at] for at in grams[i])
                    sizes = [math.sqrt(sum(v * v for v in grams[k].values())) for k in (i, j)]
                    cosines.append(dot / sizes[0] / sizes[1])
            assert found[g * n + i].item() == pytest.approx(sum(cosines) / (n - 1), rel=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e18])
def test_no_scale_of_a_layer_breaks_it(scale):
    maps = (scale * torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))).requires_grad_()
    found = alikeness(maps, 2)
    assert found.isfinite().all()
    (gradient,) = torch.autograd.grad(found.sum(), maps)
    assert gradient.isfinite().all()


def test_pictures_of_one_unit_keep_apart_and_the_strongest_stands_first():
    method = ActivationMaximization(steps=16, diversity=3, apart=0.0, batch=6)
    with held(random_convs(), (3, 32, 32)) as it:
        together, apart = (
            search(m, it, "2", 0, 3)
            for m in (method, ActivationMaximization(steps=16, diversity=3, apart=2.0, batch=6))
        )
        likeness = []
        for grid in (together, apart):
            assert grid.variants is not None
            assert grid.variants.shape == (2, 3, 3, 32, 32)
            assert torch.equal(grid.variants[:, 0], grid.values)
            with torch.no_grad():
                maps = it[0].layer_output("2", (grid.variants.flatten(0, 1) - 0.5) / 0.25)
            likeness.append(alikeness(maps, 3).view(2, 3).mean(dim=1))
            for unit, scores in zip(grid.units, grid.variant_scores, strict=True):
                assert list(scores) == sorted(scores, reverse=True)
                assert scores[0] == grid.scores[grid.units.index(unit)]
    assert (likeness[1] < likeness[0]).all()


def test_variants_are_parted_by_the_maps_of_each_step(monkeypatch: pytest.MonkeyPatch):
    """And not by those of the first: the layer runs in every step, which it does not of one picture a unit."""
    seen: list[str] = []
    with held(random_convs(), (3, 32, 32)) as it:
        for name in ("layer_output", "layer_input"):
            real = getattr(it[0], name)
            monkeypatch.setattr(
                it[0], name, lambda *given, name=name, real=real, **how: seen.append(name) or real(*given, **how)
            )
        for n, expected in ((3, ["layer_output"] * 7), (1, ["layer_output", *["layer_input"] * 5, "layer_output"])):
            seen.clear()
            search(dataclasses.replace(QUICK, diversity=n), it, "2", 1)
            assert seen == expected


def variants(parametrization: str, start: Tensor, seed: int = 0, n: int = 3, **more: float) -> Tensor:
    """The pictures (n, 3, 32, 32) of one unit from an image, every step seeing them straight: nothing else differs."""
    options = {"steps": 12, "jitter": 0, "turn": 0.0, "zoom": 0.0, "redirect": 0, "diversity": n, **more}
    method = ActivationMaximization(parametrization=parametrization, **options)
    draws = [torch.Generator().manual_seed(100 * seed + k) for k in range(n)]
    with held(random_convs(), (3, 32, 32)) as it:
        units = Units(LayerName("2"), (Unit(LayerName("2"), 3),) * n)
        return climb(method.climb, it[0], units, draws, (32, 32), seed=seed, start=start).pictures


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_from_one_image_variants_part(parametrization: str):
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(3))
    photo = torch.nn.functional.interpolate(small, (32, 32), mode="bicubic")[0].clamp(0.05, 0.95)
    for start in (photo, torch.full((3, 32, 32), 0.5)):
        found = variants(parametrization, start, apart=0.0)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert (found[one] - found[other]).abs().max() > 0.05
        assert torch.equal(found, variants(parametrization, start, apart=0.0)), "seeded"
        assert (found[1] - variants(parametrization, start, seed=1, apart=0.0)[1]).abs().max() > 0.05
        # the first starts at the image itself
        alone = variants(parametrization, start, n=1)
        torch.testing.assert_close(found[:1], alone, rtol=0, atol=1e-3)


def test_from_one_image_variants_pay_for_being_alike():
    small = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(3))
    photo = torch.nn.functional.interpolate(small, (32, 32), mode="bicubic")[0].clamp(0.05, 0.95)
    likeness = []
    with held(random_convs(), (3, 32, 32)) as it, torch.no_grad():
        for apart in (0.0, 2.0):
            maps = it[0].layer_output(LayerName("2"), (variants("fourier", photo, apart=apart) - 0.5) / 0.25)
            likeness.append(float(1 - alikeness(maps, 3).mean()))
    assert likeness[1] > 2 * likeness[0] > 0


def test_a_group_is_the_same_whoever_shares_its_batch_and_passes_are_as_said():
    method = ActivationMaximization(steps=4, diversity=3, batch=7)
    assert method.together == 2
    with held(random_convs(), (3, 32, 32)) as it:
        layer = it[1]["2"]
        both = search(method, it, "2", 0, 3, 4)
        assert (it[0].engine.counts.forward, it[0].engine.counts.backward) == method.passes(layer, 3) == (10, 8)
        alone = search(method, it, "2", 4)
    torch.testing.assert_close(alone.variants[0], both.variants[2], rtol=0, atol=1e-4)
    assert len({tuple(v.flatten()[:50].tolist()) for v in both.variants.flatten(0, 1)}) == 9


def test_more_pictures_than_fit_a_batch_are_still_found_together():
    method = ActivationMaximization(steps=2, diversity=3, batch=2)
    with held(random_convs(), (3, 32, 32)) as it:
        assert search(method, it, "2", 0, 3).variants.shape[:2] == (2, 3)
        assert it[0].engine.counts.forward == 2 * 3
