"""Faithfulness beside grad-cam's, quantus' and captum's, on a picture of a few pixels; where they depart, what agrees.

quantus' RegionPerturbation is not among them: it orders whole squares, where deletion orders pixels.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import quantus
import torch
from captum.metrics import infidelity as captums
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence, IncreaseInConfidence
from pytorch_grad_cam.metrics.road import NoisyLinearImputer, ROADCombined
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from torch import Tensor, nn

from generator.trust import faithfulness, perturb
from tests.methods.examples import exactly, same

SIDE = 10
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def model(channels: int = 3) -> nn.Module:
    torch.manual_seed(8)
    net = nn.Sequential(nn.Conv2d(channels, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * (SIDE - 2) ** 2, 4))
    with torch.no_grad():
        net[3].weight *= 4  # else every class has about the same probability, whatever is changed
    return net.eval()


def score_of(net: nn.Module, target: int) -> faithfulness.Score:
    def score(inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return net(inputs).softmax(dim=1)[:, target]

    return score


def row_by_row(score: faithfulness.Score) -> faithfulness.Score:
    """The same score, whatever stands beside an input in a batch: a matrix product of few rows (of fewer than four, where this
    was measured) is another kernel of the BLAS than one of more, and sums in another order: `test_company_changes_the_product_alone`."""
    return lambda inputs: torch.cat([score(row[None]) for row in inputs])


def picture(channels: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """An input (c, h, w) and a map (h, w) without two equal values."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(channels, SIDE, SIDE, generator=generator)
    return x, torch.randperm(SIDE * SIDE, generator=generator).reshape(SIDE, SIDE).float() / (SIDE * SIDE)


def grounds(score: faithfulness.Score, x: Tensor, **options: object) -> faithfulness.Ground:
    """With a black of zero, as the references have it, and no noise."""
    c = x.shape[0]
    chosen = faithfulness.Options(noise=0, **options)  # type: ignore[arg-type]
    return faithfulness.ground(score, x, torch.zeros(c), torch.ones(c), chosen)


QUIET = {"disable_warnings": True, "normalise": False, "abs": False}


# ---- deletion and insertion


def test_deletion_is_quantus_pixel_flipping():
    net, (x, map_) = model(1), picture(1)
    ground = grounds(score_of(net, 2), x)
    found = faithfulness.deletion(score_of(net, 2), map_, ground, 20)
    flipping = quantus.PixelFlipping(features_in_step=5, perturb_baseline=0.0, **QUIET)
    (theirs,) = flipping(
        model=net, x_batch=x[None].numpy(), y_batch=np.array([2]), a_batch=map_[None, None].numpy(), softmax=True
    )
    # their curve begins after the first step: the whole picture is missing, and with it half a step of the area
    same(torch.tensor(found.curve.y[1:]), torch.tensor(theirs))
    assert found.curve.y[0] == pytest.approx(float(score_of(net, 2)(x[None])))
    assert found.auc == pytest.approx(np.trapezoid(found.curve.y, dx=1 / 20))


def test_insertion_is_deletion_backwards_from_another_picture():
    net, (x, map_) = model(), picture()
    score = score_of(net, 1)
    ground = grounds(score, x)
    found = faithfulness.insertion(
        score, map_, replace(ground, blurred=ground.empty, blurred_score=ground.empty_score), 10
    )
    # showing the most relevant first on an empty picture is emptying the least relevant first, read from its end
    back = faithfulness.deletion(score, -map_, ground, 10)
    same(torch.tensor(found.curve.y), torch.tensor(back.curve.y[::-1]))
    assert found.auc == pytest.approx(back.auc)
    assert found.curve.x == pytest.approx([k / 10 for k in range(11)])


def test_pixels_that_do_not_divide_into_steps_are_counted_where_they_are():
    net, (x, map_) = model(), picture()
    found = faithfulness.deletion(score_of(net, 0), map_, grounds(score_of(net, 0), x), 7)
    assert found.curve.x == pytest.approx([0, 0.14, 0.28, 0.42, 0.57, 0.71, 0.85, 1])
    assert found.auc == pytest.approx(np.trapezoid(found.curve.y, found.curve.x))


