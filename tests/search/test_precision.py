"""Searches in bfloat16: as sound as those in float32, and what is told of their pictures is float32."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import Tensor, nn

from generator.errors import UserError
from generator.methods.activation_maximization import ActivationMaximization
from generator.methods.class_visualization import ClassVisualization
from generator.search.climb import SURE
from generator.search.dead import NO_RISE
from tests.search.searching import QUICK, held, random_convs, search

SHAPE = (3, 32, 32)
ROUGH = dataclasses.replace(QUICK, precision="bfloat16", steps=16)
FINE = dataclasses.replace(ROUGH, precision="float32")


class Noting(nn.Sequential):
    """Convolutions that remember in what numbers they were run, and whether a gradient was wanted."""

    def __init__(self, odd: bool = False) -> None:
        super().__init__(*random_convs())
        self.odd, self.run = odd, []

    def forward(self, x: Tensor) -> Tensor:
        self.run.append((x.dtype, torch.is_grad_enabled()))
        return super().forward(x) * (torch.nan if self.odd and x.dtype == torch.bfloat16 else 1)

    def __deepcopy__(self, memo):
        twin = Noting(self.odd)
        for name, part in self._modules.items():
            twin._modules[name] = copy.deepcopy(part, memo)
        twin.run = self.run
        return twin


def watched(method: ActivationMaximization, odd: bool = False) -> list[tuple[torch.dtype, bool]]:
    """In what numbers each pass of a search ran."""
    model = Noting(odd)
    with held(model, SHAPE) as it:
        _ = it[0].reduced
        model.run.clear()
        search(method, it, "2", 0, 3)
    return model.run


def test_steps_run_in_the_numbers_asked_for_and_the_last_pass_in_float32():
    rough, fine, open_ = (
        watched(dataclasses.replace(ROUGH, steps=4, precision=precision))
        for precision in ("bfloat16", "float32", "auto")
    )
    told = (torch.float32, False)  # that the layer is a convolution and nothing else
    assert rough == [(torch.bfloat16, True), told, *[(torch.bfloat16, True)] * 3, (torch.float32, False)]
    assert fine == open_ == [(torch.float32, True), told, *[(torch.float32, True)] * 3, (torch.float32, False)]


def test_a_model_that_gives_no_numbers_in_bfloat16_is_searched_in_float32():
    graded, without = (torch.float32, True), (torch.float32, False)
    assert watched(dataclasses.replace(ROUGH, steps=2), odd=True) == [graded, without, graded, without]
    with held(Noting(odd=True), SHAPE) as it:
        found, own = search(ROUGH, it, "2", 0, 3), search(FINE, it, "2", 0, 3)
    assert torch.equal(found.values, own.values)
    assert found.scores == own.scores


@pytest.mark.parametrize("layer", ["0", "2"])
def test_it_reaches_as_much(layer: str):
    """After 128 steps: after 32 a start that is another by a hundredth makes as much of a difference."""
    units, shares = tuple(range(5)), []
    with held(random_convs(), SHAPE) as it:
        for seed in range(4):
            rough, fine = (
                search(dataclasses.replace(method, steps=128), it, layer, *units, seed=seed) for method in (ROUGH, FINE)
            )
            assert not torch.equal(rough.values, fine.values), "or it did not run in bfloat16"
            assert rough.dead == fine.dead == ("",) * 5
            for mine, own, curve in zip(rough.scores, fine.scores, fine.curves, strict=True):
                shares.append((mine - curve[0]) / (own - curve[0]))
    assert min(shares) > 0.9
    assert sum(shares) / len(shares) > 0.99


@pytest.mark.parametrize("layer", ["0", "2"])
def test_in_the_default_steps_all_together_reach_as_much(layer: str):
    risen = {"bfloat16": 0.0, "float32": 0.0}
    with held(random_convs(), SHAPE) as it:
        for seed in range(4):
            for method in (ROUGH, FINE):
                grid = search(
                    dataclasses.replace(method, steps=ActivationMaximization().steps), it, layer, *range(5), seed=seed
                )
                risen[method.precision] += sum(end - c[0] for end, c in zip(grid.scores, grid.curves, strict=True))
    assert risen["bfloat16"] == pytest.approx(risen["float32"], rel=0.03)


@pytest.mark.parametrize("parametrization", ["fourier", "pixel", "maco"])
def test_it_is_seeded_and_does_not_know_its_company(parametrization: str):
    method = dataclasses.replace(ROUGH, parametrization=parametrization)
    with held(random_convs(), SHAPE) as it:
        once, again = search(method, it, "2", 0, 3, 4, seed=7), search(method, it, "2", 0, 3, 4, seed=7)
        turned = search(method, it, "2", 4, 0, 3, seed=7)
        other, alone = search(method, it, "2", 0, seed=8), search(method, it, "2", 4, seed=7)
    assert torch.equal(once.values, again.values)
    assert once.curves == again.curves
    assert (once.values[0] - other.values[0]).abs().max() > 0.1
    # rows of a batch are rounded alike wherever they stand; a batch of another length may be summed in another order
    torch.testing.assert_close(turned.values[[1, 2, 0]], once.values, rtol=0, atol=1e-2)
    torch.testing.assert_close(alone.values, once.values[2:], rtol=0, atol=5e-2)


def test_the_score_is_the_models_own_on_the_picture():
    model = random_convs()
    with held(model, SHAPE) as it:
        found = search(ROUGH, it, "2", 0, 3)
    with torch.no_grad():
        own = model((found.values - 0.5) / 0.25)
    for k, unit in enumerate((0, 3)):
        assert found.scores[k] == pytest.approx(float(own[k, unit].mean()), rel=1e-5)


def test_whether_a_picture_is_alive_is_not_left_to_rounding():
    """A search that stays where it is ends at its start, whose score bfloat16 puts a little lower for some units."""
    still = dataclasses.replace(ROUGH, rate=0.0, steps=2, jitter=0, turn=0.0, zoom=0.0)
    with held(random_convs(), SHAPE) as it:
        found, own = (
            search(still, it, "2", 0, 1, 2, 3, 4),
            search(dataclasses.replace(still, precision="float32"), it, "2", 0, 1, 2, 3, 4),
        )
    assert found.dead == own.dead == (NO_RISE,) * 5
    assert [curve[0] for curve in found.curves] == pytest.approx(list(found.scores), rel=1e-6)
    assert any(curve[1] != curve[0] for curve in found.curves), "or nothing was rounded"
    strength = random_convs()((found.values - 0.5) / 0.25).abs().mean(dim=(1, 2, 3)).tolist()
    for curve, strong in zip(found.curves, strength, strict=True):
        assert abs(curve[1] - curve[0]) < SURE * strong


def test_a_search_counts_the_same_passes_in_either():
    counts = []
    for method in (dataclasses.replace(ROUGH, rate=0.0), ROUGH, FINE):
        with held(random_convs(), SHAPE) as it:
            search(method, it, "2", 0, 3)
            counts.append((it[0].engine.counts.forward, it[0].engine.counts.backward))
    assert counts == [(17, 16)] * 3


def test_classes_are_searched_in_it_too():
    class Scored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = random_convs()

        def forward(self, x: Tensor) -> Tensor:
            return self.convs(x).mean(dim=(2, 3))

    method = ClassVisualization(steps=64, size=32, jitter=2)
    with held(Scored(), SHAPE) as it:
        (rough,), (fine,) = (
            tuple(dataclasses.replace(method, precision=p).search(it[0], None, (0, 3), 0))
            for p in ("bfloat16", "float32")
        )
    assert not torch.equal(rough.values, fine.values)
    for mine, own, curve in zip(rough.scores, fine.scores, fine.curves, strict=True):
        assert mine - curve[0] > 0.97 * (own - curve[0])


@pytest.mark.parametrize("of", [ActivationMaximization, ClassVisualization])
def test_other_precisions_are_refused(of: type):
    with pytest.raises(UserError, match=r"expected precision to be auto.* float32.* or bfloat16, .*'half'"):
        of(precision="half")
