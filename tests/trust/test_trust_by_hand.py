"""Every number of trust worked out by hand on a picture of a few pixels. Beside other implementations: the files next to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from generator.trust import agreement, faithfulness, localisation, perturb, sanity, statistics, verdict
from generator.trust.maps import at_size, averaged, per_place
from generator.trust.metrics import metric

X = torch.tensor([[[4.0, 1.0], [2.0, 3.0]]])
"""One channel, two by two."""
OPTIONS = faithfulness.Options(steps=4, shares=(0.5,), samples=6, sides=(0.5,))


def total(inputs: Tensor) -> Tensor:
    """A score that is the sum of the pixels, as a share of ten."""
    return inputs.sum(dim=(1, 2, 3)) / 10


@pytest.fixture
def ground() -> faithfulness.Ground:
    return faithfulness.ground(total, X, torch.tensor([0.0]), torch.tensor([4.0]), OPTIONS)


def test_pixels_are_ranked_from_the_highest_by_hand():
    assert perturb.ranks(X[0]).tolist() == [[0, 3], [2, 1]]
    assert perturb.counts(4, perturb.steps(4)) == (0, 1, 2, 3, 4)


def test_a_flat_map_is_ranked_the_same_every_time_and_in_no_reading_order():
    first, again = perturb.ranks(torch.zeros(8, 8)), perturb.ranks(torch.ones(8, 8))
    assert torch.equal(first, again)
    assert sorted(first.flatten().tolist()) == list(range(64))
    assert first.flatten().tolist() != list(range(64))


def test_deletion_by_hand(ground: faithfulness.Ground):
    # the sum falls 10, 6, 3, 1, 0 when the largest pixels go first: trapezoids of width 1/4 over tenths of it
    found = faithfulness.deletion(total, X[0], ground, 4)
    assert found.curve.y == pytest.approx((1.0, 0.6, 0.3, 0.1, 0.0))
    assert found.auc == pytest.approx((1.0 / 2 + 0.6 + 0.3 + 0.1) / 4)
    worst = faithfulness.deletion(total, -X[0], ground, 4)
    assert worst.auc == pytest.approx((1.0 / 2 + 0.9 + 0.7 + 0.4) / 4)


def test_insertion_by_hand(ground: faithfulness.Ground):
    start = ground.blurred[0]
    expected = [float(start.sum())]
    for row, column in ((0, 0), (1, 1), (1, 0), (0, 1)):
        start = start.clone()
        start[row, column] = X[0, row, column]
        expected.append(float(start.sum()))
    found = faithfulness.insertion(total, X[0], ground, 4)
    assert found.curve.y == pytest.approx([value / 10 for value in expected])
    assert found.curve.y[-1] == pytest.approx(1.0)


def test_average_drop_and_increase_by_hand(ground: faithfulness.Ground):
    # the mask is (1, 0, 0, 1/2): 4 + 3/2 of 10 are left
    seen = faithfulness.confidence(total, torch.tensor([[2.0, 0.0], [-1.0, 1.0]]), ground)
    assert seen.drop == pytest.approx(45.0)
    assert not seen.increased
    whole = faithfulness.confidence(total, torch.ones(2, 2), ground)
    assert whole.drop == pytest.approx(0.0)


def test_infidelity_of_the_true_contributions_is_zero_by_hand(ground: faithfulness.Ground):
    exact = faithfulness.infidelity(X[0], ground)
    assert exact.value == pytest.approx(0.0, abs=1e-12)
    assert faithfulness.infidelity(X[0] * 7, ground).value == pytest.approx(0.0, abs=1e-12)  # optimal scaling
    nothing = faithfulness.infidelity(torch.zeros(2, 2), ground)
    assert nothing.unexplained == pytest.approx(1.0)
    turned = faithfulness.infidelity(-X[0], ground)
    assert turned.unexplained == pytest.approx(1.0), "a map that points the wrong way is not praised for it"


def test_the_evaluations_are_as_many_as_said():
    seen = 0

    def counting(inputs: Tensor) -> Tensor:
        nonlocal seen
        seen += len(inputs)
        return total(inputs)

    x = torch.rand(3, 16, 16)
    options = faithfulness.Options(steps=5, shares=(0.3, 0.6), samples=7)
    ground = faithfulness.ground(counting, x, torch.zeros(3), torch.ones(3), options)
    assert seen == faithfulness.evaluations(options).image
    seen = 0
    found = faithfulness.judge(counting, torch.rand(16, 16), ground, options)
    assert seen == faithfulness.evaluations(options).map
    assert set(found.numbers) == {"deletion", "insertion", "road", "average_drop", "increase", "infidelity"}


def test_road_prefers_the_right_order_by_hand():
    x = torch.zeros(1, 12, 12)
    x[0, 4:8, 4:8] = 1.0
    ground = faithfulness.ground(total, x, torch.tensor([0.0]), torch.tensor([1.0]), OPTIONS)
    right = faithfulness.road(total, x[0], ground, (0.2,))
    wrong = faithfulness.road(total, -x[0], ground, (0.2,))
    assert right.combined == pytest.approx((right.least[0] - right.most[0]) / 2)
    assert right.combined > 0 > wrong.combined


# ---- localisation


def test_pointing_game_and_energy_by_hand():
    map_ = torch.tensor([[1.0, 3.0], [0.0, -2.0]])
    right = torch.tensor([[False, True], [False, True]])
    assert localisation.pointing_game(map_, right, tolerance=0) == 1
    assert localisation.pointing_game(map_, ~right, tolerance=0) == 0
    assert localisation.pointing_game(map_, ~right, tolerance=1) == 1
    assert localisation.energy_in_box(map_, right) == pytest.approx(3 / 4)
    assert math.isnan(localisation.energy_in_box(map_, torch.zeros(2, 2, dtype=torch.bool)))
    flat = torch.ones(2, 2)
    assert localisation.pointing_game(flat, right, tolerance=0) == pytest.approx(0.5)


# ---- agreement


def test_rank_correlation_by_hand_with_ties():
    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: deviations -1.5, 0, 0, 1.5 and -1.5, -.5, .5, 1.5
    a, b = torch.tensor([[1.0, 2.0], [2.0, 9.0]]), torch.tensor([[0.0, 1.0], [5.0, 6.0]])
    assert agreement.spearman(a, b) == pytest.approx(4.5 / math.sqrt(4.5 * 5.0))
    assert agreement.spearman(a, -a) == pytest.approx(-1.0)
    assert math.isnan(agreement.spearman(a, torch.zeros(2, 2)))


def test_maps_of_two_sizes_meet_on_the_coarser_grid_by_hand():
    fine = torch.tensor([[1.0, 1.0, 4.0, 4.0], [1.0, 1.0, 4.0, 4.0], [2.0, 2.0, 3.0, 3.0], [2.0, 2.0, 3.0, 3.0]])
    coarse = torch.tensor([[1.0, 4.0], [2.0, 3.0]])
    assert averaged(fine, (2, 2)).tolist() == coarse.tolist()
    assert agreement.matrix([fine, coarse]) == pytest.approx(np.ones((2, 2)))
    mean, n = agreement.mean([np.array([[1, 0.5], [0.5, 1]]), np.array([[1, math.nan], [math.nan, 1]])])
    assert (mean[0, 1], n[0, 1]) == (0.5, 1)


def test_one_number_a_place_by_hand():
    values = torch.tensor([[[1.0, -2.0]], [[-3.0, 5.0]]])
    assert per_place(values).tolist() == [[4.0, 7.0]]
    assert per_place(values, adds_up=True).tolist() == [[-2.0, 3.0]]
    assert at_size(torch.tensor([[1.0, 3.0]]), (1, 4)).tolist() == [[1.0, 1.5, 2.5, 3.0]]


# ---- statistics


def test_means_and_their_intervals():
    one = statistics.mean([3.0, math.nan])
    assert (one.mean, one.n) == (3.0, 1)
    assert math.isnan(one.low)
    many = statistics.mean([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    assert many.mean == 4.5
    assert 1.0 < many.low < 4.5 < many.high < 8.0
    assert many == statistics.mean([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
    assert statistics.mean([2.0] * 8)[1:3] == (2.0, 2.0)
    # Wilson, 8 of 8: 1 / (1 + 1.96^2 / 8)
    assert statistics.share([1.0] * 8).low == pytest.approx(8 / (8 + 1.959963984540054**2))
    assert statistics.difference([5.0, 5.0], [1.0, 3.0]).mean == 3.0
    with pytest.raises(ValueError, match="same images"):
        statistics.difference([1.0], [1.0, 2.0])


# ---- sanity


class Net(nn.Module):
    """Two convolutions with a batch norm between, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv1, self.bn, self.conv2, self.fc = (
            nn.Conv2d(3, 6, 3),
            nn.BatchNorm2d(6),
            nn.Conv2d(6, 6, 3),
            nn.Linear(6, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv2(self.bn(self.conv1(x)).relu()).relu().mean((2, 3)))


def test_weights_are_lost_from_the_output_down_in_a_copy():
    net, x = Net().eval(), torch.randn(1, 3, 12, 12)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    order = sanity.in_order(net, x)
    assert order == ("conv1", "bn", "conv2", "fc")
    stages = sanity.stages(net, order, most=3)
    assert [stage.modules for stage in stages] == [("fc",), ("conv2",), ("bn", "conv1")]
    assert [stage.share for stage in stages] == pytest.approx([1 / 3, 2 / 3, 1])
    changed: list[set[str]] = []
    for _, copy in sanity.randomised(net, stages, x, seed=3):
        now = copy.state_dict()
        changed.append({key.rpartition(".")[0] for key in before if not torch.equal(now[key], before[key])})
        for key in ("fc.weight", "conv2.weight"):
            assert float(now[key].mean()) == pytest.approx(float(before[key].mean()), abs=0.2)
    assert changed == [{"fc"}, {"fc", "conv2"}, {"fc", "conv2", "conv1", "bn"}]
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_what_is_kept_and_what_a_curve_says_by_hand():
    map_ = torch.tensor([[1.0, -2.0], [3.0, 4.0]])
    assert sanity.kept(map_, -map_) == pytest.approx(1.0)
    assert sanity.kept(map_, torch.zeros(2, 2)) == 0
    assert math.isnan(sanity.kept(torch.zeros(2, 2), map_))
    stages = [sanity.Stage(str(k), (str(k),), (k + 1) / 4) for k in range(4)]
    assert sanity.finding([0.9, 0.8, 0.3, 0.1], stages) == "insensitive"
    assert sanity.finding([0.2, 0.2, 0.8, 0.9], stages) == "picture"
    assert sanity.finding([0.6, 0.5, 0.9, 0.2], stages) == "passed"
    assert sanity.finding([math.nan, 0.5, 0.9, 0.2], stages) is None


# ---- the verdict


def test_a_difference_needs_six_images_and_an_interval_that_leaves_out_zero():
    mine, theirs = [0.5, 0.6, 0.7, 0.6, 0.5, 0.6], [0.1, 0.2, 0.1, 0.3, 0.2, 0.1]
    assert verdict.standing(metric("insertion"), mine, theirs) == "better"
    assert verdict.standing(metric("deletion"), mine, theirs) == "worse"
    assert verdict.standing(metric("insertion"), mine[:5], theirs[:5]) == "undecided"
    assert verdict.standing(metric("insertion"), mine, list(reversed(mine))) == "undecided"


def test_the_sentences_say_who_passes_and_who_fails():
    best = {base: dict.fromkeys(("deletion", "insertion", "road"), "better") for base in verdict.BASELINES}
    rows = [
        verdict.Row("Grad-CAM", 8, best, "passed"),  # type: ignore[arg-type]
        verdict.Row("Guided backprop", 8, {}, "insensitive"),
    ]
    said = " ".join(verdict.sentences(rows, checked=2))
    assert "Grad-CAM does better than both a random map and the picture's edges" in said
    assert "Guided backprop cannot be shown to do better than a random map." in said
    assert "Guided backprop failed the sanity check on 2 images" in said
    assert "Grad-CAM passes all of these tests." in said
    few = verdict.sentences([verdict.Row("Grad-CAM", 1, best, None)])  # type: ignore[arg-type]
    assert few[0].startswith("Judged on one image: too few")