def test_black_and_the_mean_colour_are_two_ways_to_empty_a_pixel():
    net, (x, map_) = model(), picture()
    low = torch.tensor([-2.0, -1.5, -1.0])
    for removed, empty in (("black", low), ("zero", torch.zeros(3))):
        options = faithfulness.Options(removed=removed)  # type: ignore[arg-type]
        ground = faithfulness.ground(score_of(net, 0), x, low, -low, options)
        exactly(ground.empty[:, 0, 0], empty)
        end = faithfulness.deletion(score_of(net, 0), map_, ground, 4).curve.y[-1]
        same(torch.tensor(end), score_of(net, 0)(empty[None, :, None, None].expand(1, 3, SIDE, SIDE))[0])


# ---- ROAD


def test_road_is_grad_cams_combined(monkeypatch: pytest.MonkeyPatch):
    net, (x, map_) = model(), picture()
    defaults = NoisyLinearImputer.__init__.__defaults__
    monkeypatch.setattr(NoisyLinearImputer.__init__, "__defaults__", (0.0, *defaults[1:]))  # no noise
    percentiles = [round(100 * (1 - share)) for share in SHARES]
    theirs = ROADCombined(percentiles)(x[None], map_[None].numpy(), [ClassifierOutputSoftmaxTarget(3)], net)
    found = faithfulness.road(score_of(net, 3), map_, grounds(score_of(net, 3), x), SHARES)
    assert abs(float(theirs[0])) > 0.01, "nothing would be compared"
    # our pixels are filled in to within 1 % of a standard deviation, theirs exactly
    assert found.combined == pytest.approx(float(theirs[0]), abs=1e-3)
    exact = road_of_exact_pixels(score_of(net, 3), x, map_)
    assert exact == pytest.approx(float(theirs[0]), rel=1e-5)


def road_of_exact_pixels(score: faithfulness.Score, x: Tensor, map_: Tensor) -> float:
    """ROAD again, written a second way: with a dense solver, and one mask at a time."""
    total = 0.0
    for share in SHARES:
        for sign, values in ((-1, map_), (1, -map_)):
            gone = values >= values.flatten().sort(descending=True).values[round(share * values.numel()) - 1]
            total += sign * float(score(dense(x, gone)[None]))
    return total / (2 * len(SHARES))


def dense(x: Tensor, gone: Tensor) -> Tensor:
    """`x` with the pixels `gone` solved for in one dense system."""
    places = gone.nonzero().tolist()
    at = {(i, j): k for k, (i, j) in enumerate(places)}
    A, b = torch.zeros(len(places), len(places), dtype=torch.float64), torch.zeros(len(places), x.shape[0]).double()
    for (i, j), k in at.items():
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                near, weight = (i + di, j + dj), 1 / 6 if di == 0 or dj == 0 else 1 / 12
                if (di, dj) == (0, 0) or not (0 <= near[0] < x.shape[1] and 0 <= near[1] < x.shape[2]):
                    continue
                A[k, k] += weight
                if near in at:
                    A[k, at[near]] -= weight
                else:
                    b[k] += weight * x[:, near[0], near[1]].double()
    filled = x.clone()
    filled[:, gone] = torch.linalg.solve(A, b).T.float()
    return filled


def test_quantus_road_counts_the_pictures_still_recognised():
    # where ours takes the score, quantus asks whether the class is still the first: on the same pictures
    net, (x, map_) = model(1), picture(1)
    target = int(net(x[None]).argmax())
    road = quantus.ROAD(percentages=[round(100 * share) for share in SHARES], noise=0.0, **QUIET)
    theirs = road(model=net, x_batch=x[None].numpy(), y_batch=np.array([target]), a_batch=map_[None, None].numpy())
    first = perturb.counts(map_.numel(), SHARES)
    inputs = torch.cat(list(perturb.filled(x, perturb.ranks(map_), first, torch.zeros_like(x))))
    ours = (net(inputs).argmax(dim=1) == target).tolist()
    assert [bool(value) for value in theirs.values()] == ours
    assert len(set(ours)) == 2, "always or never: nothing would be compared"


def test_the_noise_is_a_share_of_black_to_white_and_the_same_for_every_map():
    net, (x, map_) = model(), picture()
    low, high = torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 6.0, 1.0])
    options = faithfulness.Options(noise=0.01)
    ground = faithfulness.ground(score_of(net, 0), x, low, high, options)
    plain = replace(ground, noise=torch.zeros_like(x))
    assert ground.noise.std(dim=(1, 2)).tolist() == pytest.approx([0.02, 0.08, 0.01], rel=0.25)
    noisy = faithfulness.road(score_of(net, 0), map_, ground, (0.5,))
    assert noisy != faithfulness.road(score_of(net, 0), map_, plain, (0.5,))
    assert noisy == faithfulness.road(score_of(net, 0), map_, ground, (0.5,))


def test_the_road_of_random_maps_is_nothing_on_average_whatever_their_grain():
    # a random map and its negative are as likely: most and least relevant first change places
    net, (x, map_) = model(), picture()
    ground = grounds(score_of(net, 3), x)
    one, other = (faithfulness.road(score_of(net, 3), m, ground, (0.3, 0.6)).combined for m in (map_, -map_))
    assert one == pytest.approx(-other)
    assert one != 0


# ---- average drop and increase


@pytest.mark.parametrize("target", range(4))
def test_drop_and_increase_are_grad_cams_as_shares_of_the_score(target: int):
    net, (x, map_) = model(), picture()
    score, map_ = score_of(net, target), map_ / map_.max()
    ground = grounds(score, x)
    found = faithfulness.confidence(score, map_, ground)
    args = (x[None], map_[None].numpy(), [ClassifierOutputSoftmaxTarget(target)], net)
    # the paper's drop is a percentage of the picture's own score; grad-cam leaves the difference as it is
    assert found.drop * ground.full_score / 100 == pytest.approx(float(DropInConfidence()(*args)[0]), abs=1e-6)
    assert found.increased == bool(IncreaseInConfidence()(*args)[0])


def test_drops_and_increases_both_occur_above():
    net, (x, map_) = model(), picture()
    found = {faithfulness.confidence(score_of(net, t), map_, grounds(score_of(net, t), x)).increased for t in range(4)}
    assert found == {True, False}


def test_a_map_without_positive_values_leaves_a_black_picture_and_a_score_of_zero_no_percentage():
    net, (x, map_) = model(), picture()
    score, low = score_of(net, 0), torch.tensor([-1.0, -1.0, -2.0])
    ground = faithfulness.ground(score, x, low, -low)
    black = float(score(low[None, :, None, None].expand(1, 3, SIDE, SIDE)))
    expected = 100 * max(0.0, 1 - black / ground.full_score)
    assert faithfulness.confidence(score, -map_ - 1, ground).drop == pytest.approx(expected, rel=1e-5)
    assert math.isnan(faithfulness.confidence(score, map_, replace(ground, full_score=0.0)).drop)


# ---- infidelity


@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_is_captums(scaled: bool):
    net, (x, _) = model(), picture()
    score = score_of(net, 1)
    ground = grounds(score, x, samples=24, sides=(0.2, 0.4))
    leaf = x[None].clone().requires_grad_()
    net(leaf).softmax(dim=1)[0, 1].backward()
    map_ = leaf.grad[0].mean(dim=0)  # type: ignore[index]
    at = 0

    def perturbed(inputs: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal at
        removed = ground.boxes[at : at + len(inputs), None] * inputs
        at += len(inputs)
        return removed, inputs - removed

    theirs = captums(
        lambda inputs: net(inputs).softmax(dim=1)[:, 1],
        perturbed,
        x[None],
        map_.expand(1, 3, SIDE, SIDE),
        n_perturb_samples=24,
        normalize=scaled,
    )
    found = faithfulness.infidelity(map_, ground, weighted=True, scaled=scaled)
    same(torch.tensor([found.value]), theirs.detach())


def test_infidelity_is_quantus_over_its_own_squares():
    # quantus empties one square after the other without ever putting one back: sets of squares that grow
    net, (x, map_) = model(), picture()
    score, side = score_of(net, 0), 5
    squares = [torch.zeros(SIDE, SIDE, dtype=torch.bool) for _ in range(4)]
    for k, (i, j) in enumerate([(0, 0), (0, side), (side, 0), (side, side)]):
        for later in squares[k:]:
            later[i : i + side, j : j + side] = True
    boxes = torch.stack(squares)
    ground = grounds(score, x)
    drops = ground.full_score - score(torch.where(boxes[:, None], 0.0, x))
    ours = faithfulness.infidelity(map_, replace(ground, boxes=boxes, drops=drops), weighted=True, scaled=False)
    theirs = quantus.Infidelity(perturb_patch_sizes=[side], n_perturb_samples=1, perturb_baseline=0.0, **QUIET)(
        model=net, x_batch=x[None].numpy(), y_batch=np.array([0]), a_batch=map_[None, None].numpy(), softmax=True
    )
    assert ours.value == pytest.approx(float(theirs[0]), rel=1e-5)


def test_a_map_turned_upside_down_is_not_scaled_back():
    # captum's optimal scaling may be negative: there a map and its negative are equally good
    net, (x, map_) = model(), picture()
    ground = grounds(score_of(net, 1), x)
    one, other = faithfulness.infidelity(map_, ground), faithfulness.infidelity(-map_, ground)
    assert sorted((one.unexplained, other.unexplained))[0] < 1
    assert max(one.unexplained, other.unexplained) == pytest.approx(1)


def test_where_no_square_matters_there_is_no_share_to_explain():
    ground = grounds(lambda inputs: torch.full((len(inputs),), 0.5), picture()[0])
    found = faithfulness.infidelity(picture()[1], ground)
    assert found.value == 0
    assert math.isnan(found.unexplained)


# ---- the whole


def test_judging_is_the_parts_and_runs_on_what_the_picture_is_made_of():
    net, (x, map_) = model().double(), picture()
    options = faithfulness.Options(steps=4, shares=(0.5,), samples=8)
    score = row_by_row(score_of(net, 2))
    ground = faithfulness.ground(score, x.double(), torch.zeros(3), torch.ones(3), options)
    found = faithfulness.judge(score, map_, ground, options)
    assert found.deletion == faithfulness.deletion(score, map_, ground, 4)
    assert found.insertion == faithfulness.insertion(score, map_, ground, 4)
    assert found.road == faithfulness.road(score, map_, ground, (0.5,))
    assert found.confidence == faithfulness.confidence(score, map_, ground)
    assert found.infidelity == faithfulness.infidelity(map_, ground)
    assert all(math.isfinite(value) for value in found.numbers.values())


def test_company_changes_the_product_alone():
    """Why scores are taken row by row where judgements must be equal to the bit: of all that a score is made of, the linear
    layer's product alone may depend on who shares the batch."""
    net = model().double()
    features, linear = net[:3], net[3]
    rows = torch.randn(24, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        maps = features(rows)
        logits = linear(maps)
        for some in (rows[:n] for n in range(1, 24)):
            assert torch.equal(features(some), maps[: len(some)])
            assert torch.equal(logits[: len(some)].softmax(dim=1), logits.softmax(dim=1)[: len(some)])
            torch.testing.assert_close(linear(maps[: len(some)]), logits[: len(some)], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"samples": 0}, {"sides": ()}, {"shares": ()}, {"shares": (0.5, 1.0)}]
)
def test_options_that_test_nothing_are_refused(options: dict[str, object]):
    with pytest.raises(ValueError, match="expected"):
        faithfulness.Options(**options)  # type: ignore[arg-type]


def test_several_maps_are_scored_in_full_batches_and_judged_as_each_alone():
    net, (x, map_) = model().double(), picture()
    options = faithfulness.Options(steps=4, shares=(0.3, 0.6), samples=8)
    score, sizes = row_by_row(score_of(net, 2)), []

    def counting(inputs: Tensor) -> Tensor:
        sizes.append(len(inputs))
        return score(inputs)

    ground = faithfulness.ground(score, x.double(), torch.zeros(3), torch.ones(3), options)
    maps = [map_, -map_, map_.roll(3, dims=0), torch.zeros_like(map_)]
    asked = [faithfulness.together(faithfulness.questions(m, ground, options)) for m in maps]
    found = list(faithfulness.answers(counting, asked, 8))
    each = faithfulness.evaluations(options).map
    assert sizes == [8] * (4 * each // 8) + ([4 * each % 8] if 4 * each % 8 else [])
    for one, m in zip(found, maps, strict=True):
        alone = faithfulness.judge(score, m, ground, options)
        assert one == {name: getattr(alone, name) for name in faithfulness.ASKING}


def test_only_what_is_named_asks_the_model():
    net, (x, map_) = model(), picture()
    options = faithfulness.Options(steps=4, shares=(0.5,), samples=8)
    ground = faithfulness.ground(score_of(net, 0), x, torch.zeros(3), torch.ones(3), options)
    asked = faithfulness.questions(map_, ground, options, {"road", "infidelity"})
    assert {name: one.count for name, one in asked.items()} == {"road": 2}
    assert list(faithfulness.answers(lambda inputs: pytest.fail("nothing is asked"), [faithfulness.together({})])) == [
        {}
    ]
